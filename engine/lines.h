/* SPDX-License-Identifier: MIT */
/* Makes lines of a stream's bytes: whole ones, a partial one when its owner will not wait longer,
 * and pieces of those that are too long to wait for. What it gives is, in a row, what it took. */
#ifndef PLR_LINES_H
#define PLR_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/error.h>
#include <pipeline/event.h>

#include "engine/base/buf.h"

/* The longest piece, a newline included. */
#define PLR_LINE_MAX ((size_t)64 << 10)

/* Borrowed until the next call. */
typedef struct plr_line {
    const char *data; /* the newline included where there is one */
    size_t size;
    uint64_t offset; /* of its first byte in the stream of bytes taken */
    unsigned flags;  /* PLR_OUTPUT_PARTIAL, PLR_OUTPUT_SPLIT: the line goes on in the next piece */
} plr_line;

typedef struct plr_lines {
    plr_buf pending;
    size_t given;    /* of pending: in the caller's hands since the last call */
    uint64_t offset; /* of what is given next */
} plr_lines;

void plr_lines_init(plr_lines *lines, uint64_t offset);
void plr_lines_clear(plr_lines *lines);

/*
 * Takes bytes from `*data` up to the end of one piece and moves it and `*size` on. 1: there is a
 * piece, call again. 0: all is taken. A caller that must stop keeps what it has not been asked for.
 * After PLR_ERR_NOMEM nothing is taken. Pieces do not tear a character of UTF-8.
 */
int plr_lines_next(
        plr_lines *lines, const char **data, size_t *size, plr_line *ret_line, plr_error *err);

/* How many bytes wait for the end of their line. */
size_t plr_lines_pending(const plr_lines *lines);

/* Takes them back, appended to `out`; without memory for that they are lost. */
int plr_lines_take_back(plr_lines *lines, plr_buf *out, plr_error *err);

/* Gives what waits, as a partial line; false if there is nothing. Only at the end of the stream,
 * if `final`, a character of which bytes are missing is given, too. */
bool plr_lines_flush(plr_lines *lines, bool final, plr_line *ret_line);

#endif
