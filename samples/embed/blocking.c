/* SPDX-License-Identifier: MIT */
/* A host without a loop: it starts a run, waits, and prints the steps' output and how it ended.
 * blocking BACKEND FILE */
#include <pipeline/pipeline.h>
#include <stdio.h>

#include "read.h"

static plr_answer on_event(const plr_event *event, void *userdata)
{
    (void)userdata;
    if (event->type == PLR_EVENT_OUTPUT)
        fwrite(event->u.output.data, 1, event->u.output.size, stdout);
    return PLR_ANSWER_GO_ON;
}

int main(int argc, char **argv)
{
    plr_error err = { 0 };
    plr_engine *engine = NULL;
    plr_backend *backend;
    plr_spec *spec = argc == 3 ? read_document(argv[2], &err) : NULL;
    plr_run *run = NULL;
    plr_result result = { .size = sizeof result, .exit_code = 2 };
    if (spec != NULL && plr_engine_new(&engine, NULL, &err) == 0 &&
            plr_backend_open(&backend, engine, argv[1], NULL, 0, &err) == 0 &&
            plr_run_start(&run, backend, spec, NULL, on_event, NULL, &err) == 0 &&
            plr_run_wait(run, &result, &err) == 0)
        fprintf(stderr, "%s after %.1f s\n", plr_outcome_name(result.outcome),
                (double)result.duration_ns / 1e9);
    if (err.code != 0)
        fprintf(stderr, "blocking: %s\n", err.message);
    plr_run_free(run);
    plr_engine_free(engine);
    plr_spec_unref(spec);
    return result.exit_code;
}
