/* SPDX-License-Identifier: MIT */
/* The growing buffer: always a string, and a failure is remembered until it is asked for. */
#include "engine/base/buf.h"

#include <stdint.h>
#include <string.h>

#include "tests/unit/harness.h"

static void always_a_string(void)
{
    plr_buf buf = { 0 };
    CU_ASSERT_EQUAL(plr_buf_reserve(&buf, 100, NULL), 0);
    CU_ASSERT_STRING_EQUAL(buf.data, "");
    plr_buf_put(&buf, "a\0b", 3);
    CU_ASSERT_EQUAL(buf.size, 3);
    CU_ASSERT_EQUAL(memcmp(buf.data, "a\0b", 4), 0);
    plr_buf_reset(&buf);
    CU_ASSERT_STRING_EQUAL(buf.data, "");
    plr_buf_puts(&buf, "text");
    plr_buf_putc(&buf, '!');
    plr_buf_printf(&buf, " %d %s", 42, "more");
    CU_ASSERT_STRING_EQUAL(buf.data, "text! 42 more");
    plr_buf_consume(&buf, 6);
    CU_ASSERT_STRING_EQUAL(buf.data, "42 more");
    plr_buf_consume(&buf, 7);
    CU_ASSERT_STRING_EQUAL(buf.data, "");
    plr_buf_clear(&buf);
    CU_ASSERT_PTR_NULL(buf.data);
}

static void grows(void)
{
    plr_buf buf = { 0 };
    for (int i = 0; i < 10000; i++)
        plr_buf_printf(&buf, "%d,", i);
    CU_ASSERT_EQUAL(buf.size, 10 * 2 + 90 * 3 + 900 * 4 + 9000 * 5);
    CU_ASSERT_STRING_EQUAL(buf.data + buf.size - 10, "9998,9999,");
    CU_ASSERT_EQUAL(strlen(buf.data), buf.size);
    plr_buf_clear(&buf);
}

static void steals(void)
{
    plr_buf buf = { 0 };
    char *text = NULL;
    CU_ASSERT_EQUAL(plr_buf_steal(&buf, &text, NULL), 0);
    CU_ASSERT_STRING_EQUAL(text, "");
    free(text);
    plr_buf_puts(&buf, "mine");
    CU_ASSERT_EQUAL(plr_buf_steal(&buf, &text, NULL), 0);
    CU_ASSERT_STRING_EQUAL(text, "mine");
    CU_ASSERT_PTR_NULL(buf.data);
    CU_ASSERT_EQUAL(buf.size, 0);
    free(text);
}

static void remembers_failure(void)
{
    plr_buf buf = { 0 };
    plr_error error = { 0 };
    char *text = NULL;
    plr_buf_puts(&buf, "before");
    CU_ASSERT_EQUAL(plr_buf_append(&buf, "x", SIZE_MAX / 2, &error), PLR_ERR_NOMEM);
    CU_ASSERT_EQUAL(error.code, PLR_ERR_NOMEM);
    CU_ASSERT_STRING_EQUAL(buf.data, "before");
    CU_ASSERT_EQUAL(plr_buf_check(&buf, NULL), 0);
    plr_buf_put(&buf, "x", SIZE_MAX / 2);
    plr_buf_puts(&buf, " and after");
    CU_ASSERT_EQUAL(plr_buf_check(&buf, NULL), PLR_ERR_NOMEM);
    CU_ASSERT_EQUAL(plr_buf_steal(&buf, &text, NULL), PLR_ERR_NOMEM);
    CU_ASSERT_PTR_NULL(text);
    plr_buf_reset(&buf);
    CU_ASSERT_EQUAL(plr_buf_check(&buf, NULL), 0);
    plr_buf_clear(&buf);
}

int main(void)
{
    static const plr_test tests[] = {
        { "it is always a string", always_a_string },
        { "it grows", grows },
        { "its text can be taken out", steals },
        { "a failure is remembered", remembers_failure },
        { NULL, NULL },
    };
    return plr_test_main("buf", tests);
}
