/* SPDX-License-Identifier: MIT */
/* Finds what carries our labels (containers, networks, volumes) and removes what is chosen of it:
 * containers first, all at once, since they hold the rest. */
#ifndef PLR_DOCKER_REAPER_H
#define PLR_DOCKER_REAPER_H

#include "backends/docker/errand.h"

typedef enum plr_docker_kind {
    PLR_DOCKER_CONTAINER,
    PLR_DOCKER_NETWORK,
    PLR_DOCKER_VOLUME,
} plr_docker_kind;
#define PLR_DOCKER_KINDS 3

typedef struct plr_docker_found {
    plr_docker_kind kind;
    char *id; /* volumes have their name for it */
    char *name, *run, *owner;
    int64_t created_s, deadline_s;
    bool keep; /* outlives its engine until its deadline */
    plr_error error;
} plr_docker_found;

typedef struct plr_docker_reaper plr_docker_reaper;
typedef bool plr_docker_choose_fn(const plr_docker_found *found, const void *argument);
/* `err`: what could not be listed. `found` are those chosen, each with its own error. */
typedef void plr_docker_reaped_fn(plr_docker *docker, const plr_docker_found *found, size_t n,
        const plr_error *err, void *userdata);

/* `run` NULL: of all runs; `choose` NULL: all. `argument` has to live until the end. With `persist`
 * it waits for a daemon that is gone and for removals that others have begun. */
typedef struct plr_docker_reap {
    const char *run;
    plr_docker_choose_fn *choose;
    const void *argument;
    bool dry_run, persist;
    plr_docker_reaped_fn *on_reaped;
    void *userdata;
} plr_docker_reap;

int plr_docker_reaper_start(plr_docker *docker, const plr_docker_reap *reap, plr_error *err);

#endif
