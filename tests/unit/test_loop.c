/* SPDX-License-Identifier: MIT */
/* The loop: descriptors, deferred work, timers on both clocks, wakes from elsewhere, and the one
 * descriptor that hosts poll. */
#include "engine/io/loop.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "tests/unit/harness.h"

#define MS 1000000u

typedef struct fixture {
    plr_loop *loop;
    int pipes[2][2];
    plr_watch *watches[2];
    plr_timer *timers[4];
    char order[32]; /* one letter for each callback */
} fixture;

static void note(fixture *f, char what)
{
    size_t n = strlen(f->order);
    if (n + 1 < sizeof f->order)
        f->order[n] = what;
}

static void set_up(fixture *f, plr_clock clock)
{
    *f = (fixture){ 0 };
    CU_ASSERT_EQUAL(plr_loop_new(&f->loop, clock, NULL), 0);
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(pipe(f->pipes[i]), 0);
}

static void tear_down(fixture *f)
{
    for (int i = 0; i < 2; i++)
        plr_watch_free(f->watches[i]);
    for (int i = 0; i < 4; i++)
        plr_timer_free(f->timers[i]);
    for (int i = 0; i < 2; i++) {
        close(f->pipes[i][0]);
        close(f->pipes[i][1]);
    }
    plr_loop_free(f->loop);
}

static bool is_readable(const fixture *f, int timeout_ms)
{
    struct pollfd poller = { .fd = plr_loop_fd(f->loop), .events = POLLIN };
    return poll(&poller, 1, timeout_ms) == 1;
}

static void put_byte(const fixture *f, int pipe)
{
    CU_ASSERT_EQUAL(write(f->pipes[pipe][1], "x", 1), 1);
}

static void on_readable(plr_watch *watch, unsigned events, void *userdata)
{
    fixture *f = userdata;
    char byte;
    int which = watch == f->watches[1];
    CU_ASSERT_EQUAL(events, PLR_WATCH_READ);
    note(f, which ? 'B' : 'A');
    CU_ASSERT_EQUAL(read(f->pipes[which][0], &byte, 1), 1);
}

static void watch_both(fixture *f, plr_watch_fn *on_event)
{
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(plr_watch_new(f->loop, &f->watches[i], f->pipes[i][0], PLR_WATCH_READ,
                                on_event, f, NULL),
                0);
}

static void descriptors_are_watched(void)
{
    fixture f;
    set_up(&f, PLR_CLOCK_MONOTONIC);
    watch_both(&f, on_readable);
    CU_ASSERT_EQUAL(plr_loop_dispatch(f.loop, 0, NULL), 0);
    put_byte(&f, 1);
    CU_ASSERT_TRUE(is_readable(&f, 0));
    CU_ASSERT_EQUAL(plr_loop_dispatch(f.loop, -1, NULL), 1);
    CU_ASSERT_STRING_EQUAL(f.order, "B");
    CU_ASSERT_FALSE(is_readable(&f, 0));
    /* One that wants nothing is not told of a hang-up; when it wants again, it is. */
    CU_ASSERT_EQUAL(plr_watch_set(f.watches[0], 0, NULL), 0);
    put_byte(&f, 0);
    CU_ASSERT_FALSE(is_readable(&f, 0));
    CU_ASSERT_EQUAL(plr_watch_set(f.watches[0], PLR_WATCH_READ, NULL), 0);
    CU_ASSERT_EQUAL(plr_loop_dispatch(f.loop, 0, NULL), 1);
    CU_ASSERT_STRING_EQUAL(f.order, "BA");
    tear_down(&f);
}

static void on_readable_free_self(plr_watch *watch, unsigned events, void *userdata)
{
    fixture *f = userdata;
    (void)events;
    note(f, 's');
    plr_watch_free(watch);
    f->watches[watch == f->watches[1]] = NULL;
}

static void on_readable_free_other(plr_watch *watch, unsigned events, void *userdata)
{
    fixture *f = userdata;
    (void)events;
    int other = watch == f->watches[0];
    note(f, 'o');
    plr_watch_free(steal(f->watches[other]));
}

static void watches_are_freed_in_callbacks(void)
{
    fixture f;
    set_up(&f, PLR_CLOCK_MONOTONIC);
    watch_both(&f, on_readable_free_self);
    put_byte(&f, 0);
    put_byte(&f, 1);
    CU_ASSERT_EQUAL(plr_loop_dispatch(f.loop, 0, NULL), 1);
    CU_ASSERT_STRING_EQUAL(f.order, "ss");
    CU_ASSERT_EQUAL(plr_loop_dispatch(f.loop, 0, NULL), 0);
    watch_both(
            &f, on_readable_free_other); /* both are ready; the second is gone when its turn is */
    CU_ASSERT_EQUAL(plr_loop_dispatch(f.loop, 0, NULL), 1);
    CU_ASSERT_STRING_EQUAL(f.order, "sso");
    tear_down(&f);
}

static void on_readable_dispatch(plr_watch *watch, unsigned events, void *userdata)
{
    (void)watch;
    (void)events;
    fixture *f = userdata;
    plr_error err = { 0 };
    CU_ASSERT_EQUAL(plr_loop_dispatch(f->loop, 0, &err), PLR_ERR_STATE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "callback"));
    note(f, 'd');
    plr_watch_free(steal(f->watches[0]));
}

static void dispatch_in_a_callback_is_refused(void)
{
    fixture f;
    set_up(&f, PLR_CLOCK_MONOTONIC);
    CU_ASSERT_EQUAL(plr_watch_new(f.loop, &f.watches[0], f.pipes[0][0], PLR_WATCH_READ,
                            on_readable_dispatch, &f, NULL),
            0);
    put_byte(&f, 0);
    CU_ASSERT_EQUAL(plr_loop_dispatch(f.loop, 0, NULL), 1);
    CU_ASSERT_STRING_EQUAL(f.order, "d");
    tear_down(&f);
}

static void on_timer(plr_timer *timer, void *userdata)
{
    fixture *f = userdata;
    for (int i = 0; i < 4; i++)
        if (f->timers[i] == timer)
            note(f, (char)('0' + i));
}

static void make_timers(fixture *f, plr_timer_fn *callback)
{
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(plr_timer_new(f->loop, &f->timers[i], callback, f, NULL), 0);
}

static void timers_fire_in_order(void)
{
    fixture f;
    set_up(&f, PLR_CLOCK_VIRTUAL);
    make_timers(&f, on_timer);
    uint64_t now = plr_loop_now(f.loop);
    plr_timer_set(f.timers[2], now + 10 * MS);
    plr_timer_set(f.timers[0], now + 20 * MS);
    plr_timer_set(f.timers[3], now + 10 * MS); /* equal ones in the order in which they were set */
    plr_timer_set(f.timers[1], now + 5 * MS);
    while (plr_loop_dispatch(f.loop, 0, NULL) > 0)
        continue;
    CU_ASSERT_STRING_EQUAL(f.order, "1230");
    CU_ASSERT_EQUAL(plr_loop_now(f.loop), now + 20 * MS);
    tear_down(&f);
}

static void on_timer_change_others(plr_timer *timer, void *userdata)
{
    fixture *f = userdata;
    on_timer(timer, f);
    if (timer != f->timers[0])
        return;
    plr_timer_set(f->timers[1], 0);
    plr_timer_free(steal(f->timers[2]));
    plr_timer_free(steal(f->timers[0])); /* itself */
    plr_timer_set(f->timers[3], plr_loop_now(f->loop) + 3600 * 1000ull * MS);
}

static void timers_are_changed_in_callbacks(void)
{
    fixture f;
    set_up(&f, PLR_CLOCK_VIRTUAL);
    make_timers(&f, on_timer_change_others);
    uint64_t now = plr_loop_now(f.loop);
    for (int i = 0; i < 4; i++)
        plr_timer_set(f.timers[i], now + MS); /* all are due at once */
    while (plr_loop_dispatch(f.loop, 0, NULL) > 0)
        continue;
    CU_ASSERT_STRING_EQUAL(f.order, "03");
    CU_ASSERT_EQUAL(plr_loop_now(f.loop), now + MS + 3600 * 1000ull * MS);
    tear_down(&f);
}

/* The heap against the plain way: random settings, and each take is the smallest. */
static void many_timers_are_sorted(void)
{
    enum { N = 500 };
    fixture f;
    plr_timer *timers[N];
    unsigned random = 1;
    set_up(&f, PLR_CLOCK_VIRTUAL);
    for (int i = 0; i < N; i++)
        CU_ASSERT_EQUAL(plr_timer_new(f.loop, &timers[i], on_timer, &f, NULL), 0);
    uint64_t now = plr_loop_now(f.loop), latest = now;
    bool armed[N] = { false };
    uint64_t at[N];
    for (int round = 0; round < 4 * N; round++) {
        random = random * 1103515245u + 12345u;
        unsigned i = (random >> 16) % N;
        armed[i] = (random >> 8) % 4 != 0;
        at[i] = armed[i] ? now + 1 + (random >> 12) % 100000 : 0;
        plr_timer_set(timers[i], at[i]);
    }
    for (int i = 0; i < N; i++)
        if (armed[i] && at[i] > latest)
            latest = at[i];
    while (plr_loop_dispatch(f.loop, 0, NULL) > 0)
        continue;
    CU_ASSERT_EQUAL(plr_loop_now(f.loop), latest);
    for (int i = 0; i < N; i++)
        plr_timer_free(timers[i]);
    tear_down(&f);
}

static void a_timer_makes_the_descriptor_readable(void)
{
    fixture f;
    set_up(&f, PLR_CLOCK_MONOTONIC);
    make_timers(&f, on_timer);
    plr_timer_set(f.timers[0], plr_loop_now(f.loop) + 3600 * 1000ull * MS);
    CU_ASSERT_FALSE(is_readable(&f, 0));
    plr_timer_set(f.timers[0], plr_loop_now(f.loop) + 20 * MS);
    CU_ASSERT_TRUE(is_readable(&f, 60000));
    CU_ASSERT_EQUAL(plr_loop_dispatch(f.loop, 0, NULL), 1);
    CU_ASSERT_STRING_EQUAL(f.order, "0");
    CU_ASSERT_FALSE(is_readable(&f, 0));
    plr_timer_set(f.timers[0], plr_loop_now(f.loop) + MS);
    plr_timer_set(f.timers[0], 0); /* and one that is disarmed does not */
    CU_ASSERT_FALSE(is_readable(&f, 20));
    plr_timer_set(f.timers[0], 1); /* long ago */
    CU_ASSERT_EQUAL(plr_loop_dispatch(f.loop, -1, NULL), 1);
    tear_down(&f);
}

typedef struct counted_work {
    plr_work work;
    fixture *f;
    unsigned left;
} counted_work;

static void do_work(plr_work *work, void *userdata)
{
    counted_work *counted = userdata;
    note(counted->f, 'w');
    if (--counted->left > 0)
        plr_loop_defer(counted->f->loop, work);
}

static void work_is_done_in_the_next_dispatch(void)
{
    fixture f;
    set_up(&f, PLR_CLOCK_MONOTONIC);
    counted_work one = { .work = { .run = do_work, .userdata = &one }, .f = &f, .left = 3 };
    counted_work two = { .work = { .run = do_work, .userdata = &two }, .f = &f, .left = 1 };
    plr_loop_defer(f.loop, &one.work);
    plr_loop_defer(f.loop, &one.work); /* it is there once */
    plr_loop_defer(f.loop, &two.work);
    plr_loop_cancel_work(f.loop, &two.work);
    CU_ASSERT_STRING_EQUAL(f.order, "");
    CU_ASSERT_TRUE(is_readable(&f, 0));
    CU_ASSERT_EQUAL(plr_loop_dispatch(f.loop, -1, NULL), 1);
    CU_ASSERT_STRING_EQUAL(f.order, "www");
    CU_ASSERT_FALSE(is_readable(&f, 0));
    tear_down(&f);
}

static void *wake(void *loop)
{
    usleep(20000); /* so that most times the other one waits already; either way it must wake */
    plr_loop_wake(loop);
    return NULL;
}

static plr_loop *handler_loop;

static void on_signal(int number)
{
    (void)number;
    plr_loop_wake(handler_loop);
}

static void it_is_woken_from_elsewhere(void)
{
    fixture f;
    pthread_t thread;
    set_up(&f, PLR_CLOCK_MONOTONIC);
    CU_ASSERT_EQUAL(pthread_create(&thread, NULL, wake, f.loop), 0);
    CU_ASSERT_EQUAL(plr_loop_dispatch(f.loop, -1, NULL), 0);
    pthread_join(thread, NULL);
    handler_loop = f.loop;
    struct sigaction action = { .sa_handler = on_signal }, old;
    sigaction(SIGUSR1, &action, &old);
    raise(SIGUSR1);
    CU_ASSERT_TRUE(is_readable(&f, 0));
    CU_ASSERT_EQUAL(plr_loop_dispatch(f.loop, -1, NULL), 0);
    CU_ASSERT_FALSE(is_readable(&f, 0));
    sigaction(SIGUSR1, &old, NULL);
    tear_down(&f);
}

/* Fault 43: without descriptors there is an error, and nothing stays open. */
static void without_descriptors_there_is_an_error(void)
{
    int before = dup(0);
    close(before);
    int fds[256];
    size_t n = 0;
    plr_loop *loop = NULL;
    plr_error err = { 0 };
    struct rlimit old, few;
    getrlimit(RLIMIT_NOFILE, &old);
    few = old;
    few.rlim_cur = (rlim_t)before + 8;
    setrlimit(RLIMIT_NOFILE, &few);
    while (n < 256 && (fds[n] = dup(0)) >= 0)
        n++;
    for (size_t room = 0; room < 3; room++) {
        CU_ASSERT_EQUAL(plr_loop_new(&loop, PLR_CLOCK_MONOTONIC, &err), PLR_ERR_SYSTEM);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "Too many open files"));
        close(fds[--n]);
    }
    CU_ASSERT_EQUAL(plr_loop_new(&loop, PLR_CLOCK_MONOTONIC, &err), 0);
    plr_loop_free(loop);
    while (n > 0)
        close(fds[--n]);
    setrlimit(RLIMIT_NOFILE, &old);
    int after = dup(0);
    close(after);
    CU_ASSERT_EQUAL(before, after);
}

static const plr_test tests[] = {
    { "descriptors are watched", descriptors_are_watched },
    { "watches are freed in callbacks", watches_are_freed_in_callbacks },
    { "dispatch in a callback is refused", dispatch_in_a_callback_is_refused },
    { "timers fire in order", timers_fire_in_order },
    { "timers are changed in callbacks", timers_are_changed_in_callbacks },
    { "many timers are sorted", many_timers_are_sorted },
    { "a timer makes the descriptor readable", a_timer_makes_the_descriptor_readable },
    { "work is done in the next dispatch", work_is_done_in_the_next_dispatch },
    { "it is woken from a thread and from a signal handler", it_is_woken_from_elsewhere },
    { "without descriptors there is an error", without_descriptors_there_is_an_error },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("loop", tests);
}
