/* SPDX-License-Identifier: MIT */
/* Memory that is freed all at once, for immutable documents only.
 * Blocks grow with use, so a small document costs a small block. */
#ifndef PLR_BASE_ARENA_H
#define PLR_BASE_ARENA_H

#include <stddef.h>

#include "engine/base/cleanup.h"

typedef struct plr_arena_block plr_arena_block;

typedef struct plr_arena {
    plr_arena_block *blocks; /* the newest first */
    size_t used;             /* of the newest */
    size_t next_size;
} plr_arena;

void plr_arena_init(plr_arena *arena);
void plr_arena_clear(plr_arena *arena);

/* Zeroed memory, aligned for every type; NULL when there is none. A size of 0 gives a valid
 * pointer. */
void *plr_arena_alloc(plr_arena *arena, size_t size);

/* The same for `n` items, with the product checked. */
void *plr_arena_array(plr_arena *arena, size_t n, size_t item_size);

/* A NUL-terminated copy of `size` bytes. */
char *plr_arena_copy(plr_arena *arena, const char *text, size_t size);

#define _cleanup_arena_ _cleanup_(plr_arena_clear)

#endif
