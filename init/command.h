/* SPDX-License-Identifier: MIT */
/*
 * The user's command: its environment with what was said late, and the ways to start it.
 */
#ifndef PLR_INIT_COMMAND_H
#define PLR_INIT_COMMAND_H

#include "init/syscall.h"
#include "init/words.h"

#include <stddef.h>

typedef struct plr_command {
    char **arguments;
    char **environment;
    plr_sigset mask;       /* as they were when the init was started, */
    plr_sigaction on_chld; /* and as the command shall find them */
} plr_command;

/*
 * Puts `late` (strings NAME=VALUE, a NUL after each) over the command's environment, which then
 * points into it. Returns -PLR_EINVAL for anything that is not of that form.
 */
int plr_command_add_environment(plr_command *command, char *late, size_t size);

/* Becomes the command. Returns only on failure, a negative errno. */
int plr_command_exec(const plr_command *command);

/*
 * Starts it as a child, in a process group of its own. Where `output` is not -1, it is its stdout
 * and stderr. Returns its id once it has been exec'd, or a negative errno and which stage failed.
 */
int plr_command_start(const plr_command *command, int output, plr_init_stage *ret_stage);

#endif
