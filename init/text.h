/* SPDX-License-Identifier: MIT */
/*
 * The little that plr-init needs of strings, instead of a libc. memcpy and memset are there because
 * compilers call them on their own.
 */
#ifndef PLR_INIT_TEXT_H
#define PLR_INIT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memset(void *to, int byte, size_t size);

size_t plr_text_length(const char *text);
bool plr_text_equal(const char *a, const char *b);

/* The position of `c` in `text`, or the length of `text`. */
size_t plr_text_find(const char *text, char c);

/* Decimal digits only, at most `max`. */
bool plr_text_number(const char *text, uint64_t max, uint64_t *ret_number);

/* A line that is put together in place. What does not fit is cut off. */
typedef struct plr_line {
    size_t size;
    char text[256];
} plr_line;

void plr_line_put(plr_line *line, const char *text);
void plr_line_put_number(plr_line *line, uint64_t number);

/* Written in one call, so that lines of others do not get between. */
void plr_line_write(const plr_line *line, int fd);

#endif
