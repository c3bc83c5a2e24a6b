/* SPDX-License-Identifier: MIT */
/* A host with eight engines in eight threads: nothing is shared between them, not even the
 * document. threads BACKEND FILE */
#include <pipeline/pipeline.h>
#include <pthread.h>
#include <stdio.h>

#include "read.h"

#define N 8

static const char *backend_name, *path;

static plr_answer on_event(const plr_event *event, void *userdata)
{
    if (event->type == PLR_EVENT_OUTPUT)
        printf("%d: %.*s", *(int *)userdata, (int)event->u.output.size, event->u.output.data);
    return PLR_ANSWER_GO_ON;
}

static void *run_one(void *number)
{
    plr_error err = { 0 };
    plr_engine *engine = NULL;
    plr_backend *backend;
    plr_spec *spec = read_document(path, &err);
    plr_run *run = NULL;
    plr_result result = { .size = sizeof result, .exit_code = 2 };
    if (spec != NULL && plr_engine_new(&engine, NULL, &err) == 0 &&
            plr_backend_open(&backend, engine, backend_name, NULL, 0, &err) == 0 &&
            plr_run_start(&run, backend, spec, NULL, on_event, number, &err) == 0)
        plr_run_wait(run, &result, &err);
    if (err.code != 0)
        fprintf(stderr, "%d: %s\n", *(int *)number, err.message);
    plr_run_free(run);
    plr_engine_free(engine);
    plr_spec_unref(spec);
    *(int *)number = result.exit_code;
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[N];
    int numbers[N], code = 0;
    if (argc != 3)
        return 2;
    backend_name = argv[1];
    path = argv[2];
    for (int i = 0; i < N; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, run_one, &numbers[i]);
    }
    for (int i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        code = numbers[i] > code ? numbers[i] : code;
    }
    return code;
}
