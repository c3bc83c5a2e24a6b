/* SPDX-License-Identifier: MIT */
/* The line to a step's plr-init: a socket pair, one end of which travels to the sandbox with the
 * request, so nobody else can ever be at it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "backends/local/local.h"
#include "engine/base/error.h"

void plr_local_channel_close(plr_local_attempt *attempt)
{
    attempt->run->local->host->watch_free(steal(attempt->channel_watch));
    if (attempt->channel >= 0)
        close(steal_fd(&attempt->channel));
    plr_buf_reset(&attempt->words);
    attempt->n_in = 0;
}

/* Reads a piece, and tells a word that is whole. False if there is no more: nothing to read, or the
 * channel is gone. */
static bool read_piece(plr_local_attempt *attempt)
{
    plr_init_header header = { 0 };
    size_t wanted = sizeof(header);
    if (attempt->n_in >= sizeof(header)) {
        memcpy(&header, attempt->in, sizeof(header));
        if (header.version != PLR_INIT_VERSION ||
                plr_init_payload_size(header.word) != header.size) {
            plr_local_attempt_word(attempt, 0, NULL);
            return false;
        }
        wanted += header.size;
    }
    if (attempt->n_in == wanted) {
        _Alignas(8) unsigned char payload[sizeof(plr_init_exit)];
        memcpy(payload, attempt->in + sizeof(header), header.size);
        attempt->n_in = 0;
        plr_local_attempt_word(attempt, header.word, payload);
        return attempt->channel >= 0;
    }
    ssize_t n = recv(attempt->channel, attempt->in + attempt->n_in, wanted - attempt->n_in, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        plr_local_attempt_word(attempt, 0, NULL);
        return false;
    }
    attempt->n_in += (size_t)n;
    return true;
}

void plr_local_channel_drain(plr_local_attempt *attempt)
{
    while (attempt->channel >= 0 && read_piece(attempt))
        ;
}

static int flush(plr_local_attempt *attempt, plr_error *err)
{
    while (attempt->words.size > 0) {
        ssize_t n = send(attempt->channel, attempt->words.data, attempt->words.size, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            break;
        /* Whoever hung up is found out by reading, where its last words still are. */
        if (n < 0)
            plr_buf_reset(&attempt->words);
        else
            plr_buf_consume(&attempt->words, (size_t)n);
    }
    unsigned events = PLR_WATCH_READ | (attempt->words.size > 0 ? PLR_WATCH_WRITE : 0);
    return attempt->run->local->host->watch_set(attempt->channel_watch, events, err);
}

static void on_event(plr_watch *watch, unsigned events, void *userdata)
{
    plr_local_attempt *attempt = userdata;
    (void)watch;
    if ((events & PLR_WATCH_WRITE) != 0)
        flush(attempt, NULL);
    if ((events & PLR_WATCH_READ) != 0)
        plr_local_channel_drain(attempt);
}

int plr_local_channel_open(plr_local_attempt *attempt, int *ret_peer, plr_error *err)
{
    const plr_local *local = attempt->run->local;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return plr_local_no_descriptor(err, "socketpair");
    _cleanup_close_ int theirs = pair[1];
    attempt->channel = pair[0];
    if (fcntl(pair[0], F_SETFL, O_RDWR | O_NONBLOCK) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "fcntl: %s", strerror(errno));
    int r = local->host->watch_new(local->loop, &attempt->channel_watch, attempt->channel,
            PLR_WATCH_READ, on_event, attempt, err);
    if (r == 0)
        *ret_peer = steal_fd(&theirs);
    return r;
}

int plr_local_channel_say(plr_local_attempt *attempt, plr_init_word word, const void *payload,
        size_t size, plr_error *err)
{
    plr_init_header header = {
        .version = PLR_INIT_VERSION,
        .word = (uint16_t)word,
        .size = (uint32_t)size,
    };
    if (attempt->channel < 0)
        return plr_error_set(err, PLR_ERR_INFRASTRUCTURE, "plr-init of the step is gone");
    int r = plr_buf_reserve(&attempt->words, sizeof(header) + size, err);
    if (r < 0)
        return r;
    plr_buf_put(&attempt->words, &header, sizeof(header));
    plr_buf_put(&attempt->words, payload, size);
    return flush(attempt, err);
}
