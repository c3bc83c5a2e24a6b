/* SPDX-License-Identifier: MIT */
/* The loop's clock in the hands of a test, for real loops with real peers: a limit is met when the
 * test says so, and not when a machine is slow. Whoever uses it links with clock_ldflags. */
#ifndef PLR_TESTS_UNIT_CLOCK_H
#define PLR_TESTS_UNIT_CLOCK_H

#include <stdint.h>

/* From here on time all but stands still: a second takes a minute. It must not stand,
 * or libcurl's timers of a millisecond would never come. */
void clock_hold(void);

/* Lets so many seconds pass at once. What is due then happens in the next dispatch. */
void clock_pass(unsigned seconds);

/* Time goes on as ever: another one than before, so no loop may be left. */
void clock_release(void);

#endif
