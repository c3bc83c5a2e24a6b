/* SPDX-License-Identifier: MIT */
/* plr-init's words as lines in a step's output (init/words.h), found and taken out: what is left is
 * what the step wrote, byte for byte. Pure: no I/O. */
#ifndef PLR_NET_INIT_LINES_H
#define PLR_NET_INIT_LINES_H

#include <stddef.h>

#include "init/words.h"

typedef struct plr_init_lines {
    char begin[PLR_INIT_NONCE_MAX + 8]; /* of each line: the prefix, the nonce, a space */
    size_t n_begin;                     /* 0: there are none, all is output */
    char line[PLR_INIT_LINE_MAX];       /* what may be becoming one */
    size_t n_line;
} plr_init_lines;

/* Output of the step; or, with data NULL, a word with its payload (plr_init_failure for ERRNO,
 * plr_init_exit for EXITED and STOPPED, a name of PLR_INIT_WHYS for SKIPPED, plr_init_count for
 * COUNT, else NULL). */
typedef void plr_init_lines_fn(
        const void *data, size_t size, unsigned word, const void *payload, void *userdata);

/* `nonce` "": nothing is looked for. */
void plr_init_lines_init(plr_init_lines *lines, const char *nonce);
void plr_init_lines_feed(plr_init_lines *lines, const void *data, size_t size,
        plr_init_lines_fn *on_piece, void *userdata);
/* At the end of the stream: what was no line yet will be none. */
void plr_init_lines_end(plr_init_lines *lines, plr_init_lines_fn *on_piece, void *userdata);

#endif
