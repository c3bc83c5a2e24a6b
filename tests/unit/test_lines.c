/* SPDX-License-Identifier: MIT */
/* Lines come out whole and byte for byte, whatever the chunks; long ones in pieces, late ones
 * partial. */
#include "engine/lines.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/text.h"
#include "tests/unit/harness.h"

/* What came out, as a list of pieces with their bytes in one buffer. */
typedef struct collected {
    plr_buf bytes;
    plr_line lines[400];
    size_t n;
} collected;

static void collect(collected *c, const plr_line *line)
{
    CU_ASSERT(c->n < 400);
    CU_ASSERT(line->size > 0);
    CU_ASSERT(line->size <= PLR_LINE_MAX);
    CU_ASSERT_EQUAL(line->offset, c->bytes.size);
    plr_buf_put(&c->bytes, line->data, line->size);
    if (c->n < 400)
        c->lines[c->n++] = *line;
}

static void feed(plr_lines *lines, const char *data, size_t size, collected *c)
{
    plr_line line;
    int r;
    while ((r = plr_lines_next(lines, &data, &size, &line, NULL)) > 0)
        collect(c, &line);
    CU_ASSERT_EQUAL(r, 0);
    CU_ASSERT_EQUAL(size, 0);
    CU_ASSERT(lines->pending.capacity <= 2 * PLR_LINE_MAX);
}

static void finish(plr_lines *lines, collected *c)
{
    plr_line line;
    while (plr_lines_flush(lines, true, &line))
        collect(c, &line);
    CU_ASSERT_EQUAL(plr_lines_pending(lines), 0);
}

static bool is(const collected *c, size_t i, size_t size, unsigned flags)
{
    return i < c->n && c->lines[i].size == size && c->lines[i].flags == flags;
}

static void whole_lines(void)
{
    static const char text[] = "one\n\ntwo\r\n\0bin\xff\nend";
    for (size_t chunk = 1; chunk < sizeof text; chunk++) {
        plr_lines lines;
        collected c = { 0 };
        plr_lines_init(&lines, 0);
        for (size_t at = 0; at < sizeof text - 1; at += chunk)
            feed(&lines, text + at, sizeof text - 1 - at < chunk ? sizeof text - 1 - at : chunk,
                    &c);
        CU_ASSERT_EQUAL(c.n, 4);
        CU_ASSERT_EQUAL(plr_lines_pending(&lines), 3);
        finish(&lines, &c);
        CU_ASSERT_EQUAL(c.n, 5);
        CU_ASSERT(is(&c, 0, 4, 0));
        CU_ASSERT(is(&c, 1, 1, 0));
        CU_ASSERT(is(&c, 2, 5, 0));
        CU_ASSERT(is(&c, 3, 6, 0));
        CU_ASSERT(is(&c, 4, 3, PLR_OUTPUT_PARTIAL));
        CU_ASSERT_EQUAL(c.bytes.size, sizeof text - 1);
        CU_ASSERT_EQUAL(memcmp(c.bytes.data, text, sizeof text - 1), 0);
        plr_buf_clear(&c.bytes);
        plr_lines_clear(&lines);
    }
}

static void partial_then_the_rest(void)
{
    plr_lines lines;
    collected c = { 0 };
    plr_line line;
    plr_lines_init(&lines, 0);
    CU_ASSERT_FALSE(plr_lines_flush(&lines, false, &line));
    feed(&lines, "Password: ", 10, &c);
    CU_ASSERT_EQUAL_FATAL(plr_lines_flush(&lines, false, &line), true);
    collect(&c, &line);
    CU_ASSERT_FALSE(plr_lines_flush(&lines, false, &line));
    feed(&lines, "ok\n", 3, &c);
    CU_ASSERT_EQUAL(c.n, 2);
    CU_ASSERT(is(&c, 0, 10, PLR_OUTPUT_PARTIAL));
    CU_ASSERT(is(&c, 1, 3, 0));
    plr_buf_clear(&c.bytes);
    plr_lines_clear(&lines);
}

static void characters_stay_whole(void)
{
    static const char euro[] = "\xe2\x82\xac", bad[] = "\x80\x80\x80\x80";
    plr_lines lines;
    collected c = { 0 };
    plr_line line;
    plr_lines_init(&lines, 0);
    feed(&lines, "5 \xe2\x82", 4, &c);
    CU_ASSERT(plr_lines_flush(&lines, false, &line));
    collect(&c, &line);
    CU_ASSERT_FALSE(plr_lines_flush(&lines, false, &line));
    feed(&lines, euro + 2, 1, &c);
    CU_ASSERT(plr_lines_flush(&lines, false, &line));
    collect(&c, &line);
    CU_ASSERT(is(&c, 0, 2, PLR_OUTPUT_PARTIAL));
    CU_ASSERT(is(&c, 1, 3, PLR_OUTPUT_PARTIAL));
    /* What is no UTF-8 waits for nothing, and the end waits for nothing at all. */
    feed(&lines, bad, 4, &c);
    CU_ASSERT(plr_lines_flush(&lines, false, &line));
    collect(&c, &line);
    feed(&lines, euro, 1, &c);
    CU_ASSERT_FALSE(plr_lines_flush(&lines, false, &line));
    finish(&lines, &c);
    CU_ASSERT(is(&c, 2, 4, PLR_OUTPUT_PARTIAL));
    CU_ASSERT(is(&c, 3, 1, PLR_OUTPUT_PARTIAL));
    plr_buf_clear(&c.bytes);
    plr_lines_clear(&lines);
}

/* `fill` bytes of x, then the text; the pieces' sizes. */
static void long_line(size_t fill, const char *text, size_t chunk, size_t first, size_t second)
{
    size_t size = fill + strlen(text);
    char *all = malloc(size + 1);
    memset(all, 'x', fill);
    memcpy(all + fill, text, size - fill);
    plr_lines lines;
    collected *c = calloc(1, sizeof *c);
    plr_lines_init(&lines, 0);
    for (size_t at = 0; at < size; at += chunk)
        feed(&lines, all + at, size - at < chunk ? size - at : chunk, c);
    finish(&lines, c);
    CU_ASSERT_EQUAL(c->n, second == 0 ? 1 : 2);
    CU_ASSERT(is(c, 0, first, second == 0 ? 0 : PLR_OUTPUT_SPLIT));
    CU_ASSERT(second == 0 || is(c, 1, second, 0));
    CU_ASSERT_EQUAL(c->bytes.size, size);
    CU_ASSERT_EQUAL(memcmp(c->bytes.data, all, size), 0);
    plr_buf_clear(&c->bytes);
    plr_lines_clear(&lines);
    free(c);
    free(all);
}

static void long_lines(void)
{
    static const size_t chunks[] = { 1000, 65535, 65536, 200000 };
    CU_ASSERT_EQUAL(PLR_LINE_MAX, 65536);
    for (size_t i = 0; i < 4; i++) {
        long_line(PLR_LINE_MAX - 1, "\n", chunks[i], PLR_LINE_MAX, 0);
        long_line(PLR_LINE_MAX, "\n", chunks[i], PLR_LINE_MAX, 1);
        long_line(PLR_LINE_MAX - 1, "\xe2\x82\xac\n", chunks[i], PLR_LINE_MAX - 1, 4);
        long_line(PLR_LINE_MAX - 3, "\xf0\x9f\x98\x80\n", chunks[i], PLR_LINE_MAX - 3, 5);
        long_line(PLR_LINE_MAX - 2, "\xc3\xa9\n", chunks[i], PLR_LINE_MAX, 1);
    }
}

static void endless_line(void)
{
    plr_lines lines;
    plr_line line;
    static const char zeros[10000];
    size_t split = 0, n = 0;
    plr_lines_init(&lines, 0);
    for (unsigned i = 0; i < 1000; i++) {
        const char *data = zeros;
        size_t size = sizeof zeros;
        while (plr_lines_next(&lines, &data, &size, &line, NULL) > 0) {
            CU_ASSERT_EQUAL(line.flags, PLR_OUTPUT_SPLIT);
            split += line.size;
            n++;
        }
    }
    CU_ASSERT_EQUAL(split + plr_lines_pending(&lines), 1000 * sizeof zeros);
    CU_ASSERT_EQUAL(n, 1000 * sizeof zeros / PLR_LINE_MAX);
    CU_ASSERT(lines.pending.capacity <= 2 * PLR_LINE_MAX);
    plr_lines_clear(&lines);
}

static size_t random_text(char *text, size_t room)
{
    static const char *const characters[] = { "a", "\n", "\xc3\xa9", "\xe2\x82\xac",
        "\xf0\x9f\x98\x80", "b", "c" };
    size_t size = 0;
    while (size + 70000 < room && plr_test_random(50) > 0) {
        const char *one = characters[plr_test_random(7)];
        unsigned repeat =
                *one != '\n' && plr_test_random(8) == 0 ? 65400 / 4 + plr_test_random(200) : 1;
        for (unsigned i = 0; i < repeat; i++)
            size = (size_t)(stpcpy(text + size, one) - text);
    }
    return size;
}

/* The pieces of a text that is never flushed before its end; a text of whole characters. */
static size_t next_piece(const char *text, size_t size, unsigned *ret_flags)
{
    const char *newline = memchr(text, '\n', size < PLR_LINE_MAX ? size : PLR_LINE_MAX);
    *ret_flags = newline != NULL ? 0 : size < PLR_LINE_MAX ? PLR_OUTPUT_PARTIAL : PLR_OUTPUT_SPLIT;
    if (newline != NULL)
        return (size_t)(newline - text) + 1;
    return size < PLR_LINE_MAX ? size : plr_utf8_valid_prefix(text, PLR_LINE_MAX);
}

static void random_chunks(void)
{
    char *text = malloc(400000);
    collected *c = calloc(1, sizeof *c);
    for (unsigned i = 0; i < plr_test_cases(300); i++) {
        size_t size = random_text(text, 400000);
        bool flushing = i % 2 == 0;
        plr_lines lines;
        plr_line line;
        plr_lines_init(&lines, 0);
        *c = (collected){ 0 };
        for (size_t at = 0, n; at < size; at += n) {
            n = 1 + plr_test_random(i % 4 == 0 ? 5 : 100000);
            n = n < size - at ? n : size - at;
            feed(&lines, text + at, n, c);
            if (flushing && plr_test_random(i % 4 == 0 ? 2000 : 3) == 0 &&
                    plr_lines_flush(&lines, false, &line))
                collect(c, &line);
        }
        finish(&lines, c);
        CU_ASSERT_EQUAL(c->bytes.size, size);
        CU_ASSERT_EQUAL(size == 0 ? 0 : memcmp(c->bytes.data, text, size), 0);
        size_t at = 0;
        for (size_t k = 0; k < c->n; k++) {
            unsigned flags;
            size_t expected = next_piece(text + at, size - at, &flags);
            CU_ASSERT(flushing || is(c, k, expected, flags));
            CU_ASSERT_EQUAL(plr_utf8_valid_prefix(text + at, c->lines[k].size), c->lines[k].size);
            at += c->lines[k].size;
            CU_ASSERT_EQUAL(text[at - 1] == '\n', c->lines[k].flags == 0);
        }
        plr_buf_clear(&c->bytes);
        plr_lines_clear(&lines);
    }
    free(c);
    free(text);
}

static const plr_test tests[] = {
    { "whole lines from any chunks", whole_lines },
    { "a partial line, then its rest", partial_then_the_rest },
    { "characters are not torn", characters_stay_whole },
    { "lines around the limit", long_lines },
    { "a line without an end takes no more memory", endless_line },
    { "random text in random chunks", random_chunks },
    { 0 },
};

int main(void)
{
    return plr_test_main("lines", tests);
}
