/* SPDX-License-Identifier: MIT */
/*
 * An allocator that runs out of memory on request: the Nth allocation of the program's own code
 * fails. What shared libraries allocate for themselves is not counted.
 */
#ifndef PLR_TESTS_OOM_FAILING_MALLOC_H
#define PLR_TESTS_OOM_FAILING_MALLOC_H

#include <stdbool.h>
#include <stddef.h>

typedef enum plr_oom_mode {
    PLR_OOM_ONCE,  /* the Nth allocation fails, those after it succeed */
    PLR_OOM_ONWARD /* the Nth allocation fails, and all after it */
} plr_oom_mode;

/* Starts counting allocations; from now on the Nth fails, counted from 1. 0: none, only count. */
void plr_oom_arm(size_t nth, plr_oom_mode mode);

/* Lets all allocations succeed again. Returns how many were asked for since plr_oom_arm. */
size_t plr_oom_disarm(void);

/*
 * Runs the scenario again and again, each time with a later allocation failing, until one run
 * reaches its end without a failure; then the same in the other mode. `try` sets up (allocations
 * of its own included), acts, checks and frees everything; `failing` tells it whether an allocation
 * may have failed, so that it must accept PLR_ERR_NOMEM but nothing else that is wrong. Returns how
 * many allocations a whole run makes; 0 means that nothing was tested.
 */
size_t plr_oom_each(void (*try)(bool failing, void *userdata), void *userdata);

#endif
