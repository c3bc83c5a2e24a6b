/* SPDX-License-Identifier: MIT */
/* Memory that is freed all at once: a list of blocks, each larger than the one before. */
#include "engine/base/arena.h"

#include <stdint.h>
#include <string.h>

#define ALIGNMENT _Alignof(max_align_t)
#define FIRST_BLOCK ((size_t)4096)
#define LARGEST_BLOCK ((size_t)1 << 20)

struct plr_arena_block {
    plr_arena_block *older;
    size_t size;
    _Alignas(max_align_t) char data[];
};

void plr_arena_init(plr_arena *arena)
{
    *arena = (plr_arena){ .next_size = FIRST_BLOCK };
}

void plr_arena_clear(plr_arena *arena)
{
    while (arena->blocks != NULL) {
        plr_arena_block *older = arena->blocks->older;
        free(arena->blocks);
        arena->blocks = older;
    }
    plr_arena_init(arena);
}

/* A block of at least `size` bytes becomes the newest; returns NULL when there is no memory. */
static plr_arena_block *add_block(plr_arena *arena, size_t size)
{
    size_t block_size = size > arena->next_size ? size : arena->next_size;
    if (block_size > SIZE_MAX - sizeof(plr_arena_block))
        return NULL;
    plr_arena_block *block = calloc(1, sizeof(plr_arena_block) + block_size);
    if (block == NULL)
        return NULL;
    block->older = arena->blocks;
    block->size = block_size;
    arena->blocks = block;
    arena->used = 0;
    if (arena->next_size < LARGEST_BLOCK)
        arena->next_size *= 2;
    return block;
}

void *plr_arena_alloc(plr_arena *arena, size_t size)
{
    if (size > SIZE_MAX - ALIGNMENT)
        return NULL;
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    plr_arena_block *block = arena->blocks;
    if (block == NULL || size > block->size - arena->used) {
        block = add_block(arena, size);
        if (block == NULL)
            return NULL;
    }
    void *memory = block->data + arena->used;
    arena->used += size;
    return memory;
}

void *plr_arena_array(plr_arena *arena, size_t n, size_t item_size)
{
    if (item_size != 0 && n > SIZE_MAX / item_size)
        return NULL;
    return plr_arena_alloc(arena, n * item_size);
}

char *plr_arena_copy(plr_arena *arena, const char *text, size_t size)
{
    if (size == SIZE_MAX)
        return NULL;
    char *copy = plr_arena_alloc(arena, size + 1);
    if (copy != NULL && size > 0)
        memcpy(copy, text, size);
    return copy;
}
