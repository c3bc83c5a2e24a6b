/* SPDX-License-Identifier: MIT */
/* Writing without ever blocking the loop. O_NONBLOCK belongs to the open file, which the shell and
 * others share; so a pipe or terminal is opened once more, for us alone. */
#include "cli/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static plr_sink_way way_of(const struct stat *info)
{
    if (S_ISSOCK(info->st_mode))
        return PLR_SINK_SOCKET;
    return S_ISFIFO(info->st_mode) || S_ISCHR(info->st_mode) ? PLR_SINK_POLLED : PLR_SINK_FILE;
}

void plr_sink_init(plr_sink *sink, int fd)
{
    struct stat info;
    *sink = (plr_sink){ .fd = fd, .way = PLR_SINK_FILE, .terminal = isatty(fd) };
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fstat(fd, &info) < 0 || (flags & O_ACCMODE) == O_RDONLY) {
        sink->error = EBADF; /* closed by who started us, or not for writing */
        return;
    }
    sink->way = way_of(&info);
    if (sink->way != PLR_SINK_POLLED)
        return;
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own >= 0) {
        sink->fd = own;
        sink->owned = true;
        sink->way = PLR_SINK_NONBLOCKING;
    }
}

void plr_sink_clear(plr_sink *sink)
{
    if (sink->owned)
        close(sink->fd);
    plr_text_clear(&sink->waiting);
    *sink = (plr_sink){ .fd = -1 };
}

bool plr_sink_same(const plr_sink *a, const plr_sink *b)
{
    struct stat one, other;
    return fstat(a->fd, &one) == 0 && fstat(b->fd, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

static ssize_t write_some(const plr_sink *sink, const char *data, size_t size)
{
    struct pollfd ready = { .fd = sink->fd, .events = POLLOUT };
    switch (sink->way) {
    case PLR_SINK_SOCKET:
        return send(sink->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    case PLR_SINK_POLLED:
        if (poll(&ready, 1, 0) <= 0) {
            errno = EAGAIN;
            return -1;
        }
        return write(sink->fd, data, size < PIPE_BUF ? size : PIPE_BUF);
    case PLR_SINK_NONBLOCKING:
    case PLR_SINK_FILE:
        break;
    }
    return write(sink->fd, data, size);
}

static void forget(plr_sink *sink)
{
    sink->waiting.size = 0;
    sink->gone = 0;
}

void plr_sink_flush(plr_sink *sink)
{
    if (sink->waiting.failed && sink->error == 0)
        sink->error = ENOMEM;
    while (sink->error == 0 && sink->gone < sink->waiting.size) {
        ssize_t n =
                write_some(sink, sink->waiting.data + sink->gone, sink->waiting.size - sink->gone);
        if (n >= 0)
            sink->gone += (size_t)n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        else if (errno != EINTR)
            sink->error = errno;
    }
    forget(sink);
}

size_t plr_sink_waiting(const plr_sink *sink)
{
    return sink->waiting.size - sink->gone;
}

void plr_sink_drain(plr_sink *sink, int patience_ms)
{
    for (plr_sink_flush(sink); plr_sink_waiting(sink) > 0; plr_sink_flush(sink)) {
        struct pollfd ready = { .fd = sink->fd, .events = POLLOUT };
        int n = poll(&ready, 1, patience_ms);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            sink->error = ETIMEDOUT;
            forget(sink);
        }
    }
}
