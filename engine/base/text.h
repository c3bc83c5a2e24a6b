/* SPDX-License-Identifier: MIT */
/* Small questions about text: UTF-8, ASCII folding, base64, durations, likeness of names. */
#ifndef PLR_BASE_TEXT_H
#define PLR_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/error.h>

#include "engine/base/buf.h"

/* The offset of the first byte that is not well-formed UTF-8 (surrogates and overlong forms are
 * not), or `size`. */
size_t plr_utf8_valid_prefix(const char *text, size_t size);

/* The largest border of a character at or before `at`: where UTF-8 may be cut. */
size_t plr_utf8_cut(const char *text, size_t at);

/* ASCII letters without case; other bytes as they are. */
bool plr_text_equal_fold(const char *a, const char *b);

/* base64 with or without padding, white space between characters ignored; the standard alphabet.
 * Appends to `out`; PLR_ERR_DOCUMENT if it is none. */
int plr_base64_decode(const char *text, size_t size, plr_buf *out, plr_error *err);
/* With padding; the URL-safe alphabet if `url` (X-Registry-Auth wants it). */
int plr_base64_encode(const void *data, size_t size, bool url, plr_buf *out, plr_error *err);

/* "1h30m", "1.5s", "250ms" in nanoseconds; units ns us ms s m h. Not negative. Says what is wrong.
 */
int plr_duration_parse(const char *text, int64_t *ret_ns, plr_error *err);

/* "1h30m5s", "12.3s", "45ms": for people. */
void plr_duration_format(int64_t ns, char *buffer, size_t size);

/* The candidate that was probably meant, or NULL if none is near. */
const char *plr_text_nearest(const char *text, const char *const *candidates, size_t n);

/* strdup that says so when there is no memory: NULL gives NULL. */
int plr_text_copy(char **ret_copy, const char *text, plr_error *err);

#endif
