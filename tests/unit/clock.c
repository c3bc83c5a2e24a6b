/* SPDX-License-Identifier: MIT */
/* The linker sends what the loop asks of the kernel's clocks through here: the time, and the timer
 * that wakes it. */
#include "tests/unit/clock.h"

#include <stdbool.h>
#include <sys/timerfd.h>
#include <time.h>

#define SECOND INT64_C(1000000000)
#define SLOWER 60

int __real_clock_gettime(clockid_t id, struct timespec *ret_now);
int __real_timerfd_settime(
        int fd, int flags, const struct itimerspec *when, struct itimerspec *ret_old);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret_now);
int __wrap_timerfd_settime(
        int fd, int flags, const struct itimerspec *when, struct itimerspec *ret_old);

static bool is_held;
static int64_t held_at, held_wall_at; /* monotonic and wall time when it was */
static int64_t passed;

static int64_t to_ns(const struct timespec *time)
{
    return time->tv_sec * SECOND + time->tv_nsec;
}

static struct timespec from_ns(int64_t ns)
{
    return (struct timespec){ .tv_sec = ns / SECOND, .tv_nsec = ns % SECOND };
}

static int64_t real_now(clockid_t id)
{
    struct timespec now;
    __real_clock_gettime(id, &now);
    return to_ns(&now);
}

void clock_hold(void)
{
    held_at = real_now(CLOCK_MONOTONIC);
    held_wall_at = real_now(CLOCK_REALTIME);
    passed = 0;
    is_held = true;
}

void clock_pass(unsigned seconds)
{
    passed += seconds * SECOND;
}

void clock_release(void)
{
    is_held = false;
}

/* Tests measure their own limits by CLOCK_BOOTTIME, which is left alone. */
int __wrap_clock_gettime(clockid_t id, struct timespec *ret_now)
{
    if (!is_held || (id != CLOCK_MONOTONIC && id != CLOCK_REALTIME))
        return __real_clock_gettime(id, ret_now);
    int64_t since = (real_now(CLOCK_MONOTONIC) - held_at) / SLOWER + passed;
    *ret_now = from_ns((id == CLOCK_MONOTONIC ? held_at : held_wall_at) + since);
    return 0;
}

int __wrap_timerfd_settime(
        int fd, int flags, const struct itimerspec *when, struct itimerspec *ret_old)
{
    struct itimerspec real = *when;
    int64_t at = to_ns(&when->it_value);
    if (is_held && at > 0) {
        int64_t left = at - passed - held_at;
        real.it_value = from_ns(held_at + (left > 0 ? left * SLOWER : 0));
    }
    return __real_timerfd_settime(fd, flags, &real, ret_old);
}
