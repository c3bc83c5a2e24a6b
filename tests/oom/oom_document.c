/* SPDX-License-Identifier: MIT */
/*
 * Reading documents, right and wrong ones, and writing down what they mean, while each allocation
 * fails in turn: out of memory is told as such, never as anything else, and nothing leaks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pipeline/spec.h>

#include "tests/oom/failing_malloc.h"

static const char right[] =
        "{\"metadata\":{\"name\":\"\\u00e9\",\"labels\":{\"a\":\"1\"}},"
        "\"secrets\":[{\"metadata\":{\"name\":\"s\"},\"data\":\"d\"}],"
        "\"files\":[{\"Name\":\"f\",\"Data\":\"aGk=\"}],"
        "\"volumes\":[{\"metadata\":{\"uid\":\"u\",\"name\":\"v\"},\"temp\":{}}],"
        "\"services\":[{\"metadata\":{\"name\":\"db\"},\"ready\":{\"exec\":[\"x\"]}}],"
        "\"steps\":[{\"metadata\":{\"name\":\"one\"},\"environment\":{\"A\":\"1\"},"
        "\"volumes\":[{\"name\":\"v\",\"path\":\"/v\"}],\"files\":[{\"name\":\"f\",\"path\":\"/"
        "f\"}],"
        "\"secrets\":[{\"name\":\"s\",\"env\":\"S\"},{\"name\":\"h\",\"env\":\"H\"}],"
        "\"retry\":{\"on\":[\"exit\"]},\"timeout\":\"1m\"},"
        "{\"metadata\":{\"name\":\"two\"},\"depends_on\":[\"one\"]}],"
        "\"hooks\":{\"always\":[{\"metadata\":{\"name\":\"h\"}}]}}";

static const char wrong[] =
        "{\"stepz\":1,\"steps\":[{\"metadata\":{\"name\":\"a\"},\"depends_on\":[\"b\",\"bb\"],"
        "\"run_policy\":\"on-failur\",\"timeout\":\"x\",\"environment\":{\"A=\":\"\\ud800\"}},"
        "{\"metadata\":{\"name\":\"b\"},\"depends_on\":[\"a\"]}],\"files\":[{\"data\":\"-\"}]} x";

static int failures;

static void check(int line, int holds)
{
    if (!holds) {
        printf("line %d does not hold\n", line);
        failures++;
    }
}
#define CHECK(condition) check(__LINE__, (condition))

static void count(const plr_diagnostic *diagnostic, void *n)
{
    (void)diagnostic;
    ++*(int *)n;
}

static void try_right(bool failing, void *userdata)
{
    static const char *const host[] = { "h" };
    plr_spec_options options = { .size = sizeof options, .secrets = host, .n_secrets = 1 };
    plr_spec *spec = NULL;
    plr_error error = { 0 };
    int n = 0;
    (void)userdata;
    int r = plr_spec_read(&spec, "x", right, strlen(right), &options, count, &n, &error);
    CHECK(r == 0 || (failing && r == PLR_ERR_NOMEM));
    CHECK(error.code == r && n == 0 && (spec != NULL) == (r == 0));
    for (int format = PLR_GRAPH_TEXT; spec != NULL && format <= PLR_GRAPH_JSON; format++) {
        char *text = NULL;
        plr_error graph_error = { 0 };
        r = plr_spec_graph(spec, (plr_graph_format)format, &text, &graph_error);
        CHECK(r == 0 || (failing && r == PLR_ERR_NOMEM));
        CHECK((text != NULL) == (r == 0) && graph_error.code == r);
        free(text);
    }
    plr_spec_unref(spec);
}

static void try_wrong(bool failing, void *userdata)
{
    plr_spec *spec = NULL;
    plr_error error = { 0 };
    int n = 0;
    (void)userdata;
    int r = plr_spec_read(&spec, "x", wrong, strlen(wrong), NULL, count, &n, &error);
    CHECK(r == PLR_ERR_DOCUMENT || (failing && r == PLR_ERR_NOMEM));
    CHECK(error.code == r && spec == NULL);
    CHECK(r != PLR_ERR_DOCUMENT || n == 10);
}

static void try_format(bool failing, void *userdata)
{
    int (*write)(char **ret_text, plr_error *err) = *(int (**)(char **, plr_error *))userdata;
    char *text = NULL;
    plr_error error = { 0 };
    int r = write(&text, &error);
    CHECK(r == 0 || (failing && r == PLR_ERR_NOMEM));
    CHECK((text != NULL) == (r == 0) && error.code == r);
    free(text);
}

int main(void)
{
    int (*schema)(char **, plr_error *) = plr_spec_schema;
    int (*reference)(char **, plr_error *) = plr_spec_reference;
    size_t n[] = { plr_oom_each(try_right, NULL), plr_oom_each(try_wrong, NULL),
        plr_oom_each(try_format, &schema), plr_oom_each(try_format, &reference) };
    printf("allocations: right %zu, wrong %zu, schema %zu, reference %zu\n", n[0], n[1], n[2],
            n[3]);
    CHECK(n[0] > 10 && n[1] > 5 && n[2] > 5 && n[3] > 1);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
