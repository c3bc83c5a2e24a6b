/* SPDX-License-Identifier: MIT */
/*
 * Asks a port on the loopback addresses, with a time limit for each wait: a server whose queue is
 * full, or that takes a request and says nothing, does not answer.
 */
#include "init/probe.h"
#include "init/syscall.h"
#include "init/text.h"

#define LIMIT_MS 5000

enum { AF_INET = 2, AF_INET6 = 10, SOCK_STREAM = 1, MSG_NOSIGNAL = 0x4000 };

typedef struct address4 {
    uint16_t family;
    uint8_t port[2], ip[4], zero[8];
} address4;

typedef struct address6 {
    uint16_t family;
    uint8_t port[2], flow[4], ip[16], scope[4];
} address6;

static bool wait_for(int fd, int16_t events)
{
    plr_pollfd poll = { fd, events, 0 };
    poll_wait(&poll, 1, LIMIT_MS);
    return poll.ready != 0;
}

/* A descriptor that is connected, or a negative number. */
static int connect_to(const void *address, size_t size)
{
    uint16_t family;
    memcpy(&family, address, sizeof family);
    int fd = (int)PLR_SYSCALL(socket, family, SOCK_STREAM | PLR_NONBLOCK | PLR_CLOEXEC);
    if (fd < 0)
        return fd;
    long error = PLR_SYSCALL(connect, fd, address, size);
    /* Whether a connect that was under way has succeeded is told by a second one. */
    if (error == -PLR_EINPROGRESS && wait_for(fd, PLR_POLLOUT))
        error = PLR_SYSCALL(connect, fd, address, size);
    if (error == 0)
        return fd;
    PLR_SYSCALL(close, fd);
    return (int)error;
}

static bool send_text(int fd, const char *text)
{
    size_t length = plr_text_length(text);
    return PLR_SYSCALL(sendto, fd, text, length, MSG_NOSIGNAL) == (long)length;
}

/* "HTTP/1.1 200": all that is looked at of a reply. */
static bool answers_http(int fd, const char *path)
{
    char reply[12];
    size_t size = 0;
    if (!send_text(fd, "GET ") || !send_text(fd, path) ||
            !send_text(fd, " HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
        return false;
    while (size < sizeof reply) {
        if (!wait_for(fd, PLR_POLLIN))
            return false;
        long n = PLR_SYSCALL(read, fd, reply + size, sizeof reply - size);
        if (n <= 0)
            return false;
        size += (size_t)n;
    }
    return reply[0] == 'H' && reply[1] == 'T' && reply[2] == 'T' && reply[3] == 'P' &&
           reply[4] == '/' && reply[8] == ' ' && (reply[9] == '2' || reply[9] == '3');
}

bool plr_probe(int64_t port, const char *http_path)
{
    const uint8_t high = (uint8_t)(port >> 8), low = (uint8_t)port;
    const address4 v4 = { .family = AF_INET, .port = { high, low }, .ip = { 127, 0, 0, 1 } };
    address6 v6 = { .family = AF_INET6, .port = { high, low } };
    v6.ip[15] = 1;
    int fd = connect_to(&v4, sizeof v4);
    if (fd < 0)
        fd = connect_to(&v6, sizeof v6);
    return fd >= 0 && (!http_path || answers_http(fd, http_path));
}
