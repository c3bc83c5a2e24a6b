/* SPDX-License-Identifier: MIT */
/* A host with what the CLI has no flag for: `host DOCKER_HOST [keep=SECONDS] [stall=MS]` runs the
 * document on its stdin and prints the events as lines. keep: its steps outlive it for so long;
 * stall: after the first output it takes no more events, and gives the engine so long to bear it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pipeline/pipeline.h>

typedef struct host {
    bool stalls, ended;
} host;

static plr_answer on_event(const plr_event *event, void *userdata)
{
    host *h = userdata;
    plr_error err = { 0 };
    char *line = NULL;
    if (plr_event_to_json(event, &line, &err) == 0)
        puts(line);
    free(line);
    fflush(stdout);
    h->ended = event->type == PLR_EVENT_RUN_ENDED;
    return h->stalls && event->type == PLR_EVENT_OUTPUT ? PLR_ANSWER_LATER : PLR_ANSWER_GO_ON;
}

static int fail(const plr_error *err)
{
    fprintf(stderr, "host: %s\n", err->message);
    return 3;
}

int main(int argc, char **argv)
{
    static char document[1 << 16];
    plr_error err = { 0 };
    plr_engine *engine = NULL;
    plr_backend *backend = NULL;
    plr_spec *spec = NULL;
    plr_run *run = NULL;
    plr_run_options options = { .size = sizeof options };
    host h = { 0 };
    if (argc < 2)
        return 2;
    for (int i = 2; i < argc; i++) {
        if (strncmp(argv[i], "keep=", 5) == 0) {
            options.on_loss = PLR_ON_LOSS_KEEP;
            options.keep_ns = atoll(argv[i] + 5) * 1000000000;
        } else if (strncmp(argv[i], "stall=", 6) == 0) {
            h.stalls = true;
            options.sink_timeout_ns = atoll(argv[i] + 6) * 1000000;
        }
    }
    size_t size = fread(document, 1, sizeof document, stdin);
    plr_option option = { "docker-host", argv[1] };
    if (plr_spec_read(&spec, "stdin", document, size, NULL, NULL, NULL, &err) < 0 ||
            plr_engine_new(&engine, NULL, &err) < 0 ||
            plr_backend_open(&backend, engine, "docker", &option, 1, &err) < 0 ||
            plr_backend_wait(backend, &err) < 0 ||
            plr_run_start(&run, backend, spec, &options, on_event, &h, &err) < 0)
        return fail(&err);
    while (!h.ended)
        if (plr_engine_dispatch(engine, -1, &err) < 0)
            return fail(&err);
    plr_run_free(run);
    plr_spec_unref(spec);
    plr_engine_free(engine);
    return 0;
}
