/* SPDX-License-Identifier: MIT */
/* Signals for a step that runs, and the removal of an attempt that is not needed any more. */
#include <signal.h>
#include <string.h>

#include "backends/docker/channel.h"
#include "backends/docker/errand.h"
#include "engine/base/error.h"

typedef struct removal {
    plr_docker_errand errand;
    plr_docker_attempt *attempt;
} removal;

static void on_cancel(plr_op *op, void *userdata)
{
    plr_error err = { 0 };
    (void)op;
    plr_error_set(&err, PLR_ERR_CANCELLED, "cancelled");
    plr_docker_errand_finish(userdata, &err);
}

static void on_signalled(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    (void)docker;
    /* Not running, or not there: its end is on its way by another road. */
    bool ended = reply->status == 409 || reply->status == 404 ||
                 strstr(reply->error.message, "is not running") != NULL;
    plr_docker_errand_finish(owner, reply->error.code == 0 || ended ? NULL : &reply->error);
}

void plr_docker_stop(plr_docker_attempt *attempt, int signal, plr_op *op)
{
    plr_docker *docker = attempt->run->docker;
    plr_init_kill kill = { .signal = (uint32_t)signal };
    attempt->evidence.stopped = signal;
    /* The init's channel needs no daemon, but a kill has to be sure. */
    if (attempt->id == NULL ||
            (signal != SIGKILL && attempt->channel != NULL && !attempt->task->step->detach &&
                    plr_docker_channel_say(
                            attempt->channel, PLR_INIT_KILL, &kill, sizeof(kill), NULL) == 0)) {
        docker->host->op_complete(op, NULL);
        return;
    }
    plr_docker_errand *errand = plr_docker_errand_new(docker, sizeof(*errand), op);
    if (errand == NULL) {
        plr_docker_complete_nomem(docker, op);
        return;
    }
    docker->host->op_on_cancel(op, on_cancel, errand);
    plr_docker_askf(docker, "POST", on_signalled, errand, "/containers/%s/kill?signal=%d",
            attempt->id, signal);
}

static void on_removed(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    removal *r = owner;
    plr_error err = { 0 };
    (void)docker;
    /* 409: somebody else is removing it already. */
    if (reply->error.code != 0 && reply->status != 404 && reply->status != 409)
        plr_error_set(&err, reply->error.code, "container %s was not removed: %s", r->attempt->name,
                reply->error.message);
    plr_docker_attempt_free(r->attempt);
    plr_docker_errand_finish(&r->errand, err.code == 0 ? NULL : &err);
}

void plr_docker_discard(plr_docker_attempt *attempt, plr_op *op)
{
    plr_docker *docker = attempt->run->docker;
    if (!attempt->created) {
        plr_docker_attempt_free(attempt);
        docker->host->op_complete(op, NULL);
        return;
    }
    removal *r = plr_docker_errand_new(docker, sizeof(*r), op);
    if (r == NULL) {
        plr_docker_complete_nomem(docker, op);
        return;
    }
    r->attempt = attempt;
    attempt->ended = true; /* nothing is told of it any more */
    plr_docker_askf(docker, "DELETE", on_removed, r, "/containers/%s?force=1&v=1",
            attempt->id != NULL ? attempt->id : attempt->name);
}
