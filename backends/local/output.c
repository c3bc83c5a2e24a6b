/* SPDX-License-Identifier: MIT */
/* The output of a step: two pipes. Their end of file proves nothing, as a step may close them or
 * give them away; when the sandbox says that no process is left, what is in the pipes is all. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "backends/local/local.h"
#include "engine/base/error.h"

/* As much as a pipe holds. */
#define PIECE (64 * 1024)

static void close_pipe(plr_local_pipe *pipe)
{
    pipe->attempt->run->local->host->watch_free(steal(pipe->watch));
    if (pipe->fd >= 0)
        close(steal_fd(&pipe->fd));
}

void plr_local_output_close(plr_local_attempt *attempt)
{
    close_pipe(&attempt->pipes[0]);
    close_pipe(&attempt->pipes[1]);
}

/* Reads a piece and gives it out. False: there is nothing more in it now. */
static bool read_piece(plr_local_pipe *pipe)
{
    char piece[PIECE];
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_OUTPUT };
    ssize_t n;
    do
        n = read(pipe->fd, piece, sizeof(piece));
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n <= 0) {
        close_pipe(pipe);
        return false;
    }
    report.u.output.stream = pipe->stream;
    report.u.output.data = piece;
    report.u.output.size = (size_t)n;
    pipe->attempt->run->local->host->report(pipe->attempt->task, &report);
    return true;
}

static void on_event(plr_watch *watch, unsigned events, void *userdata)
{
    plr_local_pipe *pipe = userdata;
    (void)watch;
    (void)events;
    read_piece(pipe);
    if (pipe->attempt->evidence.has_end)
        plr_local_output_drain(pipe->attempt);
}

void plr_local_output_drain(plr_local_attempt *attempt)
{
    for (size_t i = 0; i < 2; i++) {
        plr_local_pipe *pipe = &attempt->pipes[i];
        while (pipe->fd >= 0 && !attempt->paused && read_piece(pipe))
            ;
        if (!attempt->paused)
            close_pipe(pipe);
    }
    if (!attempt->paused)
        plr_local_attempt_eof(attempt);
}

static int open_pipe(plr_local_pipe *pipe, int *ret_write, plr_error *err)
{
    const plr_local *local = pipe->attempt->run->local;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return plr_local_no_descriptor(err, "pipe");
    _cleanup_close_ int theirs = ends[1];
    pipe->fd = ends[0];
    if (fcntl(pipe->fd, F_SETFL, O_RDONLY | O_NONBLOCK) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "fcntl: %s", strerror(errno));
    /* Nothing is read before it is known to run: its first words may be here before plr-init's. */
    int r = local->host->watch_new(local->loop, &pipe->watch, pipe->fd, 0, on_event, pipe, err);
    if (r == 0)
        *ret_write = steal_fd(&theirs);
    return r;
}

int plr_local_output_open(
        plr_local_attempt *attempt, int *ret_stdout, int *ret_stderr, plr_error *err)
{
    _cleanup_close_ int out = -1;
    int r = open_pipe(&attempt->pipes[0], &out, err);
    if (r == 0)
        r = open_pipe(&attempt->pipes[1], ret_stderr, err);
    if (r == 0)
        *ret_stdout = steal_fd(&out);
    return r;
}

void plr_local_output_flow(plr_local_attempt *attempt, bool paused)
{
    const plr_host *host = attempt->run->local->host;
    attempt->paused = paused;
    if (!paused && attempt->evidence.has_end)
        plr_local_run_soon(attempt->run);
    bool reads = !paused && attempt->state == PLR_LOCAL_RUNNING;
    for (size_t i = 0; i < 2; i++)
        if (attempt->pipes[i].watch != NULL)
            host->watch_set(attempt->pipes[i].watch, reads ? PLR_WATCH_READ : 0, NULL);
}
