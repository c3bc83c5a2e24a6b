/* SPDX-License-Identifier: MIT */
/* The end of a run on the daemon: all that carries its label goes. */
#include <string.h>

#include "backends/docker/reaper.h"
#include "engine/base/error.h"

typedef struct teardown {
    plr_docker_errand errand;
    plr_run_view *view; /* NULL: of another process */
    plr_docker_reap reap;
} teardown;

static void on_reaped(plr_docker *docker, const plr_docker_found *found, size_t n,
        const plr_error *cause, void *userdata)
{
    teardown *t = userdata;
    plr_error err = { 0 };
    (void)docker;
    if (cause != NULL)
        plr_error_set(
                &err, cause->code, "what is left of the run cannot be listed: %s", cause->message);
    for (size_t i = 0; i < n; i++)
        if (found[i].error.code != 0)
            plr_error_set(&err, found[i].error.code, "%s was not removed: %s", found[i].name,
                    found[i].error.message);
    if (t->view != NULL && t->view->data != NULL)
        plr_docker_run_free(t->view->data);
    plr_docker_errand_finish(&t->errand, err.code == 0 ? NULL : &err);
}

static void reap(void *userdata)
{
    teardown *t = userdata;
    plr_error err = { 0 };
    if (plr_docker_reaper_start(t->errand.docker, &t->reap, &err) < 0)
        plr_docker_errand_finish(&t->errand, &err);
}

void plr_docker_teardown(plr_docker *docker, const char *run_id, plr_run_view *view, plr_op *op)
{
    plr_docker_run *run = view == NULL ? NULL : view->data;
    teardown *t = plr_docker_errand_new(docker, sizeof(*t), op);
    if (t == NULL) {
        plr_docker_complete_nomem(docker, op);
        return;
    }
    t->view = view;
    t->reap = (plr_docker_reap){
        .run = run_id,
        .persist = true,
        .on_reaped = on_reaped,
        .userdata = t,
    };
    if (run != NULL)
        run->tearing_down = true;
    if (run == NULL || !plr_docker_pause_is_busy(run)) {
        reap(t);
        return;
    }
    /* What is being created is not in the daemon's lists yet. */
    run->teardown = t;
    run->on_pause_settled = reap;
}
