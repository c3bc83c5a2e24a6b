/* SPDX-License-Identifier: MIT */
/* See oom_host.h. */
#include "tests/oom/oom_host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/oom/failing_malloc.h"

void oom_check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s: %s, after allocation %zu\n", program_invocation_short_name, what,
            plr_oom_disarm());
    abort();
}

void oom_host_take(oom_host *host, const plr_event *event)
{
    oom_check(!host->over, "an event came after the end");
    host->over = event->type == PLR_EVENT_RUN_ENDED;
    if (event->type != PLR_EVENT_OUTPUT)
        return;
    host->has_gap |= (event->u.output.flags & PLR_OUTPUT_GAP) != 0;
    size_t room = sizeof host->output - 1 - host->size;
    size_t taken = event->u.output.size < room ? event->u.output.size : room;
    if (taken > 0)
        memcpy(host->output + host->size, event->u.output.data, taken);
    host->size += taken;
}

int oom_host_start(oom_host *host, const oom_start *start, plr_error *err)
{
    plr_spec *spec = NULL;
    int r = plr_engine_new(&host->engine, &start->engine, err);
    if (r == 0)
        r = plr_backend_open(&host->backend, host->engine, start->backend, start->options,
                start->n_options, err);
    if (r == 0)
        r = plr_spec_read(&spec, "oom", start->json, strlen(start->json), NULL, NULL, NULL, err);
    if (r == 0)
        r = plr_run_start(&host->run, host->backend, spec, &start->run, start->on_event, host, err);
    plr_spec_unref(spec);
    return r;
}
