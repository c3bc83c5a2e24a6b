/* SPDX-License-Identifier: MIT */
/* Sinks never block, keep what waits, tell what broke, and leave shared flags alone. */
#include "tests/unit/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/sink.h"

#define SIZE ((size_t)1 << 20)

static void fill(plr_sink *sink)
{
    static char block[4096];
    memset(block, 'x', sizeof block);
    for (size_t i = 0; i < SIZE / sizeof block; i++)
        plr_text_put(&sink->waiting, block, sizeof block);
}

static size_t read_all(int fd, size_t least)
{
    static char block[65536];
    size_t total = 0;
    while (total < least) {
        ssize_t n = read(fd, block, sizeof block);
        if (n <= 0)
            break;
        total += (size_t)n;
    }
    return total;
}

/* A stalled reader: the flush comes back, the rest waits, and nothing is lost. */
static void stall(int reader, int writer, plr_sink_way way)
{
    plr_sink sink;
    plr_sink_init(&sink, writer);
    CU_ASSERT_EQUAL(sink.way, way);
    fill(&sink);
    plr_sink_flush(&sink);
    size_t taken = SIZE - plr_sink_waiting(&sink);
    CU_ASSERT_TRUE(taken > 0 && taken < SIZE);
    CU_ASSERT_EQUAL(fcntl(writer, F_GETFL) & O_NONBLOCK, 0);
    while (plr_sink_waiting(&sink) > 0 && sink.error == 0) {
        taken -= read_all(reader, 1);
        size_t before = plr_sink_waiting(&sink);
        plr_sink_flush(&sink);
        taken += before - plr_sink_waiting(&sink);
    }
    CU_ASSERT_EQUAL(read_all(reader, taken), taken);
    CU_ASSERT_EQUAL(sink.error, 0);
    plr_sink_clear(&sink);
    close(reader);
    close(writer);
}

static void pipes(void)
{
    int ends[2];
    CU_ASSERT_EQUAL(pipe(ends), 0);
    stall(ends[0], ends[1], PLR_SINK_NONBLOCKING);
}

static void sockets(void)
{
    int ends[2];
    CU_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    stall(ends[0], ends[1], PLR_SINK_SOCKET);
}

static void broken_pipe(void)
{
    int ends[2];
    plr_sink sink;
    CU_ASSERT_EQUAL(pipe(ends), 0);
    plr_sink_init(&sink, ends[1]);
    close(ends[0]);
    plr_text_puts(&sink.waiting, "x");
    plr_sink_flush(&sink);
    CU_ASSERT_EQUAL(sink.error, EPIPE);
    CU_ASSERT_EQUAL(plr_sink_waiting(&sink), 0);
    plr_sink_clear(&sink);
    close(ends[1]);
}

static void full_disk(void)
{
    plr_sink sink;
    int fd = open("/dev/full", O_WRONLY);
    plr_sink_init(&sink, fd);
    plr_text_puts(&sink.waiting, "x");
    plr_sink_flush(&sink);
    CU_ASSERT_EQUAL(sink.error, ENOSPC);
    plr_sink_clear(&sink);
    close(fd);
}

static void closed(void)
{
    plr_sink sink;
    plr_sink_init(&sink, 999);
    CU_ASSERT_EQUAL(sink.error, EBADF);
    plr_sink_clear(&sink);
}

static void patience(void)
{
    int ends[2];
    plr_sink sink;
    CU_ASSERT_EQUAL(pipe(ends), 0);
    plr_sink_init(&sink, ends[1]);
    fill(&sink);
    plr_sink_drain(&sink, 1);
    CU_ASSERT_EQUAL(sink.error, ETIMEDOUT);
    CU_ASSERT_EQUAL(plr_sink_waiting(&sink), 0);
    plr_sink_clear(&sink);
    close(ends[0]);
    close(ends[1]);
}

static void appended_file(void)
{
    char path[] = "/tmp/plr-sink-XXXXXX", text[8] = "";
    int fd = mkstemp(path);
    plr_sink sink;
    CU_ASSERT_EQUAL(write(fd, "ab", 2), 2);
    plr_sink_init(&sink, fd);
    plr_text_puts(&sink.waiting, "cd");
    plr_sink_flush(&sink);
    CU_ASSERT_EQUAL(write(fd, "e", 1), 1); /* another writer of the same open file */
    CU_ASSERT_EQUAL(pread(fd, text, sizeof text - 1, 0), 5);
    CU_ASSERT_STRING_EQUAL(text, "abcde");
    plr_sink_clear(&sink);
    close(fd);
    unlink(path);
}

static const plr_test tests[] = {
    { "a pipe that nobody reads does not block", pipes },
    { "nor does a socket", sockets },
    { "a broken pipe is told", broken_pipe },
    { "a full disk is told", full_disk },
    { "a closed stdout is told", closed },
    { "patience ends", patience },
    { "a file is written where it is", appended_file },
    { NULL, NULL },
};

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    return plr_test_main("cli sink", tests);
}
