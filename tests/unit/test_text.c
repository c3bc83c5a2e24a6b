/* SPDX-License-Identifier: MIT */
/* UTF-8, folding, base64, durations and the likeness of names. */
#include "engine/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/harness.h"

static void utf8_is_checked(void)
{
    static const struct {
        const char *text;
        size_t valid;
    } cases[] = {
        { "", 0 },
        { "plain text of more than eight bytes", 35 },
        { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9 },
        { "12345678\xff", 8 },
        { "1234567\xff", 7 },
        { "a\x80", 1 }, /* a trailing byte alone */
        { "a\xc3", 1 }, /* the second half is missing */
        { "a\xe2\x82", 1 },
        { "a\xf0\x9f\x98", 1 },
        { "a\xc0\xaf", 1 }, /* overlong */
        { "a\xc1\xbf", 1 },
        { "a\xe0\x9f\xbf", 1 },
        { "a\xf0\x8f\xbf\xbf", 1 },
        { "a\xed\xa0\x80", 1 },            /* a surrogate */
        { "\xed\x9f\xbf\xee\x80\x80", 6 }, /* the characters around them */
        { "a\xf4\x90\x80\x80", 1 },        /* beyond the last character */
        { "\xf4\x8f\xbf\xbf", 4 },
        { "a\xf5\x80\x80\x80", 1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CU_ASSERT_EQUAL(
                plr_utf8_valid_prefix(cases[i].text, strlen(cases[i].text)), cases[i].valid);
    CU_ASSERT_EQUAL(plr_utf8_valid_prefix("a\0b", 3), 3);
    for (size_t bad = 0; bad < 20; bad++) {
        char text[21] = "01234567890123456789";
        text[bad] = '\xff';
        CU_ASSERT_EQUAL(plr_utf8_valid_prefix(text, 20), bad);
    }
}

static void utf8_is_cut_between_characters(void)
{
    const char *text = "a\xe2\x82\xac"
                       "b";
    CU_ASSERT_EQUAL(plr_utf8_cut(text, 1), 1);
    CU_ASSERT_EQUAL(plr_utf8_cut(text, 2), 1);
    CU_ASSERT_EQUAL(plr_utf8_cut(text, 3), 1);
    CU_ASSERT_EQUAL(plr_utf8_cut(text, 4), 4);
    CU_ASSERT_EQUAL(plr_utf8_cut(text, 0), 0);
}

static void letters_fold(void)
{
    CU_ASSERT_TRUE(plr_text_equal_fold("Name", "nAME"));
    CU_ASSERT_TRUE(plr_text_equal_fold("", ""));
    CU_ASSERT_FALSE(plr_text_equal_fold("name", "names"));
    CU_ASSERT_FALSE(plr_text_equal_fold("names", "name"));
    CU_ASSERT_FALSE(plr_text_equal_fold("[", "{"));
    CU_ASSERT_FALSE(plr_text_equal_fold("\xc3\x89", "\xc3\xa9"));
}

static void base64_goes_both_ways(void)
{
    unsigned char bytes[50];
    for (size_t size = 0; size < sizeof bytes; size++) {
        for (size_t i = 0; i < size; i++)
            bytes[i] = (unsigned char)(i * 37 + size);
        plr_buf text = { 0 }, back = { 0 };
        CU_ASSERT_EQUAL(plr_base64_encode(bytes, size, false, &text, NULL), 0);
        CU_ASSERT_EQUAL(text.size, (size + 2) / 3 * 4);
        CU_ASSERT_EQUAL(plr_base64_decode(text.data, text.size, &back, NULL), 0);
        CU_ASSERT_EQUAL(back.size, size);
        CU_ASSERT_EQUAL(memcmp(back.data, bytes, size), 0);
        plr_buf_clear(&text);
        plr_buf_clear(&back);
    }
    plr_buf text = { 0 };
    CU_ASSERT_EQUAL(plr_base64_encode("\xfb\xff", 2, true, &text, NULL), 0);
    CU_ASSERT_STRING_EQUAL(text.data, "-_8=");
    plr_buf_clear(&text);
}

static void bad_base64_is_refused(void)
{
    static const char *const bad[] = { "a", "aaaaa", "aGk=x", "aGk==", "a===", "====", "aGk*",
        "aGk-", "\xc3\xa9", "aGVsbG8==", "=" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        plr_buf out = { 0 };
        plr_error error = { 0 };
        CU_ASSERT_EQUAL(plr_base64_decode(bad[i], strlen(bad[i]), &out, &error), PLR_ERR_DOCUMENT);
        size_t size = strlen(error.message);
        CU_ASSERT_EQUAL(plr_utf8_valid_prefix(error.message, size), size);
        plr_buf_clear(&out);
    }
}

static void durations(void)
{
    static const struct {
        const char *text;
        int64_t ns; /* -1: none */
    } cases[] = {
        { "0", 0 },
        { "0s", 0 },
        { "1ns", 1 },
        { "2us", 2000 },
        { "250ms", 250000000 },
        { "1.5s", 1500000000 },
        { ".5s", 500000000 },
        { "1m", 60000000000 },
        { "1h30m", 5400000000000 },
        { "1h1h", 7200000000000 },
        { "0.0000000001h", 0 },
        { "2562047h", 9223369200000000000 },
        { "2562048h", -1 },
        { "9999999999999999999s", -1 },
        { "", -1 },
        { "1", -1 },
        { "s", -1 },
        { ".s", -1 },
        { "1 h", -1 },
        { "-1s", -1 },
        { "1d", -1 },
        { "1h30", -1 },
        { "1H", -1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plr_error error = { 0 };
        int64_t ns = -1;
        int r = plr_duration_parse(cases[i].text, &ns, &error);
        if (ns != cases[i].ns)
            fprintf(stderr, "\n%s is %lld\n", cases[i].text, (long long)ns);
        CU_ASSERT_EQUAL(ns, cases[i].ns);
        CU_ASSERT_EQUAL(r, ns < 0 ? PLR_ERR_DOCUMENT : 0);
    }
}

static void durations_for_people(void)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        { 0, "0ms" },
        { 999999, "0ms" },
        { 45000000, "45ms" },
        { 1000000000, "1.0s" },
        { 12340000000, "12.3s" },
        { 61000000000, "1m01s" },
        { 3905000000000, "1h05m05s" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[40];
        plr_duration_format(cases[i].ns, text, sizeof text);
        CU_ASSERT_STRING_EQUAL(text, cases[i].text);
    }
}

static void nearest_names(void)
{
    static const char *const names[] = { "image", "images", "command", "on-failure", "a" };
    static const struct {
        const char *text, *meant;
    } cases[] = {
        { "imag", "image" },
        { "IMAGE", "image" },
        { "imaegs", "images" },
        { "commnad", "command" },
        { "on_failure", "on-failure" },
        { "on-failur", "on-failure" },
        { "xyzzy", NULL },
        { "", NULL },
        { "b", NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *found = plr_text_nearest(cases[i].text, names, 5);
        CU_ASSERT_TRUE(found == cases[i].meant || (found != NULL && cases[i].meant != NULL &&
                                                          strcmp(found, cases[i].meant) == 0));
    }
    char long_text[200];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    CU_ASSERT_PTR_NULL(plr_text_nearest(long_text, names, 5));
    CU_ASSERT_PTR_NULL(plr_text_nearest("x", names, 0));
    const char *const long_name = long_text;
    CU_ASSERT_PTR_NULL(plr_text_nearest("xxxxxxxxxxxxxxxxxxxx", &long_name, 1));
}

static void copies(void)
{
    char *copy = (char *)"something";
    CU_ASSERT_EQUAL(plr_text_copy(&copy, NULL, NULL), 0);
    CU_ASSERT_PTR_NULL(copy);
    CU_ASSERT_EQUAL(plr_text_copy(&copy, "text", NULL), 0);
    CU_ASSERT_STRING_EQUAL(copy, "text");
    free(copy);
}

int main(void)
{
    static const plr_test tests[] = {
        { "UTF-8 is checked", utf8_is_checked },
        { "UTF-8 is cut between characters", utf8_is_cut_between_characters },
        { "ASCII letters fold, nothing else", letters_fold },
        { "base64 goes both ways", base64_goes_both_ways },
        { "bad base64 is refused", bad_base64_is_refused },
        { "durations are read", durations },
        { "durations are written", durations_for_people },
        { "the nearest name is found", nearest_names },
        { "a copy of nothing is nothing", copies },
        { NULL, NULL },
    };
    return plr_test_main("text", tests);
}
