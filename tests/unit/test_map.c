/* SPDX-License-Identifier: MIT */
/* The map from names to numbers, and the arena that names live in. */
#include "engine/base/map.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/arena.h"
#include "tests/unit/harness.h"

static void finds_what_was_added(void)
{
    enum { MANY = 20000 };
    plr_arena arena;
    plr_map map;
    plr_arena_init(&arena);
    plr_map_init(&map);
    size_t value = 7;
    CU_ASSERT_FALSE(plr_map_find(&map, "key", &value));
    char name[32];
    for (size_t i = 0; i < MANY; i++) {
        int size = snprintf(name, sizeof name, "key-%zu", i);
        const char *key = plr_arena_copy(&arena, name, (size_t)size);
        CU_ASSERT_EQUAL(plr_map_add(&map, key, i, NULL, NULL), 1);
        /* However full it is, the search for what is not there ends. */
        if (i < 300)
            CU_ASSERT_FALSE(plr_map_find(&map, "another", &value));
    }
    for (size_t i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "key-%zu", i);
        CU_ASSERT_TRUE(plr_map_find(&map, name, &value));
        CU_ASSERT_EQUAL(value, i);
    }
    CU_ASSERT_FALSE(plr_map_find(&map, "key-20000", &value));
    CU_ASSERT_FALSE(plr_map_find(&map, "", &value));
    plr_map_clear(&map);
    plr_arena_clear(&arena);
}

static void a_key_stands_once(void)
{
    plr_map map;
    size_t other = 0;
    plr_map_init(&map);
    CU_ASSERT_EQUAL(plr_map_add(&map, "a", 1, &other, NULL), 1);
    CU_ASSERT_EQUAL(other, 0);
    CU_ASSERT_EQUAL(plr_map_add(&map, "a", 2, &other, NULL), 0);
    CU_ASSERT_EQUAL(other, 1);
    CU_ASSERT_EQUAL(plr_map_add(&map, "", 3, &other, NULL), 1);
    CU_ASSERT_TRUE(plr_map_find(&map, "a", &other));
    CU_ASSERT_EQUAL(other, 1);
    CU_ASSERT_TRUE(plr_map_find(&map, "", &other));
    CU_ASSERT_EQUAL(other, 3);
    plr_map_clear(&map);
    CU_ASSERT_FALSE(plr_map_find(&map, "a", &other));
}

static void the_arena_is_zeroed_and_aligned(void)
{
    static const unsigned char zeroes[5000];
    plr_arena arena;
    plr_arena_init(&arena);
    for (size_t size = 0; size < 5000; size += 37) {
        unsigned char *memory = plr_arena_alloc(&arena, size);
        CU_ASSERT_PTR_NOT_NULL(memory);
        CU_ASSERT_EQUAL((uintptr_t)memory % _Alignof(max_align_t), 0);
        CU_ASSERT_EQUAL(memcmp(memory, zeroes, size), 0);
        memset(memory, 0xff, size);
    }
    char *large = plr_arena_alloc(&arena, 10000000);
    CU_ASSERT_PTR_NOT_NULL(large);
    large[9999999] = 1;
    CU_ASSERT_STRING_EQUAL(plr_arena_copy(&arena, "text and more", 4), "text");
    CU_ASSERT_PTR_NULL(plr_arena_alloc(&arena, SIZE_MAX));
    CU_ASSERT_PTR_NULL(plr_arena_array(&arena, SIZE_MAX / 2, 3));
    CU_ASSERT_PTR_NULL(plr_arena_copy(&arena, "", SIZE_MAX));
    plr_arena_clear(&arena);
    CU_ASSERT_PTR_NOT_NULL(plr_arena_array(&arena, 3, 0));
    plr_arena_clear(&arena);
}

int main(void)
{
    static const plr_test tests[] = {
        { "what was added is found, nothing else", finds_what_was_added },
        { "a key stands once", a_key_stands_once },
        { "the arena's memory is zeroed and aligned", the_arena_is_zeroed_and_aligned },
        { NULL, NULL },
    };
    return plr_test_main("map", tests);
}
