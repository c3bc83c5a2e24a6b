/* SPDX-License-Identifier: MIT */
/*
 * The mask as one would write it without a thought for time or memory: it looks at the whole text
 * for every pattern at every place. The unit test and the fuzz target compare with it.
 */
#ifndef PLR_TESTS_UNIT_MASK_REFERENCE_H
#define PLR_TESTS_UNIT_MASK_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/buf.h"

typedef struct plr_reference_pattern {
    unsigned char *bytes;
    size_t size;
    size_t begins_from; /* it is not looked for before this: it was added later */
    size_t masks_from;  /* and what was given out by then stays as it is */
} plr_reference_pattern;

typedef struct plr_reference {
    plr_reference_pattern *patterns;
    size_t n;
} plr_reference;

void plr_reference_add(plr_reference *reference, const unsigned char *secret, size_t size,
        size_t begins_from, size_t masks_from);
void plr_reference_clear(plr_reference *reference);

/* Sets `covered` for each byte of the text that is part of a pattern. */
void plr_reference_cover(
        const plr_reference *reference, const unsigned char *text, size_t size, bool *covered);

/* The length of the longest end of the text that a pattern begins with and goes on from. */
size_t plr_reference_open(const plr_reference *reference, const unsigned char *text, size_t size);

/* The text with each run of covered bytes as stars. */
void plr_reference_render(
        const unsigned char *text, const bool *covered, size_t size, plr_buf *out);

#endif
