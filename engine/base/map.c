/* SPDX-License-Identifier: MIT */
/* A hash map from borrowed strings to numbers: open addressing, FNV-1a with a seed and a finaliser.
 */
#include "engine/base/map.h"

#include <string.h>
#include <sys/auxv.h>

#include "engine/base/error.h"

#define SMALLEST 16u

/* The kernel gives each process 16 random bytes; reading them costs nothing and cannot fail. */
static uint64_t process_seed(void)
{
    uint64_t seed = 0;
    const void *random = (const void *)getauxval(AT_RANDOM);
    if (random != NULL)
        memcpy(&seed, random, sizeof seed);
    return seed;
}

static uint64_t hash_key(const plr_map *map, const char *key)
{
    uint64_t hash = map->seed ^ 0xcbf29ce484222325u;
    for (const char *c = key; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    hash ^= hash >> 32;
    hash *= 0xd6e8feb86659fd93u;
    return hash ^ (hash >> 32);
}

void plr_map_init(plr_map *map)
{
    *map = (plr_map){ .seed = process_seed() };
}

void plr_map_clear(plr_map *map)
{
    free(map->slots);
    plr_map_init(map);
}

static plr_map_slot *slot_of(const plr_map *map, const char *key, uint64_t hash)
{
    for (size_t i = (size_t)hash & (map->n_slots - 1);; i = (i + 1) & (map->n_slots - 1)) {
        plr_map_slot *slot = &map->slots[i];
        if (slot->key == NULL || (slot->hash == hash && strcmp(slot->key, key) == 0))
            return slot;
    }
}

static int grow(plr_map *map, plr_error *err)
{
    plr_map larger = { .seed = map->seed,
        .n_slots = map->n_slots > 0 ? map->n_slots * 2 : SMALLEST };
    larger.slots = calloc(larger.n_slots, sizeof *larger.slots);
    if (larger.slots == NULL)
        return plr_error_nomem(err);
    for (size_t i = 0; i < map->n_slots; i++)
        if (map->slots[i].key != NULL)
            *slot_of(&larger, map->slots[i].key, map->slots[i].hash) = map->slots[i];
    larger.n_used = map->n_used;
    free(map->slots);
    *map = larger;
    return 0;
}

int plr_map_add(plr_map *map, const char *key, size_t value, size_t *ret_value, plr_error *err)
{
    if (map->n_used * 2 >= map->n_slots) {
        int r = grow(map, err);
        if (r < 0)
            return r;
    }
    uint64_t hash = hash_key(map, key);
    plr_map_slot *slot = slot_of(map, key, hash);
    if (slot->key != NULL) {
        if (ret_value != NULL)
            *ret_value = slot->value;
        return 0;
    }
    *slot = (plr_map_slot){ .key = key, .hash = hash, .value = value };
    map->n_used++;
    return 1;
}

bool plr_map_find(const plr_map *map, const char *key, size_t *ret_value)
{
    if (map->n_slots == 0)
        return false;
    const plr_map_slot *slot = slot_of(map, key, hash_key(map, key));
    if (slot->key == NULL)
        return false;
    *ret_value = slot->value;
    return true;
}
