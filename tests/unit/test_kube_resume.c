/* SPDX-License-Identifier: MIT */
/* A log that is cut and opened again, against a kubelet that is played after the real one (1.20 to
 * 1.22, and later): each byte arrives once, and what cannot be proven to follow is a gap. */
#include "backends/kubernetes/resume.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/buf.h"
#include "tests/unit/harness.h"

/* One record of a runtime's log file: a piece of a line. */
typedef struct record {
    int64_t s, ns;
    char *text;
    size_t size;
} record;

typedef struct file {
    record records[64];
    size_t n;
} file;

typedef struct heard {
    plr_buf output, words;
    unsigned n_gaps;
} heard;

static void on_piece(plr_kube_piece piece, const void *data, size_t size, void *userdata)
{
    heard *h = userdata;
    if (piece == PLR_KUBE_PIECE_OUTPUT) {
        CU_ASSERT(size > 0);
        plr_buf_put(&h->output, data, size);
    } else if (piece == PLR_KUBE_PIECE_WORDS) {
        plr_buf_put(&h->words, data, size);
    } else {
        h->n_gaps++;
    }
}

static void heard_clear(heard *h)
{
    plr_buf_clear(&h->output);
    plr_buf_clear(&h->words);
    h->n_gaps = 0;
}

static void feed(plr_kube_resume *resume, const char *text, size_t size, size_t piece, heard *h)
{
    for (size_t at = 0; at < size; at += piece)
        plr_kube_resume_feed(resume, text + at, size - at < piece ? size - at : piece, on_piece, h);
}

static bool says(const plr_buf *buf, const char *text)
{
    const char *is = buf->data == NULL ? "" : buf->data;
    if (strcmp(is, text) != 0)
        fprintf(stderr, "[%s] and not [%s]\n", is, text);
    return strcmp(is, text) == 0;
}

/* What a kubelet sends of a file from its record `first` on. */
static void serve(const file *f, size_t first, int64_t since_s, bool old, plr_buf *out)
{
    bool is_new_line = true;
    for (size_t i = first; i < f->n; i++) {
        const record *r = &f->records[i];
        char stamp[64];
        time_t s = (time_t)r->s;
        struct tm tm;
        if (r->s >= since_s) {
            strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", gmtime_r(&s, &tm));
            if (is_new_line || old)
                plr_buf_printf(out, "%s.%09dZ ", stamp, (int)r->ns);
            plr_buf_put(out, r->text, r->size);
        }
        is_new_line = r->size == 0 || r->text[r->size - 1] == '\n';
    }
}

#define LINE(second, text) "2026-11-21T15:12:" second "Z " text "\n"

/* Fed in pieces of all sizes. */
static void expect(const char *stream, const char *output, const char *words, unsigned n_gaps)
{
    for (size_t piece = 1; piece <= strlen(stream) + 1; piece++) {
        heard h = { .n_gaps = 0 };
        plr_kube_resume resume = { .any = false };
        plr_kube_resume_open(&resume);
        feed(&resume, stream, strlen(stream), piece, &h);
        plr_kube_resume_end(&resume, on_piece, &h);
        CU_ASSERT_TRUE(says(&h.output, output));
        CU_ASSERT_TRUE(says(&h.words, words));
        CU_ASSERT_EQUAL(h.n_gaps, n_gaps);
        heard_clear(&h);
    }
}

static void times_are_taken_away(void)
{
    expect("", "", "", 0);
    expect(LINE("32.752871025", "one") LINE("32.8", "") LINE("33", "three"), "one\n\nthree\n", "",
            0);
    expect("2026-11-21T15:12:32.7+01:00 no newline", "no newline", "", 0);
    /* What only looks like one is text. */
    expect(LINE("32.1", "2026-11-21T15:12:32.1Z b"), "2026-11-21T15:12:32.1Z b\n", "", 0);
}

/* The kubelet says what went wrong in the place of the log. */
static void a_line_without_a_time_is_nobodys(void)
{
    static const char *const lines[] = {
        "unable to retrieve container logs for containerd://1",
        "2026-11-21T15:12:32.1",
        "2026-11-21",
        "2026-11-21T15:12Z text",
        "2026-11-21T15:12:32.Z text",
        "2026-11-21T15:12:32.1+0100 text",
        "1111111111111111111111111111111111111111111111111111111111",
        " text",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char stream[256];
        bool may_be_a_time = i == 1 || i == 2;
        expect(lines[i], "", may_be_a_time ? "" : lines[i], may_be_a_time ? 0 : 1);
        snprintf(stream, sizeof(stream), LINE("32.1", "a") "%s\n" LINE("32.2", "b"), lines[i]);
        expect(stream, "a\nb\n", lines[i], 1);
    }
}

static void from_which_time(void)
{
    char since[32];
    heard h = { .n_gaps = 0 };
    plr_kube_resume resume = { .any = false };
    plr_kube_resume_open(&resume);
    CU_ASSERT_FALSE(plr_kube_resume_since(&resume, since, sizeof(since)));
    CU_ASSERT_TRUE(plr_kube_resume_is_joined(&resume));
    const char *stream = "2026-11-22T00:12:32.752871025+01:30 x\n";
    feed(&resume, stream, strlen(stream), 100, &h);
    CU_ASSERT_TRUE(plr_kube_resume_since(&resume, since, sizeof(since)));
    CU_ASSERT_STRING_EQUAL(since, "2026-11-21T22:42:32Z");
    plr_kube_resume_open(&resume);
    CU_ASSERT_FALSE(plr_kube_resume_is_joined(&resume));
    heard_clear(&h);
}

/* Two streams, one after the other. */
static void expect_two(
        const char *first, const char *second, const char *output, unsigned n_gaps, bool joined)
{
    for (size_t piece = 1; piece <= strlen(second) + 1; piece++) {
        heard h = { .n_gaps = 0 };
        plr_kube_resume resume = { .any = false };
        plr_kube_resume_open(&resume);
        feed(&resume, first, strlen(first), piece, &h);
        plr_kube_resume_open(&resume);
        feed(&resume, second, strlen(second), piece, &h);
        CU_ASSERT_TRUE(says(&h.output, output));
        CU_ASSERT_EQUAL(h.n_gaps, n_gaps);
        CU_ASSERT_EQUAL(plr_kube_resume_is_joined(&resume), joined);
        heard_clear(&h);
    }
}

static void what_was_given_out_comes_once(void)
{
    /* Lines of one time are told apart by their number. */
    expect_two(LINE("01.5", "a") LINE("01.5", "b"),
            LINE("01.5", "a") LINE("01.5", "b") LINE("01.5", "c"), "a\nb\nc\n", 0, true);
    expect_two(LINE("01.5", "a") LINE("01.4", "b") LINE("01.5", "c"),
            LINE("01.5", "a") LINE("01.4", "b") LINE("01.5", "c") LINE("01.5", "d"), "a\nb\nc\nd\n",
            0, true);
    /* Cut inside a line, and inside a time. */
    expect_two("2026-11-21T15:12:01.1Z on", LINE("01.1", "one") LINE("01.2", "two"), "one\ntwo\n",
            0, true);
    expect_two(LINE("01.1", "one") "2026-11-21T15:1", LINE("01.1", "one") LINE("01.2", "two"),
            "one\ntwo\n", 0, true);
    /* The rest of a line that is older than what was asked for. */
    expect_two(LINE("00.9", "long") LINE("01.1", "one"),
            "rest of a line\n" LINE("01.1", "one") LINE("01.2", "two"), "long\none\ntwo\n", 0,
            true);
    /* A writer that was overtaken: its line is later in the file, but earlier by its time. */
    expect_two(LINE("01.2", "one") LINE("01.1", "two"),
            LINE("01.2", "one") LINE("01.1", "two") LINE("01.15", "three"), "one\ntwo\nthree\n", 0,
            true);
}

static void what_cannot_be_proven_is_a_gap(void)
{
    /* Rotated away. */
    expect_two(LINE("01.1", "one"), LINE("01.5", "five"), "one\nfive\n", 1, true);
    expect_two(LINE("01.2", "one") LINE("01.1", "two"), LINE("01.15", "?") LINE("01.3", "three"),
            "one\ntwo\nthree\n", 1, true);
    /* Not there yet, or not any more: who waits for it must say. */
    expect_two(LINE("01.1", "one"), "", "one\n", 0, false);
    /* Another line than it was. */
    expect_two(LINE("01.1", "one two"), LINE("01.1", "one") LINE("01.2", "x"), "one two\nx\n", 1,
            true);
}

static int64_t second_of(const plr_kube_resume *resume)
{
    return resume->any ? resume->lowest.s : 0;
}

static void add(file *f, int64_t s, int64_t ns, size_t size, bool newline, char letter)
{
    record *r = &f->records[f->n++];
    *r = (record){ s, ns, malloc(size + 1), size + (newline ? 1 : 0) };
    if (r->text == NULL)
        abort();
    memset(r->text, letter, size);
    if (newline)
        r->text[size] = '\n';
}

/* Lines of all lengths within a few seconds; times that stand still, or go back a little. */
static void write_file(file *f)
{
    int64_t s = 1795275152, ns = 0;
    f->n = 0;
    while (f->n < 50) {
        unsigned what = plr_test_random(10);
        ns += what == 0 ? 0 : (int64_t)plr_test_random(300000000);
        s += ns / 1000000000;
        ns %= 1000000000;
        int64_t back = what == 1 && ns > 1000 ? 1000 : 0;
        char letter = (char)('a' + (int)plr_test_random(26));
        if (what >= 8)
            add(f, s, ns, 8192 * (1 + plr_test_random(2)), false, letter);
        else
            add(f, s, ns - back, plr_test_random(40), f->n < 49 || plr_test_random(2) == 0, letter);
    }
}

static void free_file(file *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->records[i].text);
}

/* Cut at random, opened again, until all was read. */
static void random_cuts(void)
{
    for (unsigned i = 0; i < plr_test_cases(200); i++) {
        file f;
        heard h = { .n_gaps = 0 };
        plr_buf whole = { 0 };
        plr_kube_resume resume = { .any = false };
        bool old = i % 2 == 1;
        write_file(&f);
        for (size_t r = 0; r < f.n; r++)
            plr_buf_put(&whole, f.records[r].text, f.records[r].size);
        for (unsigned n_cuts = 0; n_cuts < 20; n_cuts++) {
            plr_buf stream = { 0 };
            plr_kube_resume_open(&resume);
            serve(&f, 0, second_of(&resume), old, &stream);
            size_t size =
                    n_cuts == 19 ? stream.size : plr_test_random((unsigned)stream.size / 4 + 1);
            feed(&resume, stream.data, size, 1 + plr_test_random(5000), &h);
            plr_buf_clear(&stream);
        }
        plr_kube_resume_end(&resume, on_piece, &h);
        CU_ASSERT_EQUAL(h.n_gaps, 0);
        CU_ASSERT_EQUAL(h.output.size, whole.size);
        CU_ASSERT(
                h.output.size == whole.size && memcmp(h.output.data, whole.data, whole.size) == 0);
        CU_ASSERT_TRUE(plr_kube_resume_is_joined(&resume));
        plr_buf_clear(&whole);
        heard_clear(&h);
        free_file(&f);
    }
}

/* The first records are gone when it is opened again: nothing is given out twice, and if the line
 * we stand at has gone, that is said. */
static void random_rotations(void)
{
    for (unsigned i = 0; i < plr_test_cases(200); i++) {
        file f;
        heard h = { .n_gaps = 0 };
        plr_kube_resume resume = { .any = false };
        plr_buf stream = { 0 };
        f.n = 0;
        for (unsigned r = 0; r < 40; r++)
            add(&f, 1795275152 + r / 8, 1000 * r, 1, true, (char)('A' + (int)r));
        serve(&f, 0, 0, false, &stream);
        size_t n_read = 1 + plr_test_random(39), first = plr_test_random(40);
        plr_kube_resume_open(&resume);
        feed(&resume, stream.data, stream.size / 40 * n_read, 7, &h);
        plr_buf_reset(&stream);
        plr_kube_resume_open(&resume);
        serve(&f, first, second_of(&resume), false, &stream);
        feed(&resume, stream.data == NULL ? "" : stream.data, stream.size, 7, &h);
        CU_ASSERT_EQUAL(h.n_gaps, first >= n_read ? 1 : 0);
        size_t rest = first >= n_read ? 40 - first : 40 - n_read;
        CU_ASSERT_EQUAL(h.output.size, 2 * (n_read + rest));
        plr_buf_clear(&stream);
        heard_clear(&h);
        free_file(&f);
    }
}

/* A line of second `s`, received at second `at`. */
static void hear_at(plr_kube_resume *resume, int s, int64_t at, heard *h)
{
    char line[64];
    snprintf(line, sizeof(line), "2026-11-21T15:12:%02d.5Z x\n", s);
    plr_kube_resume_at(resume, (INT64_C(1795273920) + at) * 1000000000);
    feed(resume, line, strlen(line), strlen(line), h);
}

/* A kubelet that had to wait for us goes on behind what was rotated away. */
static void a_hole_in_one_stream(void)
{
    static const struct {
        size_t size;
        int64_t opened, before, after; /* when the lines of seconds 10 and 20 were received */
        unsigned n_gaps;
    } cases[] = {
        { 300000, 1, 21, 21, 1 },
        { 300000, 1, 15, 21, 1 },
        { 300000, 1, 11, 21, 0 },     /* we had kept up: the step was silent */
        { 300000, 20, 21, 21, 0 },    /* nobody could be late for a stream that was not there */
        { 1000, 1, 21, 21, 0 },       /* nothing that one would rotate */
        { 300000, 101, 110, 120, 0 }, /* our clock is ahead */
        { 300000, 101, 121, 121, 1 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        plr_kube_resume resume = { .any = false };
        heard h = { .n_gaps = 0 };
        char *much = malloc(cases[i].size);
        memset(much, 'y', cases[i].size);
        plr_kube_resume_open(&resume);
        hear_at(&resume, 0, cases[i].opened, &h);
        plr_kube_resume_at(&resume, (INT64_C(1795273920) + cases[i].opened) * 1000000000);
        feed(&resume, "2026-11-21T15:12:00.6Z ", 23, 23, &h);
        feed(&resume, much, cases[i].size, cases[i].size, &h);
        feed(&resume, "\n", 1, 1, &h);
        hear_at(&resume, 10, cases[i].before, &h);
        CU_ASSERT_EQUAL(h.n_gaps, 0);
        hear_at(&resume, 20, cases[i].after, &h);
        CU_ASSERT_EQUAL(h.n_gaps, cases[i].n_gaps);
        hear_at(&resume, 21, cases[i].after, &h);
        CU_ASSERT_EQUAL(h.n_gaps, cases[i].n_gaps);
        heard_clear(&h);
        free(much);
    }
}

static const plr_test tests[] = {
    { "times are taken away", times_are_taken_away },
    { "a line without a time is the kubelet's", a_line_without_a_time_is_nobodys },
    { "the time to open from is a whole second, in UTC", from_which_time },
    { "what was given out comes once", what_was_given_out_comes_once },
    { "what cannot be proven to follow is a gap", what_cannot_be_proven_is_a_gap },
    { "a hole in one stream is a gap", a_hole_in_one_stream },
    { "random cuts lose and repeat nothing", random_cuts },
    { "random rotations repeat nothing, and losses are told", random_rotations },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("kube_resume", tests);
}
