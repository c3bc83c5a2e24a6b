/* SPDX-License-Identifier: MIT */
/* The event loop: one epoll descriptor with timers folded into a timerfd, and work that is deferred
 * to it. With a virtual clock time jumps to the next timer as soon as nothing else is to do. */
#ifndef PLR_IO_LOOP_H
#define PLR_IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <pipeline/backend.h>

#include "engine/base/cleanup.h"

/* Something to be done later in this dispatch, or in the next; part of the struct it works on. */
typedef struct plr_work plr_work;
typedef void plr_work_fn(plr_work *work, void *userdata);

struct plr_work {
    plr_work_fn *run;
    void *userdata;
    plr_work *next, *previous; /* in the loop's queue, where it is once at most */
    bool queued;
};

int plr_loop_new(plr_loop **ret_loop, plr_clock clock, plr_error *err);
void plr_loop_free(plr_loop *loop);
PLR_DEFINE_CLEANUP(plr_loop, plr_loop_free)

int plr_loop_fd(const plr_loop *loop);
int plr_loop_dispatch(plr_loop *loop, int timeout_ms, plr_error *err);
bool plr_loop_is_dispatching(const plr_loop *loop);
void plr_loop_wake(plr_loop *loop);

uint64_t plr_loop_now(const plr_loop *loop);
int64_t plr_loop_wall_now(const plr_loop *loop);

void plr_loop_defer(plr_loop *loop, plr_work *work);
void plr_loop_cancel_work(plr_loop *loop, plr_work *work);

int plr_watch_new(plr_loop *loop, plr_watch **ret_watch, int fd, unsigned events,
        plr_watch_fn *on_event, void *userdata, plr_error *err);
int plr_watch_set(plr_watch *watch, unsigned events, plr_error *err);
void plr_watch_free(plr_watch *watch);

int plr_timer_new(plr_loop *loop, plr_timer **ret_timer, plr_timer_fn *on_timer, void *userdata,
        plr_error *err);
void plr_timer_set(plr_timer *timer, uint64_t at_ns);
uint64_t plr_timer_deadline(const plr_timer *timer); /* 0: not armed */
void plr_timer_free(plr_timer *timer);

#endif
