/* SPDX-License-Identifier: MIT */
/* A small program that answers one question: a few bytes on its stdin, its answer on its stdout,
 * within a time limit. Its stderr goes nowhere, because such programs print secrets there. */
#ifndef PLR_NET_HELPER_H
#define PLR_NET_HELPER_H

#include <stddef.h>
#include <stdint.h>

#include <pipeline/backend.h>

#include "engine/base/cleanup.h"

typedef struct plr_helper plr_helper;

/* The end, exactly once, from the loop. `status` as from waitpid, -1 if another part of the process
 * reaped it. `err` is NULL, or PLR_ERR_TIMEOUT, PLR_ERR_PROTOCOL (too much output), PLR_ERR_NOMEM,
 * PLR_ERR_SYSTEM. The output is NUL-terminated and borrowed. The helper may be freed here. */
typedef void plr_helper_fn(plr_helper *helper, int status, const char *output, size_t size,
        const plr_error *err, void *userdata);

typedef struct plr_helper_options {
    const char *const *argv;        /* NULL-terminated; the program is looked up in PATH */
    const char *const *environment; /* NULL-terminated "NAME=value"; NULL: our own */
    const char *input;              /* at most 4096 bytes; NULL: /dev/null */
    size_t max_output;
    uint64_t timeout_ns;
} plr_helper_options;

/* PLR_ERR_SYSTEM names the program if there is none. */
int plr_helper_new(plr_helper **ret_helper, const plr_host *host, plr_loop *loop,
        const plr_helper_options *options, plr_helper_fn *on_end, void *userdata, plr_error *err);

/* Kills the program if it lives; then on_end does not come. */
void plr_helper_free(plr_helper *helper);

PLR_DEFINE_CLEANUP(plr_helper, plr_helper_free)
#define _cleanup_helper_ _cleanup_(cleanup_plr_helper_free)

#endif
