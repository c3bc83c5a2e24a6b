/* SPDX-License-Identifier: MIT */
/* How much output passes the mask on one core, in GB/s of processor time, for secrets of several
 * lengths. The text is what builds print; it holds a secret now and then. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/mask.h"

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

/* `short_size` is that of the last of the secrets. */
static void measure(const char *name, size_t secret_size, size_t short_size, char *text)
{
    plr_mask *mask;
    char secret[64];
    check(plr_mask_new(&mask, NULL));
    double begin = cpu_seconds();
    for (size_t i = 0; i < N_SECRETS; i++) {
        size_t size = i + 1 < N_SECRETS ? secret_size : short_size;
        make_secret(secret, size);
        check(plr_mask_add(mask, secret, size, NULL, NULL));
    }
    plr_buf out;
    plr_buf_init(&out);
    check(plr_mask_text(mask, "", &out, NULL));
    double compiled = cpu_seconds() - begin;

    size_t size = make_text(text, TEXT_SIZE, secret, short_size);
    plr_mask_stream stream;
    plr_mask_stream_init(&stream, mask);
    double best = 1e9;
    for (unsigned round = 0; round < ROUNDS; round++) {
        begin = cpu_seconds();
        for (size_t at = 0; at < size; at += CHUNK_SIZE) {
            size_t n = size - at < CHUNK_SIZE ? size - at : CHUNK_SIZE;
            plr_buf_reset(&out);
            check(plr_mask_feed(&stream, text + at, n, at + n == size, &out, NULL));
        }
        double seconds = cpu_seconds() - begin;
        best = seconds < best ? seconds : best;
    }
    printf("%-44s %5.2f GB/s, compiled in %.2f ms\n", name, (double)size / best / 1e9,
            compiled * 1e3);
    plr_mask_stream_clear(&stream);
    plr_buf_clear(&out);
    plr_mask_unref(mask);
}

int main(void)
{
    char *text = malloc(TEXT_SIZE);
    if (text == NULL)
        return 1;
    measure("mask, 20 secrets of 40 bytes", 40, 40, text);
    measure("mask, 20 secrets of 16 bytes", 16, 16, text);
    measure("mask, 20 secrets of 8 bytes", 8, 8, text);
    measure("mask, 20 secrets of 3 bytes", 3, 3, text);
    measure("mask, 19 secrets of 16 bytes, one of 3", 16, 3, text);
    free(text);
    return 0;
}
