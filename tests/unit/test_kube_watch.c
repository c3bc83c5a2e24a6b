/* SPDX-License-Identifier: MIT */
/* The watch of a run's pods: what is told, through all that ends a watch. */
#include "backends/kubernetes/watch.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/host.h"
#include "engine/io/loop.h"
#include "net/jsonc.h"
#include "tests/unit/harness.h"
#include "tests/unit/kube_script.h"

#define LIST "/api/v1/namespaces/ns/pods?labelSelector=run%3Dx"
#define WATCH(version)                                                                             \
    LIST "&watch=1&allowWatchBookmarks=true&timeoutSeconds=1800&resourceVersion=" version

#define POD(name, uid, phase)                                                                      \
    "{\"metadata\":{\"name\":\"" name "\",\"uid\":\"" uid "\"},\"status\":{\"phase\":\"" phase     \
    "\"}}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define ITEMS(version, items)                                                                      \
    "{\"metadata\":{\"resourceVersion\":\"" version "\"},\"items\":[" items "]}"
#define BOOKMARK EVENT("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"9\"}}")
#define TOO_OLD EVENT("ERROR", "{\"kind\":\"Status\",\"code\":410,\"message\":\"too old\"}")

typedef struct bench {
    kube_script script;
    plr_kube_watch *watch;
    plr_buf told;    /* "p=Running -p(Failed) -q ! " */
    bool frees_self; /* in the next callback */
} bench;

static void told(bench *b)
{
    if (b->frees_self) {
        plr_kube_watch_free(b->watch);
        b->watch = NULL;
    }
}

static const char *phase_of(json_object *pod)
{
    return plr_jsonc_text(plr_jsonc_get(pod, "status", json_type_object), "phase");
}

static void on_pod(json_object *pod, void *userdata)
{
    bench *b = userdata;
    plr_buf_printf(&b->told, "%s=%s ",
            plr_jsonc_text(plr_jsonc_get(pod, "metadata", json_type_object), "name"),
            phase_of(pod));
    told(b);
}

static void on_gone(const char *name, json_object *last, void *userdata)
{
    bench *b = userdata;
    plr_buf_printf(&b->told, last == NULL ? "-%s " : "-%s(%s) ", name, phase_of(last));
    told(b);
}

static void on_away(bool away, void *userdata)
{
    bench *b = userdata;
    plr_buf_puts(&b->told, away ? "? " : ". ");
    told(b);
}

static void on_failed(const plr_error *err, void *userdata)
{
    bench *b = userdata;
    plr_buf_printf(&b->told, "!%d ", err->code);
    told(b);
}

static const plr_kube_watch_calls calls = { on_pod, on_gone, on_away, on_failed };

static void open_bench(bench *b)
{
    plr_error err = { 0 };
    *b = (bench){ .frees_self = false };
    script_open(&b->script);
    CU_ASSERT_EQUAL(plr_kube_watch_new(&b->watch, &plr_host_table, b->script.loop, b->script.client,
                            "run=x", &calls, b, &err),
            0);
}

static void close_bench(bench *b)
{
    plr_kube_watch_free(b->watch);
    CU_ASSERT_TRUE(script_is_quiet(&b->script));
    script_close(&b->script);
    plr_buf_clear(&b->told);
}

/* What has been told since the last time. */
static void expect(bench *b, const char *text)
{
    CU_ASSERT_STRING_EQUAL(b->told.data == NULL ? "" : b->told.data, text);
    plr_buf_reset(&b->told);
    plr_buf_puts(&b->told, "");
}

/* Answers the list that is asked now, and awaits the watch from there. */
static void answer_list(bench *b, const char *list, const char *watch)
{
    CU_ASSERT_TRUE(script_asks(&b->script, LIST));
    script_end(&b->script, 0, list);
    CU_ASSERT_TRUE(script_asks(&b->script, watch));
}

static void a_list_then_a_watch(void)
{
    bench b;
    open_bench(&b);
    CU_ASSERT_TRUE(script_is_quiet(&b.script));
    answer_list(&b, ITEMS("5", POD("p", "1", "Pending")), WATCH("5"));
    expect(&b, "p=Pending ");
    script_send(&b.script, EVENT("MODIFIED", POD("p", "1", "Running")) BOOKMARK);
    script_send(&b.script, EVENT("ADDED", POD("q", "2", "Pending")) "{\"type\":\"DELE");
    script_send(&b.script, "TED\",\"object\":" POD("p", "1", "Failed") "}");
    expect(&b, "p=Running q=Pending -p(Failed) ");
    close_bench(&b);
}

/* Each end of a watch is followed by a list, which tells what was missed. */
static void what_was_missed_is_told(void)
{
    static const int ends[] = { 0, PLR_ERR_INFRASTRUCTURE, PLR_ERR_TIMEOUT, PLR_ERR_STATE };
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        bench b;
        open_bench(&b);
        answer_list(
                &b, ITEMS("5", POD("p", "1", "Running") "," POD("q", "2", "Running")), WATCH("5"));
        script_send(&b.script, BOOKMARK "{\"torn");
        expect(&b, "p=Running q=Running ");
        script_end(&b.script, ends[i], NULL);
        answer_list(&b, ITEMS("50", POD("p", "1", "Succeeded")), WATCH("50"));
        expect(&b, "p=Succeeded -q ");
        /* The stream begins anew. */
        script_send(&b.script, EVENT("DELETED", POD("p", "1", "Succeeded")));
        expect(&b, "-p(Succeeded) ");
        close_bench(&b);
    }
}

static void too_old_inside_the_stream(void)
{
    bench b;
    open_bench(&b);
    answer_list(&b, ITEMS("5", POD("p", "1", "Running")), WATCH("5"));
    script_send(&b.script, TOO_OLD);
    answer_list(&b, ITEMS("70", ""), WATCH("70"));
    expect(&b, "p=Running -p ");
    close_bench(&b);
}

static void garbage_is_a_cut(void)
{
    static const char *const garbage[] = { "<html>", "[1]", "{\"type\":}" };
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        bench b;
        open_bench(&b);
        answer_list(&b, ITEMS("5", ""), WATCH("5"));
        script_send(&b.script, garbage[i]);
        answer_list(&b, ITEMS("6", POD("p", "1", "Running")), WATCH("6"));
        expect(&b, "p=Running ");
        close_bench(&b);
    }
}

/* Events that say nothing that we know are passed over. */
static void what_is_not_known_is_passed_over(void)
{
    bench b;
    open_bench(&b);
    answer_list(&b, ITEMS("5", POD("p", "1", "Running")), WATCH("5"));
    expect(&b, "p=Running ");
    script_send(&b.script, "{} " EVENT("NEW", "{}") EVENT("DELETED", POD("other", "7", "")));
    script_send(&b.script, EVENT("DELETED", POD("p", "another", "")) EVENT("DELETED", "17"));
    expect(&b, "");
    CU_ASSERT_TRUE(script_asks(&b.script, WATCH("5")));
    close_bench(&b);
}

static void another_pod_of_that_name(void)
{
    bench b;
    open_bench(&b);
    answer_list(&b, ITEMS("5", POD("p", "1", "Running")), WATCH("5"));
    script_send(&b.script, EVENT("ADDED", POD("p", "2", "Pending")));
    expect(&b, "p=Running -p p=Pending ");
    close_bench(&b);
}

/* It was created while a list was under way, which may have been made before. */
static void a_pod_that_is_expected(void)
{
    bench b;
    open_bench(&b);
    plr_error err = { 0 };
    json_object *pod = json_tokener_parse(POD("p", "1", ""));
    CU_ASSERT_TRUE(script_asks(&b.script, LIST));
    CU_ASSERT_EQUAL(plr_kube_watch_expect(b.watch, pod, &err), 0);
    script_end(&b.script, 0, ITEMS("5", ""));
    expect(&b, "");
    answer_list(&b, ITEMS("6", ""), WATCH("6"));
    expect(&b, "-p ");

    CU_ASSERT_EQUAL(plr_kube_watch_expect(b.watch, pod, &err), 0);
    script_send(&b.script, EVENT("ADDED", POD("p", "1", "Pending")));
    script_send(&b.script, EVENT("DELETED", POD("p", "1", "Pending")));
    expect(&b, "p=Pending -p(Pending) ");
    json_object_put(pod);
    close_bench(&b);
}

/* One that restarts is not worth a word; a longer absence is told once, and its end. */
static void an_absence_is_told(void)
{
    bench b;
    open_bench(&b);
    answer_list(&b, ITEMS("5", POD("p", "1", "Running")), WATCH("5"));
    expect(&b, "p=Running ");
    script_end(&b.script, PLR_ERR_INFRASTRUCTURE, NULL);
    answer_list(&b, ITEMS("6", ""), WATCH("6"));
    expect(&b, "-p ");
    script_end(&b.script, PLR_ERR_INFRASTRUCTURE, NULL);
    for (int n = 0; n < 2; n++) {
        CU_ASSERT_TRUE(script_asks(&b.script, LIST));
        script_step(&b.script);
        expect(&b, n == 0 ? "? " : "");
        script_end(&b.script, PLR_ERR_INFRASTRUCTURE, NULL);
    }
    answer_list(&b, ITEMS("7", POD("p", "2", "Running")), WATCH("7"));
    expect(&b, ". p=Running ");
    script_wait(&b.script, 600);
    expect(&b, "");
    close_bench(&b);
}

/* A server that is away is asked less and less often, and not for ever. */
static void a_server_that_does_not_come_back(void)
{
    bench b;
    open_bench(&b);
    answer_list(&b, ITEMS("5", POD("p", "1", "Running")), WATCH("5"));
    script_send(&b.script, BOOKMARK);
    expect(&b, "p=Running ");
    uint64_t since = plr_loop_now(b.script.loop);
    script_end(&b.script, PLR_ERR_INFRASTRUCTURE, NULL);
    unsigned n = 0;
    for (; strchr(b.told.data, '!') == NULL && script_asks(&b.script, LIST); n++) {
        /* A server that starts may not know yet what is allowed. */
        script_end(&b.script, n % 2 == 0 ? PLR_ERR_INFRASTRUCTURE : PLR_ERR_REFUSED, NULL);
    }
    uint64_t seconds = (plr_loop_now(b.script.loop) - since) / 1000000000;
    CU_ASSERT(seconds >= 300 && seconds < 310);
    CU_ASSERT(n > 50 && n < 80);
    char text[16];
    snprintf(text, sizeof(text), "? !%d ", PLR_ERR_INFRASTRUCTURE);
    expect(&b, text);
    script_wait(&b.script, 600);
    CU_ASSERT_TRUE(script_is_quiet(&b.script));
    close_bench(&b);
}

static void not_allowed(void)
{
    char text[16];
    snprintf(text, sizeof(text), "!%d ", PLR_ERR_REFUSED);
    for (int allowed_to_list = 0; allowed_to_list < 2; allowed_to_list++) {
        bench b;
        open_bench(&b);
        if (allowed_to_list == 1)
            answer_list(&b, ITEMS("5", ""), WATCH("5"));
        CU_ASSERT_TRUE(script_asks(&b.script, LIST "*"));
        script_end(&b.script, PLR_ERR_REFUSED, NULL);
        expect(&b, text);
        script_wait(&b.script, 600);
        CU_ASSERT_TRUE(script_is_quiet(&b.script));
        close_bench(&b);
    }
}

/* A server without bookmarks is silent for long: each silence is a cut, none is an outage. */
static void silence_is_no_outage(void)
{
    bench b;
    open_bench(&b);
    for (unsigned i = 0; i < 100; i++) {
        answer_list(&b, ITEMS("5", ""), WATCH("5"));
        script_end(&b.script, PLR_ERR_TIMEOUT, NULL);
    }
    expect(&b, "");
    close_bench(&b);
}

static void it_may_be_freed_in_any_callback(void)
{
    static const char *const streams[] = {
        EVENT("MODIFIED", POD("p", "1", "Running")) EVENT("MODIFIED", POD("p", "1", "Failed")),
        EVENT("DELETED", POD("p", "1", "")) EVENT("ADDED", POD("q", "2", "")),
        EVENT("ADDED", POD("p", "2", "")) EVENT("ADDED", POD("q", "2", "")),
    };
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        bench b;
        open_bench(&b);
        answer_list(&b, ITEMS("5", POD("p", "1", "")), WATCH("5"));
        expect(&b, "p= ");
        b.frees_self = true;
        script_send(&b.script, streams[i]);
        CU_ASSERT_PTR_NULL(b.watch);
        CU_ASSERT_EQUAL(strchr(b.told.data, ' '), b.told.data + b.told.size - 1);
        close_bench(&b);
    }
    static const char *const lists[] = { ITEMS("5", POD("p", "1", "")), ITEMS("5", "") };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        bench b;
        open_bench(&b);
        answer_list(&b, ITEMS("5", POD("p", "1", "") "," POD("q", "1", "")), WATCH("5"));
        script_end(&b.script, 0, NULL);
        CU_ASSERT_TRUE(script_asks(&b.script, LIST));
        b.frees_self = true;
        script_end(&b.script, 0, lists[i]);
        CU_ASSERT_PTR_NULL(b.watch);
        close_bench(&b);
    }
}

static const plr_test tests[] = {
    { "a list, then a watch from there", a_list_then_a_watch },
    { "what was missed while the watch was cut is told", what_was_missed_is_told },
    { "410 inside the stream: a list", too_old_inside_the_stream },
    { "garbage is a cut", garbage_is_a_cut },
    { "what is not known is passed over", what_is_not_known_is_passed_over },
    { "another pod of that name: the one before is gone", another_pod_of_that_name },
    { "a pod that is expected, and never seen, is told as gone", a_pod_that_is_expected },
    { "an absence is told, and its end", an_absence_is_told },
    { "a server that does not come back is given up", a_server_that_does_not_come_back },
    { "not allowed: said at once", not_allowed },
    { "silence is no outage", silence_is_no_outage },
    { "it may be freed in any callback", it_may_be_freed_in_any_callback },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("kube_watch", tests);
}
