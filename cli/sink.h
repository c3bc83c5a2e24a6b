/* SPDX-License-Identifier: MIT */
/* Writing without ever blocking the loop: bytes wait in memory until stdout or stderr takes them.
 * The descriptor's own flags are left alone, because other processes share them. */
#ifndef PLR_CLI_SINK_H
#define PLR_CLI_SINK_H

#include <stdbool.h>

#include "cli/text.h"

typedef enum plr_sink_way {
    PLR_SINK_NONBLOCKING, /* a pipe or terminal, opened a second time with O_NONBLOCK */
    PLR_SINK_SOCKET,      /* send with MSG_DONTWAIT */
    PLR_SINK_POLLED,      /* neither worked: only after poll, and only a little at a time */
    PLR_SINK_FILE,        /* does not block for long */
} plr_sink_way;

typedef struct plr_sink {
    int fd;     /* what is polled and written */
    bool owned; /* opened by us */
    plr_sink_way way;
    bool terminal;
    plr_text waiting;
    size_t gone; /* of `waiting` */
    int error;   /* errno of the write that failed; from then on all is dropped */
} plr_sink;

void plr_sink_init(plr_sink *sink, int fd);
void plr_sink_clear(plr_sink *sink);

/* Both lead to the same file: their order can only be kept in one sink. */
bool plr_sink_same(const plr_sink *a, const plr_sink *b);

/* What is put into `waiting` (plr_text_put and its kin) is written here as far as the descriptor
 * takes it now. */
void plr_sink_flush(plr_sink *sink);

/* How many bytes wait. */
size_t plr_sink_waiting(const plr_sink *sink);

/* Waits for the reader as long as it takes anything within `patience_ms`; then what is left is
 * dropped and `error` is ETIMEDOUT. */
void plr_sink_drain(plr_sink *sink, int patience_ms);

#endif
