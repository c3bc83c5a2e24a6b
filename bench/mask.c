/* SPDX-License-Identifier: MIT */
/* How much output passes the mask on one core, in GB/s of processor time, for secrets of several
 * lengths, alone and on its way from Docker's frames to lines. The text is what builds print; it
 * holds a secret now and then. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/lines.h"
#include "engine/mask.h"
#include "net/frames.h"

#define TEXT_SIZE (16u << 20)
#define CHUNK_SIZE (32u << 10) /* what a stream's reader hands over */
#define N_SECRETS 20u
#define ROUNDS 9u

static const char *const lines[] = {
    "2026-11-21T07:40:%02u.%03uZ INFO  [worker-%u] c.e.pipeline.Step - Downloaded artifact "
    "org.apache.commons:commons-lang3:3.%u (%u bytes)\n",
    "npm WARN deprecated request@2.%u.%u: request has been deprecated, see "
    "https://github.com/request/request/issues/%u (%u %u)\n",
    "  CC       engine/base/buf-%u.o  -O2 -g -Wall -Wextra -Wconversion -DN=%u -DM=%u %u %u\n",
    "ok  \tgithub.com/example/project/internal/server%u\t0.%03us\tcoverage: %u.%u%% (%u)\n",
    " ---> Running in 3f%02uab%03uc9 layer sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b%u%u%u\n",
    "test_module.py::TestCase::test_function_%u PASSED                 [ %u%%] %u %u %u\n",
    "[%u/%u] Building CXX object src/CMakeFiles/app.dir/main%u.cpp.o %u %u\n",
    "GET /api/v1/users/%u/orders?limit=%u&offset=%u HTTP/1.1\" 200 %u \"-\" \"curl/7.88.%u\"\n",
};

static unsigned next_random(unsigned n)
{
    static unsigned state = 1;
    state = state * 1103515245u + 12345u;
    return (state >> 16) % n;
}

static void make_secret(char *secret, size_t size)
{
    static const char characters[] =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/+=!@#";
    for (size_t i = 0; i < size; i++)
        secret[i] = characters[next_random(sizeof characters - 1)];
}

static size_t make_text(char *text, size_t size, const char *secret, size_t secret_size)
{
    size_t at = 0;
    for (unsigned line = 0; at + 256 < size; line++) {
        at += (size_t)sprintf(text + at, lines[next_random(sizeof lines / sizeof *lines)],
                next_random(60), next_random(1000), next_random(9000), next_random(90),
                next_random(10000));
        if (line % 1000 == 0)
            at += (size_t)sprintf(text + at, "token: %.*s\n", (int)secret_size, secret);
    }
    return at;
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void check(int r)
{
    if (r < 0) {
        fprintf(stderr, "bench/mask: %s\n", plr_error_name(r));
        exit(1);
    }
}

typedef struct sink {
    plr_mask_stream stream;
    plr_buf masked;
    plr_lines lines;
    bool to_lines;
} sink;

static void take(sink *s, const void *data, size_t size)
{
    plr_buf_reset(&s->masked);
    check(plr_mask_feed(&s->stream, data, size, false, &s->masked, NULL));
    const char *masked = s->masked.data;
    size_t left = s->masked.size;
    plr_line line;
    int r = 1;
    while (s->to_lines && r > 0) {
        r = plr_lines_next(&s->lines, &masked, &left, &line, NULL);
        check(r);
    }
}

static void take_frame(plr_stream id, const void *data, size_t size, void *userdata)
{
    (void)id;
    take(userdata, data, size);
}

/* The text in frames of at most `size` bytes; each ends with a line if `by_line`. */
static size_t make_frames(
        const char *text, size_t text_size, size_t size, bool by_line, char *frames)
{
    size_t to = 0;
    for (size_t at = 0, n; at < text_size; at += n) {
        n = text_size - at < size ? text_size - at : size;
        const char *newline = by_line ? memchr(text + at, '\n', n) : NULL;
        n = newline != NULL ? (size_t)(newline - (text + at)) + 1 : n;
        const char header[8] = { 1, 0, 0, 0, 0, (char)(n >> 16), (char)(n >> 8), (char)n };
        memcpy(frames + to, header, sizeof header);
        memcpy(frames + to + sizeof header, text + at, n);
        to += sizeof header + n;
    }
    return to;
}

/* What is measured: secrets and frames. */
typedef struct scenario {
    const char *name;
    size_t secret_size, last_secret_size;
    size_t frame_size; /* 0: no frames */
    bool by_line;
    bool to_lines;
} scenario;

static void pass(sink *s, const scenario *row, const char *data, size_t size)
{
    plr_frames frames = { 0 };
    for (size_t at = 0; at < size; at += CHUNK_SIZE) {
        size_t n = size - at < CHUNK_SIZE ? size - at : CHUNK_SIZE;
        if (row->frame_size > 0)
            check(plr_frames_feed(&frames, data + at, n, take_frame, s, NULL));
        else
            take(s, data + at, n);
    }
}

static void measure(const scenario *row, char *text, char *frames)
{
    plr_mask *mask;
    char secret[64];
    check(plr_mask_new(&mask, NULL));
    for (size_t i = 0; i < N_SECRETS; i++) {
        size_t size = i + 1 < N_SECRETS ? row->secret_size : row->last_secret_size;
        make_secret(secret, size);
        check(plr_mask_add(mask, secret, size, NULL, NULL));
    }
    sink s = { .to_lines = row->to_lines };
    plr_mask_stream_init(&s.stream, mask);
    plr_lines_init(&s.lines, 0);
    double begin = cpu_seconds();
    take(&s, "", 0);
    double compiled = cpu_seconds() - begin;

    size_t text_size = make_text(text, TEXT_SIZE, secret, row->last_secret_size), size = text_size;
    if (row->frame_size > 0)
        size = make_frames(text, text_size, row->frame_size, row->by_line, frames);
    double best = 1e9;
    for (unsigned round = 0; round < ROUNDS; round++) {
        begin = cpu_seconds();
        pass(&s, row, row->frame_size > 0 ? frames : text, size);
        double seconds = cpu_seconds() - begin;
        best = seconds < best ? seconds : best;
    }
    printf("%-58s %5.2f GB/s, compiled in %.2f ms\n", row->name, (double)text_size / best / 1e9,
            compiled * 1e3);
    plr_lines_clear(&s.lines);
    plr_buf_clear(&s.masked);
    plr_mask_stream_clear(&s.stream);
    plr_mask_unref(mask);
}

int main(void)
{
    static const scenario rows[] = {
        { "mask, 20 secrets of 40 bytes", 40, 40, 0, false, false },
        { "mask, 20 secrets of 16 bytes", 16, 16, 0, false, false },
        { "mask, 20 secrets of 8 bytes", 8, 8, 0, false, false },
        { "mask, 20 secrets of 3 bytes", 3, 3, 0, false, false },
        { "mask, 19 secrets of 16 bytes and one of 3", 16, 3, 0, false, false },
        { "frames of 16 KiB and mask, 20 secrets of 16 bytes", 16, 16, 16384, false, false },
        { "the same, and lines", 16, 16, 16384, false, true },
        { "frames of one line and mask, 20 secrets of 16 bytes", 16, 16, 16384, true, false },
        { "the same, and lines", 16, 16, 16384, true, true },
    };
    char *text = malloc(TEXT_SIZE), *frames = malloc(2 * TEXT_SIZE);
    if (text == NULL || frames == NULL)
        return 1;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        measure(&rows[i], text, frames);
    free(text);
    free(frames);
    return 0;
}
