/* SPDX-License-Identifier: MIT */
/*
 * A host program as a user writes it: knows only the installed headers, runs one document on the
 * fake backend and succeeds if the run passed. Compiles as C++ too.
 */
#include <pipeline/pipeline.h>

#include <stdio.h>
#include <string.h>

static plr_answer on_event(const plr_event *event, void *userdata)
{
    (void)event;
    ++*(int *)userdata;
    return PLR_ANSWER_GO_ON;
}

int main(void)
{
    const char *text = "{\"steps\": [{\"metadata\": {\"name\": \"hello\"},"
                       " \"docker\": {\"image\": \"alpine:3.6\"}}]}";
    plr_error err;
    plr_spec *spec = NULL;
    plr_engine *engine = NULL;
    plr_backend *backend = NULL;
    plr_run *run = NULL;
    plr_result result;
    int events = 0;
    int status = 1;

    memset(&err, 0, sizeof(err));
    memset(&result, 0, sizeof(result));
    result.size = sizeof(result);
    if (plr_spec_read(&spec, "hello", text, strlen(text), NULL, NULL, NULL, &err) == 0 &&
            plr_engine_new(&engine, NULL, &err) == 0 &&
            plr_backend_open(&backend, engine, "fake", NULL, 0, &err) == 0 &&
            plr_run_start(&run, backend, spec, NULL, on_event, &events, &err) == 0 &&
            plr_run_wait(run, &result, &err) == 0) {
        printf("%s: %d events\n", plr_version(), events);
        status = events > 0 && result.exit_code == 0 ? 0 : 1;
    } else {
        fprintf(stderr, "%s\n", err.message);
    }
    plr_run_free(run);
    plr_engine_free(engine);
    plr_spec_unref(spec);
    return status;
}
