/* SPDX-License-Identifier: MIT */
/* Options of a backend, read by its table. */
#include "engine/base/settings.h"

#include <stdbool.h>
#include <string.h>

#include "tests/unit/harness.h"

typedef enum colour { RED, GREEN, BLUE } colour;

typedef struct subject {
    char *name;
    plr_texts friends;
    bool loud;
    colour colour;
    int64_t size, patience_ns;
} subject;

static const char *const colours[] = { "red", "green", "blue", NULL };

#define OPTIONS(X)                                                                                 \
    X("name", "TEXT", "", .type = PLR_SETTING_TEXT, .offset = offsetof(subject, name))             \
    X("friend", "TEXT", "", .type = PLR_SETTING_TEXTS, .offset = offsetof(subject, friends))       \
    X("loud", NULL, "", .type = PLR_SETTING_SWITCH, .offset = offsetof(subject, loud))             \
    X("colour", "WORD", "", .type = PLR_SETTING_WORD, .offset = offsetof(subject, colour),         \
            .words = colours)                                                                      \
    X("size", "N", "", .type = PLR_SETTING_INTEGER, .offset = offsetof(subject, size),             \
            .least = -3, .most = 10)                                                               \
    X("patience", "DURATION", "", .type = PLR_SETTING_DURATION,                                    \
            .offset = offsetof(subject, patience_ns))

enum { N_OPTIONS = 0 OPTIONS(PLR_SETTING_COUNT) };
static const plr_option_info infos[] = { OPTIONS(PLR_SETTING_INFO) };
static const plr_setting rows[] = { OPTIONS(PLR_SETTING_ROW) };
static const plr_setting_table table = { "subject", infos, rows, N_OPTIONS };

static void each_type_is_read(void)
{
    const plr_option options[] = { { "name", "first" }, { "friend", "a" }, { "loud", NULL },
        { "colour", "blue" }, { "size", "-3" }, { "patience", "1.5s" }, { "friend", "b" },
        { "name", "last" } };
    subject read = { 0 };
    CU_ASSERT_EQUAL(plr_settings_read(&table, &read, options, 8, NULL), 0);
    CU_ASSERT_STRING_EQUAL(read.name, "last");
    CU_ASSERT_EQUAL_FATAL(read.friends.n, 2);
    CU_ASSERT_STRING_EQUAL(read.friends.items[0], "a");
    CU_ASSERT_STRING_EQUAL(read.friends.items[1], "b");
    CU_ASSERT_TRUE(read.loud);
    CU_ASSERT_EQUAL(read.colour, BLUE);
    CU_ASSERT_EQUAL(read.size, -3);
    CU_ASSERT_EQUAL(read.patience_ns, 1500000000);
    plr_settings_clear(&table, &read);
    CU_ASSERT_PTR_NULL(read.name);
    CU_ASSERT_EQUAL(read.friends.n, 0);
}

static void what_is_not_said_stays(void)
{
    const plr_option options[] = { { "loud", "false" } };
    subject read = { .loud = true, .colour = GREEN, .size = 7 };
    CU_ASSERT_EQUAL(plr_settings_read(&table, &read, options, 1, NULL), 0);
    CU_ASSERT_FALSE(read.loud);
    CU_ASSERT_EQUAL(read.colour, GREEN);
    CU_ASSERT_EQUAL(read.size, 7);
}

static void a_bad_value_is_said(void)
{
    const struct {
        plr_option option;
        const char *words;
    } bad[] = {
        { { "nonsense", "x" }, "the subject backend has no option \"nonsense\"" },
        { { "name", "" }, "name needs a value" },
        { { "friend", NULL }, "friend needs a value" },
        { { "loud", "maybe" }, "loud: \"maybe\" is neither true nor false" },
        { { "colour", "pink" }, "colour: \"pink\" is neither red nor green nor blue" },
        { { "size", "11" }, "size: \"11\" is not a number from -3 to 10" },
        { { "size", "-4" }, "size: \"-4\" is not a number from -3 to 10" },
        { { "size", "1x" }, "size: \"1x\" is not a number from -3 to 10" },
        { { "size", "99999999999999999999" },
                "size: \"99999999999999999999\" is not a number from -3 to 10" },
        { { "patience", "long" }, "patience: " },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        subject read = { 0 };
        plr_error err = { 0 };
        CU_ASSERT_EQUAL(plr_settings_read(&table, &read, &bad[i].option, 1, &err), PLR_ERR_USAGE);
        CU_ASSERT_NSTRING_EQUAL(err.message, bad[i].words, strlen(bad[i].words));
        plr_settings_clear(&table, &read);
    }
}

int main(void)
{
    static const plr_test tests[] = {
        { "each type is read, and its texts are freed", each_type_is_read },
        { "what is not said stays as it was", what_is_not_said_stays },
        { "a bad value is said with its option", a_bad_value_is_said },
        { NULL, NULL },
    };
    return plr_test_main("settings", tests);
}
