/* SPDX-License-Identifier: MIT */
/*
 * Control groups: one for the run and, below it, one for each task, where this machine lets us make
 * some. Version 2 where it is delegated, version 1 (each controller a tree of its own) where it is
 * writable; elsewhere there are limits by rlimit and a warning.
 */
#ifndef PLR_SANDBOX_CGROUP_H
#define PLR_SANDBOX_CGROUP_H

#include "backends/local/sandbox/request.h"

typedef enum plr_controller {
    PLR_CONTROLLER_MEMORY,
    PLR_CONTROLLER_PIDS,
    PLR_CONTROLLER_CPU,
    PLR_CONTROLLERS,
} plr_controller;

typedef struct plr_cgroups {
    int version; /* 0: none */
    /* The run's group of each controller; with version 2 they are one, in the first place. NULL:
     * that controller is not to be had. */
    char *paths[PLR_CONTROLLERS];
} plr_cgroups;

typedef struct plr_rlimits {
    uint64_t memory, processes; /* 0: none */
} plr_rlimits;

/* Outer process: finds the place of the run's groups, and with version 2 makes them: `ret_room` is
 * the one for the inner process to be cloned into, else -1. (With version 1 a group is made when a
 * task wants one: to enter it takes the kernel milliseconds.) */
void plr_cgroups_make(plr_cgroups *ret_cgroups, const char *run_id, int *ret_room);

/* The same on a machine of which /proc/self/mounts and /proc/self/cgroup say this (less than 16 KiB
 * each). */
void plr_cgroups_make_in(plr_cgroups *ret_cgroups, const char *run_id, const char *mounts,
        const char *groups, int *ret_room);

/* Before there is a group, but for that of the room: writes down in the run's folder where its
 * groups are, for whoever removes the run when the outer process was killed; and reads it there.
 * Without such a note there are none. */
void plr_cgroups_note(const plr_cgroups *cgroups, int folder);
void plr_cgroups_recall(plr_cgroups *ret_cgroups, const char *folder);

/* Inner process, with version 2: the group that a task is to be cloned into; -1: none. */
int plr_cgroups_make_task(const plr_cgroups *cgroups, uint32_t task);

/* Outer process, when the room is empty: removes them, with those of tasks that are left. */
void plr_cgroups_remove(plr_cgroups *cgroups);

/*
 * The task's own process: sets the limits asked for, in groups that it is in or goes into. What is
 * not to be had becomes an rlimit, or nothing, and `warning` (of PLR_ERROR_MESSAGE_SIZE) says so;
 * "" if all is well.
 */
int plr_cgroups_enter(const plr_cgroups *cgroups, uint32_t task, const plr_task_request *request,
        plr_rlimits *ret_instead, char *warning, plr_error *err);

/* Last before exec: they hold for whoever sets them, too. */
void plr_rlimits_set(const plr_rlimits *limits);

/* The group of a task that it is in (O_PATH), -1 if it is in none. */
int plr_cgroups_open(const plr_cgroups *cgroups, plr_controller controller, uint32_t task);
const char *plr_controller_name(plr_controller controller);

/* A process of a probe goes into its task's. */
void plr_cgroups_join(const plr_cgroups *cgroups, uint32_t task);

/* What the groups of a task know when it has ended; the rest of `end` is left as it is. */
void plr_cgroups_measure(const plr_cgroups *cgroups, uint32_t task, plr_sandbox_end *end);

/* The groups of one task, which has no process any more. */
void plr_cgroups_remove_task(const plr_cgroups *cgroups, uint32_t task);

#endif
