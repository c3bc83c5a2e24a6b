/* SPDX-License-Identifier: MIT */
/* Words of an init between the output of its step: taken out exactly, wherever the stream is cut,
 * and what only looks like one stays. */
#include "net/init_lines.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/harness.h"

#define NONCE "0123456789abcdef"
#define WORD(text) "\x1eplr " NONCE " " text "\n"

typedef struct heard {
    char output[2000], words[500];
    size_t n_output;
} heard;

static void on_piece(
        const void *data, size_t size, unsigned word, const void *payload, void *userdata)
{
    heard *h = userdata;
    size_t at = strlen(h->words);
    if (data != NULL) {
        memcpy(h->output + h->n_output, data, size);
        h->n_output += size;
    } else if (word == PLR_INIT_ERRNO) {
        const plr_init_failure *failure = payload;
        snprintf(h->words + at, sizeof(h->words) - at, "errno %u %u;", failure->error,
                failure->stage);
    } else if (word == PLR_INIT_SKIPPED) {
        snprintf(h->words + at, sizeof(h->words) - at, "skipped %s;", (const char *)payload);
    } else if (word == PLR_INIT_EXITED || word == PLR_INIT_STOPPED) {
        const plr_init_exit *record = payload;
        snprintf(h->words + at, sizeof(h->words) - at, "%s %u %llu %llu %llu %llu %llu %llu;",
                word == PLR_INIT_EXITED ? "exited" : "stopped", record->status,
                (unsigned long long)record->user_us, (unsigned long long)record->system_us,
                (unsigned long long)record->maxrss_kib, (unsigned long long)record->blocks_in,
                (unsigned long long)record->blocks_out, (unsigned long long)record->ran_us);
    } else if (word == PLR_INIT_COUNT) {
        const plr_init_count *count = payload;
        snprintf(h->words + at, sizeof(h->words) - at, "count %llu %u %u;",
                (unsigned long long)count->bytes, count->sum, count->sums);
    } else {
        snprintf(h->words + at, sizeof(h->words) - at, "%s;",
                word == PLR_INIT_HELD   ? "held"
                : word == PLR_INIT_LOST ? "lost"
                                        : "running");
    }
}

/* Feeds `stream` in pieces of `piece` bytes, and compares. */
static void expect_in(const char *nonce, const char *stream, size_t size, size_t piece,
        const char *output, size_t n_output, const char *words)
{
    heard h = { .n_output = 0 };
    plr_init_lines lines;
    plr_init_lines_init(&lines, nonce);
    for (size_t at = 0; at < size; at += piece)
        plr_init_lines_feed(
                &lines, stream + at, size - at < piece ? size - at : piece, on_piece, &h);
    plr_init_lines_end(&lines, on_piece, &h);
    CU_ASSERT_EQUAL(h.n_output, n_output);
    CU_ASSERT_EQUAL(memcmp(h.output, output, n_output), 0);
    CU_ASSERT_STRING_EQUAL(h.words, words);
}

/* Cut everywhere. */
static void expect(const char *stream, const char *output, const char *words)
{
    for (size_t piece = 1; piece <= strlen(stream) + 1; piece++)
        expect_in(NONCE, stream, strlen(stream), piece, output, strlen(output), words);
}

static void words_are_taken_out(void)
{
    expect(WORD("held"), "", "held;");
    expect(WORD("held") WORD("held") WORD("running") "one\n" WORD("exited 256 1 2 3 4 5 6"),
            "one\n", "held;held;running;exited 256 1 2 3 4 5 6;");
    expect(WORD("errno 13 3"), "", "errno 13 3;");
    expect("x" WORD("stopped 15 1 2 3 4 5 6") WORD("skipped exit-78") "y", "xy",
            "stopped 15 1 2 3 4 5 6;skipped exit-78;");
    expect(WORD("exited 9 18446744073709551615 0 0 0 0 0"), "",
            "exited 9 18446744073709551615 0 0 0 0 0;");
    expect("one\n" WORD("count 4 5 6") "two\n" WORD("count 18446744073709551615 4294967295 0"),
            "one\ntwo\n", "count 4 5 6;count 18446744073709551615 4294967295 0;");
}

static void behind_output_without_a_newline(void)
{
    expect("a line\nand foo" WORD("exited 0 1 2 3 4 5 6"), "a line\nand foo",
            "exited 0 1 2 3 4 5 6;");
    expect("before " WORD("running") "after" WORD("lost"), "before after", "running;lost;");
    expect("\x1eplr " NONCE " he" WORD("held"), "\x1eplr " NONCE " he", "held;");
    expect("\x1e\x1epl" WORD("running") "\x1e", "\x1e\x1epl\x1e", "running;");
}

/* What the step itself says, with another nonce or none, or what no init says. */
static void forgeries_are_output(void)
{
    static const char *const forged[] = {
        "\x1eplr 0123456789abcdee held\n",
        "\x1eplr held\n",
        "\x1eplr  held\n",
        "\x1eplr 0123456789ABCDEF held\n",
        "plr " NONCE " held\n",
        "\x1eplr " NONCE "0 held\n",
        WORD("go"),
        WORD("skipped"),
        WORD("skipped for fun"),
        WORD("skipped exit-78 "),
        WORD("skippedexit-78"),
        WORD("held "),
        WORD("held 1"),
        WORD("errno 13"),
        WORD("count"),
        WORD("count 1"),
        WORD("count 1 2 3 4"),
        WORD("count 18446744073709551616 0 0"),
        WORD("errno 13 3 3"),
        WORD("errno  13 3"),
        WORD("errno -1 3"),
        WORD("exited 0 1 2 3 4 5 x"),
        WORD("exited 0 1 2 3 4 5 18446744073709551616"),
        ("\x1eplr " NONCE " held"),
        ("\x1eplr " NONCE),
    };
    for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++)
        expect(forged[i], forged[i], "");
}

/* A begin without an end does not hold back output for ever. */
static void a_line_that_is_too_long(void)
{
    char stream[600];
    int n = snprintf(stream, sizeof(stream), "\x1eplr " NONCE " held%*s%s", 300, "", "\n");
    expect(stream, stream, "");
    heard h = { .n_output = 0 };
    plr_init_lines lines;
    plr_init_lines_init(&lines, NONCE);
    plr_init_lines_feed(&lines, stream, (size_t)n - 1, on_piece, &h);
    CU_ASSERT_EQUAL(h.n_output, (size_t)n - 1);
}

/* What cannot be part of a word is passed on at once. */
static void nothing_is_held_back_without_need(void)
{
    heard h = { .n_output = 0 };
    plr_init_lines lines;
    plr_init_lines_init(&lines, NONCE);
    plr_init_lines_feed(&lines, "no newline", 10, on_piece, &h);
    CU_ASSERT_EQUAL(h.n_output, 10);
    plr_init_lines_feed(&lines, "\x1eplr 0123x", 10, on_piece, &h);
    CU_ASSERT_EQUAL(h.n_output, 20);
}

static void without_a_nonce_all_is_output(void)
{
    static const char stream[] = "a" WORD("held") "\x1eplr  held\n\0\x1e";
    expect_in("", stream, sizeof(stream) - 1, 7, stream, sizeof(stream) - 1, "");
}

static void bytes_of_all_kinds(void)
{
    static const char stream[] = "\0\xff" WORD("held") "\0\x1e\0\n\xff";
    for (size_t piece = 1; piece < sizeof(stream); piece++)
        expect_in(NONCE, stream, sizeof(stream) - 1, piece, "\0\xff\0\x1e\0\n\xff", 7, "held;");
}

static const plr_test tests[] = {
    { "words are taken out", words_are_taken_out },
    { "behind output without a newline, too", behind_output_without_a_newline },
    { "what is no word of this init is output", forgeries_are_output },
    { "a line that is too long is output", a_line_that_is_too_long },
    { "nothing is held back without need", nothing_is_held_back_without_need },
    { "without a nonce all is output", without_a_nonce_all_is_output },
    { "bytes of all kinds pass", bytes_of_all_kinds },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("init_lines", tests);
}
