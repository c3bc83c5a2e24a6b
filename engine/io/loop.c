/* SPDX-License-Identifier: MIT */
/* The event loop: epoll, a timerfd, an eventfd to wake it, and a queue of deferred work.
 * What is freed inside a callback is only marked, and goes when the dispatch unwinds. */
#include "engine/io/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>

#include "engine/base/error.h"
#include "engine/io/timers.h"

#define EVENTS_AT_ONCE 64
/* With a virtual clock: how often time may jump in one dispatch, so that a caller gets its turn. */
#define JUMPS_AT_ONCE 1024

struct plr_watch {
    plr_loop *loop;
    int fd;
    unsigned events;
    plr_watch_fn *on_event; /* NULL: freed, waits for the dispatch to unwind */
    void *userdata;
    plr_watch *next_dead;
};

struct plr_loop {
    int epoll_fd, event_fd, timer_fd;
    plr_clock clock;
    uint64_t virtual_now;
    plr_timers timers;
    uint64_t timer_fd_at; /* what the timerfd is set to; UINT64_MAX: nothing */
    plr_work *first_work, *last_work;
    plr_watch *dead;
    size_t n_watches;
    bool dispatching;
};

static uint64_t clock_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t plr_loop_now(const plr_loop *loop)
{
    return loop->clock == PLR_CLOCK_VIRTUAL ? loop->virtual_now : clock_ns(CLOCK_MONOTONIC);
}

int64_t plr_loop_wall_now(const plr_loop *loop)
{
    return (int64_t)(loop->clock == PLR_CLOCK_VIRTUAL ? loop->virtual_now
                                                      : clock_ns(CLOCK_REALTIME));
}

static int add_own_fd(plr_loop *loop, int fd, plr_error *err)
{
    struct epoll_event event = { .events = EPOLLIN,
        .data.ptr = fd == loop->timer_fd ? &loop->timer_fd : NULL };
    if (fd < 0 || epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return plr_error_set(
                err, PLR_ERR_SYSTEM, "cannot make the event loop: %s", strerror(errno));
    return 0;
}

int plr_loop_new(plr_loop **ret_loop, plr_clock clock, plr_error *err)
{
    _cleanup_(cleanup_plr_loop_free) plr_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return plr_error_nomem(err);
    loop->clock = clock;
    loop->virtual_now = 1000000000; /* so that 0 stays "no deadline" */
    loop->timer_fd_at = UINT64_MAX;
    loop->timer_fd = loop->event_fd = -1;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd >= 0) {
        loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (loop->timer_fd >= 0)
            loop->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    int r = add_own_fd(loop, loop->timer_fd, err);
    if (r == 0)
        r = add_own_fd(loop, loop->event_fd, err);
    if (r < 0)
        return r;
    *ret_loop = steal(loop);
    return 0;
}

static void free_dead(plr_loop *loop)
{
    while (loop->dead != NULL) {
        plr_watch *next = loop->dead->next_dead;
        free(loop->dead);
        loop->dead = next;
    }
}

void plr_loop_free(plr_loop *loop)
{
    if (loop == NULL)
        return;
    free_dead(loop);
    plr_timers_clear(&loop->timers);
    cleanup_close(&loop->epoll_fd);
    cleanup_close(&loop->timer_fd);
    cleanup_close(&loop->event_fd);
    free(loop);
}

int plr_loop_fd(const plr_loop *loop)
{
    return loop->epoll_fd;
}

bool plr_loop_is_dispatching(const plr_loop *loop)
{
    return loop->dispatching;
}

void plr_loop_wake(plr_loop *loop)
{
    int saved = errno; /* a signal handler may be who calls */
    uint64_t one = 1;
    ssize_t written = write(loop->event_fd, &one, sizeof one);
    (void)written; /* EAGAIN: it is awake already */
    errno = saved;
}

void plr_loop_defer(plr_loop *loop, plr_work *work)
{
    if (work->queued)
        return;
    work->queued = true;
    work->next = NULL;
    work->previous = loop->last_work;
    if (loop->last_work != NULL)
        loop->last_work->next = work;
    else
        loop->first_work = work;
    loop->last_work = work;
    if (!loop->dispatching)
        plr_loop_wake(loop);
}

void plr_loop_cancel_work(plr_loop *loop, plr_work *work)
{
    if (!work->queued)
        return;
    work->queued = false;
    *(work->previous != NULL ? &work->previous->next : &loop->first_work) = work->next;
    *(work->next != NULL ? &work->next->previous : &loop->last_work) = work->previous;
}

static bool run_work(plr_loop *loop)
{
    bool any = false;
    while (loop->first_work != NULL) {
        plr_work *work = loop->first_work;
        plr_loop_cancel_work(loop, work);
        work->run(work, work->userdata);
        any = true;
    }
    return any;
}

static bool run_timers(plr_loop *loop)
{
    bool any = false;
    uint64_t now = plr_loop_now(loop);
    for (plr_timer *timer; (timer = plr_timers_take(&loop->timers, now)) != NULL; any = true) {
        timer->on_timer(timer, timer->userdata);
        run_work(loop);
    }
    return any;
}

/* The timerfd follows the earliest timer, so that the loop's one descriptor is readable in time. */
static void set_timer_fd(plr_loop *loop)
{
    uint64_t at = plr_timers_next(&loop->timers);
    if (loop->clock == PLR_CLOCK_VIRTUAL) {
        if (at != UINT64_MAX)
            plr_loop_wake(loop);
        return;
    }
    if (at == loop->timer_fd_at)
        return;
    struct itimerspec when = { 0 };
    if (at != UINT64_MAX) {
        when.it_value.tv_sec = (time_t)(at / 1000000000u);
        when.it_value.tv_nsec = (long)(at % 1000000000u);
    }
    timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    loop->timer_fd_at = at;
}

/* Returns whether it was more than the loop's own descriptors. */
static bool handle_event(plr_loop *loop, const struct epoll_event *event)
{
    uint64_t count;
    ssize_t size = 0;
    if (event->data.ptr == NULL) {
        size = read(loop->event_fd, &count, sizeof count);
    } else if (event->data.ptr == &loop->timer_fd) {
        size = read(loop->timer_fd, &count, sizeof count);
        loop->timer_fd_at = UINT64_MAX;
    } else {
        plr_watch *watch = event->data.ptr;
        unsigned events = (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? PLR_WATCH_READ : 0) |
                          (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR) ? PLR_WATCH_WRITE : 0);
        if (watch->on_event != NULL && (events & watch->events) != 0)
            watch->on_event(watch, events & watch->events, watch->userdata);
        return true;
    }
    (void)size; /* only there to be emptied */
    return false;
}

static int poll_events(plr_loop *loop, int timeout_ms, plr_error *err)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int n = epoll_wait(loop->epoll_fd, events, EVENTS_AT_ONCE, timeout_ms);
    if (n < 0 && errno == EINTR)
        return 0;
    if (n < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "epoll_wait: %s", strerror(errno));
    int handled = 0;
    for (int i = 0; i < n; i++) {
        handled |= handle_event(loop, &events[i]);
        handled |= run_work(loop);
    }
    return handled;
}

static bool jump(plr_loop *loop)
{
    uint64_t next = plr_timers_next(&loop->timers);
    if (loop->clock != PLR_CLOCK_VIRTUAL || next == UINT64_MAX)
        return false;
    if (next > loop->virtual_now)
        loop->virtual_now = next;
    return run_timers(loop);
}

int plr_loop_dispatch(plr_loop *loop, int timeout_ms, plr_error *err)
{
    if (loop->dispatching)
        return plr_error_set(
                err, PLR_ERR_STATE, "dispatch was called inside a callback of dispatch");
    loop->dispatching = true;
    bool handled = run_work(loop);
    bool can_jump = loop->clock == PLR_CLOCK_VIRTUAL && loop->timers.n_armed > 0;
    int n = poll_events(loop, handled || can_jump ? 0 : timeout_ms, err);
    if (n > 0)
        handled = true;
    if (loop->clock != PLR_CLOCK_VIRTUAL && run_timers(loop))
        handled = true;
    if (!handled)
        for (int i = 0; i < JUMPS_AT_ONCE && jump(loop); i++) {
            handled = true;
            if (loop->n_watches > 0)
                break;
        }
    loop->dispatching = false;
    free_dead(loop);
    set_timer_fd(loop);
    return n < 0 ? n : handled;
}

/* A watch that wants nothing is taken out of epoll, which would tell of hang-ups all the same. */
static int update(plr_watch *watch, unsigned events, plr_error *err)
{
    struct epoll_event event = {
        .events = (events & PLR_WATCH_READ ? EPOLLIN : 0u) |
                  (events & PLR_WATCH_WRITE ? EPOLLOUT : 0u),
        .data.ptr = watch,
    };
    int how = events == 0 ? EPOLL_CTL_DEL : watch->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (events == 0 && watch->events == 0)
        return 0;
    if (epoll_ctl(watch->loop->epoll_fd, how, watch->fd, &event) < 0 && how != EPOLL_CTL_DEL)
        return plr_error_set(
                err, PLR_ERR_SYSTEM, "cannot watch descriptor %d: %s", watch->fd, strerror(errno));
    watch->events = events;
    return 0;
}

int plr_watch_new(plr_loop *loop, plr_watch **ret_watch, int fd, unsigned events,
        plr_watch_fn *on_event, void *userdata, plr_error *err)
{
    _cleanup_free_ plr_watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return plr_error_nomem(err);
    *watch = (plr_watch){ .loop = loop, .fd = fd, .on_event = on_event, .userdata = userdata };
    int r = update(watch, events, err);
    if (r < 0)
        return r;
    loop->n_watches++;
    *ret_watch = steal(watch);
    return 0;
}

int plr_watch_set(plr_watch *watch, unsigned events, plr_error *err)
{
    return update(watch, events, err);
}

void plr_watch_free(plr_watch *watch)
{
    if (watch == NULL)
        return;
    update(watch, 0, NULL);
    watch->on_event = NULL;
    watch->loop->n_watches--;
    watch->next_dead = watch->loop->dead;
    watch->loop->dead = watch;
    if (!watch->loop->dispatching)
        free_dead(watch->loop);
}

int plr_timer_new(plr_loop *loop, plr_timer **ret_timer, plr_timer_fn *on_timer, void *userdata,
        plr_error *err)
{
    int r = plr_timers_reserve(&loop->timers, err);
    if (r < 0)
        return r;
    plr_timer *timer = calloc(1, sizeof *timer);
    if (timer == NULL) {
        plr_timers_release(&loop->timers);
        return plr_error_nomem(err);
    }
    *timer = (plr_timer){ .loop = loop, .on_timer = on_timer, .userdata = userdata };
    *ret_timer = timer;
    return 0;
}

uint64_t plr_timer_deadline(const plr_timer *timer)
{
    return timer->place > 0 ? timer->at_ns : 0;
}

void plr_timer_set(plr_timer *timer, uint64_t at_ns)
{
    plr_loop *loop = timer->loop;
    if (at_ns != 0)
        plr_timers_arm(&loop->timers, timer, at_ns);
    else
        plr_timers_disarm(&loop->timers, timer);
    if (!loop->dispatching)
        set_timer_fd(loop);
}

void plr_timer_free(plr_timer *timer)
{
    if (timer == NULL)
        return;
    plr_timers_disarm(&timer->loop->timers, timer);
    plr_timers_release(&timer->loop->timers);
    free(timer);
}
