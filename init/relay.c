/* SPDX-License-Identifier: MIT */
/*
 * A count stands where a line ends, as a line of its own: so people who read the log see lines, and
 * a runtime that cuts long lines in pieces does not cut it.
 */
#include "init/relay.h"
#include "init/channel.h"
#include "init/drain.h"

#define STDOUT 1

int plr_relay_open(plr_relay *relay)
{
    enum { F_GETFL = 3, F_SETFL = 4 };
    int ends[2];
    long error = PLR_SYSCALL(pipe2, ends, PLR_CLOEXEC);
    if (error < 0)
        return (int)error;
    /* Of each end for itself: the command's own does block. */
    PLR_SYSCALL(fcntl, ends[0], F_SETFL, PLR_NONBLOCK);
    PLR_SYSCALL(fcntl, STDOUT, F_SETFL, PLR_SYSCALL(fcntl, STDOUT, F_GETFL) | PLR_NONBLOCK);
    relay->from = ends[0];
    relay->takes = true;
    return ends[1];
}

static void close_pipe(plr_relay *relay)
{
    if (relay->takes)
        PLR_SYSCALL(close, relay->from);
    relay->takes = false;
}

/* The command learns it as if it wrote to stdout itself. */
static void give_up(plr_relay *relay)
{
    relay->broken = true;
    relay->begin = relay->end = 0;
    close_pipe(relay);
}

/* As much as is taken at once. Returns whether anything was. */
static bool write_some(plr_relay *relay)
{
    long n = PLR_SYSCALL(write, STDOUT, relay->bytes + relay->begin, relay->end - relay->begin);
    if (n == -PLR_EAGAIN)
        return false;
    if (n < 0) {
        give_up(relay);
        return false;
    }
    relay->written += (uint64_t)n;
    relay->begin += (size_t)n;
    if (relay->begin == relay->end)
        relay->begin = relay->end = 0;
    return true;
}

static void write_all_that_goes(plr_relay *relay)
{
    while (relay->begin < relay->end && write_some(relay))
        ;
}

static plr_line count_line(const plr_relay *relay)
{
    const uint64_t numbers[] = { relay->count.bytes, relay->count.sum, relay->count.sums };
    plr_line line = plr_channel_line(relay->nonce, PLR_INIT_COUNT);
    for (int i = 0; i < 3; i++) {
        plr_line_put(&line, " ");
        plr_line_put_number(&line, numbers[i]);
    }
    plr_line_put(&line, "\n");
    return line;
}

/* Puts a line of ours where `at` says, before what stands there. */
static void insert(plr_relay *relay, size_t at, const plr_line *line)
{
    if (relay->broken || sizeof relay->bytes - relay->end < line->size)
        return;
    for (size_t i = relay->end; i > at; i--)
        relay->bytes[i - 1 + line->size] = relay->bytes[i - 1];
    memcpy(relay->bytes + at, line->text, line->size);
    relay->end += line->size;
}

/* Counts what has just been taken, and says so where its last line ends, if it is time. */
static void count(plr_relay *relay)
{
    size_t line_end = relay->end;
    while (line_end > 0 && relay->bytes[line_end - 1] != '\n')
        line_end--;
    plr_init_count_add(&relay->count, relay->bytes, line_end);
    bool is_due = line_end > 0 && relay->count.bytes - relay->said >= PLR_RELAY_SIZE;
    plr_line line = count_line(relay);
    if (is_due)
        relay->said = relay->count.bytes;
    plr_init_count_add(&relay->count, relay->bytes + line_end, relay->end - line_end);
    if (is_due)
        insert(relay, line_end, &line);
}

/* Takes at most `size` bytes, when all before them has been written. Returns how many. */
static size_t take(plr_relay *relay, size_t size)
{
    if (size > PLR_RELAY_SIZE)
        size = PLR_RELAY_SIZE;
    long n = PLR_SYSCALL(read, relay->from, relay->bytes, size);
    if (n <= 0) {
        if (n != -PLR_EAGAIN)
            close_pipe(relay);
        return 0;
    }
    relay->end = (size_t)n;
    count(relay);
    return (size_t)n;
}

plr_pollfd plr_relay_wants(const plr_relay *relay)
{
    if (relay->begin < relay->end)
        return (plr_pollfd){ STDOUT, PLR_POLLOUT, 0 };
    return (plr_pollfd){ relay->takes ? relay->from : -1, PLR_POLLIN, 0 };
}

void plr_relay_move(plr_relay *relay)
{
    if (relay->begin == relay->end)
        take(relay, PLR_RELAY_SIZE);
    write_all_that_goes(relay);
}

void plr_relay_say(plr_relay *relay, const plr_line *line)
{
    insert(relay, relay->end, line);
    write_all_that_goes(relay);
}

void plr_relay_say_count(plr_relay *relay)
{
    plr_line line = count_line(relay);
    plr_relay_say(relay, &line);
}

/* Waits until all is written. Returns false if nobody takes it. */
static bool flush(plr_relay *relay)
{
    while (relay->begin < relay->end) {
        plr_pollfd room = { STDOUT, PLR_POLLOUT, 0 };
        poll_wait(&room, 1, PLR_RUNTIME_PATIENCE_MS);
        if (room.ready)
            write_some(relay);
        else
            give_up(relay);
    }
    return !relay->broken;
}

bool plr_relay_finish(plr_relay *relay)
{
    enum { FIONREAD = 0x541b };
    int left = 0;
    if (relay->takes)
        PLR_SYSCALL(ioctl, relay->from, FIONREAD, &left);
    while (flush(relay) && left > 0) {
        size_t n = take(relay, (size_t)left);
        left = n == 0 ? 0 : left - (int)n;
    }
    close_pipe(relay);
    return flush(relay);
}
