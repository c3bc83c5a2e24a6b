/* SPDX-License-Identifier: MIT */
/*
 * Reads text that others wrote, line by line and word by word: bytes of any kind, without a NUL at
 * the end. What is read is consumed.
 */
#ifndef PLR_INIT_SCAN_H
#define PLR_INIT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct plr_scan {
    const char *at, *end;
} plr_scan;

/* The next line, without its newline. False at the end, and for a line that has none. */
bool plr_scan_line(plr_scan *text, plr_scan *ret_line);

/* The next word of a line: what stands before one space or the end. False if that is nothing. */
bool plr_scan_word(plr_scan *line, plr_scan *ret_word);

/* The next word, which must be one of `names`. */
bool plr_scan_name(plr_scan *line, const char *const *names, size_t n_names, size_t *ret_index);

/* The next word, which must be a decimal number of at most `max`. */
bool plr_scan_number(plr_scan *line, uint64_t max, uint64_t *ret_number);

/* Whether nothing more stands there. */
bool plr_scan_is_done(const plr_scan *line);

#endif
