/* SPDX-License-Identifier: MIT */
/*
 * What plr-init is told on its command line: `plr-init [options] [-- command args...]`.
 */
#ifndef PLR_INIT_OPTIONS_H
#define PLR_INIT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct plr_init_options {
    const char *socket;      /* --socket PATH: wait there for GO */
    int64_t fd;              /* --fd N: a socket that is connected already, or -1 */
    const char *signal_word; /* --signal-word NONCE: wait for a signal, answer by lines */
    const char *pod;         /* --pod DIR: a step among others, as words.h says; with --nonce */
    int64_t step;            /* --step N: which of the plan's */
    int64_t attempt;         /* --attempt N: and which of its attempts (1) */
    const char *nonce;       /* --nonce NONCE: of its marks */
    int64_t containers;      /* --containers N: how many the pod has */
    bool leased;             /* --leased: does the pod's lease hold? Then end, 0 or 1 */
    bool image_later;        /* --image-later: the first start only waits for its end */
    const char *late;        /* --late FILE: with it, the environment that a signal cannot carry */
    bool detach;             /* --detach: exec in place, the command is PID 1 */
    bool keep;               /* --keep: go on without an engine */
    int64_t lease_ms;        /* --lease SECONDS: without an engine, SIGTERM after that (0); in a
                                pod: without a new text of the host's, and 0 is never */
    int64_t grace_ms;        /* --grace-ms N: and SIGKILL after that (10000) */
    int64_t probe_port;      /* --probe PORT: does it answer here? Then end, 0 or 1 */
    const char *probe_http;  /* --http PATH: and by HTTP, with 2xx or 3xx */
    const char *begun;       /* --begun FILE: a question for a step whose record this is */
    bool copy;               /* --copy: what stands behind -- are files: FROM TO MODE ... */
    char **command;          /* with a NULL at the end; NULL: be the pause process */
} plr_init_options;

/* Returns NULL, or the argument that is wrong. */
const char *plr_init_options_read(plr_init_options *ret_options, char **argv);

#endif
