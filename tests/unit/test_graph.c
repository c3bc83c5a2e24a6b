/* SPDX-License-Identifier: MIT */
/* The plan of one document that has everything, in each format, letter by letter. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/documents.h"
#include "tests/unit/harness.h"

static const char document[] =
        "{'metadata':{'name':'all'},'timeout':'1h',"
        "'services':[{'metadata':{'name':'db'},'docker':{'image':'redis:4'},'ready':{'tcp':6379,"
        "'http':':80/','exec':['ping'],'log':'up\\n'}}],"
        "'steps':["
        "{'metadata':{'name':'publish'},'depends_on':['test','lint']},"
        "{'metadata':{'name':'build'},'docker':{'image':'alpine:3.6'},'timeout':'90s'},"
        "{'metadata':{'name':'test'},'depends_on':['build','proxy'],'retry':{'attempts':3}},"
        "{'metadata':{'name':'lint'},'depends_on':['build'],'ignore_err':true},"
        "{'metadata':{'name':'proxy'},'detach':true},"
        "{'metadata':{'name':'say \\\"no\\\" <b> #1'},'run_policy':'on-failure'},"
        "{'metadata':{'name':'mend'},'depends_on':['say \\\"no\\\" <b> #1','build'],"
        "'run_policy':'always'}],"
        "'hooks':{'on_success':[{'metadata':{'name':'h1'}}],"
        "'on_failure':[{'metadata':{'name':'h2'}}],'always':[{'metadata':{'name':'h3'}}]}}";

/* The case reader turns ' into ", so a quote in JSON stands as \" already. */
static char *graph_of(const char *json, plr_graph_format format)
{
    char *text = NULL;
    plr_error error = { 0 };
    plr_spec *spec = plr_case_read(json, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL(spec);
    if (spec != NULL)
        CU_ASSERT_EQUAL(plr_spec_graph(spec, format, &text, &error), 0);
    plr_spec_unref(spec);
    return text != NULL ? text : strdup("");
}

static void same(const char *json, plr_graph_format format, const char *expected)
{
    char *text = graph_of(json, format);
    if (strcmp(text, expected) != 0)
        fprintf(stderr, "\nexpected:\n%s\nfound:\n%s\n", expected, text);
    CU_ASSERT_STRING_EQUAL(text, expected);
    free(text);
}

static void as_text(void)
{
    same(document, PLR_GRAPH_TEXT,
            "all\n"
            "graph: steps of one number can run at once; at most 1h00m00s\n"
            "\n"
            "services, all ready before the first step\n"
            "      db               redis:4     ready when tcp 6379 answers and http :80/ answers "
            "and ping succeeds and its log has \"up?\"\n"
            "\n"
            "steps\n"
            "   1  build            alpine:3.6  at most 1m30s\n"
            "   1  proxy                        detached\n"
            "   2  test                         after build, proxy; up to 3 attempts\n"
            "   2  lint                         after build; failure ignored\n"
            "   3  publish                      after test, lint\n"
            "\n"
            "end phase, after all other steps\n"
            "   1  say \"no\" <b> #1              on-failure\n"
            "   2  mend                         after say \"no\" <b> #1, build; always\n"
            "\n"
            "hooks, one after another when all else has ended\n"
            "   1  h1                           on success\n"
            "   2  h2                           on failure\n"
            "   3  h3                           always\n");
    /* A serial document has no end phase. */
    same("{'steps':[{'metadata':{'name':'a'},'run_policy':'on-failure'},{'metadata':{'name':'b'}}]"
         "}",
            PLR_GRAPH_TEXT,
            "serial: each step waits for the one before it\n"
            "\n"
            "steps\n"
            "   1  a    on-failure\n"
            "   2  b    after a\n");
}

static void as_dot(void)
{
    same(document, PLR_GRAPH_DOT,
            "digraph pipeline {\n"
            "    rankdir=LR;\n"
            "    node [shape=box];\n"
            "    subgraph cluster_services {\n"
            "        label=\"services\";\n"
            "        t0 [label=\"db\\nservice\"];\n"
            "    }\n"
            "    subgraph cluster_steps {\n"
            "        label=\"steps\";\n"
            "        t2 [label=\"build\"];\n"
            "        t5 [label=\"proxy\\ndetached\"];\n"
            "        t3 [label=\"test\"];\n"
            "        t4 [label=\"lint\"];\n"
            "        t1 [label=\"publish\"];\n"
            "    }\n"
            "    subgraph cluster_end {\n"
            "        label=\"end\";\n"
            "        t6 [label=\"say \\\"no\\\" <b> #1\\non-failure\"];\n"
            "        t7 [label=\"mend\\nalways\"];\n"
            "    }\n"
            "    subgraph cluster_hooks {\n"
            "        label=\"hooks\";\n"
            "        t8 [label=\"h1\\non-success hook\"];\n"
            "        t9 [label=\"h2\\non-failure hook\"];\n"
            "        t10 [label=\"h3\\nalways hook\"];\n"
            "    }\n"
            "    t3 -> t1;\n"
            "    t4 -> t1;\n"
            "    t2 -> t3;\n"
            "    t5 -> t3 [style=dashed];\n"
            "    t2 -> t4;\n"
            "    t6 -> t7;\n"
            "    t2 -> t7;\n"
            "    t8 -> t9;\n"
            "    t9 -> t10;\n"
            "}\n");
}

static void as_mermaid(void)
{
    same(document, PLR_GRAPH_MERMAID,
            "flowchart LR\n"
            "    subgraph p0 [\"services\"]\n"
            "        t0[\"db<br/>service\"]\n"
            "    end\n"
            "    subgraph p1 [\"steps\"]\n"
            "        t2[\"build\"]\n"
            "        t5[\"proxy<br/>detached\"]\n"
            "        t3[\"test\"]\n"
            "        t4[\"lint\"]\n"
            "        t1[\"publish\"]\n"
            "    end\n"
            "    subgraph p2 [\"end\"]\n"
            "        t6[\"say #34;no#34; #60;b#62; #35;1<br/>on-failure\"]\n"
            "        t7[\"mend<br/>always\"]\n"
            "    end\n"
            "    subgraph p3 [\"hooks\"]\n"
            "        t8[\"h1<br/>on-success hook\"]\n"
            "        t9[\"h2<br/>on-failure hook\"]\n"
            "        t10[\"h3<br/>always hook\"]\n"
            "    end\n"
            "    t3 --> t1\n"
            "    t4 --> t1\n"
            "    t2 --> t3\n"
            "    t5 -.-> t3\n"
            "    t2 --> t4\n"
            "    t6 --> t7\n"
            "    t2 --> t7\n"
            "    t8 --> t9\n"
            "    t9 --> t10\n");
}

static void as_json(void)
{
    same("{'metadata':{'name':'n'},'timeout':'1s','steps':[{'metadata':{'name':'a\\\"\\\\'},"
         "'docker':{'image':'i'},'timeout':'2s','retry':{'attempts':2},'ignore_err':true},"
         "{'metadata':{'name':'b'},'depends_on':['a\\\"\\\\'],'run_policy':'always'}]}",
            PLR_GRAPH_JSON,
            "{\n"
            "  \"name\": \"n\",\n"
            "  \"serial\": false,\n"
            "  \"timeout_ns\": 1000000000,\n"
            "  \"tasks\": [\n"
            "    {\n"
            "      \"index\": 0,\n"
            "      \"name\": \"a\\\"\\\\\",\n"
            "      \"kind\": \"step\",\n"
            "      \"phase\": \"steps\",\n"
            "      \"stage\": 1,\n"
            "      \"image\": \"i\",\n"
            "      \"after\": [],\n"
            "      \"run_policy\": \"on-success\",\n"
            "      \"detach\": false,\n"
            "      \"ready\": false,\n"
            "      \"ignore_err\": true,\n"
            "      \"attempts\": 2,\n"
            "      \"timeout_ns\": 2000000000\n"
            "    },\n"
            "    {\n"
            "      \"index\": 1,\n"
            "      \"name\": \"b\",\n"
            "      \"kind\": \"step\",\n"
            "      \"phase\": \"steps\",\n"
            "      \"stage\": 2,\n"
            "      \"after\": [\n"
            "        \"a\\\"\\\\\"\n"
            "      ],\n"
            "      \"run_policy\": \"always\",\n"
            "      \"detach\": false,\n"
            "      \"ready\": false,\n"
            "      \"ignore_err\": false,\n"
            "      \"attempts\": 1,\n"
            "      \"timeout_ns\": 0\n"
            "    }\n"
            "  ]\n"
            "}\n");
}

static void unknown_format(void)
{
    plr_error error = { 0 };
    char *text = NULL;
    plr_spec *spec = plr_case_read("{'steps':[{'metadata':{'name':'a'}}]}", NULL, NULL);
    CU_ASSERT_EQUAL(plr_spec_graph(spec, (plr_graph_format)4, &text, &error), PLR_ERR_USAGE);
    CU_ASSERT_PTR_NULL(text);
    plr_spec_unref(spec);
}

int main(void)
{
    static const plr_test tests[] = {
        { "the plan as text", as_text },
        { "the plan as DOT", as_dot },
        { "the plan as Mermaid", as_mermaid },
        { "the plan as JSON", as_json },
        { "a format that is none is refused", unknown_format },
        { NULL, NULL },
    };
    return plr_test_main("graph", tests);
}
