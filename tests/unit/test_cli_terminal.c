/* SPDX-License-Identifier: MIT */
/* Text of others on a screen: only colours survive of what could move, clear or lie. */
#include "tests/unit/harness.h"

#include <stdint.h>
#include <string.h>

#include "cli/diagnostic.h"
#include "cli/view/terminal.h"

static void check(const char *text, size_t size, size_t columns, bool colours, const char *expected,
        size_t used)
{
    plr_text out = { 0 };
    size_t n = plr_terminal_line(&out, text, size, columns, colours);
    CU_ASSERT_EQUAL(n, used);
    CU_ASSERT_STRING_EQUAL(out.data != NULL ? out.data : "", expected);
    plr_text_clear(&out);
}

#define LINE(text, columns, colours, expected, used)                                               \
    check(text, sizeof(text) - 1, columns, colours, expected, used)

static void escapes(void)
{
    LINE("a\x1b[2Jb\x1b[10;20Hc\x1b[?25ld", 80, true, "abcd", 4);
    LINE("\x1b]0;title\ax\x1b]8;;http://e\x1b\\y", 80, true, "xy", 2);
    LINE("\x1bPq...\x1b\\z", 80, true, "z", 1);
    LINE("a\x1b"
         "cb\x1b(Bc\x1b",
            80, true, "abc", 3);
    LINE("a\x1b[31", 80, true, "a", 1);
    LINE("a\x1b]0;never ends", 80, true, "a", 1);
    LINE("a\x1b\0b", 80, true, "ab", 2);
    LINE("\a\b\x7f\x01k\xc2\x9b"
         "31mk",
            80, true, "k31mk", 5);
    LINE("user\xe2\x80\xae"
         "txt.exe",
            80, true, "usertxt.exe", 11);
}

static void colours(void)
{
    LINE("\x1b[1;31mred\x1b[0m", 80, true, "\x1b[1;31mred\x1b[0m\x1b[0m", 3);
    LINE("\x1b[1;31mred\x1b[0m", 80, false, "red", 3);
    LINE("\x1b[>4mx", 80, true, "x", 1);
}

static void returns(void)
{
    LINE("10%\r20%\r30%", 80, true, "30%", 3);
    LINE("windows\r", 80, true, "windows", 7);
    LINE("\r", 80, true, "", 0);
}

static void widths(void)
{
    LINE("abcdef", 6, true, "abcdef", 6);
    LINE("abcdefg", 6, true, "abcde~", 6);
    LINE("\x1b[31mabcdefg", 6, true, "\x1b[31mabcde\x1b[0m~", 6);
    LINE("\xe4\xbd\xa0\xe5\xa5\xbd", 4, true, "\xe4\xbd\xa0\xe5\xa5\xbd", 4);
    LINE("\xe4\xbd\xa0\xe5\xa5\xbd", 3, true, "\xe4\xbd\xa0~", 3);
    LINE("e\xcc\x81", 1, true, "e\xcc\x81", 1);
    LINE("a\tb", 80, true, "a       b", 9);
    LINE("abc", 0, true, "", 0);
    LINE("a\xff\xc3z", 80, true, "a\xef\xbf\xbd\xef\xbf\xbdz", 4);
}

static void messages(void)
{
    plr_text out = { 0 };
    plr_terminal_message(&out, "one\r\n\x1b[31mtwo\n\n");
    CU_ASSERT_STRING_EQUAL(out.data, "one two");
    plr_text_clear(&out);
}

static void check_finding(const char *source, plr_diagnostic finding, const char *expected)
{
    plr_diagnostics all = {
        .source = source,
        .size = strlen(source),
        .carets = true,
        .style = plr_style_new(false),
    };
    finding.source = "p.json";
    plr_diagnostics_take(&finding, &all);
    CU_ASSERT_STRING_EQUAL(all.out.data, expected);
    CU_ASSERT_EQUAL(all.n_errors, finding.severity == PLR_SEVERITY_ERROR);
    plr_text_clear(&all.out);
}

static void findings(void)
{
    plr_diagnostic finding = {
        .severity = PLR_SEVERITY_ERROR,
        .pointer = "/steps/0/imagee",
        .line = 2,
        .column = 6,
        .text = "unknown key \"imagee\"",
        .suggestion = "image",
    };
    check_finding("{\r\n\t\"\xc3\xa9\"\"imagee\": 1\r\n}", finding,
            "p.json:2:6: error: unknown key \"imagee\"; did you mean \"image\"? [/steps/0/imagee]\n"
            "     2 |         \"\xc3\xa9\"\"imagee\": 1\n"
            "       |            ^\n");
    finding.line = 9; /* beyond the end: no source, no crash */
    check_finding("{}", finding,
            "p.json:9:6: error: unknown key \"imagee\"; did you mean \"image\"? "
            "[/steps/0/imagee]\n");
    finding = (plr_diagnostic){ .severity = PLR_SEVERITY_WARNING, .pointer = "", .text = "odd" };
    check_finding("{}", finding, "p.json: warning: odd\n");
}

static void finding_in_a_long_line(void)
{
    char source[5000];
    memset(source, 'x', sizeof source - 1);
    source[sizeof source - 1] = '\0';
    source[3000] = '!';
    plr_diagnostics all = {
        .source = source, .size = sizeof source - 1, .carets = true, .style = plr_style_new(false)
    };
    plr_diagnostic finding = {
        .severity = PLR_SEVERITY_ERROR, .source = "p", .line = 1, .column = 3001, .text = "t"
    };
    plr_diagnostics_take(&finding, &all);
    const char *mark = strchr(all.out.data, '!'), *caret = strchr(all.out.data, '^');
    CU_ASSERT_TRUE(all.out.size < 300);
    CU_ASSERT_TRUE(mark != NULL && caret != NULL);
    if (mark != NULL && caret != NULL) {
        const char *line = memrchr(all.out.data, '\n', (size_t)(mark - all.out.data));
        const char *below = memrchr(all.out.data, '\n', (size_t)(caret - all.out.data));
        CU_ASSERT_EQUAL(mark - line, caret - below);
    }
    plr_text_clear(&all.out);
}

static const plr_test tests[] = {
    { "escape sequences are taken out", escapes },
    { "colours stay, and end with the line", colours },
    { "a line that rewrites itself shows its last state", returns },
    { "lines are cut to columns, not bytes", widths },
    { "a message is one line", messages },
    { "findings have place, pointer, suggestion and caret", findings },
    { "the caret finds its place in a long line", finding_in_a_long_line },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("cli terminal", tests);
}
