/* SPDX-License-Identifier: MIT */
/* Command lines taken apart by a table, and the small texts around them. */
#include "tests/unit/harness.h"

#include <string.h>

#include "cli/options.h"
#include "cli/text.h"

typedef struct target {
    bool on;
    const char *text;
    int word;
    unsigned number;
    int64_t duration;
    plr_cli_list list;
} target;

static const char *const words[] = { "red", "green", NULL };

#define ROW(kind, field, ...) PLR_CLI_ROW(kind, target, field, __VA_ARGS__)
static const plr_cli_option table[] = {
    ROW(SWITCH, on, 'o', "on", NULL, "a switch"),
    ROW(TEXT, text, 't', "text", "TEXT", "a text"),
    ROW(WORD, word, 0, "word", "WORD", "a word", .words = words),
    ROW(NUMBER, number, 0, "number", "N", "a number"),
    ROW(DURATION, duration, 0, "timeout", "DURATION", "a duration", .one_dash = true),
    ROW(LIST, list, 0, "list", "ITEM", "a list"),
    { .kind = PLR_CLI_BACKEND, .name = "docker-host", .argument = "URL", .help = "" },
    { .kind = PLR_CLI_BACKEND, .name = "tls", .help = "" },
    PLR_CLI_HELP_ROW,
};

typedef struct parsed {
    int result;
    target into;
    plr_cli_list operands;
    plr_cli_pairs pairs;
    plr_error err;
} parsed;

/* Arguments are separated by single blanks. */
static parsed parse(char *line)
{
    parsed p = { 0 };
    char *argv[16], *argument;
    int argc = 0;
    while ((argument = strsep(&line, " ")) != NULL)
        argv[argc++] = argument;
    p.result = plr_cli_options_parse(table, sizeof table / sizeof *table, argc, argv, &p.into,
            &p.operands, &p.pairs, &p.err);
    return p;
}

static void clear(parsed *p)
{
    plr_cli_list_clear(&p->operands);
    plr_cli_list_clear(&p->into.list);
    plr_cli_pairs_clear(&p->pairs);
}

#define PARSE(line) parse((char[]){ line })

static void check_refused(parsed p, const char *message)
{
    CU_ASSERT_EQUAL(p.result, PLR_ERR_USAGE);
    CU_ASSERT_STRING_EQUAL(p.err.message, message);
    clear(&p);
}

static void all_forms(void)
{
    parsed p =
            PARSE("--on --text=a=b --word green x --number 7 -timeout 1h30m --list 1 --list=2 -");
    CU_ASSERT_EQUAL(p.result, 0);
    CU_ASSERT_TRUE(p.into.on);
    CU_ASSERT_STRING_EQUAL(p.into.text, "a=b");
    CU_ASSERT_EQUAL(p.into.word, 1);
    CU_ASSERT_EQUAL(p.into.number, 7);
    CU_ASSERT_EQUAL(p.into.duration, 5400000000000);
    CU_ASSERT_EQUAL(p.into.list.n, 2);
    CU_ASSERT_EQUAL(p.operands.n, 2);
    if (p.into.list.n == 2 && p.operands.n == 2) {
        CU_ASSERT_STRING_EQUAL(p.into.list.items[1], "2");
        CU_ASSERT_STRING_EQUAL(p.operands.items[0], "x");
        CU_ASSERT_STRING_EQUAL(p.operands.items[1], "-");
    }
    clear(&p);
}

static void letters(void)
{
    parsed p = PARSE("-o -t value -timeout=2s");
    CU_ASSERT_EQUAL(p.result, 0);
    CU_ASSERT_TRUE(p.into.on);
    CU_ASSERT_STRING_EQUAL(p.into.text, "value");
    CU_ASSERT_EQUAL(p.into.duration, 2000000000);
    clear(&p);
}

static void end_of_options(void)
{
    parsed p = PARSE("-- --on");
    CU_ASSERT_EQUAL(p.result, 0);
    CU_ASSERT_FALSE(p.into.on);
    CU_ASSERT_EQUAL(p.operands.n, 1);
    clear(&p);
}

static void switches(void)
{
    parsed p = PARSE("--on --on=false");
    CU_ASSERT_EQUAL(p.result, 0);
    CU_ASSERT_FALSE(p.into.on);
    clear(&p);
    check_refused(PARSE("--on=yes"), "--on takes no value");
}

static void backend(void)
{
    parsed p = PARSE("--docker-host unix:///x --tls");
    CU_ASSERT_EQUAL(p.result, 0);
    CU_ASSERT_EQUAL(p.pairs.n, 2);
    if (p.pairs.n == 2) {
        CU_ASSERT_STRING_EQUAL(p.pairs.items[0].name, "docker-host");
        CU_ASSERT_STRING_EQUAL(p.pairs.items[0].value, "unix:///x");
        CU_ASSERT_STRING_EQUAL(p.pairs.items[1].value, "true");
    }
    clear(&p);
}

static void mistakes(void)
{
    check_refused(PARSE("--txet"), "there is no option --txet; did you mean --text?");
    check_refused(PARSE("--tokn=hunter2"), "there is no option --tokn");
    check_refused(PARSE("-text x"), "there is no option -text; did you mean --text?");
    check_refused(PARSE("-z"), "there is no option -z");
    check_refused(PARSE("--text"), "--text needs a value: --text=TEXT");
    check_refused(PARSE("--word blue"), "--word is one of red, green, not \"blue\"");
    check_refused(PARSE("--number -1"), "--number is a number, not \"-1\"");
    check_refused(PARSE("--number 4294967296"), "--number is a number, not \"4294967296\"");
    check_refused(PARSE("--number 3x"), "--number is a number, not \"3x\"");
    check_refused(PARSE("-timeout soon"),
            "--timeout is a duration like 1h30m, 90s or 250ms, not \"soon\"");
}

static void help(void)
{
    parsed p = PARSE("--on -h --nonsense");
    CU_ASSERT_EQUAL(p.result, 1);
    clear(&p);
}

static void first_operand(void)
{
    char *argv[] = { "--text", "run", "--on", "--unknown", "graph" };
    size_t n = sizeof table / sizeof *table;
    CU_ASSERT_EQUAL(plr_cli_first_operand(table, n, 5, argv), 4);
    CU_ASSERT_EQUAL(plr_cli_first_operand(table, n, 4, argv), 4);
    CU_ASSERT_EQUAL(plr_cli_first_operand(table, n, 0, argv), 0);
}

static void durations(void)
{
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = { { "0", 0 }, { "250ms", 250000000 }, { "1.5s", 1500000000 },
        { "1h30m", 5400000000000 }, { "90m", 5400000000000 }, { "2h0.5s", 7200500000000 } };
    static const char *const wrong[] = { "", "5", "s", "1d", "-1s", "1h 2m", ".5s",
        "9999999999999999h", "1e3s", "18446744073709551617s" };
    int64_t ns;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CU_ASSERT_TRUE(plr_cli_duration(cases[i].text, &ns));
        CU_ASSERT_EQUAL(ns, cases[i].ns);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CU_ASSERT_FALSE(plr_cli_duration(wrong[i], &ns));
}

static void durations_as_text(void)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = { { 0, "0ms" }, { 999999999, "999ms" }, { 1000000000, "1.0s" },
        { 59990000000, "59.9s" }, { 60000000000, "1m00s" }, { 3599000000000, "59m59s" },
        { 3661000000000, "1h01m01s" } };
    char text[32];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plr_cli_duration_text(cases[i].ns, text, sizeof text);
        CU_ASSERT_STRING_EQUAL(text, cases[i].text);
    }
}

static const plr_test tests[] = {
    { "all forms of options and operands", all_forms },
    { "letters, and drone-runtime's one dash", letters },
    { "nothing after -- is an option", end_of_options },
    { "switches can be switched off again", switches },
    { "options of backends are kept aside", backend },
    { "mistakes are told, without values that may be secret", mistakes },
    { "help is asked for", help },
    { "the command's name is found behind options", first_operand },
    { "durations are read", durations },
    { "durations are written", durations_as_text },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("cli options", tests);
}
