/* SPDX-License-Identifier: MIT */
/* A growing buffer of bytes that always ends with a NUL beyond its size, so that text in it is a
 * string. A failed append leaves it as it was and makes it remember the failure, so a row of
 * appends can be checked once. */
#ifndef PLR_BASE_BUF_H
#define PLR_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <pipeline/error.h>

#include "engine/base/cleanup.h"

typedef struct plr_buf {
    char *data; /* NULL until the first append */
    size_t size, capacity;
    bool failed; /* an append ran out of memory */
} plr_buf;

void plr_buf_init(plr_buf *buf);
void plr_buf_clear(plr_buf *buf); /* frees */
void plr_buf_reset(plr_buf *buf); /* empties, keeps the memory and forgets a failure */

int plr_buf_reserve(plr_buf *buf, size_t more, plr_error *err);
int plr_buf_append(plr_buf *buf, const void *data, size_t size, plr_error *err);

/* For rows of appends: a failure is remembered in `failed`. */
void plr_buf_put(plr_buf *buf, const void *data, size_t size);
void plr_buf_puts(plr_buf *buf, const char *text);
void plr_buf_putc(plr_buf *buf, char c);
void plr_buf_printf(plr_buf *buf, const char *format, ...) PLR_PRINTF(2, 3);
void plr_buf_vprintf(plr_buf *buf, const char *format, va_list arguments) PLR_PRINTF(2, 0);

/* Takes back all behind the first `size` bytes, and forgets a failure. */
void plr_buf_truncate(plr_buf *buf, size_t size);

/* Removes the first `size` bytes. */
void plr_buf_consume(plr_buf *buf, size_t size);

/* PLR_ERR_NOMEM if an append failed, else 0. */
int plr_buf_check(const plr_buf *buf, plr_error *err);

/* Takes the text out, NUL-terminated, for free(); the buffer is empty afterwards. */
int plr_buf_steal(plr_buf *buf, char **ret_text, plr_error *err);

#define _cleanup_buf_ _cleanup_(plr_buf_clear)

#endif
