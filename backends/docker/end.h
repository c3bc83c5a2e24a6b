/* SPDX-License-Identifier: MIT */
/* What is known of a container's end, and what follows from it. Pure: no I/O. */
#ifndef PLR_DOCKER_END_H
#define PLR_DOCKER_END_H

#include <stdbool.h>

#include <pipeline/event.h>

#include "net/jsonc.h"
#include "init/words.h"

typedef struct plr_docker_evidence {
    /* Of the daemon, by inspect. */
    bool exited; /* it says that the container has ended; what follows is then known */
    int exit_code;
    bool oom;
    char error[PLR_ERROR_MESSAGE_SIZE];

    /* Of plr-init. */
    bool is_held; /* it has been in place */
    bool has_record;
    plr_init_exit record;
    bool has_failure;
    plr_init_failure failure;

    /* Of our own. */
    int stopped;         /* the last signal that we were told to send; 0: none */
    bool dropped;        /* the daemon was gone for a while since it started */
    bool plain;          /* without plr-init: the exit code is all there is */
    const char *command; /* what was to be executed, for messages; borrowed */
} plr_docker_evidence;

/* Reads State of an inspect into the evidence. */
void plr_docker_end_state(plr_docker_evidence *evidence, json_object *inspect);

/* The end as plr-init tells it, before the daemon does. */
void plr_docker_end_early(const plr_docker_evidence *evidence, plr_end *ret_end);

/* The end. `message` has room for the words that ret_end->message points to. */
void plr_docker_end_decide(
        const plr_docker_evidence *evidence, plr_end *ret_end, char *message, size_t size);

/* A kill that nobody here asked for and that nothing explains: somebody may be removing the
 * container, or the daemon may be on its way down, so look again before it is published. */
bool plr_docker_end_is_odd(const plr_docker_evidence *evidence);

#endif
