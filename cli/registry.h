/* SPDX-License-Identifier: MIT */
/* The runs of this machine: each run command leaves a small file for ps and stop.
 * A file whose process has gone is removed by whoever comes across it. */
#ifndef PLR_CLI_REGISTRY_H
#define PLR_CLI_REGISTRY_H

#include <stdint.h>
#include <sys/types.h>

#include <pipeline/error.h>

typedef struct plr_registered {
    char *id, *backend, *document;
    pid_t pid;
    uint64_t ticks; /* when the process started, in clock ticks since boot: tells pids apart */
    int64_t began;  /* seconds since 1970 */
} plr_registered;

typedef struct plr_registry {
    plr_registered *items;
    size_t n;
} plr_registry;

/* Notes a run of this process. `*ret_path` is the file, for plr_registry_remove. */
int plr_registry_add(
        const char *id, const char *backend, const char *document, char **ret_path, plr_error *err);

/* Removes the file and frees the path; NULL is accepted. */
void plr_registry_remove(char *path);

/* All runs whose processes live, the oldest first. */
int plr_registry_read(plr_registry *registry, plr_error *err);
void plr_registry_clear(plr_registry *registry);

/* A descriptor of the process that runs it (pidfd), if it is still the same one; -1 and errno ESRCH
 * if not. What is done through it cannot reach another process. */
int plr_registry_open(const plr_registered *run);

#endif
