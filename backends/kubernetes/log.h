/* SPDX-License-Identifier: MIT */
/* The output of one container from its first byte to its last, through everything that cuts a log
 * that is followed: rotation, the API server's restart, a broken connection. stdout and stderr come
 * as one: the API does not tell them apart. */
#ifndef PLR_KUBE_LOG_H
#define PLR_KUBE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include <pipeline/backend.h>

#include "backends/kubernetes/client.h"
#include "engine/base/cleanup.h"

typedef struct plr_kube_log plr_kube_log;

/* All come from the loop. In each of them the log may be freed. */
typedef struct plr_kube_log_calls {
    /* What the step wrote, byte for byte. With `size` 0: something may be missing here. */
    void (*on_output)(const void *data, size_t size, void *userdata);
    /* A word of plr-init's (plr_init_word: RUNNING, ERRNO, EXITED, STOPPED, SKIPPED, LOST) with its
     * payload as plr_init_lines_fn has it. Advice. EXITED and STOPPED come when the count behind
     * them was read, so all output is out; or before on_end, if it never came. */
    void (*on_word)(unsigned word, const void *payload, void *userdata);
    /* What the kubelet or the API has to say instead of output. */
    void (*on_warning)(const char *text, void *userdata);
    /* Nothing more will come; not before plr_kube_log_finish. Where the output is counted, what
     * ended without its last count was a gap. */
    void (*on_end)(void *userdata);
} plr_kube_log_calls;

typedef struct plr_kube_log_options {
    const char *pod, *container;
    const char *nonce; /* of its plr-init's lines; "": it has none */
    bool is_counted;   /* all output goes through the init, which says how much it was */
} plr_kube_log_options;

/* Opens the log of a container that, as its status says, runs or has ended (or is about to: a
 * refusal is tried again). Copies the options; `calls` stays the caller's. */
int plr_kube_log_new(plr_kube_log **ret_log, const plr_host *host, plr_loop *loop,
        plr_kube_client *client, const plr_kube_log_options *options,
        const plr_kube_log_calls *calls, void *userdata, plr_error *err);
/* No callback comes any more. NULL is accepted. */
void plr_kube_log_free(plr_kube_log *log);

PLR_DEFINE_CLEANUP(plr_kube_log, plr_kube_log_free)
#define _cleanup_kube_log_ _cleanup_(cleanup_plr_kube_log_free)

/* The container has ended, or is gone: read what is left of its output, then say on_end. What
 * cannot be had any more is a gap. Idempotent. */
void plr_kube_log_finish(plr_kube_log *log);

/* We have asked for the end of the container together with its pod, and its log goes with it: there
 * may be nothing to open any more afterwards. A stream that ends by itself from now on has ended
 * because the container did. */
void plr_kube_log_last(plr_kube_log *log);

/* No more reading, or again. Nothing holds the container back: a log that is rotated meanwhile is
 * lost. */
void plr_kube_log_flow(plr_kube_log *log, bool paused);

#endif
