/* SPDX-License-Identifier: MIT */
/* Of a log above its limit the head comes at once, the tail at the end, and the number of bytes
 * between them is right. */
#include "engine/limit.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/text.h"
#include "tests/unit/harness.h"

typedef struct outcome {
    plr_buf head, tail;
    unsigned reached;
    uint64_t left_out;
} outcome;

static void take(plr_limit *limit, const plr_line *line, outcome *o)
{
    plr_limit_verdict verdict = PLR_LIMIT_KEPT;
    bool was_reached = limit->reached;
    CU_ASSERT_EQUAL(plr_limit_take(limit, line, &verdict, NULL), 0);
    if (verdict == PLR_LIMIT_PASS)
        plr_buf_put(&o->head, line->data, line->size);
    CU_ASSERT(verdict != PLR_LIMIT_PASS || !was_reached);
    o->reached += verdict == PLR_LIMIT_REACHED;
    CU_ASSERT(limit->capacity <= limit->tail);
}

static void end(plr_limit *limit, uint64_t size, outcome *o)
{
    o->left_out = plr_limit_end(limit);
    CU_ASSERT_EQUAL(plr_limit_end(limit), o->left_out);
    CU_ASSERT_EQUAL(plr_limit_tail(limit, &o->tail, NULL), 0);
    CU_ASSERT_EQUAL(limit->end - limit->size, limit->reached ? o->head.size + o->left_out : 0);
    CU_ASSERT_EQUAL(o->head.size + o->left_out + o->tail.size, size);
}

static void clear(outcome *o)
{
    plr_buf_clear(&o->head);
    plr_buf_clear(&o->tail);
}

/* The text's lines through a limit. */
static outcome limited(const char *text, uint64_t head, size_t tail)
{
    outcome o = { 0 };
    plr_limit limit;
    plr_lines lines;
    plr_line line;
    const char *data = text;
    size_t size = strlen(text);
    plr_limit_init(&limit, head, tail);
    plr_lines_init(&lines, 0);
    while (plr_lines_next(&lines, &data, &size, &line, NULL) > 0)
        take(&limit, &line, &o);
    if (plr_lines_flush(&lines, true, &line))
        take(&limit, &line, &o);
    end(&limit, strlen(text), &o);
    plr_lines_clear(&lines);
    plr_limit_clear(&limit);
    plr_buf_put(&o.head, "", 0);
    plr_buf_put(&o.tail, "", 0);
    return o;
}

static void known(void)
{
    static const struct {
        const char *text, *head, *tail;
        uint64_t n_head, left_out;
        size_t n_tail;
    } cases[] = {
        { "one\ntwo\nthree\n", "one\ntwo\nthree\n", "", 0, 0, 0 },
        { "one\ntwo\nthree\n", "one\ntwo\nthree\n", "", 14, 0, 5 },
        { "one\ntwo\nthree\n", "one\n", "two\nthree\n", 4, 0, 10 },
        { "one\ntwo\nthree\n", "one\n", "three\n", 4, 4, 9 }, /* "wo\nthree\n" is torn */
        { "one\ntwo\nthree\n", "one\n", "three\n", 7, 4, 6 }, /* "two\n" does not fit, too */
        { "one\ntwo\nthree\n", "one\n", "", 4, 10, 0 },
        { "one\ntwo\nthree\n", "", "ee\n", 0, 11, 3 }, /* better than nothing */
        { "one\ntwo\nthree\nx", "", "x", 0, 14, 4 },
        { "one\nlong long\na\n", "one\n", "a\n", 5, 10, 2 }, /* "a\n" fits, but is not the head */
        { "\xe2\x82\xac\xe2\x82\xac", "", "\xe2\x82\xac", 0, 3, 5 },
        { "\x80\x80\x80\x80\x80\x80\x80\x80", "", "\x80\x80\x80", 0, 5, 6 }, /* no UTF-8 */
        { "", "", "", 1, 0, 1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        outcome o = limited(cases[i].text, cases[i].n_head, cases[i].n_tail);
        CU_ASSERT_STRING_EQUAL(o.head.data, cases[i].head);
        CU_ASSERT_STRING_EQUAL(o.tail.data, cases[i].tail);
        CU_ASSERT_EQUAL(o.left_out, cases[i].left_out);
        CU_ASSERT_EQUAL(o.reached, o.head.size < strlen(cases[i].text));
        clear(&o);
    }
}

/* How much of the end of `text`, of which nothing passed, is to come. */
static size_t expected_tail(const char *text, size_t size, size_t most)
{
    if (size <= most)
        return size;
    size_t cut = size - most;
    if (cut > 0 && text[cut - 1] != '\n') {
        const char *newline = most > 1 ? memchr(text + cut, '\n', most - 1) : NULL;
        if (newline != NULL)
            cut = (size_t)(newline - text) + 1;
        else
            while (cut < size && ((unsigned char)text[cut] & 0xc0) == 0x80)
                cut++;
    }
    return size - cut;
}

static void random_text(void)
{
    static const char *const characters[] = { "a", "b", "\n", "\n", "\xc3\xa9", "\xe2\x82\xac" };
    for (unsigned i = 0; i < plr_test_cases(5000); i++) {
        char text[300] = "";
        size_t size = 0, length = plr_test_random(290), passed = 0;
        while (size < length)
            size = (size_t)(stpcpy(text + size, characters[plr_test_random(6)]) - text);
        uint64_t head = plr_test_random(3) == 0 ? 0 : plr_test_random(200);
        size_t tail = 1 + plr_test_random(200);
        outcome o = { 0 };
        plr_limit limit;
        plr_limit_init(&limit, head, tail);
        bool passing = true;
        for (size_t at = 0, n; at < size; at += n) {
            /* A line, or a piece of one, of whole characters. */
            n = 1 + plr_test_random(20);
            n = n < size - at ? n : size - at;
            char *newline = memchr(text + at, '\n', n);
            n = newline != NULL ? (size_t)(newline - (text + at)) + 1 : n;
            while (at + n < size && ((unsigned char)text[at + n] & 0xc0) == 0x80)
                n++;
            plr_line line = { text + at, n, at, 0 };
            take(&limit, &line, &o);
            passing = passing && passed + n <= head;
            passed += passing ? n : 0;
        }
        end(&limit, size, &o);
        size_t left = expected_tail(text + passed, size - passed, tail);
        CU_ASSERT_EQUAL(o.head.size, passed);
        CU_ASSERT_EQUAL(passed == 0 ? 0 : memcmp(o.head.data, text, passed), 0);
        CU_ASSERT_EQUAL(o.tail.size, left);
        CU_ASSERT_EQUAL(left == 0 ? 0 : memcmp(o.tail.data, text + (size - left), left), 0);
        CU_ASSERT_EQUAL(o.reached, passed < size);
        plr_limit_clear(&limit);
        clear(&o);
    }
}

static void much_in_little_memory(void)
{
    plr_limit limit;
    outcome o = { 0 };
    char bytes[1000];
    memset(bytes, 'x', sizeof bytes);
    bytes[999] = '\n';
    plr_limit_init(&limit, 1500, 10000);
    for (uint64_t i = 0; i < 100000; i++) {
        plr_line line = { bytes, sizeof bytes, i * sizeof bytes, 0 };
        take(&limit, &line, &o);
    }
    CU_ASSERT_EQUAL(limit.capacity, 10000);
    end(&limit, 100000u * sizeof bytes, &o);
    CU_ASSERT_EQUAL(o.head.size, 1000);
    CU_ASSERT_EQUAL(o.tail.size, 10000);
    plr_limit_clear(&limit);
    clear(&o);
}

/* What is kept is changed before it is given, as by a secret that becomes known late. */
static void the_tail_is_replaced(void)
{
    static const char line[] = "0123456789\n";
    plr_limit limit;
    plr_buf tail = { 0 };
    plr_limit_init(&limit, 5, 25);
    for (uint64_t i = 0; i < 4; i++) {
        plr_limit_verdict verdict;
        const plr_line one = { line, 11, 11 * i, 0 };
        CU_ASSERT_EQUAL(plr_limit_take(&limit, &one, &verdict, NULL), 0);
    }
    CU_ASSERT_EQUAL(plr_limit_tail(&limit, &tail, NULL), 0);
    CU_ASSERT_STRING_EQUAL(tail.data, "89\n0123456789\n0123456789\n");
    plr_limit_replace(&limit, "89\n*\n*\n", 7);
    CU_ASSERT_EQUAL(limit.end, 44 - 18);
    CU_ASSERT_EQUAL(plr_limit_end(&limit), 22); /* and it still begins in the middle of a line */
    plr_buf_reset(&tail);
    CU_ASSERT_EQUAL(plr_limit_tail(&limit, &tail, NULL), 0);
    CU_ASSERT_STRING_EQUAL(tail.data, "*\n*\n");
    plr_limit_replace(&limit, "0123456789\n0123456789\n0123456789\n", 33); /* more than fits */
    CU_ASSERT_EQUAL(plr_limit_end(&limit), 22 + 11);
    plr_buf_clear(&tail);
    plr_limit_clear(&limit);
}

static const plr_test tests[] = {
    { "head, tail and what is left out", known },
    { "random text, as a reference says", random_text },
    { "the tail is replaced", the_tail_is_replaced },
    { "memory is what is kept", much_in_little_memory },
    { 0 },
};

int main(void)
{
    return plr_test_main("limit", tests);
}
