/* SPDX-License-Identifier: MIT */
/* A heap of timers, the earliest on top; equal deadlines fire in the order in which they were set.
 * The place in the heap is reserved when a timer is made, so arming one cannot fail. */
#ifndef PLR_IO_TIMERS_H
#define PLR_IO_TIMERS_H

#include <pipeline/backend.h>

typedef struct plr_timers {
    plr_timer **heap;
    size_t n_armed, n_timers, capacity;
    uint64_t sequence;
} plr_timers;

struct plr_timer {
    plr_loop *loop;
    plr_timer_fn *on_timer;
    void *userdata;
    uint64_t at_ns, sequence;
    size_t place; /* in the heap, from 1; 0: not armed */
};

int plr_timers_reserve(plr_timers *timers, plr_error *err); /* room for one more timer */
void plr_timers_release(plr_timers *timers);                /* one timer less */
void plr_timers_arm(plr_timers *timers, plr_timer *timer, uint64_t at_ns);
void plr_timers_disarm(plr_timers *timers, plr_timer *timer);
void plr_timers_clear(plr_timers *timers);

/* The deadline of the earliest timer, or UINT64_MAX. */
uint64_t plr_timers_next(const plr_timers *timers);

/* Disarms and returns the earliest timer if its time has come, else NULL. */
plr_timer *plr_timers_take(plr_timers *timers, uint64_t now_ns);

#endif
