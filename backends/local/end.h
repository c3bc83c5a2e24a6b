/* SPDX-License-Identifier: MIT */
/* What is known of a step's end, and what follows from it. Pure: no I/O. */
#ifndef PLR_LOCAL_END_H
#define PLR_LOCAL_END_H

#include <stdbool.h>

#include <pipeline/event.h>

#include "backends/local/protocol.h"
#include "init/words.h"

typedef struct plr_local_evidence {
    bool has_record; /* plr-init told of it */
    plr_init_exit record;
    bool has_failure; /* the command could not be executed */
    plr_init_failure failure;
    const char *command; /* what was to be executed; borrowed */
    bool has_end;        /* plr-sandbox told of it; it is the truth */
    plr_sandbox_end end;
    int stopped; /* the last signal that we were told to send; 0: none */
} plr_local_evidence;

/* The end as plr-init tells it, while the last of the output is still to come. */
void plr_local_end_early(const plr_local_evidence *evidence, plr_end *ret_end);

/* The end. `message` has room for the words that ret_end->message points to. */
void plr_local_end_decide(
        const plr_local_evidence *evidence, plr_end *ret_end, char *message, size_t size);

#endif
