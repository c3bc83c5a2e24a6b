/* SPDX-License-Identifier: MIT */
/* Head and tail of a log. The ring holds bytes, not lines: lines are found in it at the end, so
 * that many short ones cost no more than their bytes. */
#include "engine/limit.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"

void plr_limit_init(plr_limit *limit, uint64_t head, size_t tail)
{
    *limit = (plr_limit){ .head_left = head == 0 && tail == 0 ? UINT64_MAX : head, .tail = tail };
}

void plr_limit_clear(plr_limit *limit)
{
    free(limit->ring);
    *limit = (plr_limit){ 0 };
}

static int grow(plr_limit *l, size_t wanted, plr_error *err)
{
    if (wanted <= l->capacity)
        return 0;
    size_t capacity = 2 * l->capacity > wanted ? 2 * l->capacity : wanted;
    if (capacity > l->tail)
        capacity = l->tail;
    char *ring = realloc(l->ring, capacity);
    if (ring == NULL)
        return plr_error_nomem(err);
    l->ring = ring;
    l->capacity = capacity;
    return 0;
}

/* Up to where the ring's bytes stand in one piece. */
static size_t first_part(const plr_limit *l)
{
    size_t to_end = l->capacity - l->start;
    return l->size < to_end ? l->size : to_end;
}

static void drop(plr_limit *l, size_t n)
{
    l->torn = l->ring[(l->start + n - 1) % l->capacity] != '\n';
    l->start = (l->start + n) % l->capacity;
    l->size -= n;
}

static void put(plr_limit *l, const char *data, size_t n)
{
    size_t at = (l->start + l->size) % l->capacity;
    size_t to_end = l->capacity - at < n ? l->capacity - at : n;
    memcpy(l->ring + at, data, to_end);
    memcpy(l->ring, data + to_end, n - to_end);
    l->size += n;
}

static int keep(plr_limit *l, const char *data, size_t size, plr_error *err)
{
    /* A piece larger than all that is kept leaves its end only. */
    size_t kept = size < l->tail ? size : l->tail;
    if (kept == 0)
        return 0;
    size_t room = l->tail - kept;
    int r = grow(l, l->size < room ? l->size + kept : l->tail, err);
    if (r < 0)
        return r;
    if (l->size > room)
        drop(l, l->size - room);
    if (kept < size)
        l->torn = data[size - kept - 1] != '\n';
    put(l, data + (size - kept), kept);
    return 0;
}

int plr_limit_take(
        plr_limit *limit, const plr_line *line, plr_limit_verdict *ret_verdict, plr_error *err)
{
    if (!limit->reached && line->size <= limit->head_left) {
        limit->head_left -= line->size;
        *ret_verdict = PLR_LIMIT_PASS;
        return 0;
    }
    int r = keep(limit, line->data, line->size, err);
    if (r < 0)
        return r;
    *ret_verdict = limit->reached ? PLR_LIMIT_KEPT : PLR_LIMIT_REACHED;
    if (!limit->reached)
        limit->kept_from = line->offset;
    limit->end = line->offset + line->size;
    limit->reached = true;
    return 0;
}

/* Where the first line that is whole begins in the ring; if there is none, the first character. */
static size_t first_line(const plr_limit *l)
{
    for (size_t at = 0; at + 1 < l->size; at++)
        if (l->ring[(l->start + at) % l->capacity] == '\n')
            return at + 1;
    size_t at = 0;
    while (at < 3 && at < l->size && (l->ring[(l->start + at) % l->capacity] & 0xc0) == 0x80)
        at++;
    return at;
}

uint64_t plr_limit_end(plr_limit *limit)
{
    size_t cut = limit->torn ? first_line(limit) : 0;
    if (cut > 0)
        drop(limit, cut);
    limit->torn = false;
    return limit->end - limit->size - limit->kept_from;
}

int plr_limit_tail(const plr_limit *limit, plr_buf *out, plr_error *err)
{
    size_t part = first_part(limit);
    if (limit->size == 0)
        return 0;
    int r = plr_buf_reserve(out, limit->size, err);
    if (r < 0)
        return r;
    plr_buf_put(out, limit->ring + limit->start, part);
    plr_buf_put(out, limit->ring, limit->size - part);
    return 0;
}

void plr_limit_replace(plr_limit *limit, const char *data, size_t size)
{
    limit->end += size - limit->size;
    limit->start = limit->size = 0;
    if (keep(limit, data, size, NULL) < 0)
        limit->torn = true;
}
