/* SPDX-License-Identifier: MIT */
/*
 * Output passes mask, lines and limit while memory runs out: each call that fails has changed
 * nothing and succeeds when it is made again, and what comes out until then never holds a secret.
 */
#include <string.h>

#include "engine/limit.h"
#include "engine/lines.h"
#include "engine/mask.h"
#include "tests/oom/failing_malloc.h"
#include "tests/unit/harness.h"

/* Makes a call that may run out of memory, and once more if it did. */
#define TWICE(result, call)                                                                        \
    do {                                                                                           \
        (result) = (call);                                                                         \
        if ((result) < 0) {                                                                        \
            CU_ASSERT_EQUAL((result), PLR_ERR_NOMEM);                                              \
            CU_ASSERT(failing);                                                                    \
            (result) = (call);                                                                     \
        }                                                                                          \
    } while (0)

static const char first[] = "xx hunter2",
                  second[] = "2 is 3words\nlonger than the head\nthe tail\n";
static const char masked[] = "xx ****** is ******\nlonger than the head\nthe tail\n";

/* A secret that could not be added is not added in part, either. Ends the shortage of memory. */
static void unknown_to(plr_mask *mask, const char *text)
{
    plr_oom_disarm();
    plr_buf out;
    plr_buf_init(&out);
    CU_ASSERT_EQUAL(plr_mask_text(mask, text, &out, NULL), 0);
    CU_ASSERT_STRING_EQUAL(out.data, text);
    plr_buf_clear(&out);
}

/* Feeds both chunks, a secret is added between them. 0: all of it came out. */
static int feed(plr_mask *mask, plr_mask_stream *stream, plr_buf *out, bool failing)
{
    int r;
    TWICE(r, plr_mask_add(mask, "hunter22\nsecond line", 20, NULL, NULL));
    if (r == 0)
        TWICE(r, plr_mask_feed(stream, first, strlen(first), false, out, NULL));
    if (r == 0) {
        CU_ASSERT_EQUAL(plr_mask_held(stream), 7);
        TWICE(r, plr_mask_add(mask, "3words", 6, NULL, NULL));
        if (r < 0)
            unknown_to(mask, "3words");
    }
    if (r == 0)
        TWICE(r, plr_mask_feed(stream, second, strlen(second), true, out, NULL));
    return r;
}

static void mask_it(bool failing, void *userdata)
{
    (void)userdata;
    plr_mask *mask = NULL;
    int r;
    TWICE(r, plr_mask_new(&mask, NULL));
    if (r < 0)
        return;
    plr_mask_stream stream;
    plr_mask_stream_init(&stream, mask);
    plr_buf out, text;
    plr_buf_init(&out);
    plr_buf_init(&text);
    r = feed(mask, &stream, &out, failing);
    CU_ASSERT(r < 0 || out.size == strlen(masked));
    CU_ASSERT(out.size == 0 || memcmp(out.data, masked, out.size) == 0);
    CU_ASSERT_EQUAL(out.size > 0, stream.given > 0);
    if (r == 0)
        TWICE(r, plr_mask_text(mask, "3words", &text, NULL));
    CU_ASSERT(r < 0 || strcmp(text.data, "******") == 0);
    plr_buf_clear(&text);
    plr_buf_clear(&out);
    plr_mask_stream_clear(&stream);
    plr_mask_unref(mask);
}

typedef struct written {
    plr_lines lines;
    plr_limit limit;
    char shown[128];
    size_t size;
} written;

static void show(written *l, const plr_line *line)
{
    CU_ASSERT(l->size + line->size < sizeof l->shown);
    if (line->size > 0)
        memcpy(l->shown + l->size, line->data, line->size);
    l->size += line->size;
}

static int write_log(written *l, const char *data, size_t size, bool failing)
{
    plr_line line;
    int r;
    for (;;) {
        TWICE(r, plr_lines_next(&l->lines, &data, &size, &line, NULL));
        if (r <= 0)
            return r;
        plr_limit_verdict verdict = PLR_LIMIT_KEPT;
        TWICE(r, plr_limit_take(&l->limit, &line, &verdict, NULL));
        if (r < 0)
            return r;
        if (verdict == PLR_LIMIT_PASS)
            show(l, &line);
    }
}

static void log_it(bool failing, void *userdata)
{
    (void)userdata;
    static const char expected[] = "xx ****** is ******\nthe tail\n";
    written l = { 0 };
    plr_lines_init(&l.lines, 0);
    plr_limit_init(&l.limit, 22, 18);
    int r = 0;
    for (size_t at = 0, n; at < strlen(masked) && r == 0; at += n) {
        n = strlen(masked) - at < 13 ? strlen(masked) - at : 13;
        r = write_log(&l, masked + at, n, failing);
    }
    if (r == 0) {
        plr_buf tail = { 0 };
        CU_ASSERT_EQUAL(plr_limit_end(&l.limit), 21);
        TWICE(r, plr_limit_tail(&l.limit, &tail, NULL));
        show(&l, &(plr_line){ .data = tail.data, .size = tail.size });
        plr_buf_clear(&tail);
    }
    CU_ASSERT(r < 0 || l.size == strlen(expected));
    CU_ASSERT_EQUAL(memcmp(l.shown, expected, l.size), 0);
    plr_lines_clear(&l.lines);
    plr_limit_clear(&l.limit);
}

static void mask_survives(void)
{
    CU_ASSERT(plr_oom_each(mask_it, NULL) > 1);
}

static void log_survives(void)
{
    CU_ASSERT(plr_oom_each(log_it, NULL) > 1);
}

static const plr_test tests[] = {
    { "the mask", mask_survives },
    { "lines and limit", log_survives },
    { 0 },
};

int main(void)
{
    return plr_test_main("oom_output", tests);
}
