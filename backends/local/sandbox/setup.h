/* SPDX-License-Identifier: MIT */
/*
 * A task while it is built, by the process that will be its PID 1: it reads what is asked for,
 * makes the root, and gives up what the step must not have. Its memory ends with the exec, so
 * nothing here frees any.
 */
#ifndef PLR_SANDBOX_SETUP_H
#define PLR_SANDBOX_SETUP_H

#include "backends/local/sandbox/request.h"
#include "backends/local/sandbox/room.h"

#define PLR_TMPFS_MAX 32

typedef struct plr_user {
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* others it is in */
    size_t n_groups;
    const char *home; /* of passwd; "/" if it is not there */
} plr_user;

typedef struct plr_setup {
    const plr_room *room;
    uint32_t number;
    int report; /* a pipe to the inner process: plr_setup_report */
    plr_task_request request;
    plr_user user;
    plr_rlimits rlimits;        /* where there are no control groups */
    int folder;                 /* of the task, in the run's */
    bool has_names;             /* hosts and resolv.conf are in its root */
    int kernel;                 /* where the kernel's file systems wait for the root */
    int root;                   /* the task's root, a mount */
    dev_t tmpfs[PLR_TMPFS_MAX]; /* what is gone when its namespace goes */
    size_t n_tmpfs;
} plr_setup;

/* What comes out of the pipe, whole: a warning (code PLR_OK), or the failure and then the end. */
typedef struct plr_setup_report {
    int32_t code;
    char text[PLR_ERROR_MESSAGE_SIZE];
} plr_setup_report;

typedef struct plr_setup_fds {
    int fields, out, err, channel;
} plr_setup_fds;

/* In the new process: becomes the task's plr-init. */
_Noreturn void plr_setup_become(
        plr_room *room, uint32_t number, const plr_setup_fds *fds, int report);

/* The same up to its rights and working directory, for whoever has read a request and is in fresh
 * namespaces (mounts, processes, IPC, names). */
int plr_setup_build(plr_setup *setup, plr_error *err);

void plr_setup_warn(const plr_setup *setup, const char *text);

/* The root, with image or view of the machine, and nothing mounted in it. root*.c */
int plr_setup_root(plr_setup *setup, plr_error *err);
int plr_setup_host_root(plr_setup *setup, plr_error *err);

/* What a root, or a part of it, is laid over. Folders are O_PATH descriptors, borrowed. */
typedef struct plr_overlay {
    const char *name;
    const int *layers; /* the lowest first */
    size_t n_layers;
    int changes; /* the folder that what is written goes to, under the overlay's name */
    bool mixed;  /* for root: some layers are in memory, and what shows must not tell */
} plr_overlay;

int plr_setup_overlay(
        const plr_setup *setup, const plr_overlay *overlay, int *ret_mount, plr_error *err);
/* Of every mount of a root: MOUNT_ATTR_... */
uint64_t plr_setup_root_attributes(const plr_setup *setup);
/* Puts the root's mount over the task's folder, which nobody looks for there any more. */
int plr_setup_attach_root(plr_setup *setup, int mount, plr_error *err);

/* /proc, /sys, /dev and what is hidden of them: made before there is a root, for what that is made
 * of may not be ready yet, and then moved into it. kernel.c */
int plr_setup_kernel(plr_setup *setup, plr_error *err);
int plr_setup_kernel_place(plr_setup *setup, plr_error *err);
int plr_setup_devices(plr_setup *setup, plr_error *err);

/* Volumes, files, names. place.c */
int plr_setup_volumes(plr_setup *setup, plr_error *err);
int plr_setup_files(plr_setup *setup, plr_error *err);
/* hosts and resolv.conf in a folder that is /etc, or will be. */
int plr_setup_names(plr_setup *setup, int etc, plr_error *err);

/* passwd and group of the root. user.c */
int plr_setup_user(plr_setup *setup, plr_error *err);
/* Becomes the user, from root of the room's user namespace; capabilities are what the request says
 * afterwards. privileges.c */
int plr_setup_drop(const plr_setup *setup, plr_error *err);

/* PATH, HOME, HOSTNAME. */
int plr_setup_environment(plr_setup *setup, plr_error *err);

#endif
