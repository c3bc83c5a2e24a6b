/* SPDX-License-Identifier: MIT */
/* Objects as YAML: what is written reads back as the same. */
#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/yaml.h"
#include "backends/kubernetes/yaml_read.h"
#include "net/jsonc.h"
#include "tests/unit/harness.h"

static void check_text(const char *json, const char *yaml)
{
    _cleanup_json_ json_object *object = json_tokener_parse(json);
    _cleanup_buf_ plr_buf out = { 0 };
    plr_yaml_put(&out, object);
    CU_ASSERT_STRING_EQUAL(out.data, yaml);
    if (strcmp(out.data, yaml) != 0)
        printf("%s", out.data);
}

static void blocks_are_nested_by_two_spaces(void)
{
    check_text("{\"a\":{\"b\":[1,\"x\",{\"c\":true,\"d\":[]},[2]],\"e\":{}},\"f\":null}",
            "---\n"
            "a:\n"
            "  b:\n"
            "    - 1\n"
            "    - x\n"
            "    - c: true\n"
            "      d: []\n"
            "    -\n"
            "      - 2\n"
            "  e: {}\n"
            "f: null\n");
}

static void what_reads_as_something_else_is_quoted(void)
{
    check_text(
            "[\"no\",\"Null\",\"1\",\"1e3\",\"\",\"-a\",\"a: b\",\"a #b\",\"a\\nb\",\"y\",\"a-b\"]",
            "---\n"
            "- \"no\"\n"
            "- \"Null\"\n"
            "- \"1\"\n"
            "- \"1e3\"\n"
            "- \"\"\n"
            "- \"-a\"\n"
            "- \"a: b\"\n"
            "- \"a #b\"\n"
            "- \"a\\nb\"\n"
            "- \"y\"\n"
            "- a-b\n");
}

static void check_round(json_object *object)
{
    _cleanup_buf_ plr_buf out = { 0 };
    _cleanup_arena_ plr_arena arena;
    _cleanup_json_ json_object *again = NULL;
    plr_node *root = NULL;
    plr_error err = { 0 };
    plr_arena_init(&arena);
    plr_yaml_put(&out, object);
    CU_ASSERT_EQUAL(plr_yaml_read(&root, &arena, "f", out.data, out.size, &err), 0);
    if (root == NULL) {
        printf("%s\n%s\n", err.message, out.data);
        return;
    }
    CU_ASSERT_EQUAL(plr_yaml_to_json(&again, root, &err), 0);
    CU_ASSERT_TRUE(json_object_equal(object, again));
    if (!json_object_equal(object, again))
        printf("%s\n%s\n", json_object_to_json_string(object), out.data);
}

/* Each code point up to the end of what two bytes hold, and those that YAML gives a meaning. */
static void every_character_reads_back(void)
{
    static const unsigned more[] = { 0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff, 0xd7ff, 0xe000 };
    for (unsigned i = 1; i < 0x800 + sizeof(more) / sizeof(more[0]); i++) {
        unsigned c = i < 0x800 ? i : more[i - 0x800];
        char text[8];
        size_t n = 0;
        text[n++] = 'a';
        if (c < 0x80) {
            text[n++] = (char)c;
        } else if (c < 0x800) {
            text[n++] = (char)(0xc0 | c >> 6);
            text[n++] = (char)(0x80 | (c & 0x3f));
        } else {
            text[n++] = (char)(0xe0 | c >> 12);
            text[n++] = (char)(0x80 | (c >> 6 & 0x3f));
            text[n++] = (char)(0x80 | (c & 0x3f));
        }
        text[n] = '\0';
        _cleanup_json_ json_object *list = plr_jsonc_list(plr_jsonc_string(text));
        check_round(list);
        _cleanup_json_ json_object *first = plr_jsonc_list(plr_jsonc_string(text + 1));
        check_round(first);
    }
}

static json_object *random_value(unsigned depth)
{
    static const char *const texts[] = { "", "a", "true", "~", "- a", "a: b", "#", "'", "\"", "\\",
        "1.5", "0x1f", "12:30", "$(A)", " a", "a ", "a\n", "\t", "\xf0\x9f\x90\x99", "%a", "!x",
        "&a", "*a", "|", ">", "@", "`", "{a", "[a", "a,b", "?", "=", "<<", ".inf", "2020-01-01" };
    json_object *value;
    unsigned n = depth == 0 ? 0 : plr_test_random(4);
    switch (plr_test_random(depth == 0 ? 4 : 7)) {
    case 0:
        return json_object_new_int64((int)plr_test_random(2000) - 1000);
    case 1:
        return json_object_new_boolean(plr_test_random(2) != 0);
    case 2:
    case 3:
        return plr_jsonc_string(texts[plr_test_random(sizeof(texts) / sizeof(texts[0]))]);
    case 4:
        value = json_object_new_array();
        while (n-- > 0)
            json_object_array_add(value, random_value(depth - 1));
        return value;
    default:
        value = json_object_new_object();
        while (n-- > 0)
            json_object_object_add(value, texts[plr_test_random(sizeof(texts) / sizeof(texts[0]))],
                    random_value(depth - 1));
        return value;
    }
}

static void random_objects_read_back(void)
{
    for (unsigned i = plr_test_cases(3000); i > 0; i--) {
        _cleanup_json_ json_object *object = json_object_new_object();
        json_object_object_add(object, "a", random_value(4));
        check_round(object);
    }
}

static const plr_test tests[] = {
    { "blocks are nested by two spaces", blocks_are_nested_by_two_spaces },
    { "what reads as something else is quoted", what_reads_as_something_else_is_quoted },
    { "every character reads back", every_character_reads_back },
    { "random objects read back", random_objects_read_back },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("kube_yaml", tests);
}
