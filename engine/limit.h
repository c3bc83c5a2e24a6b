/* SPDX-License-Identifier: MIT */
/* The limit of a stream's log: its head passes at once, of the rest the tail is kept until the end,
 * because users need both. What is between them is counted and left out. */
#ifndef PLR_LIMIT_H
#define PLR_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/error.h>

#include "engine/base/buf.h"
#include "engine/lines.h"

typedef struct plr_limit {
    uint64_t head_left;
    size_t tail; /* the most that is kept of the end */
    bool reached;
    /* The ring: it grows up to `tail`, only then its begin moves. */
    char *ring;
    size_t capacity, start, size;
    uint64_t kept_from, end; /* offsets: of the first byte that did not pass, behind the last one */
    bool torn;               /* the ring does not begin where a line does */
} plr_limit;

typedef enum plr_limit_verdict {
    PLR_LIMIT_PASS,    /* show it now */
    PLR_LIMIT_REACHED, /* kept, the first one: a good moment to say that there is a limit */
    PLR_LIMIT_KEPT,
} plr_limit_verdict;

/* In bytes; both 0: everything passes. */
void plr_limit_init(plr_limit *limit, uint64_t head, size_t tail);
void plr_limit_clear(plr_limit *limit);

/* The head ends before the first piece that does not fit: no later one passes. After PLR_ERR_NOMEM
 * nothing has happened. */
int plr_limit_take(
        plr_limit *limit, const plr_line *line, plr_limit_verdict *ret_verdict, plr_error *err);

/* The stream has ended. Returns how many bytes are left out: if any, say so; then take the tail. It
 * begins with a line, unless its last line alone is too long. */
uint64_t plr_limit_end(plr_limit *limit);

/* Appends what is kept of the tail, whose first byte's offset is `limit->end - limit->size`. */
int plr_limit_tail(const plr_limit *limit, plr_buf *out, plr_error *err);

/* Puts other bytes in the place of what is kept: all behind them moves in the stream. Without
 * memory for them they count as left out. */
void plr_limit_replace(plr_limit *limit, const char *data, size_t size);

#endif
