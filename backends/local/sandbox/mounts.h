/* SPDX-License-Identifier: MIT */
/*
 * Mounts by descriptor: made detached, then attached to an O_PATH descriptor, so no path is looked
 * up twice.
 */
#ifndef PLR_SANDBOX_MOUNTS_H
#define PLR_SANDBOX_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include <pipeline/error.h>

typedef struct plr_mount_option {
    const char *key, *value; /* value NULL: a flag; the list ends with a key of NULL */
} plr_mount_option;

/* A new file system, attached nowhere. Attributes: MOUNT_ATTR_. -1 and errno on failure. */
int plr_mount_new(const char *type, const plr_mount_option *options, uint64_t attributes);

/* A copy of what is mounted at an O_PATH descriptor (and below it), with attributes added. */
int plr_mount_copy(int source, bool recursive, uint64_t attributes);

/* Takes the mount's descriptor in any case. */
int plr_mount_attach(int mount, int target);

#endif
