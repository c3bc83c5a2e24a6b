/* SPDX-License-Identifier: MIT */
/* One connection, from one plr-init: the socket's name is gone before any of the user's code runs,
 * so nobody in the step can connect in its place. */
#include "backends/docker/channel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/base/error.h"

struct plr_docker_channel {
    plr_docker *docker;
    plr_docker_word_fn *on_word;
    void *userdata;
    char *folder;
    int listener, fd; /* -1: none */
    plr_watch *watch; /* of the one that is there */
    plr_buf out;      /* what the socket had no room for */
    unsigned char in[sizeof(plr_init_header) + sizeof(plr_init_exit)];
    size_t n_in;
};

void plr_docker_channel_free(plr_docker_channel *channel)
{
    if (channel == NULL)
        return;
    channel->docker->host->watch_free(channel->watch);
    if (channel->listener >= 0)
        close(channel->listener);
    if (channel->fd >= 0)
        close(channel->fd);
    if (channel->folder != NULL)
        plr_docker_share_remove(channel->folder);
    free(channel->folder);
    plr_buf_clear(&channel->out);
    free(channel);
}
PLR_DEFINE_CLEANUP(plr_docker_channel, plr_docker_channel_free)

/* The other side has gone, or says what it may not. */
static void hang_up(plr_docker_channel *channel)
{
    channel->docker->host->watch_free(steal(channel->watch));
    close(channel->fd);
    channel->fd = -1;
    plr_buf_clear(&channel->out);
    channel->on_word(channel, 0, NULL, channel->userdata);
}

/* Reads one word. False if there is no more to do: nothing to read, or the channel may be gone. */
static bool read_word(plr_docker_channel *channel)
{
    plr_init_header header;
    size_t wanted = sizeof(header);
    if (channel->n_in >= sizeof(header)) {
        memcpy(&header, channel->in, sizeof(header));
        if (header.version != PLR_INIT_VERSION ||
                plr_init_payload_size(header.word) != header.size) {
            hang_up(channel);
            return false;
        }
        wanted += header.size;
    }
    if (channel->n_in == wanted) {
        unsigned char payload[sizeof(plr_init_exit)];
        memcpy(payload, channel->in + sizeof(header), header.size);
        channel->n_in = 0;
        channel->on_word(channel, header.word, payload, channel->userdata);
        return false;
    }
    ssize_t n = recv(channel->fd, channel->in + channel->n_in, wanted - channel->n_in, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        hang_up(channel);
        return false;
    }
    channel->n_in += (size_t)n;
    return true;
}

static int flush(plr_docker_channel *channel, plr_error *err)
{
    while (channel->out.size > 0) {
        ssize_t n = send(channel->fd, channel->out.data, channel->out.size, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            break;
        /* Whoever hung up is found out by reading, where its last words still are. */
        if (n < 0)
            plr_buf_reset(&channel->out);
        else
            plr_buf_consume(&channel->out, (size_t)n);
    }
    unsigned events = PLR_WATCH_READ | (channel->out.size > 0 ? PLR_WATCH_WRITE : 0);
    return channel->docker->host->watch_set(channel->watch, events, err);
}

static void on_event(plr_watch *watch, unsigned events, void *userdata)
{
    plr_docker_channel *channel = userdata;
    (void)watch;
    if ((events & PLR_WATCH_WRITE) != 0 && flush(channel, NULL) < 0) {
        hang_up(channel);
        return;
    }
    /* One word at a time: the callback may free the channel, and the watch is level-triggered. */
    if ((events & PLR_WATCH_READ) != 0)
        while (read_word(channel))
            ;
}

static void on_connection(plr_watch *watch, unsigned events, void *userdata)
{
    plr_docker_channel *channel = userdata;
    const plr_host *host = channel->docker->host;
    char path[256];
    (void)watch;
    (void)events;
    int fd = accept4(channel->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    channel->fd = fd;
    snprintf(path, sizeof(path), "%s/socket", channel->folder);
    unlink(path);
    host->watch_free(steal(channel->watch));
    close(steal_fd(&channel->listener));
    if (host->watch_new(channel->docker->loop, &channel->watch, fd, PLR_WATCH_READ, on_event,
                channel, NULL) < 0)
        hang_up(channel);
}

static int listen_there(plr_docker_channel *channel, plr_error *err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int length = snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", channel->folder);
    if (length < 0 || (size_t)length >= sizeof(address.sun_path))
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "%s/socket is too long for the address of a socket", channel->folder);
    channel->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (channel->listener < 0 ||
            bind(channel->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
            chmod(address.sun_path, 0666) < 0 || listen(channel->listener, 1) < 0)
        return plr_error_set(
                err, PLR_ERR_SYSTEM, "listen at %s: %s", address.sun_path, strerror(errno));
    return 0;
}

int plr_docker_channel_new(plr_docker_channel **ret_channel, plr_docker *docker, const char *arch,
        plr_docker_word_fn *on_word, void *userdata, plr_error *err)
{
    _cleanup_(cleanup_plr_docker_channel_free) plr_docker_channel *channel =
            calloc(1, sizeof(*channel));
    if (channel == NULL)
        return plr_error_nomem(err);
    *channel = (plr_docker_channel){
        .docker = docker,
        .on_word = on_word,
        .userdata = userdata,
        .listener = -1,
        .fd = -1,
    };
    int r = plr_docker_share_folder(&channel->folder, docker, arch, err);
    if (r == 0)
        r = listen_there(channel, err);
    if (r == 0)
        r = docker->host->watch_new(docker->loop, &channel->watch, channel->listener,
                PLR_WATCH_READ, on_connection, channel, err);
    if (r < 0)
        return r;
    *ret_channel = steal(channel);
    return 0;
}

const char *plr_docker_channel_folder(const plr_docker_channel *channel)
{
    return channel->folder;
}

bool plr_docker_channel_is_connected(const plr_docker_channel *channel)
{
    return channel->fd >= 0;
}

int plr_docker_channel_say(plr_docker_channel *channel, plr_init_word word, const void *payload,
        size_t size, plr_error *err)
{
    plr_init_header header = {
        .version = PLR_INIT_VERSION,
        .word = (uint16_t)word,
        .size = (uint32_t)size,
    };
    if (channel->fd < 0)
        return plr_error_set(err, PLR_ERR_STATE, "plr-init is not there");
    int r = plr_buf_reserve(&channel->out, sizeof(header) + size, err);
    if (r < 0)
        return r;
    plr_buf_put(&channel->out, &header, sizeof(header));
    plr_buf_put(&channel->out, payload, size);
    return flush(channel, err);
}
