/* SPDX-License-Identifier: MIT */
/* The smallest host: one document, one step, its output.
 * hello [BACKEND] */
#include <pipeline/pipeline.h>
#include <stdio.h>
#include <string.h>

static plr_answer on_event(const plr_event *event, void *userdata)
{
    (void)userdata;
    if (event->type == PLR_EVENT_OUTPUT)
        fwrite(event->u.output.data, 1, event->u.output.size, stdout);
    return PLR_ANSWER_GO_ON;
}

int main(int argc, char **argv)
{
    const char *text =
            "{\"steps\": [{\"metadata\": {\"name\": \"hello\"},"
            " \"docker\": {\"image\": \"alpine\", \"command\": [\"echo\", \"hello\"]}}]}";
    plr_error err = { 0 };
    plr_engine *engine = NULL;
    plr_backend *backend;
    plr_spec *spec = NULL;
    plr_run *run = NULL;
    plr_result result = { .size = sizeof result };
    if (plr_spec_read(&spec, "hello", text, strlen(text), NULL, NULL, NULL, &err) < 0 ||
            plr_engine_new(&engine, NULL, &err) < 0 ||
            plr_backend_open(&backend, engine, argc > 1 ? argv[1] : "docker", NULL, 0, &err) < 0 ||
            plr_run_start(&run, backend, spec, NULL, on_event, NULL, &err) < 0 ||
            plr_run_wait(run, &result, &err) < 0)
        fprintf(stderr, "%s\n", err.message);
    plr_run_free(run);
    plr_engine_free(engine);
    plr_spec_unref(spec);
    return err.code != 0 ? 3 : result.exit_code;
}
