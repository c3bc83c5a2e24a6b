/* SPDX-License-Identifier: MIT */
/* A host of the library whose allocations fail: what all such hosts hold a run to, whatever happens
 * in it. */
#ifndef PLR_TESTS_OOM_OOM_HOST_H
#define PLR_TESTS_OOM_OOM_HOST_H

#include <pipeline/pipeline.h>

#include <stdbool.h>
#include <stddef.h>

typedef struct oom_host {
    plr_engine *engine;
    plr_backend *backend;
    plr_run *run;
    char output[4096]; /* of all steps, a NUL behind it */
    size_t size;
    bool over, has_gap;
} oom_host;

/* What a host starts; the members are as in the calls of the API. */
typedef struct oom_start {
    const char *backend, *json;
    const plr_option *options;
    size_t n_options;
    plr_engine_options engine;
    plr_run_options run;
    plr_event_fn *on_event; /* calls oom_host_take */
} oom_start;

/* Ends the program if something does not hold. */
void oom_check(bool holds, const char *what);

/* Keeps an event's output. */
void oom_host_take(oom_host *host, const plr_event *event);

/* From an engine to a run that has begun, `host` being the callback's userdata; what there is of it
 * is the host's also after an error. */
int oom_host_start(oom_host *host, const oom_start *start, plr_error *err);

#endif
