/* SPDX-License-Identifier: MIT */
/* The words between an attempt and its plr-init: held, go, running, exited. What they say is
 * advice; the daemon confirms the end. */
#include <stdio.h>

#include "backends/docker/channel.h"
#include "engine/base/error.h"

/* The daemon's own notice of an end follows the init's within some 30 ms. */
#define DAEMON_NS PLR_SECOND

static void give_up_held(plr_docker_attempt *attempt, const char *why)
{
    if (plr_docker_attempt_by_signal(attempt))
        plr_docker_attempt_unheld(attempt, why);
    else
        plr_docker_attempt_unshared(attempt, why);
}

void plr_docker_no_word(plr_docker_attempt *attempt)
{
    plr_error err = { 0 };
    if (plr_docker_attempt_is_at(attempt, plr_docker_stage_held)) {
        give_up_held(attempt, "plr-init did not answer");
        return;
    }
    plr_error_set(&err, PLR_ERR_INFRASTRUCTURE, "plr-init does not answer in container %s",
            attempt->name);
    plr_docker_attempt_fail(attempt, &err);
}

void plr_docker_stage_held(plr_docker_attempt *attempt)
{
    /* It may have connected before the daemon answered the start. */
    if (plr_docker_attempt_by_signal(attempt))
        plr_docker_signals_ask(attempt);
    else if (attempt->evidence.is_held)
        plr_docker_attempt_next(attempt);
    else
        plr_docker_attempt_timer(attempt, plr_docker_no_word, PLR_DOCKER_WORD_NS);
}

void plr_docker_stage_go(plr_docker_attempt *attempt)
{
    plr_error err = { 0 };
    if (plr_docker_attempt_by_signal(attempt)) {
        plr_docker_signals_go(attempt);
        return;
    }
    if (attempt->channel == NULL)
        plr_error_set(&err, PLR_ERR_INFRASTRUCTURE, "container %s ended while it was held",
                attempt->name);
    else
        plr_docker_channel_say(
                attempt->channel, PLR_INIT_GO, attempt->late.data, attempt->late.size, &err);
    if (err.code != 0)
        plr_docker_attempt_fail(attempt, &err);
    else
        plr_docker_attempt_timer(attempt, plr_docker_no_word, PLR_DOCKER_WORD_NS);
}

static void take_failure(plr_docker_attempt *attempt, const plr_init_failure *failure)
{
    attempt->evidence.has_failure = true;
    attempt->evidence.failure = *failure;
    /* Docker counts a command that cannot be executed as one that ran and ended. */
    if (plr_docker_attempt_is_at(attempt, plr_docker_stage_go))
        plr_docker_attempt_runs(attempt);
}

/* Whether the command may have run, though its init did not come to say so. */
static void on_look(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    plr_docker_attempt *attempt = owner;
    json_object *state = plr_jsonc_get(reply->json, "State", json_type_object);
    plr_error err = { 0 };
    (void)docker;
    if (attempt->told) {
        /* The log has what was said and what was written. */
        attempt->cut = true;
        plr_docker_attempt_runs(attempt);
        plr_docker_look(attempt);
        return;
    }
    if (state != NULL && !plr_jsonc_true(state, "Running") &&
            plr_jsonc_number(state, "ExitCode") == PLR_INIT_EXIT_HELD) {
        plr_docker_attempt_again(attempt);
        return;
    }
    plr_error_set(&err, PLR_ERR_INFRASTRUCTURE, "container %s ended before its command ran",
            attempt->name);
    plr_docker_attempt_fail(attempt, &err);
}

static void look(plr_docker_attempt *attempt)
{
    plr_docker_askf(
            attempt->run->docker, "GET", on_look, attempt, "/containers/%s/json", attempt->id);
}

static void hung_up(plr_docker_attempt *attempt)
{
    /* A detached command has taken the place of its init, which stays in the folder for probes. */
    if (attempt->started && attempt->task->step->detach)
        return;
    plr_docker_channel_free(steal(attempt->channel));
    if (attempt->started) {
        /* News of an end that the daemon will tell; ask if it does not. */
        plr_docker_look_later(attempt, DAEMON_NS);
    } else if (plr_docker_attempt_is_at(attempt, plr_docker_stage_held)) {
        give_up_held(attempt, "plr-init hung up");
    } else if (plr_docker_attempt_is_at(attempt, plr_docker_stage_go)) {
        /* The daemon knows of the end a moment later. */
        plr_docker_attempt_timer(attempt, look, 300 * PLR_MILLISECOND);
    } else if (attempt->op == NULL) {
        plr_docker_attempt_spoil(attempt);
    }
}

void plr_docker_take_word(plr_docker_attempt *attempt, unsigned word, const void *payload)
{
    switch (word) {
    case PLR_INIT_HELD:
        attempt->evidence.is_held = true;
        if (attempt->channel != NULL)
            attempt->run->docker->sharing = PLR_DOCKER_SHARING_WORKS;
        if (plr_docker_attempt_is_at(attempt, plr_docker_stage_held) && !attempt->asking) {
            plr_docker_attempt_timer(attempt, NULL, 0);
            plr_docker_attempt_next(attempt);
        }
        break;
    case PLR_INIT_RUNNING:
        if (plr_docker_attempt_is_at(attempt, plr_docker_stage_go))
            plr_docker_attempt_runs(attempt);
        break;
    case PLR_INIT_ERRNO:
        take_failure(attempt, payload);
        break;
    case PLR_INIT_EXITED:
        plr_docker_record(attempt, payload);
        break;
    default:
        hung_up(attempt);
        break;
    }
}
