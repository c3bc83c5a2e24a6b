/* SPDX-License-Identifier: MIT */
/* A child process: posix_spawn, and a pidfd in the loop that tells its end.
 * A host that reaps all children is survived: the status is then not known. */
#ifndef PLR_IO_CHILD_H
#define PLR_IO_CHILD_H

#include "engine/io/loop.h"

int plr_child_new(plr_loop *loop, plr_child **ret_child, const plr_child_options *options,
        plr_child_fn *on_end, void *userdata, plr_error *err);
pid_t plr_child_pid(const plr_child *child);
void plr_child_free(plr_child *child);

#endif
