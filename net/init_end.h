/* SPDX-License-Identifier: MIT */
/* What plr-init tells of a step's end, in the terms of plr_end. Whether it is the truth is for the
 * backend to say. Pure: no I/O. */
#ifndef PLR_NET_INIT_END_H
#define PLR_NET_INIT_END_H

#include <stddef.h>

#include <pipeline/event.h>

#include "init/words.h"

/* The exit code that everybody makes of a wait status: 128 + n for signal n. */
int plr_init_end_code(int wait_status);

/* Sets reason, exit code and signal. */
void plr_init_end_status(plr_end *end, int wait_status);

void plr_init_end_usage(plr_end *end, const plr_init_exit *record);

/* A command that was not executed, in the words that Docker has for it. `command` may be NULL. */
void plr_init_end_failure(
        const plr_init_failure *failure, const char *command, char *message, size_t size);

#endif
