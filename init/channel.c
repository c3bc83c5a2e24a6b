/* SPDX-License-Identifier: MIT */
/*
 * Words as structs on a socket or as lines on stdout. A word in is collected piece by piece, so
 * that an engine that stops in the middle of one does not make the init deaf to signals.
 */
#include "init/channel.h"
#include "init/file.h"
#include "init/syscall.h"
#include "init/text.h"

#define STDOUT 1

typedef struct socket_address {
    uint16_t family;
    char path[108];
} socket_address;

int plr_channel_open(plr_channel *channel, const plr_init_options *options, plr_relay *relay)
{
    enum { AF_UNIX = 1, SOCK_STREAM = 1, F_SETFD = 2, FD_CLOEXEC = 1 };
    channel->fd = -1;
    channel->nonce = options->pod ? options->nonce : options->signal_word;
    channel->relay = options->pod ? relay : NULL;
    relay->nonce = channel->nonce;
    if (options->fd >= 0) {
        long failed = PLR_SYSCALL(fcntl, options->fd, F_SETFD, FD_CLOEXEC);
        if (failed == 0)
            channel->fd = (int)options->fd;
        return (int)failed;
    }
    if (!options->socket)
        return 0;

    socket_address address = { .family = AF_UNIX };
    size_t length = plr_text_length(options->socket);
    if (length >= sizeof address.path)
        return -PLR_ENAMETOOLONG;
    memcpy(address.path, options->socket, length);

    int fd = (int)PLR_SYSCALL(socket, AF_UNIX, SOCK_STREAM | PLR_CLOEXEC);
    if (fd < 0)
        return fd;
    long error = PLR_SYSCALL(connect, fd, &address, sizeof address);
    if (error < 0) {
        PLR_SYSCALL(close, fd);
        return (int)error;
    }
    channel->fd = fd;
    return 0;
}

void plr_channel_close(plr_channel *channel)
{
    PLR_SYSCALL(close, channel->fd);
    channel->fd = -1;
}

/* The one place that writes to the socket: header and payload at once. */
static void send_word(
        const plr_channel *channel, plr_init_word word, const void *payload, size_t size)
{
    enum { MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000 };
    struct {
        plr_init_header header;
        char payload[sizeof(plr_init_exit)];
    } out = { .header = { PLR_INIT_VERSION, (uint16_t)word, (uint32_t)size } };
    memcpy(out.payload, payload, size);
    PLR_SYSCALL(sendto, channel->fd, &out, sizeof out.header + size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

plr_line plr_channel_line(const char *nonce, plr_init_word word)
{
    static const char *const names[] = {
#define WORD_NAME(number, name, text) [number] = text,
        PLR_INIT_WORDS(WORD_NAME)
#undef WORD_NAME
    };
    plr_line line = { 0 };
    plr_line_put(&line, PLR_INIT_LINE_PREFIX);
    plr_line_put(&line, nonce);
    plr_line_put(&line, " ");
    plr_line_put(&line, names[word]);
    return line;
}

static void say_line(const plr_channel *channel, plr_line *line)
{
    plr_line_put(line, "\n");
    if (channel->relay)
        plr_relay_say(channel->relay, line);
    else
        plr_line_write(line, STDOUT);
}

static void say_numbers(
        const plr_channel *channel, plr_init_word word, const uint64_t *numbers, size_t n)
{
    plr_line line = plr_channel_line(channel->nonce, word);
    for (size_t i = 0; i < n; i++) {
        plr_line_put(&line, " ");
        plr_line_put_number(&line, numbers[i]);
    }
    say_line(channel, &line);
}

void plr_channel_say(const plr_channel *channel, plr_init_word word)
{
    if (channel->fd >= 0)
        send_word(channel, word, NULL, 0);
    else if (channel->nonce) {
        plr_line line = plr_channel_line(channel->nonce, word);
        say_line(channel, &line);
    }
}

void plr_channel_say_skipped(const plr_channel *channel, const char *why)
{
    plr_line line = plr_channel_line(channel->nonce, PLR_INIT_SKIPPED);
    plr_line_put(&line, " ");
    plr_line_put(&line, why);
    say_line(channel, &line);
}

void plr_channel_say_failure(const plr_channel *channel, plr_init_stage stage, int error)
{
    if (channel->fd >= 0) {
        plr_init_failure failure = { (uint32_t)error, stage };
        send_word(channel, PLR_INIT_ERRNO, &failure, sizeof failure);
    } else if (channel->nonce) {
        uint64_t numbers[] = { (uint64_t)error, stage };
        say_numbers(channel, PLR_INIT_ERRNO, numbers, 2);
    }
}

void plr_channel_say_exit(const plr_channel *channel, plr_init_word word, const plr_init_exit *end)
{
    if (channel->fd >= 0) {
        send_word(channel, word, end, sizeof *end);
    } else if (channel->nonce) {
        uint64_t numbers[] = { end->status, end->user_us, end->system_us, end->maxrss_kib,
            end->blocks_in, end->blocks_out, end->ran_us };
        say_numbers(channel, word, numbers, 7);
        if (channel->relay)
            plr_relay_say_count(channel->relay);
    }
}

/* Fills `to` up to `size`, of which `*have` bytes are there. Returns 1 when it is full. */
static int collect(int fd, void *to, size_t size, size_t *have)
{
    enum { MSG_DONTWAIT = 0x40 };
    if (*have == size)
        return 1;
    long n = PLR_SYSCALL(recvfrom, fd, (char *)to + *have, size - *have, MSG_DONTWAIT);
    if (n == -PLR_EAGAIN)
        return 0;
    if (n <= 0)
        return -PLR_EINVAL;
    *have += (size_t)n;
    return *have == size;
}

long plr_channel_read_late(plr_channel *channel, const char *path)
{
    long size = plr_file_read(AT_FDCWD, path, 0, channel->payload, sizeof channel->payload);
    return size < (long)sizeof channel->payload ? size : -PLR_E2BIG;
}

static int check_header(const plr_init_header *header)
{
    if (header->version != PLR_INIT_VERSION)
        return -PLR_EINVAL;
    if (header->word == PLR_INIT_GO)
        return header->size <= PLR_INIT_ENVIRONMENT_MAX ? 1 : -PLR_E2BIG;
    if (header->word == PLR_INIT_KILL && header->size == sizeof(plr_init_kill))
        return 1;
    return -PLR_EINVAL;
}

int plr_channel_receive(plr_channel *channel)
{
    const size_t header_size = sizeof channel->header;
    size_t have;
    int result = 1;

    if (channel->received < header_size) {
        result = collect(channel->fd, &channel->header, header_size, &channel->received);
        if (result > 0)
            result = check_header(&channel->header);
    }
    if (result <= 0)
        return result;

    have = channel->received - header_size;
    result = collect(channel->fd, channel->payload, channel->header.size, &have);
    channel->received = header_size + have;
    if (result <= 0)
        return result;
    channel->received = 0;
    return channel->header.word;
}
