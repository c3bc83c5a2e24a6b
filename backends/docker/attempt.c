/* SPDX-License-Identifier: MIT */
/* An attempt's way from nothing to running, as a row of stages. An op walks it up to a goal (the
 * image, held, running) and the next op walks on from there; a failure removes what there is and
 * puts the attempt back to the begin. */
#include <stdio.h>
#include <string.h>

#include "backends/docker/channel.h"
#include "backends/docker/create.h"
#include "engine/base/error.h"

/* With plr-init: the container is started held, output is attached, then the word is given. */
static plr_docker_stage *const with_init[] = { plr_docker_stage_image, plr_docker_stage_network,
    plr_docker_stage_create, plr_docker_stage_files, plr_docker_stage_pause, plr_docker_stage_start,
    plr_docker_stage_held, plr_docker_stage_attach, plr_docker_stage_go };

/* Where no file is shared, plr-init is copied in with the step's files, and its answers come with
 * the output. */
static plr_docker_stage *const by_signal[] = { plr_docker_stage_image, plr_docker_stage_network,
    plr_docker_stage_create, plr_docker_stage_files, plr_docker_stage_pause, plr_docker_stage_start,
    plr_docker_stage_attach, plr_docker_stage_held, plr_docker_stage_go };

/* Without it the start is the word. */
static plr_docker_stage *const plain[] = { plr_docker_stage_image, plr_docker_stage_network,
    plr_docker_stage_create, plr_docker_stage_files, plr_docker_stage_pause,
    plr_docker_stage_attach, plr_docker_stage_start };

#define COUNT(array) (unsigned)(sizeof(array) / sizeof((array)[0]))
#define GOAL_IMAGE 1u
#define GOAL_HELD (COUNT(with_init) - 1)
_Static_assert(COUNT(with_init) == COUNT(by_signal), "one way may take the other's place");

static void on_timer(plr_timer *timer, void *userdata)
{
    plr_docker_attempt *attempt = userdata;
    (void)timer;
    attempt->on_timer(attempt);
}

void plr_docker_attempt_timer(
        plr_docker_attempt *attempt, plr_docker_stage *on_timer_fn, uint64_t delay_ns)
{
    const plr_docker *docker = attempt->run->docker;
    attempt->on_timer = on_timer_fn;
    docker->host->timer_set(
            attempt->timer, delay_ns == 0 ? 0 : docker->host->now(docker->loop) + delay_ns);
}

int plr_docker_attempt_of(plr_docker_attempt **ret_attempt, plr_task *task, plr_error *err)
{
    plr_docker_run *run = task->run->data;
    if (task->data != NULL) {
        *ret_attempt = task->data;
        return 0;
    }
    if (run == NULL)
        return plr_error_set(err, PLR_ERR_STATE, "the run was not set up");
    plr_docker_attempt *attempt = calloc(1, sizeof(*attempt));
    if (attempt == NULL)
        return plr_error_nomem(err);
    attempt->run = run;
    attempt->task = task;
    attempt->route = with_init;
    attempt->name = plr_docker_name(run->view->id, "%zu-%u", task->index, task->attempt);
    int r = attempt->name == NULL ? plr_error_nomem(err)
                                  : run->docker->host->timer_new(run->docker->loop, &attempt->timer,
                                            on_timer, attempt, err);
    if (r < 0) {
        free(attempt->name);
        free(attempt);
        return r;
    }
    attempt->next = run->attempts;
    run->attempts = attempt;
    task->data = attempt;
    *ret_attempt = attempt;
    return 0;
}

/* Out of all queues and conversations; the container, if there is one, stays. */
static void detach(plr_docker_attempt *attempt)
{
    plr_docker_attempt_timer(attempt, NULL, 0);
    plr_docker_pull_leave(attempt);
    plr_docker_start_leave(attempt);
    attempt->wish = PLR_DOCKER_WISH_NOTHING;
    plr_docker_attach_close(attempt);
    plr_docker_channel_free(steal(attempt->channel));
    plr_docker_forget(attempt->run->docker, attempt);
    attempt->looking = false;
}

void plr_docker_attempt_free(plr_docker_attempt *attempt)
{
    plr_docker_run *run = attempt->run;
    for (plr_docker_attempt **link = &run->attempts; *link != NULL; link = &(*link)->next) {
        if (*link == attempt) {
            *link = attempt->next;
            break;
        }
    }
    detach(attempt);
    run->docker->host->timer_free(attempt->timer);
    attempt->task->data = NULL;
    json_object_put(attempt->image);
    plr_buf_clear(&attempt->late);
    free(attempt->name);
    free(attempt->id);
    free(attempt);
}

bool plr_docker_attempt_has_init(const plr_docker_attempt *attempt)
{
    return attempt->route != plain;
}

bool plr_docker_attempt_by_signal(const plr_docker_attempt *attempt)
{
    return attempt->route == by_signal;
}

bool plr_docker_attempt_is_at(const plr_docker_attempt *attempt, plr_docker_stage *stage)
{
    return attempt->op != NULL && attempt->at < attempt->goal &&
           attempt->route[attempt->at] == stage;
}

plr_docker_attempt *plr_docker_attempt_find(plr_docker *docker, const char *id)
{
    for (plr_docker_run *run = docker->runs; run != NULL; run = run->next)
        for (plr_docker_attempt *attempt = run->attempts; attempt != NULL; attempt = attempt->next)
            if (attempt->id != NULL && strcmp(attempt->id, id) == 0)
                return attempt;
    return NULL;
}

static void complete(plr_docker_attempt *attempt, const plr_error *err)
{
    plr_op *op = steal(attempt->op);
    const plr_host *host = attempt->run->docker->host;
    host->op_on_cancel(op, NULL, NULL);
    host->op_complete(op, err);
}

static void advance(plr_docker_attempt *attempt)
{
    plr_error err = { 0 };
    if (attempt->cancelled) {
        plr_error_set(&err, PLR_ERR_CANCELLED, "cancelled");
        plr_docker_attempt_fail(attempt, &err);
    } else if (attempt->at < attempt->goal) {
        attempt->route[attempt->at](attempt);
    } else {
        complete(attempt, NULL);
    }
}

void plr_docker_attempt_next(plr_docker_attempt *attempt)
{
    attempt->at++;
    advance(attempt);
}

void plr_docker_attempt_runs(plr_docker_attempt *attempt)
{
    const plr_host *host = attempt->run->docker->host;
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_STARTED };
    attempt->started = true;
    attempt->at = attempt->goal;
    plr_docker_attempt_timer(attempt, NULL, 0);
    host->report(attempt->task, &report);
    complete(attempt, NULL);
    /* Short commands end before the word that they run is read. */
    if (attempt->died)
        plr_docker_look(attempt);
}

/* The container is gone, as far as that can be said: begin anew, or say why not. */
static void on_scrapped(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    plr_docker_attempt *attempt = owner;
    (void)docker;
    (void)reply;
    free(steal(attempt->id));
    attempt->created = attempt->stale = attempt->cut = attempt->died = false;
    attempt->asking = attempt->told = false;
    attempt->nonce[0] = '\0';
    attempt->networks_joined = 0;
    attempt->resume = (plr_docker_resume){ 0 };
    attempt->evidence = (plr_docker_evidence){ 0 };
    attempt->at = 0;
    if (attempt->failure.code == 0)
        advance(attempt);
    else
        complete(attempt, &attempt->failure);
}

static void scrap(plr_docker_attempt *attempt)
{
    plr_docker_reply none = { 0 };
    detach(attempt);
    if (attempt->created)
        plr_docker_askf(attempt->run->docker, "DELETE", on_scrapped, attempt,
                "/containers/%s?force=1&v=1", attempt->id != NULL ? attempt->id : attempt->name);
    else
        on_scrapped(attempt->run->docker, &none, attempt);
}

void plr_docker_attempt_fail(plr_docker_attempt *attempt, const plr_error *err)
{
    attempt->failure = *err;
    scrap(attempt);
}

void plr_docker_attempt_again(plr_docker_attempt *attempt)
{
    attempt->failure = (plr_error){ 0 };
    scrap(attempt);
}

void plr_docker_note_unshared(plr_docker_run *run, const char *why)
{
    plr_docker *docker = run->docker;
    char text[700];
    snprintf(text, sizeof(text),
            "docker: no file can be shared with containers (%.500s); plr-init is copied into each",
            why);
    if (docker->sharing != PLR_DOCKER_SHARING_FAILS)
        docker->host->run_notice(run->view, text);
    docker->sharing = PLR_DOCKER_SHARING_FAILS;
}

void plr_docker_attempt_unshared(plr_docker_attempt *attempt, const char *why)
{
    plr_docker_note_unshared(attempt->run, why);
    attempt->failure = (plr_error){ 0 };
    attempt->route = by_signal;
    scrap(attempt);
}

void plr_docker_attempt_unheld(plr_docker_attempt *attempt, const char *why)
{
    plr_docker_warn(attempt, "plr-init cannot be used in this container (%s)", why);
    attempt->failure = (plr_error){ 0 };
    attempt->unheld = true;
    attempt->route = plain;
    attempt->goal = attempt->goal > GOAL_HELD ? COUNT(plain) : GOAL_IMAGE;
    scrap(attempt);
}

void plr_docker_attempt_spoil(plr_docker_attempt *attempt)
{
    attempt->stale = true;
}

/* What waits for others ends at once; a request that is on its way is waited for, so that nothing
 * is created after its run was torn down. */
static void on_cancel(plr_op *op, void *userdata)
{
    plr_docker_attempt *attempt = userdata;
    (void)op;
    attempt->cancelled = true;
    if (attempt->pull != NULL || attempt->waits_start || attempt->wish != PLR_DOCKER_WISH_NOTHING ||
            plr_docker_attempt_is_at(attempt, plr_docker_stage_held))
        advance(attempt);
}

static void walk(plr_docker_attempt *attempt, plr_op *op, bool to_the_end)
{
    const plr_docker *docker = attempt->run->docker;
    bool shared = docker->where.local && docker->sharing != PLR_DOCKER_SHARING_FAILS;
    attempt->op = op;
    attempt->cancelled = false;
    if (attempt->at <= GOAL_IMAGE)
        attempt->route = attempt->unheld ? plain : shared ? with_init : by_signal;
    if (to_the_end)
        attempt->goal = attempt->route == plain ? COUNT(plain) : GOAL_HELD + 1;
    else if (attempt->route != plain && attempt->task->hold)
        attempt->goal = GOAL_HELD;
    else
        attempt->goal = GOAL_IMAGE;
    docker->host->op_on_cancel(op, on_cancel, attempt);
    attempt->failure = (plr_error){ 0 };
    if (attempt->stale) {
        scrap(attempt);
        return;
    }
    /* What was only prepared is resolved again at its turn: an earlier step may have made it
     * another image. */
    if (to_the_end && attempt->at == GOAL_IMAGE)
        attempt->at = 0;
    advance(attempt);
}

void plr_docker_attempt_prepare(plr_docker_attempt *attempt, plr_op *op)
{
    walk(attempt, op, false);
}

void plr_docker_attempt_start(
        plr_docker_attempt *attempt, const plr_pair *late, size_t n_late, plr_op *op)
{
    plr_error err = { 0 };
    plr_buf_reset(&attempt->late);
    for (size_t i = 0; i < n_late; i++) {
        plr_buf_printf(&attempt->late, "%s=%s", late[i].name, late[i].value);
        plr_buf_putc(&attempt->late, '\0');
    }
    if (plr_buf_check(&attempt->late, &err) < 0)
        attempt->run->docker->host->op_complete(op, &err);
    else
        walk(attempt, op, true);
}
