/* SPDX-License-Identifier: MIT */
/* JSON itself: what is no document at all, and where exactly it stops being one. */
#include "engine/base/document.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/findings.h"
#include "tests/unit/documents.h"
#include "tests/unit/harness.h"

#define CASES(list) plr_cases_check(list, sizeof(list) / sizeof *(list), NULL)

static void syntax_errors(void)
{
    static const plr_case cases[] = {
        { "nothing", "", "1:1 syntax" },
        { "only white space", " \n ", "2:2 syntax" },
        { "a document that is cut in an object", "{'steps':", "1:10 syntax" },
        { "a document that is cut in a string", "{'steps\n", "1:8 syntax" },
        { "a comma too many in a list", "{'steps':[1,,2]}",
                "1:11 wrong-type /steps/0\n1:13 syntax /steps" },
        { "a comma too many at the end", "{'steps':[],\n}", "2:1 syntax" },
        { "a value without a colon", "{'steps' 1}", "1:10 syntax" },
        { "a key without a value", "{'steps':}", "1:10 syntax" },
        { "a key without quotes", "{steps:1}", "1:2 syntax" },
        { "a bad literal", "{'steps':\n  nul}", "2:3 syntax" },
        { "an unknown escape", "{'steps':'a\\q'}", "1:13 syntax" },
        { "an escape that is no number", "{'steps':'a\\u12g4'}", "1:16 syntax" },
        { "a tab in a string", "{'steps':'a\tb'}", "1:12 syntax" },
        { "a newline in a string", "{'steps':'a\nb'}", "1:12 syntax" },
        { "a number with a zero in front", "{'steps':01}", "1:10 wrong-type /steps\n1:11 syntax" },
        { "a number without digits", "{'steps':-}", "1:10 syntax" },
        { "a comment", "{'steps':[] // none\n}", "1:13 syntax" },
        { "brackets that do not match", "{'steps':[}", "1:11 syntax /steps" },
        { "another document behind", BESIDE("'docker':{}") "\n{}", "3:1 trailing-data" },
        { "letters behind", BESIDE("'docker':{}") " x", "2:14 trailing-data" },
        { "a list instead of an object", "[]", "1:1 wrong-type" },
        { "a number instead of an object", "\n 12", "2:2 wrong-type" },
        { "a string instead of an object", "'steps'", "1:1 wrong-type" },
    };
    CASES(cases);
}

static void errors_before_the_syntax_error_are_told(void)
{
    static const plr_case cases[] = {
        { "what was read has errors, what is missing behind is not one",
                "{'stepz':1,'steps':[{'imag':1},{'docker':{'image':2\n}",
                "1:2 unknown-key /stepz (steps)\n"
                "1:22 unknown-key /steps/0/imag\n"
                "1:51 wrong-type /steps/1/docker/image\n"
                "2:2 syntax /steps/1" },
        { "references are not checked in half a document",
                "{'steps':[{'metadata':{'name':'a'},'depends_on':['b']}", "1:55 syntax /steps" },
    };
    CASES(cases);
}

static void bytes_that_are_not_text(void)
{
    static const plr_case cases[] = {
        { "a byte that is not UTF-8", "{'steps':\n['a\xff']}", "2:4 bad-utf8 /steps" },
        { "an overlong form", "{'steps':'\xc0\xaf'}", "1:11 bad-utf8" },
        { "a surrogate in UTF-8", "{'steps':'\xed\xa0\x80'}", "1:11 bad-utf8" },
        { "half a character at the end", "{'steps':'\xc3", "1:11 bad-utf8" },
        { "a syntax error before it comes first", "{'steps':]'\xff'}", "1:10 syntax" },
        { "UTF-16", "\xff\xfe{", "1:1 bad-utf8" },
    };
    CASES(cases);
}

static void escapes_that_are_not_characters(void)
{
    static const plr_case cases[] = {
        { "a high surrogate alone", STEP("'working_dir':'/a\\ud800'"),
                "3:18 lone-surrogate /steps/0/working_dir" },
        { "a low surrogate alone", STEP("'working_dir':'\\udc00'"),
                "3:16 lone-surrogate /steps/0/working_dir" },
        { "two high surrogates", STEP("'working_dir':'\\ud800\\ud800'"),
                "3:16 lone-surrogate /steps/0/working_dir" },
        { "two low surrogates", STEP("'working_dir':'\\udc00\\udc00'"),
                "3:16 lone-surrogate /steps/0/working_dir" },
        { "a pair that is followed by half of one", STEP("'working_dir':'\\ud83d\\ude00\\ud83d'"),
                "3:28 lone-surrogate /steps/0/working_dir" },
        { "a high surrogate before another escape", STEP("'working_dir':'\\ud800\\n'"),
                "3:16 lone-surrogate /steps/0/working_dir" },
        { "a pair", STEP("'working_dir':'/\\ud83d\\ude00'"), "" },
        { "a backslash before u is no escape", STEP("'working_dir':'/\\\\ud800'"), "" },
        { "NUL in a value", STEP("'working_dir':'/a\\u0000b'"), "3:18 nul /steps/0/working_dir" },
        { "NUL in a key", STEP("'environment':{'A\\u0000B':'1'}"),
                "3:18 nul /steps/0/environment" },
        { "a surrogate in the key of an object", STEP("'x\\udfff':1"),
                "3:3 lone-surrogate /steps/0" },
        { "NUL in a number's place is a wrong type all the same", STEP("'timeout':'\\u0000'"),
                "3:12 nul /steps/0/timeout" },
    };
    CASES(cases);
}

static void layout_does_not_matter(void)
{
    static const plr_case cases[] = {
        { "a byte order mark", "\xef\xbb\xbf" BESIDE("'timeout':''"), "" },
        { "columns do not count a byte order mark", "\xef\xbb\xbf{'x':1,'steps':null}",
                "1:1 missing-key\n1:2 unknown-key /x" },
        { "CRLF", "{\r\n'steps':[\r\n{'metadata':\r\n{'name':'a'}}]}\r\n", "" },
        { "CRLF counts as one line",
                "{\r\n'steps':[\r\n{'metadata':{'name':'a'},\r\n\t'x':1}]}\r\n",
                "4:2 unknown-key /steps/0/x" },
        { "tabs", "{\t'steps'\t:\t[\t{\t'metadata'\t:\t{\t'name'\t:\t'a'\t}\t}\t]\t}\t", "" },
        { "a tab is one column", "{\t'x':1,'steps':[{'metadata':{'name':'a'}}]}",
                "1:3 unknown-key /x" },
        { "columns count bytes", STEP("'environment':{'\xc3\xa9=':'1'},'x':2"),
                "3:16 bad-env /steps/0/environment/\xc3\xa9=\n3:27 unknown-key /steps/0/x" },
        { "a pointer escapes ~ and /", STEP("'a/b~c':1"), "3:1 unknown-key /steps/0/a~1b~0c" },
        { "escapes in keys count", STEP("'\\u0064ocker':{'image':'x'}"), "" },
    };
    CASES(cases);
}

/* `depth` lists in each other, as the value of a key that nobody knows. */
static char *nested(size_t depth)
{
    char *json = malloc(2 * depth + 100);
    char *end = json + sprintf(json, "{'steps':[{'metadata':{'name':'a'},'x':");
    memset(end, '[', depth);
    memset(end + depth, ']', depth);
    strcpy(end + 2 * depth, "}]}");
    return json;
}

static void nesting_has_a_limit(void)
{
    char *deep = nested(PLR_DOCUMENT_DEEPEST - 3), *deeper = nested(PLR_DOCUMENT_DEEPEST - 2);
    char *bomb = nested(1000000);
    plr_spec_options lenient = { .size = sizeof lenient, .lenient = true };
    const plr_case cases[] = {
        { "64 levels", deep, "1:36 warning unknown-key /steps/0/x" },
        { "65 levels", deeper,
                "1:36 warning unknown-key /steps/0/x\n1:101 too-deep /steps/0/x"
                "/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0"
                "/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0" },
        { "a million levels", bomb,
                "1:36 warning unknown-key /steps/0/x\n1:101 too-deep /steps/0/x"
                "/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0"
                "/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0" },
    };
    plr_cases_check(cases, sizeof cases / sizeof *cases, &lenient);
    free(deep);
    free(deeper);
    free(bomb);
}

static void size_has_a_limit(void)
{
    static const char json[] = "{\"steps\":[{\"metadata\":{\"name\":\"a\"}}]}";
    size_t size = PLR_DOCUMENT_LARGEST;
    char *data = malloc(size + 1);
    memset(data, ' ', size + 1);
    memcpy(data, json, strlen(json));
    plr_buf found = { 0 };
    plr_spec *spec = NULL;
    plr_error error = { 0 };
    CU_ASSERT_EQUAL(plr_spec_read(&spec, "test.json", data, size, NULL, plr_case_diagnostic, &found,
                            &error),
            0);
    CU_ASSERT_EQUAL(found.size, 0);
    plr_spec_unref(spec);
    spec = NULL;
    CU_ASSERT_EQUAL(plr_spec_read(&spec, "test.json", data, size + 1, NULL, plr_case_diagnostic,
                            &found, &error),
            PLR_ERR_DOCUMENT);
    CU_ASSERT_STRING_EQUAL(found.data, "0:0 too-large");
    CU_ASSERT_PTR_NULL(spec);
    plr_buf_clear(&found);
    free(data);
}

static void the_tree_knows_places(void)
{
    static const char json[] = "{ \"a\" : [ 12 ,\n\t\"b\\n\" , true, null ],\n \"C\":{} }";
    plr_arena arena;
    plr_arena_init(&arena);
    plr_findings findings;
    plr_findings_init(&findings);
    plr_node *root = NULL;
    CU_ASSERT_EQUAL(plr_document_parse(&root, &arena, json, strlen(json), &findings, NULL), 0);
    CU_ASSERT_EQUAL(findings.n, 0);
    CU_ASSERT_TRUE(root->whole);
    CU_ASSERT_EQUAL(root->size, 2);
    const plr_node *a = plr_node_get(root, "A"), *c = plr_node_get(root, "c");
    CU_ASSERT_EQUAL(a->key_line, 1);
    CU_ASSERT_EQUAL(a->key_column, 3);
    CU_ASSERT_EQUAL(a->line, 1);
    CU_ASSERT_EQUAL(a->column, 9);
    CU_ASSERT_EQUAL(a->size, 4);
    const plr_node *number = plr_node_at(a, 0), *text = plr_node_at(a, 1);
    CU_ASSERT_EQUAL(number->type, PLR_NODE_NUMBER);
    CU_ASSERT_EQUAL(number->column, 11);
    CU_ASSERT_EQUAL(number->size, 2);
    CU_ASSERT_EQUAL(memcmp(number->text, "12", 2), 0);
    CU_ASSERT_EQUAL(text->line, 2);
    CU_ASSERT_EQUAL(text->column, 2);
    CU_ASSERT_EQUAL(text->size, 2);
    CU_ASSERT_EQUAL(memcmp(text->text, "b\n", 2), 0);
    CU_ASSERT_TRUE(plr_node_at(a, 2)->truth);
    CU_ASSERT_EQUAL(plr_node_at(a, 3)->type, PLR_NODE_NULL);
    CU_ASSERT_PTR_NULL(plr_node_at(a, 4));
    CU_ASSERT_EQUAL(c->key_line, 3);
    CU_ASSERT_EQUAL(c->key_column, 2);
    CU_ASSERT_PTR_EQUAL(c->parent, root);
    CU_ASSERT_PTR_NULL(plr_node_get(root, "b"));
    CU_ASSERT_PTR_NULL(plr_node_get(number, "b"));
    plr_findings_clear(&findings);
    plr_arena_clear(&arena);
}

static void many_findings_have_a_limit(void)
{
    plr_buf json = { 0 }, found = { 0 };
    plr_buf_puts(&json, "{");
    for (int i = 0; i < 3000; i++)
        plr_buf_printf(&json, "'x%d':1,", i);
    plr_buf_puts(&json, "'steps':[{'metadata':{'name':'a'}}]}");
    CU_ASSERT_PTR_NULL(plr_case_read(json.data, NULL, &found));
    size_t lines = 1;
    for (size_t i = 0; i < found.size; i++)
        lines += found.data[i] == '\n';
    CU_ASSERT_EQUAL(lines, PLR_FINDINGS_MOST + 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(found.data, "\n0:0 too-many"));
    plr_buf_clear(&json);
    plr_buf_clear(&found);
}

static void keep_texts(const plr_diagnostic *diagnostic, void *buf)
{
    plr_buf_printf(buf, "%s ", diagnostic->text);
}

static void findings_are_told_in_order(void)
{
    static const struct {
        size_t line, column;
        const char *text;
    } added[] = { { 2, 1, "d" }, { 1, 5, "b" }, { 1, 5, "c" }, { 2, 3, "e" }, { 1, 2, "a" },
        { 10, 1, "f" } };
    plr_findings findings;
    plr_findings_init(&findings);
    for (size_t i = 0; i < sizeof added / sizeof *added; i++)
        plr_findings_add(&findings,
                &(plr_finding){ .code = "x", .line = added[i].line, .column = added[i].column },
                "%s", added[i].text);
    plr_buf told = { 0 };
    plr_error error = { 0 };
    CU_ASSERT_EQUAL(plr_findings_tell(&findings, "y", keep_texts, &told, &error), PLR_ERR_DOCUMENT);
    CU_ASSERT_STRING_EQUAL(told.data, "a b c d e f ");
    CU_ASSERT_STRING_EQUAL(error.message, "y:1:2: a");
    plr_buf_clear(&told);
    plr_findings_clear(&findings);
}

int main(void)
{
    static const plr_test tests[] = {
        { "syntax errors are told where they are", syntax_errors },
        { "errors before the syntax error are told", errors_before_the_syntax_error_are_told },
        { "fault 5: bytes that are not UTF-8 are told where they are", bytes_that_are_not_text },
        { "fault 5: lone surrogates and NUL are found", escapes_that_are_not_characters },
        { "byte order mark, CRLF and tabs are fine", layout_does_not_matter },
        { "fault 4: nesting has a limit", nesting_has_a_limit },
        { "fault 6: size has a limit", size_has_a_limit },
        { "the tree knows where everything stands", the_tree_knows_places },
        { "findings are told in the document's order", findings_are_told_in_order },
        { "the number of findings has a limit", many_findings_have_a_limit },
        { NULL, NULL },
    };
    return plr_test_main("document", tests);
}
