/* SPDX-License-Identifier: MIT */
/* The container is started. The daemon does not start many at once any faster, so there is a queue
 * for the starts of all runs; held ones are in it like the others. */
#include <stdio.h>
#include <string.h>

#include "backends/docker/docker.h"
#include "backends/docker/refusal.h"
#include "engine/base/error.h"

static void start(plr_docker_attempt *attempt);

/* Gives back its place, and the next in the queue starts. */
static void release(plr_docker_attempt *attempt)
{
    plr_docker *docker = attempt->run->docker;
    if (!attempt->holds_start)
        return;
    attempt->holds_start = false;
    docker->starts--;
    plr_docker_attempt *first = docker->first_waiting;
    if (first == NULL)
        return;
    docker->first_waiting = first->next_waiting;
    if (docker->first_waiting == NULL)
        docker->last_waiting = NULL;
    first->next_waiting = NULL;
    first->waits_start = false;
    start(first);
}

void plr_docker_start_leave(plr_docker_attempt *attempt)
{
    plr_docker *docker = attempt->run->docker;
    plr_docker_attempt *previous = NULL;
    for (plr_docker_attempt *a = docker->first_waiting; attempt->waits_start; a = a->next_waiting) {
        if (a == attempt) {
            if (previous == NULL)
                docker->first_waiting = a->next_waiting;
            else
                previous->next_waiting = a->next_waiting;
            if (docker->last_waiting == a)
                docker->last_waiting = previous;
            a->next_waiting = NULL;
            a->waits_start = false;
        }
        previous = a;
    }
    release(attempt);
}

/* A command that cannot be executed has run and ended for Docker; without plr-init it says so by
 * refusing the start. */
static bool is_failed_exec(const plr_docker_attempt *attempt, const plr_docker_reply *reply)
{
    return !plr_docker_attempt_has_init(attempt) && reply->status >= 400 &&
           plr_docker_refusal_exec(reply->error.message) != 0;
}

static void end_failed_exec(plr_docker_attempt *attempt, const plr_docker_reply *reply)
{
    plr_docker_evidence *evidence = &attempt->evidence;
    evidence->exited = true;
    evidence->exit_code = plr_docker_refusal_exec(reply->error.message);
    snprintf(evidence->error, sizeof(evidence->error), "%s", reply->error.message);
    plr_docker_attach_close(attempt);
    attempt->eof = true;
    plr_docker_attempt_runs(attempt);
    plr_docker_maybe_end(attempt);
}

static void on_started(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    plr_docker_attempt *attempt = owner;
    plr_error err = { 0 };
    (void)docker;
    release(attempt);
    if (reply->error.code == 0) {
        if (plr_docker_attempt_has_init(attempt))
            plr_docker_attempt_next(attempt);
        else
            plr_docker_attempt_runs(attempt);
    } else if (is_failed_exec(attempt, reply)) {
        end_failed_exec(attempt, reply);
    } else if (plr_docker_attempt_has_init(attempt) &&
               strstr(reply->error.message, PLR_DOCKER_SHARE) != NULL) {
        if (plr_docker_attempt_by_signal(attempt))
            plr_docker_attempt_unheld(attempt, reply->error.message);
        else
            plr_docker_attempt_unshared(attempt, reply->error.message);
    } else {
        plr_error_set(&err,
                reply->status == 0 ? reply->error.code
                                   : plr_docker_refusal_code(reply->status, reply->error.message),
                "%s", reply->error.message);
        plr_docker_attempt_fail(attempt, &err);
    }
}

static void start(plr_docker_attempt *attempt)
{
    plr_docker *docker = attempt->run->docker;
    attempt->holds_start = true;
    docker->starts++;
    plr_docker_askf(docker, "POST", on_started, attempt, "/containers/%s/start", attempt->id);
}

void plr_docker_stage_start(plr_docker_attempt *attempt)
{
    plr_docker *docker = attempt->run->docker;
    if (docker->starts < docker->starts_max) {
        start(attempt);
        return;
    }
    attempt->waits_start = true;
    if (docker->last_waiting == NULL)
        docker->first_waiting = attempt;
    else
        docker->last_waiting->next_waiting = attempt;
    docker->last_waiting = attempt;
}
