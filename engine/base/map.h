/* SPDX-License-Identifier: MIT */
/* A hash map from borrowed strings to numbers, for names that must be found among thousands.
 * Keyed with a seed of the process, so that no document can choose its collisions. */
#ifndef PLR_BASE_MAP_H
#define PLR_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/error.h>

#include "engine/base/cleanup.h"

typedef struct plr_map_slot {
    const char *key; /* NULL: free */
    uint64_t hash;
    size_t value;
} plr_map_slot;

typedef struct plr_map {
    plr_map_slot *slots;
    size_t n_slots; /* a power of two, or 0 */
    size_t n_used;
    uint64_t seed;
} plr_map;

void plr_map_init(plr_map *map);
void plr_map_clear(plr_map *map);

/* Adds a key that is not there. Returns 1 if added, 0 if the key is there already (`*ret_value`, if
 * not NULL, is then what it holds), or an error. */
int plr_map_add(plr_map *map, const char *key, size_t value, size_t *ret_value, plr_error *err);

bool plr_map_find(const plr_map *map, const char *key, size_t *ret_value);

#define _cleanup_map_ _cleanup_(plr_map_clear)

#endif
