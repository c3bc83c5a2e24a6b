/* SPDX-License-Identifier: MIT */
/* An attempt in the cluster, from its turn to its end: what the engine asks of it, and what its
 * plr-init is told for that. What becomes of it is seen in attempt_look.c, and told by
 * attempt_report.c. */
#include "backends/kubernetes/errand.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/text.h"

/* A plr-init that decides by itself needs no word. One that has not decided this long after the
 * engine's own view of its turn is told: something that it waits for was lost. */
#define NUDGE_NS (10 * PLR_SECOND)

/* How long a container may take to say what became of it when it is not to run any more. */
#define SETTLE_NS (20 * PLR_SECOND)

/* A container that is not there this long after its turn, without a reason that the status tells
 * (volumes that cannot be mounted: only events tell, and these are not ours to read). */
#define LATE_NS (30 * PLR_SECOND)

static const plr_host *host_of(const plr_kube_attempt *attempt)
{
    return attempt->run->kube->host;
}

static void set_timer(plr_kube_attempt *attempt, uint64_t at_ns)
{
    host_of(attempt)->timer_set(attempt->timer, at_ns);
}

static uint64_t now_of(const plr_kube_attempt *attempt)
{
    return host_of(attempt)->now(attempt->run->kube->loop);
}

static void on_timer(plr_timer *timer, void *userdata);

int plr_kube_attempt_of(plr_kube_attempt **ret_attempt, plr_task *task, plr_error *err)
{
    plr_kube_run *run = task->run->data;
    if (task->data != NULL) {
        *ret_attempt = task->data;
        return 0;
    }
    if (run == NULL)
        return plr_error_set(err, PLR_ERR_STATE, "the run was not set up");
    bool own_pod = run->layout == PLR_KUBE_LAYOUT_POD_PER_STEP;
    plr_kube_pod *pod = run->pods;
    plr_kube_attempt *attempt = calloc(1, sizeof(*attempt));
    if (attempt == NULL)
        return plr_error_nomem(err);
    int r = run->kube->host->timer_new(run->kube->loop, &attempt->timer, on_timer, attempt, err);
    if (r == 0 && (own_pod || pod == NULL))
        r = plr_kube_pod_new(&pod, run, own_pod ? task : NULL, err);
    if (r < 0) {
        run->kube->host->timer_free(attempt->timer);
        free(attempt);
        return r;
    }
    plr_kube_place place = plr_kube_run_place(run);
    json_object *image = place.images == NULL ? NULL : place.images[task->index];
    attempt->run = run;
    attempt->task = task;
    attempt->pod = pod;
    attempt->index = own_pod ? 0 : task->index;
    plr_kube_container_name(attempt->container, task->index, task->attempt);
    attempt->hold = plr_kube_hold_of(run->view, &place, task->index, task->attempt);
    attempt->evidence.is_init = plr_kube_has_init(attempt->hold);
    attempt->evidence.command = plr_kube_command(task->step, image);
    attempt->evidence.deleting = attempt->pod->deleting;
    attempt->next = run->attempts;
    run->attempts = attempt;
    task->data = attempt;
    plr_kube_pod_tell(pod, attempt);
    *ret_attempt = attempt;
    return 0;
}

void plr_kube_attempt_free(plr_kube_attempt *attempt)
{
    plr_kube_run *run = attempt->run;
    for (plr_kube_attempt **link = &run->attempts; *link != NULL; link = &(*link)->next) {
        if (*link == attempt) {
            *link = attempt->next;
            break;
        }
    }
    plr_kube_layout_leave(attempt);
    plr_kube_log_free(attempt->log);
    plr_kube_call_cancel(attempt->patch);
    run->kube->host->timer_free(attempt->timer);
    attempt->task->data = NULL;
    free(attempt);
}

bool plr_kube_attempt_decides(const plr_kube_attempt *attempt)
{
    return attempt->run->view->self_release && attempt->hold == PLR_KUBE_HELD &&
           attempt->task->attempt == 1 && attempt->task->step->kind == PLR_STEP_STEP;
}

void plr_kube_attempt_complete(plr_kube_attempt *attempt, const plr_error *err)
{
    plr_kube *kube = attempt->run->kube;
    plr_op *op = steal(attempt->op);
    plr_error copy = err == NULL ? (plr_error){ 0 } : *err;
    attempt->cancelled = false;
    set_timer(attempt, 0);
    if (attempt->discards && copy.code == 0)
        plr_kube_attempt_free(attempt);
    plr_kube_complete(kube, op, &copy);
}

static void say_late_container(plr_kube_attempt *attempt)
{
    char text[300];
    snprintf(text, sizeof(text),
            "nothing is known of its container yet: an image of the pod may still be on its way; "
            "kubectl -n %.80s describe pod %s may say why",
            plr_kube_client_namespace(attempt->run->kube->client), attempt->pod->name);
    plr_kube_attempt_warn(attempt, text);
}

static void on_timer(plr_timer *timer, void *userdata)
{
    plr_kube_attempt *attempt = userdata;
    plr_error err = { 0 };
    (void)timer;
    if (attempt->op != NULL && (attempt->cancelled || attempt->discards)) {
        plr_error_set(&err, PLR_ERR_CANCELLED, "its container does not say whether it began");
        attempt->discards = false;
        plr_kube_attempt_complete(attempt, &err);
    } else if (attempt->op != NULL && plr_kube_attempt_decides(attempt) &&
               attempt->evidence.standing == PLR_KUBE_RUNNING) {
        plr_kube_say(attempt->pod, "go %zu %u", attempt->index, attempt->task->attempt);
    } else if (attempt->op != NULL && attempt->evidence.standing == PLR_KUBE_WAITING) {
        if (now_of(attempt) < attempt->turn_at + LATE_NS)
            set_timer(attempt, attempt->turn_at + LATE_NS);
        else
            say_late_container(attempt);
    } else {
        plr_kube_attempt_look(attempt);
    }
}

/* It is not to run any more. Whoever is held is told; the others cannot be. */
static void hold_back(plr_kube_attempt *attempt)
{
    if (plr_kube_has_init(attempt->hold))
        plr_kube_say(
                attempt->pod, "stop %zu %u %d", attempt->index, attempt->task->attempt, SIGTERM);
    set_timer(attempt, now_of(attempt) + SETTLE_NS);
}

static void on_cancel(plr_op *op, void *userdata)
{
    plr_kube_attempt *attempt = userdata;
    (void)op;
    attempt->cancelled = true;
    hold_back(attempt);
    plr_kube_attempt_look(attempt);
}

static int say_late(plr_kube_attempt *attempt, const plr_pair *late, size_t n, plr_error *err)
{
    for (size_t i = 0; i < n; i++) {
        _cleanup_buf_ plr_buf pair = { 0 }, text = { 0 };
        plr_buf_printf(&pair, "%s=%s", late[i].name, late[i].value);
        int r = plr_buf_check(&pair, err);
        if (r == 0)
            r = plr_base64_encode(pair.data, pair.size, false, &text, err);
        if (r < 0)
            return r;
        plr_kube_say(attempt->pod, "late %zu %s", attempt->index, text.data);
    }
    return 0;
}

void plr_kube_attempt_start(
        plr_kube_attempt *attempt, const plr_pair *late, size_t n_late, plr_op *op)
{
    plr_kube_run *run = attempt->run;
    plr_error err = { 0 };
    if (attempt->started || attempt->skipped) {
        plr_kube_complete(run->kube, op, NULL);
        return;
    }
    attempt->op = op;
    attempt->discards = false;
    attempt->turn = true;
    attempt->turn_at = now_of(attempt);
    run->kube->host->op_on_cancel(op, on_cancel, attempt);
    set_timer(attempt, attempt->turn_at + NUDGE_NS);
    int r = 0;
    if (plr_kube_has_init(attempt->hold) && !plr_kube_attempt_decides(attempt)) {
        r = say_late(attempt, late, n_late, &err);
        plr_kube_say(attempt->pod, "go %zu %u", attempt->index, attempt->task->attempt);
    }
    if (r == 0)
        r = plr_kube_layout_start(attempt, &err);
    if (r < 0)
        plr_kube_attempt_complete(attempt, &err);
    else
        plr_kube_attempt_look(attempt);
}

void plr_kube_attempt_discard(plr_kube_attempt *attempt, plr_op *op)
{
    plr_kube_run *run = attempt->run;
    plr_error err = { 0 };
    /* By the same rules it comes to the same answer, but for what a cancel cuts off. */
    bool may_run = run->cancelled && plr_kube_attempt_decides(attempt) && !attempt->pod->gone &&
                   attempt->evidence.standing == PLR_KUBE_RUNNING;
    if (attempt->started && !attempt->ended) {
        plr_error_set(&err, PLR_ERR_STATE, "it had started already");
        plr_kube_complete(run->kube, op, &err);
    } else if (attempt->ended || attempt->skipped || !may_run) {
        plr_kube_attempt_free(attempt);
        plr_kube_complete(run->kube, op, NULL);
    } else {
        attempt->op = op;
        attempt->discards = true;
        hold_back(attempt);
        plr_kube_attempt_look(attempt);
    }
}

void plr_kube_attempt_flow(plr_kube_attempt *attempt, bool paused)
{
    if (attempt->log != NULL)
        plr_kube_log_flow(attempt->log, paused);
}
