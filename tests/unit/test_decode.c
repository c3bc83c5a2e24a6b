/* SPDX-License-Identifier: MIT */
/* From a tree to a struct, on a table made for it: each type of field, what it takes and what not.
 */
#include "engine/base/decode.h"

#include <stdio.h>
#include <string.h>

#include <pipeline/spec.h>

#include "tests/unit/harness.h"

typedef struct inner {
    const char *needed;
    int64_t number;
} inner;

typedef struct outer {
    const char *text, *word, *with_fallback;
    int choice;
    bool truth;
    int64_t number, small, duration;
    plr_bytes bytes;
    const char *const *texts;
    size_t n_texts;
    const int *choices;
    size_t n_choices;
    const plr_pair *pairs;
    size_t n_pairs;
    inner object;
    const inner *pointer;
    const inner *list;
    size_t n_list;
} outer;

static const plr_word words[] = { { "red", 3 }, { "green", 7 }, { NULL, 0 } };

static const plr_field inner_fields[] = {
    { "needed", PLR_FIELD_STRING, .offset = offsetof(inner, needed), .required = true },
    { "number", PLR_FIELD_INTEGER, .offset = offsetof(inner, number) },
    { "elsewhere", PLR_FIELD_BOOL, .offset = offsetof(inner, number), .variants = 2 },
};
static const plr_table inner_table = { .name = "inner",
    .title = "an inner",
    .size = sizeof(inner),
    .fields = inner_fields,
    .n_fields = 3,
    .variant = 1 };

#define N(member) .offset = offsetof(outer, member), .n_offset = offsetof(outer, n_##member)

static const plr_field outer_fields[] = {
    { "text", PLR_FIELD_STRING, .offset = offsetof(outer, text) },
    { "word", PLR_FIELD_WORD, .offset = offsetof(outer, word), .words = words },
    { "with_fallback", PLR_FIELD_STRING, .offset = offsetof(outer, with_fallback),
            .fallback = "usual" },
    { "choice", PLR_FIELD_ENUM, .offset = offsetof(outer, choice), .words = words },
    { "truth", PLR_FIELD_BOOL, .offset = offsetof(outer, truth) },
    { "number", PLR_FIELD_INTEGER, .offset = offsetof(outer, number), .least = INT64_MIN },
    { "small", PLR_FIELD_INTEGER, .offset = offsetof(outer, small), .least = 1, .most = 10 },
    { "duration", PLR_FIELD_DURATION, .offset = offsetof(outer, duration) },
    { "bytes", PLR_FIELD_BYTES, .offset = offsetof(outer, bytes) },
    { "texts", PLR_FIELD_STRINGS, N(texts) },
    { "choices", PLR_FIELD_ENUMS, N(choices), .words = words },
    { "pairs", PLR_FIELD_PAIRS, N(pairs) },
    { "object", PLR_FIELD_OBJECT, .offset = offsetof(outer, object), .table = &inner_table },
    { "pointer", PLR_FIELD_POINTER, .offset = offsetof(outer, pointer), .table = &inner_table },
    { "list", PLR_FIELD_LIST, N(list), .table = &inner_table },
};
static const plr_table outer_table = { .name = "outer",
    .title = "an outer",
    .size = sizeof(outer),
    .fields = outer_fields,
    .n_fields = sizeof outer_fields / sizeof *outer_fields };

/* One decoding: the tree and the struct live until it is cleared. */
typedef struct decoding {
    char json[1000];
    plr_arena arena;
    plr_findings findings;
    outer out;
} decoding;

static void decode(decoding *d, const char *json, bool lenient)
{
    *d = (decoding){ 0 };
    snprintf(d->json, sizeof d->json, "%s", json);
    for (char *c = d->json; *c != '\0'; c++)
        if (*c == '\'')
            *c = '"';
    plr_arena_init(&d->arena);
    plr_findings_init(&d->findings);
    plr_node *root = NULL;
    plr_document_parse(&root, &d->arena, d->json, strlen(d->json), &d->findings, NULL);
    plr_decoder decoder = { &d->arena, &d->findings, lenient };
    plr_decode(&decoder, &outer_table, root, &d->out);
    CU_ASSERT_FALSE(d->findings.failed);
}

static void clear(decoding *d)
{
    plr_findings_clear(&d->findings);
    plr_arena_clear(&d->arena);
}

/* The one finding, as "column code pointer"; and something of its text. */
static void refuses(const char *json, const char *expected, const char *text)
{
    decoding d;
    decode(&d, json, false);
    char found[200] = "";
    if (d.findings.n == 1)
        snprintf(found, sizeof found, "%zu %s %s", d.findings.items[0].column,
                d.findings.items[0].code, d.findings.items[0].pointer);
    bool same = strcmp(found, expected) == 0 && strstr(d.findings.items[0].text, text) != NULL;
    if (!same)
        fprintf(stderr, "\n%s\n  expected %s: %s\n  found %zu: %s: %s\n", json, expected, text,
                d.findings.n, found, d.findings.n > 0 ? d.findings.items[0].text : "");
    CU_ASSERT_TRUE(same);
    clear(&d);
}

static void each_type(void)
{
    decoding d;
    decode(&d,
            "{'text':'a\\u00e9','word':'green','with_fallback':'mine','choice':'green',"
            "'truth':true,'number':-5,'small':10,'duration':'1m30s','bytes':'aGk=',"
            "'texts':['x','','z'],'choices':['green','red'],'pairs':{'B':'2','a':'','b':null},"
            "'object':{'needed':'o','number':1},'pointer':{'needed':'p'},"
            "'list':[{'needed':'q'},{'needed':'r','number':9}]}",
            false);
    CU_ASSERT_EQUAL(d.findings.n, 0);
    CU_ASSERT_STRING_EQUAL(d.out.text, "a\xc3\xa9");
    CU_ASSERT_STRING_EQUAL(d.out.word, "green");
    CU_ASSERT_STRING_EQUAL(d.out.with_fallback, "mine");
    CU_ASSERT_EQUAL(d.out.choice, 7);
    CU_ASSERT_TRUE(d.out.truth);
    CU_ASSERT_EQUAL(d.out.number, -5);
    CU_ASSERT_EQUAL(d.out.small, 10);
    CU_ASSERT_EQUAL(d.out.duration, 90000000000);
    CU_ASSERT_EQUAL(d.out.bytes.size, 2);
    CU_ASSERT_EQUAL(memcmp(d.out.bytes.data, "hi", 2), 0);
    CU_ASSERT_EQUAL(d.out.n_texts, 3);
    CU_ASSERT_STRING_EQUAL(d.out.texts[0], "x");
    CU_ASSERT_STRING_EQUAL(d.out.texts[1], "");
    CU_ASSERT_STRING_EQUAL(d.out.texts[2], "z");
    CU_ASSERT_EQUAL(d.out.n_choices, 2);
    CU_ASSERT_EQUAL(d.out.choices[0], 7);
    CU_ASSERT_EQUAL(d.out.choices[1], 3);
    CU_ASSERT_EQUAL(d.out.n_pairs, 3);
    CU_ASSERT_STRING_EQUAL(d.out.pairs[0].name, "B");
    CU_ASSERT_STRING_EQUAL(d.out.pairs[0].value, "2");
    CU_ASSERT_STRING_EQUAL(d.out.pairs[2].name, "b");
    CU_ASSERT_STRING_EQUAL(d.out.pairs[2].value, "");
    CU_ASSERT_STRING_EQUAL(d.out.object.needed, "o");
    CU_ASSERT_EQUAL(d.out.object.number, 1);
    CU_ASSERT_STRING_EQUAL(d.out.pointer->needed, "p");
    CU_ASSERT_EQUAL(d.out.n_list, 2);
    CU_ASSERT_STRING_EQUAL(d.out.list[1].needed, "r");
    CU_ASSERT_EQUAL(d.out.list[1].number, 9);
    clear(&d);
}

static void absent(void)
{
    static const char *const nothing[] = {
        "{}",
        ("{'text':null,'word':null,'with_fallback':null,'choice':null,'truth':null,'number':null,"
         "'small':null,'duration':null,'bytes':null,'texts':null,'choices':null,'pairs':null,"
         "'object':null,'pointer':null,'list':null}"),
        ("{'text':'','word':'','with_fallback':'','choice':'','duration':'','bytes':'',"
         "'texts':[],'choices':[],'pairs':{},'list':[]}"),
    };
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
        decoding d;
        decode(&d, nothing[i], false);
        CU_ASSERT_EQUAL(d.findings.n, 0);
        CU_ASSERT_PTR_NULL(d.out.text);
        CU_ASSERT_PTR_NULL(d.out.word);
        CU_ASSERT_STRING_EQUAL(d.out.with_fallback, "usual");
        CU_ASSERT_EQUAL(d.out.choice, 0);
        CU_ASSERT_FALSE(d.out.truth);
        CU_ASSERT_EQUAL(d.out.number, 0);
        CU_ASSERT_EQUAL(d.out.small, 0);
        CU_ASSERT_EQUAL(d.out.duration, 0);
        CU_ASSERT_EQUAL(d.out.bytes.size, 0);
        CU_ASSERT_EQUAL(d.out.n_texts + d.out.n_choices + d.out.n_pairs + d.out.n_list, 0);
        CU_ASSERT_PTR_NULL(d.out.pointer);
        clear(&d);
    }
}

static void wrong_types(void)
{
    refuses("{'text':1}", "9 wrong-type /text", "expected a string, found a number");
    refuses("{'word':true}", "9 wrong-type /word", "expected a string, found a boolean");
    refuses("{'choice':1}", "11 wrong-type /choice", "expected a string, found a number");
    refuses("{'truth':'yes'}", "10 wrong-type /truth", "expected a boolean, found a string");
    refuses("{'number':'1'}", "11 wrong-type /number", "expected a number, found a string");
    refuses("{'duration':5}", "13 wrong-type /duration", "expected a string, found a number");
    refuses("{'bytes':[]}", "10 wrong-type /bytes", "expected a string, found an array");
    refuses("{'texts':'x'}", "10 wrong-type /texts", "expected an array, found a string");
    refuses("{'texts':[1]}", "11 wrong-type /texts/0", "expected a string, found a number");
    refuses("{'choices':{}}", "12 wrong-type /choices", "expected an array, found an object");
    refuses("{'choices':['red',1]}", "19 wrong-type /choices/1", "expected a string");
    refuses("{'pairs':[]}", "10 wrong-type /pairs", "expected an object, found an array");
    refuses("{'pairs':{'a':1}}", "15 wrong-type /pairs/a", "expected a string, found a number");
    refuses("{'object':[]}", "11 wrong-type /object", "expected an object, found an array");
    refuses("{'pointer':1}", "12 wrong-type /pointer", "expected an object, found a number");
    refuses("{'list':{}}", "9 wrong-type /list", "expected an array, found an object");
    refuses("{'list':['x']}", "10 wrong-type /list/0", "expected an object, found a string");
}

static void nulls_in_lists(void)
{
    refuses("{'texts':['a',null]}", "15 null-element /texts/1", "cannot be null");
    refuses("{'choices':[null]}", "13 null-element /choices/0", "cannot be null");
    refuses("{'list':[null]}", "10 null-element /list/0", "cannot be null");
}

static void integers(void)
{
    static const struct {
        const char *json;
        int64_t value;
    } right[] = {
        { "{'number':0}", 0 },
        { "{'number':-0}", 0 },
        { "{'number':9223372036854775807}", INT64_MAX },
        { "{'number':-9223372036854775808}", INT64_MIN },
    };
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        decoding d;
        decode(&d, right[i].json, false);
        CU_ASSERT_EQUAL(d.findings.n, 0);
        CU_ASSERT_EQUAL(d.out.number, right[i].value);
        clear(&d);
    }
    refuses("{'number':9223372036854775808}", "11 number-range /number",
            "found 9223372036854775808");
    refuses("{'number':-9223372036854775809}", "11 number-range /number", "found -922");
    refuses("{'number':100000000000000000000}", "11 number-range /number", "found 1000");
    refuses("{'number':1.5}", "11 number-range /number", "a whole number");
    refuses("{'number':1.0}", "11 number-range /number", "a whole number");
    refuses("{'number':1e3}", "11 number-range /number", "a whole number");
    refuses("{'number':1e400}", "11 number-range /number", "found 1e400");
    refuses("{'small':0}", "10 number-range /small", "from 1 to 10, found 0");
    refuses("{'small':11}", "10 number-range /small", "from 1 to 10, found 11");
}

static void durations_and_base64(void)
{
    static const char *const spellings[] = { "{'bytes':'aGVsbG8='}", "{'bytes':'aGVsbG8'}",
        "{'bytes':'aGVs\\r\\nbG8=\\n'}", "{'bytes':' aG Vs\\tbG8'}" };
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        decoding d;
        decode(&d, spellings[i], false);
        CU_ASSERT_EQUAL(d.findings.n, 0);
        CU_ASSERT_EQUAL(d.out.bytes.size, 5);
        CU_ASSERT_EQUAL(memcmp(d.out.bytes.data, "hello", 5), 0);
        clear(&d);
    }
    refuses("{'bytes':'aGVsbG8-'}", "10 bad-base64 /bytes", "not base64");
    refuses("{'bytes':'a'}", "10 bad-base64 /bytes", "not base64");
    refuses("{'bytes':'aGk=aGk='}", "10 bad-base64 /bytes", "not base64");
    refuses("{'duration':'5 minutes'}", "13 bad-duration /duration", "5 minutes");
    refuses("{'duration':'-1s'}", "13 bad-duration /duration", "-1s");
    refuses("{'duration':'9999999999h'}", "13 bad-duration /duration", "292 years");
}

static void words_and_keys(void)
{
    decoding d;
    refuses("{'word':'gren'}", "9 unknown-value /word", "\"gren\" is not one of red or green");
    refuses("{'choice':'RED'}", "11 unknown-value /choice", "\"RED\" is not one of");
    refuses("{'txt':'x'}", "2 unknown-key /txt", "an outer has no \"txt\"");
    refuses("{'object':{'needed':'x','numbr':1}}", "25 unknown-key /object/numbr",
            "an inner has no");
    refuses("{'object':{'needed':'x','elsewhere':true}}", "25 not-allowed /object/elsewhere",
            "an inner has no \"elsewhere\"");
    refuses("{'object':{}}", "11 missing-key /object", "an inner needs \"needed\"");
    refuses("{'object':{'needed':null}}", "11 missing-key /object", "an inner needs \"needed\"");
    refuses("{'object':{'needed':''}}", "11 missing-key /object", "an inner needs \"needed\"");
    refuses("{'text':'a','text':'a'}", "13 duplicate-key /text", "stands already on line 1");
    refuses("{'text':'a','TEXT':null}", "13 duplicate-key /TEXT", "stands already");
    refuses("{'text':null,'Text':'a'}", "14 duplicate-key /Text", "stands already");
    refuses("{'pairs':{'a':'1','b':'2','a':'1'}}", "27 duplicate-key /pairs/a", "stands already");

    decode(&d, "{'TEXT':'a','Object':{'NEEDED':'x'}}", false);
    CU_ASSERT_EQUAL(d.findings.n, 0);
    CU_ASSERT_STRING_EQUAL(d.out.text, "a");
    CU_ASSERT_STRING_EQUAL(d.out.object.needed, "x");
    clear(&d);

    decode(&d, "{'word':'gren','txt':1}", true);
    CU_ASSERT_EQUAL(d.findings.n, 2);
    CU_ASSERT_EQUAL(d.findings.n_errors, 1);
    CU_ASSERT_STRING_EQUAL(d.findings.items[0].suggestion, "green");
    CU_ASSERT_EQUAL(d.findings.items[1].severity, PLR_SEVERITY_WARNING);
    CU_ASSERT_STRING_EQUAL(d.findings.items[1].suggestion, "text");
    clear(&d);

    /* Only letters are folded: '[' and '{' differ in the same bit. */
    refuses("{'te\\u0058t\\u005b':1}", "2 unknown-key /teXt[", "has no");
}

static void texts_are_safe_to_print(void)
{
    refuses("{'\\u001b[2J':1}", "2 unknown-key /\x1b[2J", "an outer has no \"?[2J\"");
}

int main(void)
{
    static const plr_test tests[] = {
        { "each type of field is filled", each_type },
        { "null, empty and missing are the same", absent },
        { "wrong types are named", wrong_types },
        { "lists have no null", nulls_in_lists },
        { "fault 6: integers are whole and within their range", integers },
        { "durations and base64 are read, or refused", durations_and_base64 },
        { "fault 7: keys and words are known, and stand once", words_and_keys },
        { "what a document says cannot move a terminal's cursor", texts_are_safe_to_print },
        { NULL, NULL },
    };
    return plr_test_main("decode", tests);
}
