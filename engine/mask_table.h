/* SPDX-License-Identifier: MIT */
/* The search behind the mask: an automaton (Aho and Corasick's) that knows all patterns at once,
 * and a table by which it is skipped where no pattern can begin. Never changed once it is made. */
#ifndef PLR_MASK_TABLE_H
#define PLR_MASK_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/error.h>

#include "engine/mask.h"

typedef struct plr_pattern {
    size_t size; /* at least PLR_MASK_SHORTEST */
    unsigned char bytes[];
} plr_pattern;

/*
 * A state: the longest end of the text that begins a pattern. State 0 is the empty one. The states
 * stand in order of depth, so the children of one are neighbours: [first, the next one's first).
 */
typedef struct plr_mask_state {
    uint32_t first;
    uint32_t fail;  /* the longest proper end of this state that is one, too */
    uint32_t depth; /* in bytes */
    uint32_t match; /* the size of the longest pattern that ends here, or 0 */
} plr_mask_state;

struct plr_mask_table {
    unsigned references;
    size_t n_patterns, shortest, longest;
    uint32_t n_states;
    plr_mask_state *states; /* and one more, so that the last has a next one */
    unsigned char *labels;  /* by which byte a state is reached */
    uint32_t roots[256];    /* the children of state 0 by their byte; 0: none */
    /* By how much a text that has these bytes at the end of its window may be skipped. */
    size_t window;
    unsigned shift_bits;
    uint8_t *shifts;
};

/* From patterns without duplicates, in order (plr_pattern_compare). At least one. */
int plr_mask_table_new(
        plr_mask_table **ret_table, plr_pattern *const *patterns, size_t n, plr_error *err);
plr_mask_table *plr_mask_table_ref(plr_mask_table *table);
void plr_mask_table_unref(plr_mask_table *table);

/* The patterns of a mask, compiled if need be; borrowed. NULL if there are none. */
int plr_mask_compile(plr_mask *mask, plr_mask_table **ret_table, plr_error *err);

/* For qsort of pointers. */
int plr_pattern_compare(const void *a, const void *b);

/* The state after one more byte; counts what it looks at in `work`. */
uint32_t plr_mask_table_step(
        const plr_mask_table *table, uint32_t state, unsigned char c, uint64_t *work);

/* Where a pattern may begin at or after `at`; where less than a window is left nothing is known. */
size_t plr_mask_table_skip(
        const plr_mask_table *table, const unsigned char *data, size_t size, size_t at);

static inline bool plr_mask_table_is_leaf(const plr_mask_table *table, uint32_t state)
{
    return table->states[state].first == table->states[state + 1].first;
}

#endif
