/* SPDX-License-Identifier: MIT */
/* A heap of timers: a binary heap in which each timer knows its place, so it can be disarmed in
 * logarithmic time. */
#include "engine/io/timers.h"

#include <stdlib.h>

#include "engine/base/error.h"

static bool before(const plr_timer *a, const plr_timer *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->sequence < b->sequence;
}

static void put(plr_timers *timers, size_t place, plr_timer *timer)
{
    timers->heap[place - 1] = timer;
    timer->place = place;
}

static void sift_up(plr_timers *timers, size_t place, plr_timer *timer)
{
    for (; place > 1 && before(timer, timers->heap[place / 2 - 1]); place /= 2)
        put(timers, place, timers->heap[place / 2 - 1]);
    put(timers, place, timer);
}

static void sift_down(plr_timers *timers, size_t place, plr_timer *timer)
{
    for (;;) {
        size_t child = place * 2;
        if (child > timers->n_armed)
            break;
        if (child < timers->n_armed && before(timers->heap[child], timers->heap[child - 1]))
            child++;
        if (!before(timers->heap[child - 1], timer))
            break;
        put(timers, place, timers->heap[child - 1]);
        place = child;
    }
    put(timers, place, timer);
}

int plr_timers_reserve(plr_timers *timers, plr_error *err)
{
    if (timers->n_timers == timers->capacity) {
        size_t capacity = timers->capacity > 0 ? timers->capacity * 2 : 16;
        plr_timer **heap = realloc(timers->heap, capacity * sizeof *heap);
        if (heap == NULL)
            return plr_error_nomem(err);
        timers->heap = heap;
        timers->capacity = capacity;
    }
    timers->n_timers++;
    return 0;
}

void plr_timers_release(plr_timers *timers)
{
    timers->n_timers--;
}

void plr_timers_arm(plr_timers *timers, plr_timer *timer, uint64_t at_ns)
{
    plr_timers_disarm(timers, timer);
    timer->at_ns = at_ns;
    timer->sequence = timers->sequence++;
    sift_up(timers, ++timers->n_armed, timer);
}

void plr_timers_disarm(plr_timers *timers, plr_timer *timer)
{
    size_t place = timer->place;
    if (place == 0)
        return;
    plr_timer *last = timers->heap[--timers->n_armed];
    timer->place = 0;
    if (last == timer)
        return;
    if (place > 1 && before(last, timers->heap[place / 2 - 1]))
        sift_up(timers, place, last);
    else
        sift_down(timers, place, last);
}

void plr_timers_clear(plr_timers *timers)
{
    free(timers->heap);
    *timers = (plr_timers){ 0 };
}

uint64_t plr_timers_next(const plr_timers *timers)
{
    return timers->n_armed > 0 ? timers->heap[0]->at_ns : UINT64_MAX;
}

plr_timer *plr_timers_take(plr_timers *timers, uint64_t now_ns)
{
    if (timers->n_armed == 0 || timers->heap[0]->at_ns > now_ns)
        return NULL;
    plr_timer *timer = timers->heap[0];
    plr_timers_disarm(timers, timer);
    return timer;
}
