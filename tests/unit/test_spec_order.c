/* SPDX-License-Identifier: MIT */
/* Who waits for whom: chains and graphs, names that are no step, cycles, and ten thousand steps. */
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/documents.h"
#include "tests/unit/harness.h"

#define CASES(list) plr_cases_check(list, sizeof(list) / sizeof *(list), NULL)
#define S(name, ...) "{'metadata':{'name':'" name "'},'depends_on':[" __VA_ARGS__ "]}"

/* Who each task waits for, as "a<-b a<-c ", by name. */
static void edges(const char *json, bool serial, const char *expected)
{
    plr_spec *spec = plr_case_read(json, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL(spec);
    if (spec == NULL)
        return;
    const plr_document *d = plr_spec_document(spec);
    plr_buf found = { 0 };
    plr_buf_puts(&found, "");
    for (size_t i = 0; i < d->n_tasks; i++)
        for (size_t j = 0; j < d->tasks[i]->n_dependencies; j++)
            plr_buf_printf(&found, "%s<-%s ", d->tasks[d->tasks[i]->dependencies[j]]->metadata.name,
                    d->tasks[i]->metadata.name);
    CU_ASSERT_STRING_EQUAL(found.data, expected);
    CU_ASSERT_EQUAL(d->serial, serial);
    plr_buf_clear(&found);
    plr_spec_unref(spec);
}

static void chains_and_graphs(void)
{
    edges("{'steps':[" S("a") "," S("b") "," S("c") "]}", true, "a<-b b<-c ");
    edges("{'services':[{'metadata':{'name':'s'}}],'steps':[" S("a") "," S(
                  "b") "],"
                       "'hooks':{'always':[{'metadata':{'name':'h'}},{'metadata':{'name':'i'}}]}}",
            true, "a<-b ");
    edges("{'steps':[{'metadata':{'name':'a'},'detach':true}," S("b") "]}", true, "a<-b ");
    edges("{'steps':[" S("a") "," S("b") "," S("c", "'a'") "]}", false, "a<-c ");
    edges("{'steps':[" S("d", "'a'") "," S("c", "'b','a','b'") "," S("b", "'a'") "," S("a") "]}",
            false, "a<-d b<-c a<-c a<-b ");
}

static void bad_names(void)
{
    static const plr_case cases[] = {
        { "a name that is not there",
                "{'steps':[" S("build") "," S("b", "\n'buidl','nothing-like'") "]}",
                "2:1 unknown-dependency /steps/1/depends_on/0 (build)\n"
                "2:9 unknown-dependency /steps/1/depends_on/1" },
        { "a name in another case", "{'steps':[" S("a") "," S("b", "\n'A'") "]}",
                "2:1 unknown-dependency /steps/1/depends_on/0 (a)" },
        { "an empty name", "{'steps':[" S("a") "," S("b", "\n''") "]}",
                "2:1 unknown-dependency /steps/1/depends_on/0" },
        { "a number is told once", "{'steps':[" S("a") "," S("b", "\n1") "]}",
                "2:1 wrong-type /steps/1/depends_on/0" },
        { "a service and a hook",
                "{'services':[{'metadata':{'name':'s'}}],'hooks':{'always':[{'metadata':{'name':'h'"
                "}"
                "}]},'steps':[" S("a", "\n's','h'") "]}",
                "2:1 bad-dependency /steps/0/depends_on/0\n2:5 bad-dependency "
                "/steps/0/depends_on/1" },
        { "a volume", BESIDE("'volumes':[{'metadata':{'name':'v'},'temp':{}}],\n'hooks':{}"), "" },
    };
    CASES(cases);
}

static void cycles(void)
{
    static const plr_case cases[] = {
        { "a step that waits for itself", "{'steps':[" S("a", "\n'a'") "]}",
                "2:1 cycle /steps/0/depends_on/0" },
        { "two", "{'steps':[" S("a", "'b'") "," S("b", "\n'a'") "]}",
                "2:1 cycle /steps/1/depends_on/0" },
        { "three behind a fourth",
                "{'steps':[" S("d", "'a'") "," S("a", "'b'") "," S("b", "'c'") "," S(
                        "c", "\n'a'") "]}",
                "2:1 cycle /steps/3/depends_on/0" },
        { "two that have nothing to do with each other",
                "{'steps':[" S("a", "\n'a'") "," S("b", "'c'") "," S("c", "\n'b'") "]}",
                "2:1 cycle /steps/0/depends_on/0\n3:1 cycle /steps/2/depends_on/0" },
        { "a diamond is none",
                "{'steps':[" S("d", "'b','c'") "," S("b", "'a'") "," S("c", "'a'") "," S("a") "]}",
                "" },
        { "a cycle and a name that is not there",
                "{'steps':[" S("a", "\n'x','b'") "," S("b", "\n'a'") "]}",
                "2:1 unknown-dependency /steps/0/depends_on/0\n3:1 cycle /steps/1/depends_on/0" },
    };
    CASES(cases);
}

static void keep_text(const plr_diagnostic *diagnostic, void *buf)
{
    plr_buf_puts(buf, diagnostic->text);
}

/* A chain in which each step but the first waits for the one before; the first for `first`. */
static void put_chain(plr_buf *json, size_t n, const char *first)
{
    plr_buf_puts(json, "{\"steps\":[");
    for (size_t i = 0; i < n; i++) {
        plr_buf_printf(
                json, "%s{\"metadata\":{\"name\":\"s%zu\"},\"depends_on\":[", i > 0 ? "," : "", i);
        if (i > 0)
            plr_buf_printf(json, "\"s%zu\"", i - 1);
        else if (first != NULL)
            plr_buf_printf(json, "\"%s\"", first);
        plr_buf_puts(json, "],\"docker\":{\"image\":\"x\"}}");
    }
    plr_buf_puts(json, "]}");
}

static void cycles_are_named(void)
{
    static const struct {
        size_t n;
        const char *first, *text;
    } chains[] = {
        { 1, "s0", "these steps wait for each other: s0 -> s0" },
        { 3, "s2", "these steps wait for each other: s0 -> s2 -> s1 -> s0" },
        { 1000, "s999",
                "these steps wait for each other: s0 -> s999 -> s998 -> s997 -> s996 -> s995 -> "
                "s994 "
                "-> s993 -> s992 -> s991 -> (980 more) -> s10 -> s9 -> s8 -> s7 -> s6 -> s5 -> s4 "
                "-> "
                "s3 -> s2 -> s1 -> s0" },
    };
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        plr_buf json = { 0 }, text = { 0 };
        plr_spec *spec = NULL;
        put_chain(&json, chains[i].n, chains[i].first);
        CU_ASSERT_EQUAL(
                plr_spec_read(&spec, "x", json.data, json.size, NULL, keep_text, &text, NULL),
                PLR_ERR_DOCUMENT);
        CU_ASSERT_STRING_EQUAL(text.data, chains[i].text);
        plr_buf_clear(&json);
        plr_buf_clear(&text);
    }
}

static void *read_long_chain(void *userdata)
{
    plr_buf json = { 0 };
    plr_spec *spec = NULL;
    unsigned n = plr_test_cases(100000);
    put_chain(&json, n, NULL);
    if (plr_spec_read(&spec, "x", json.data, json.size, NULL, NULL, NULL, NULL) == 0) {
        const plr_document *d = plr_spec_document(spec);
        *(bool *)userdata = d->tasks[n - 1]->dependencies[0] == n - 2;
    }
    char *graph = NULL;
    if (spec == NULL || plr_spec_graph(spec, PLR_GRAPH_JSON, &graph, NULL) < 0)
        *(bool *)userdata = false;
    free(graph);
    plr_spec_unref(spec);
    plr_buf_clear(&json);
    return NULL;
}

/* A hundred thousand frames would not fit into this stack. */
static void no_recursion(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    bool right = false;
    pthread_attr_init(&attributes);
    CU_ASSERT_EQUAL(pthread_attr_setstacksize(&attributes, 256 * 1024), 0);
    CU_ASSERT_EQUAL(pthread_create(&thread, &attributes, read_long_chain, &right), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    CU_ASSERT_TRUE(right);
}

/* What a spec of so many steps takes of memory. */
static size_t memory_of(size_t n)
{
    plr_buf json = { 0 };
    plr_spec *spec = NULL;
    put_chain(&json, n, NULL);
    struct mallinfo2 before = mallinfo2();
    CU_ASSERT_EQUAL(plr_spec_read(&spec, "x", json.data, json.size, NULL, NULL, NULL, NULL), 0);
    struct mallinfo2 after = mallinfo2();
    plr_spec_unref(spec);
    plr_buf_clear(&json);
    return after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
}

static void memory_is_linear(void)
{
    unsigned n = plr_test_cases(10000);
    size_t once = memory_of(n), twice = memory_of(2 * n);
    /* A sanitizer's allocator says nothing. */
    CU_ASSERT_TRUE(once == 0 || twice < once * 5 / 2);
    CU_ASSERT_TRUE(once < 20000000);
}

int main(void)
{
    static const plr_test tests[] = {
        { "documents are chains or graphs", chains_and_graphs },
        { "fault 3: only steps can be waited for", bad_names },
        { "fault 1: cycles are found, all of them", cycles },
        { "fault 1: a cycle is named step by step", cycles_are_named },
        { "fault 8: a long chain needs no long stack", no_recursion },
        { "fault 8: memory grows with the steps", memory_is_linear },
        { NULL, NULL },
    };
    return plr_test_main("spec_order", tests);
}
