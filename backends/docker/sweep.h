/* SPDX-License-Identifier: MIT */
/* Which leftovers a sweep chooses. Reads /proc, else pure. */
#ifndef PLR_DOCKER_SWEEP_H
#define PLR_DOCKER_SWEEP_H

#include "backends/docker/reaper.h"

typedef struct plr_docker_choice {
    int64_t now_s, older_than_s;
    const char *run;  /* only this, whatever its owner; or NULL */
    const char *proc; /* "/proc" */
} plr_docker_choice;

/* A plr_docker_choose_fn; `argument` is a plr_docker_choice. */
bool plr_docker_sweep_chooses(const plr_docker_found *found, const void *argument);

#endif
