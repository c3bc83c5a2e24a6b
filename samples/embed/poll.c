/* SPDX-License-Identifier: MIT */
/* A host with a poll loop of its own: the engine is one more descriptor in it, here beside stdin.
 * poll BACKEND FILE; a line typed on stdin cancels the run. */
#include <pipeline/pipeline.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "read.h"

static plr_answer on_event(const plr_event *event, void *userdata)
{
    if (event->type == PLR_EVENT_OUTPUT)
        fwrite(event->u.output.data, 1, event->u.output.size, stdout);
    else if (event->type == PLR_EVENT_RUN_ENDED)
        *(int *)userdata = event->u.run_ended.result->exit_code;
    return PLR_ANSWER_GO_ON;
}

int main(int argc, char **argv)
{
    plr_error err = { 0 };
    plr_engine *engine = NULL;
    plr_backend *backend;
    plr_spec *spec = argc == 3 ? read_document(argv[2], &err) : NULL;
    plr_run *run = NULL;
    int code = -1;
    if (spec == NULL || plr_engine_new(&engine, NULL, &err) < 0 ||
            plr_backend_open(&backend, engine, argv[1], NULL, 0, &err) < 0 ||
            plr_run_start(&run, backend, spec, NULL, on_event, &code, &err) < 0)
        code = 2;
    struct pollfd fds[] = { { STDIN_FILENO, POLLIN, 0 }, { -1, POLLIN, 0 } };
    if (code < 0)
        fds[1].fd = plr_engine_fd(engine);
    while (code < 0 && poll(fds, 2, -1) >= 0) {
        if (fds[0].revents != 0) { /* a line, or the end of it all */
            if (getchar() != EOF)
                plr_run_cancel(run, PLR_CANCEL_GRACEFUL, PLR_CAUSE_USER);
            fds[0].fd = -1;
        }
        if (fds[1].revents != 0 && plr_engine_dispatch(engine, 0, &err) < 0)
            code = 3;
    }
    if (err.code != 0)
        fprintf(stderr, "poll: %s\n", err.message);
    plr_run_free(run);
    plr_engine_free(engine);
    plr_spec_unref(spec);
    return code;
}
