/* SPDX-License-Identifier: MIT */
/* A stream on its way through the mask: what is decided goes out, what may still become a secret
 * stays. All memory a feed can need is there before it begins, so it happens whole or not at all.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/mask.h"
#include "engine/mask_table.h"

#define STARS_SIZE (sizeof PLR_MASK_STARS - 1)

static void free_tail(plr_mask_stream *s)
{
    if (s->tail != NULL)
        explicit_bzero(s->tail, s->tail_capacity);
    free(s->tail);
}

void plr_mask_stream_init(plr_mask_stream *stream, plr_mask *mask)
{
    *stream = (plr_mask_stream){ .mask = plr_mask_ref(mask) };
}

void plr_mask_stream_clear(plr_mask_stream *stream)
{
    free_tail(stream);
    free(stream->spans);
    plr_mask_table_unref(stream->table);
    plr_mask_unref(stream->mask);
    *stream = (plr_mask_stream){ 0 };
}

size_t plr_mask_held(const plr_mask_stream *stream)
{
    return (size_t)(stream->seen - stream->given);
}

/* The bytes of this feed: data[0] is at raw offset `base`; what is before it is in the tail. */
typedef struct chunk {
    const unsigned char *data;
    size_t size;
    uint64_t base;
    plr_buf *out; /* has room for all that this feed can give, so appending cannot fail */
} chunk;

static void give_clear(plr_mask_stream *s, const chunk *c, uint64_t to)
{
    if (s->given < c->base) {
        uint64_t upto = to < c->base ? to : c->base;
        const unsigned char *tail_end = s->tail + s->tail_start + s->tail_size;
        plr_buf_put(c->out, tail_end - (c->base - s->given), (size_t)(upto - s->given));
        s->given = upto;
    }
    if (s->given < to)
        plr_buf_put(c->out, c->data + (s->given - c->base), (size_t)(to - s->given));
    s->given = to;
}

/* Gives out what is before `decided`, and the masked bytes that follow: what is masked stays so. */
static void give(plr_mask_stream *s, const chunk *c, uint64_t decided)
{
    for (;;) {
        bool any = s->spans_start < s->spans_end;
        const plr_mask_span *span = any ? s->spans + s->spans_start : NULL;
        if (any && span->from <= s->given) {
            if (!s->masking)
                plr_buf_put(c->out, PLR_MASK_STARS, STARS_SIZE);
            s->masking = true;
            s->given = span->to;
            s->spans_start++;
            continue;
        }
        uint64_t to = any && span->from < decided ? span->from : decided;
        if (s->given >= to)
            return;
        give_clear(s, c, to);
        s->masking = false;
    }
}

/* Joins [from, to) to the spans; no earlier one ends behind `to`. What was given out before it was
 * known to be part of a secret (of one added later) is gone. */
static void mark(plr_mask_stream *s, uint64_t from, uint64_t to)
{
    if (to <= s->given)
        return;
    while (s->spans_start < s->spans_end && s->spans[s->spans_end - 1].to >= from) {
        uint64_t last_from = s->spans[--s->spans_end].from;
        from = last_from < from ? last_from : from;
    }
    if (s->spans_end == s->spans_capacity) {
        s->spans_end -= s->spans_start;
        memmove(s->spans, s->spans + s->spans_start, s->spans_end * sizeof *s->spans);
        s->spans_start = 0;
    }
    s->spans[s->spans_end++] = (plr_mask_span){ from, to };
}

/* One byte into the automaton; `end` is the offset after it. Returns the depth of the new state. */
static size_t step(plr_mask_stream *s, const chunk *c, unsigned char byte, uint64_t end)
{
    const plr_mask_table *t = s->table;
    s->state = plr_mask_table_step(t, s->state, byte, &s->work);
    const plr_mask_state *state = &t->states[s->state];
    if (state->match > 0) {
        /* What is before the state is decided: so the spans never cover more than the tail. */
        give(s, c, end - state->depth);
        mark(s, end - state->match, end);
        /* A pattern that no other goes on from need not be kept, only what it ends with. */
        while (s->state != 0 && plr_mask_table_is_leaf(t, s->state))
            s->state = t->states[s->state].fail;
    }
    return t->states[s->state].depth;
}

/*
 * Skips to where a pattern may begin, lets the automaton run from there until what it follows
 * begins later and is shorter than what the table of skips looks at, and skips again from there. So
 * skipping always goes on from a later place, and no byte is stepped over more than three times. At
 * the end, where less than a window is left and nothing can be skipped, it only runs.
 */
static void scan(plr_mask_stream *s, const chunk *c)
{
    size_t at = 0;
    while (at < c->size) {
        bool skipped = s->state == 0; /* otherwise the last feed ended in the middle of something */
        if (skipped)
            at = plr_mask_table_skip(s->table, c->data, c->size, at);
        size_t begin = at;
        while (at < c->size) {
            size_t depth = step(s, c, c->data[at], c->base + at + 1);
            at++;
            if (depth < PLR_MASK_SHORTEST && depth <= at && (!skipped || at - depth > begin) &&
                    c->size - (at - depth) >= s->table->window) {
                at -= depth;
                s->state = 0;
                break;
            }
        }
    }
}

/* Memory for `n` bytes and as many spans as they can hold, twice: they move to the front of it only
 * when its end is reached. */
static int reserve(plr_mask_stream *s, size_t n, plr_error *err)
{
    if (s->tail_capacity < 2 * n) {
        unsigned char *tail = malloc(2 * n);
        if (tail == NULL)
            return plr_error_nomem(err);
        if (s->tail_size > 0)
            memcpy(tail, s->tail + s->tail_start, s->tail_size);
        free_tail(s);
        s->tail = tail;
        s->tail_start = 0;
        s->tail_capacity = 2 * n;
    }
    size_t n_spans = 2 * (n / (PLR_MASK_SHORTEST + 1) + 2);
    if (s->spans_capacity < n_spans) {
        plr_mask_span *spans = realloc(s->spans, n_spans * sizeof *spans);
        if (spans == NULL)
            return plr_error_nomem(err);
        s->spans = spans;
        s->spans_capacity = n_spans;
    }
    return 0;
}

/* Keeps the last `size` bytes of tail and chunk. */
static void keep_tail(plr_mask_stream *s, const chunk *c, size_t size)
{
    size_t old = size > c->size ? size - c->size : 0, added = size - old;
    s->tail_start += s->tail_size - old;
    if (s->tail_start + size > s->tail_capacity) {
        memmove(s->tail, s->tail + s->tail_start, old);
        s->tail_start = 0;
    }
    if (added > 0)
        memcpy(s->tail + s->tail_start + old, c->data + (c->size - added), added);
    s->tail_size = size;
}

/* A new set of secrets: what is held back is looked at again, with all of them. The spans are found
 * again, too: what is masked but not given out begins in the tail. */
static void adopt(plr_mask_stream *s, const chunk *c, plr_mask_table *table)
{
    plr_mask_table_unref(s->table);
    s->table = plr_mask_table_ref(table);
    s->state = 0;
    s->spans_start = s->spans_end = 0;
    for (size_t i = 0; i < s->tail_size; i++)
        step(s, c, s->tail[s->tail_start + i], s->seen - s->tail_size + i + 1);
}

/* How much `n` raw bytes can become: short secrets grow. */
static size_t most_output(size_t n, size_t shortest)
{
    size_t grows = STARS_SIZE > shortest ? STARS_SIZE - shortest : 0;
    return n + STARS_SIZE + (n / (shortest + 1) + 1) * grows;
}

int plr_mask_feed(
        plr_mask_stream *s, const void *data, size_t size, bool final, plr_buf *out, plr_error *err)
{
    plr_mask_table *table;
    int r = plr_mask_compile(s->mask, &table, err);
    if (r < 0)
        return r;
    size_t shortest = table == NULL ? STARS_SIZE : table->shortest;
    r = plr_buf_reserve(out, most_output(plr_mask_held(s) + size, shortest), err);
    if (r < 0)
        return r;
    if (table != NULL) {
        size_t n = s->tail_size + size;
        r = reserve(s, n < table->longest ? n : table->longest, err);
        if (r < 0)
            return r;
    }

    /* From here on nothing fails. */
    const chunk c = { data, size, s->seen, out };
    if (s->table != table)
        adopt(s, &c, table);
    s->seen += size;
    if (table != NULL)
        scan(s, &c);
    size_t depth = table == NULL ? 0 : table->states[s->state].depth;
    give(s, &c, final ? s->seen : s->seen - depth);
    keep_tail(s, &c, final ? 0 : depth);
    if (final) {
        s->state = 0;
        s->masking = false;
    }
    return 0;
}

int plr_mask_text(plr_mask *mask, const char *text, plr_buf *out, plr_error *err)
{
    plr_mask_stream stream;
    plr_mask_stream_init(&stream, mask);
    int r = plr_mask_feed(&stream, text, strlen(text), true, out, err);
    plr_mask_stream_clear(&stream);
    return r;
}
