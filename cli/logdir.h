/* SPDX-License-Identifier: MIT */
/* --log-dir: the output of each attempt of each step in a file of its own, byte for byte. */
#ifndef PLR_CLI_LOGDIR_H
#define PLR_CLI_LOGDIR_H

#include <pipeline/event.h>

typedef struct plr_logdir {
    int fd;     /* of the folder; -1: no logs are wanted */
    int *files; /* of the attempts that run; -1: none */
    size_t n_files;
} plr_logdir;

/* Makes the folder if it is missing. */
int plr_logdir_open(plr_logdir *logs, const char *path, plr_error *err);

/* Writes what the event carries. */
int plr_logdir_take(plr_logdir *logs, const plr_event *event, plr_error *err);

void plr_logdir_close(plr_logdir *logs);

#endif
