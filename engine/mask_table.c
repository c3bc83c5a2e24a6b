/* SPDX-License-Identifier: MIT */
/* Builds the automaton breadth first, states and their fail links in one pass, and the table of
 * skips; both hold pieces of secrets and are wiped before they are freed. */
#include "engine/mask_table.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/cleanup.h"
#include "engine/base/error.h"

/* The table of skips is asked about three bytes: pairs are too common in text. */
#define BLOCK 3u
/* A longer window skips further, but more of the table is in use, and the end of each chunk that is
 * shorter than a window is left to the automaton. */
#define WINDOW_MAX 18u
/* Below this, looking at each position is quicker than jumping: the loads do not wait for each
 * other. The window is one block then, and only the begin of each pattern is in the table. */
#define WINDOW_MIN 9u
/* Entries for each block in use: false alarms are rare then. Looking everywhere, more. */
#define ENTRIES_JUMPING 16u
#define ENTRIES_LOOKING 256u
#define SHIFT_BITS_MIN 12u
#define SHIFT_BITS_MAX 18u

int plr_pattern_compare(const void *a, const void *b)
{
    const plr_pattern *p = *(plr_pattern *const *)a, *q = *(plr_pattern *const *)b;
    int order = memcmp(p->bytes, q->bytes, p->size < q->size ? p->size : q->size);
    return order != 0 ? order : (p->size > q->size) - (p->size < q->size);
}

/* The child of `state` by `c`, or 0. */
static uint32_t child(const plr_mask_table *t, uint32_t state, unsigned char c)
{
    if (state == 0)
        return t->roots[c];
    uint32_t low = t->states[state].first, high = t->states[state + 1].first;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (t->labels[middle] <= c)
            low = middle;
        else
            high = middle;
    }
    return low < high && t->labels[low] == c ? low : 0;
}

uint32_t plr_mask_table_step(
        const plr_mask_table *table, uint32_t state, unsigned char c, uint64_t *work)
{
    for (;;) {
        ++*work;
        uint32_t next = child(table, state, c);
        if (next != 0 || state == 0)
            return next;
        state = table->states[state].fail;
    }
}

static uint64_t count_states(plr_pattern *const *patterns, size_t n)
{
    uint64_t states = 1;
    for (size_t i = 0; i < n; i++) {
        size_t shared = 0;
        if (i > 0)
            while (shared < patterns[i - 1]->size && shared < patterns[i]->size &&
                    patterns[i - 1]->bytes[shared] == patterns[i]->bytes[shared])
                shared++;
        states += patterns[i]->size - shared;
    }
    return states;
}

/* The patterns that begin with a state: [from, to) of the sorted row. */
typedef struct range {
    uint32_t from, to;
} range;

static void build_states(plr_mask_table *t, plr_pattern *const *patterns, range *ranges)
{
    uint32_t n = 1;
    uint64_t work = 0;
    for (uint32_t s = 0; s < t->n_states; s++) {
        uint32_t depth = t->states[s].depth, i = ranges[s].from, to = ranges[s].to;
        t->states[s].first = n;
        if (patterns[i]->size == depth)
            i++; /* ends here; the others are longer */
        while (i < to) {
            unsigned char c = patterns[i]->bytes[depth];
            uint32_t next = n++;
            /* The fail link of a child of 0 is 0; otherwise it is where the parent's leads by the
             * same byte, and that state is less deep than this child: its children exist. */
            uint32_t fail = s == 0 ? 0 : plr_mask_table_step(t, t->states[s].fail, c, &work);
            if (s == 0)
                t->roots[c] = next;
            bool ends = patterns[i]->size == depth + 1;
            t->labels[next] = c;
            t->states[next].fail = fail;
            t->states[next].depth = depth + 1;
            t->states[next].match = ends ? depth + 1 : t->states[fail].match;
            ranges[next].from = i;
            while (i < to && patterns[i]->bytes[depth] == c)
                i++;
            ranges[next].to = i;
        }
    }
    t->states[t->n_states].first = n;
}

static inline uint32_t block_at(const unsigned char *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16;
}

/* The same in one load, where a fourth byte can be read. */
static inline uint32_t block_of_four(const unsigned char *bytes)
{
    uint32_t four;
    memcpy(&four, bytes, sizeof four);
    return le32toh(four) & 0xffffff;
}

static inline uint32_t hash(uint32_t block, unsigned bits)
{
    return block * 0x9e3779b1u >> (32 - bits);
}

static void build_shifts(plr_mask_table *t, plr_pattern *const *patterns, size_t n)
{
    size_t last = t->window - BLOCK;
    memset(t->shifts, (int)last + 1, (size_t)1 << t->shift_bits);
    for (size_t i = 0; i < n; i++)
        for (size_t at = 0; at <= last; at++) {
            uint8_t *shift = &t->shifts[hash(block_at(patterns[i]->bytes + at), t->shift_bits)];
            if (*shift > last - at)
                *shift = (uint8_t)(last - at);
        }
}

/* Whether no pattern begins at any of eight positions: then every shift is 1. */
static inline bool none_of_eight(const uint8_t *shifts, unsigned bits, const unsigned char *at)
{
    uint8_t all = 1;
#pragma GCC unroll 8
    for (unsigned i = 0; i < 8; i++)
        all &= shifts[hash(block_of_four(at + i), bits)];
    return all != 0;
}

size_t plr_mask_table_skip(
        const plr_mask_table *table, const unsigned char *data, size_t size, size_t at)
{
    const unsigned bits = table->shift_bits;
    const uint8_t *shifts = table->shifts;
    const size_t window = table->window;
    if (window == BLOCK)
        while (at + 8 + BLOCK <= size && none_of_eight(shifts, bits, data + at))
            at += 8;
    while (at + window <= size) {
        uint8_t shift = shifts[hash(block_at(data + at + window - BLOCK), bits)];
        if (shift == 0)
            break;
        at += shift;
    }
    return at;
}

static int build(plr_mask_table *t, plr_pattern *const *patterns, size_t n, plr_error *err)
{
    uint64_t n_states = count_states(patterns, n);
    if (n_states >= UINT32_MAX)
        return plr_error_nomem(err);
    t->n_states = (uint32_t)n_states;
    t->n_patterns = n;
    t->shortest = patterns[0]->size;
    for (size_t i = 0; i < n; i++) {
        if (patterns[i]->size < t->shortest)
            t->shortest = patterns[i]->size;
        if (patterns[i]->size > t->longest)
            t->longest = patterns[i]->size;
    }
    t->window = t->shortest < WINDOW_MAX ? t->shortest : WINDOW_MAX;
    if (t->window < WINDOW_MIN)
        t->window = BLOCK;
    size_t entries = t->window == BLOCK ? ENTRIES_LOOKING * n
                                        : ENTRIES_JUMPING * n * (t->window - BLOCK + 1);
    t->shift_bits = SHIFT_BITS_MIN;
    while (t->shift_bits < SHIFT_BITS_MAX && (size_t)1 << t->shift_bits < entries)
        t->shift_bits++;

    t->states = calloc(n_states + 1, sizeof *t->states);
    t->labels = calloc(n_states, sizeof *t->labels);
    t->shifts = malloc((size_t)1 << t->shift_bits);
    _cleanup_free_ range *ranges = malloc(n_states * sizeof *ranges);
    if (t->states == NULL || t->labels == NULL || t->shifts == NULL || ranges == NULL)
        return plr_error_nomem(err);
    ranges[0] = (range){ 0, (uint32_t)n };
    build_states(t, patterns, ranges);
    build_shifts(t, patterns, n);
    return 0;
}

int plr_mask_table_new(
        plr_mask_table **ret_table, plr_pattern *const *patterns, size_t n, plr_error *err)
{
    plr_mask_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return plr_error_nomem(err);
    table->references = 1;
    int r = build(table, patterns, n, err);
    if (r < 0) {
        plr_mask_table_unref(table);
        return r;
    }
    *ret_table = table;
    return 0;
}

plr_mask_table *plr_mask_table_ref(plr_mask_table *table)
{
    if (table != NULL)
        table->references++;
    return table;
}

void plr_mask_table_unref(plr_mask_table *table)
{
    if (table == NULL || --table->references > 0)
        return;
    /* Only these spell the secrets. */
    if (table->labels != NULL)
        explicit_bzero(table->labels, table->n_states);
    explicit_bzero(table->roots, sizeof table->roots);
    free(table->labels);
    free(table->states);
    free(table->shifts);
    free(table);
}
