/* SPDX-License-Identifier: MIT */
/* A pod for each attempt: when it comes, and what it is told of those that are there already. One
 * whose plr-init holds it may come before its turn, if all it has to know is known by then. */
#include <string.h>

#include "backends/kubernetes/errand.h"
#include "backends/kubernetes/layout.h"
#include "engine/base/error.h"

static bool is_alive(const plr_kube_attempt *attempt)
{
    return attempt->started && !attempt->ended;
}

/* Others may look for a service or a detached step, whether they depend on it or not: all of these
 * have begun. */
static bool all_are_there(const plr_kube_run *run)
{
    for (size_t i = 0; i < run->n_tasks; i++) {
        const plr_kube_attempt *attempt = run->tasks[i]->data;
        if (run->tasks[i]->step->detach && (attempt == NULL || !attempt->started))
            return false;
    }
    return true;
}

/* The first attempt with a claimed volume brings the claims of the run along. */
static bool brings_claims(const plr_kube_attempt *attempt, const plr_kube_place *place)
{
    const plr_kube_run *run = attempt->run;
    bool uses = false;
    for (size_t i = 0; i < attempt->task->n_volumes; i++)
        uses |= attempt->task->volumes[i].volume != PLR_NONE &&
                plr_kube_is_claimed(run->view->document, place, attempt->task->volumes[i].volume);
    return uses && !run->has_claims;
}

static plr_kube_attempt *attempt_in(const plr_kube_pod *pod)
{
    plr_kube_attempt *attempt = pod->run->attempts;
    while (attempt != NULL && attempt->pod != pod)
        attempt = attempt->next;
    return attempt;
}

static void on_created(plr_kube_pod *pod, const plr_error *err)
{
    plr_kube_attempt *attempt = attempt_in(pod);
    if (attempt == NULL)
        plr_kube_delete(pod, 0); /* nobody wants it any more */
    else if (err != NULL && attempt->op != NULL)
        plr_kube_attempt_complete(attempt, err);
    else if (err == NULL && attempt->op != NULL && !attempt->turn)
        plr_kube_attempt_complete(attempt, NULL);
    else if (err == NULL)
        plr_kube_words_send(pod);
}

static int create(plr_kube_attempt *attempt, plr_error *err)
{
    plr_kube_run *run = attempt->run;
    plr_kube_pod *pod = attempt->pod;
    plr_task *task = attempt->task;
    plr_kube_place place = plr_kube_run_place(run);
    _cleanup_free_ const char **addresses =
            calloc(run->view->document->n_tasks + 1, sizeof(*addresses));
    _cleanup_kube_objects_ plr_kube_objects objects = { 0 };
    if (addresses == NULL)
        return plr_error_nomem(err);
    for (const plr_kube_attempt *other = run->attempts; other != NULL; other = other->next)
        if (is_alive(other))
            addresses[other->task->index] = other->pod->address;
    place.only = task;
    place.addresses = addresses;
    place.node = run->node;
    place.words = pod->words.data;
    place.with_claims = brings_claims(attempt, &place);
    int r = plr_buf_check(&pod->words, err);
    if (r == 0)
        r = plr_kube_objects_new(&objects, run->view, &task, 1, &place, err);
    if (r < 0)
        return r;
    run->has_claims |= place.with_claims;
    pod->words_changed = false;
    return plr_kube_pod_create(pod, &objects, on_created, err);
}

static bool is_there(const plr_kube_pod *pod)
{
    return pod->uid != NULL || pod->creation != NULL;
}

bool plr_kube_layout_prepare(plr_kube_attempt *attempt, plr_op *op)
{
    plr_error err = { 0 };
    if (attempt->run->layout != PLR_KUBE_LAYOUT_POD_PER_STEP || !attempt->task->hold ||
            attempt->hold != PLR_KUBE_HELD || !all_are_there(attempt->run))
        return false;
    attempt->op = op;
    if (create(attempt, &err) < 0)
        plr_kube_attempt_complete(attempt, &err);
    return true;
}

int plr_kube_layout_start(plr_kube_attempt *attempt, plr_error *err)
{
    return attempt->run->layout != PLR_KUBE_LAYOUT_POD_PER_STEP || is_there(attempt->pod)
                   ? 0
                   : create(attempt, err);
}

void plr_kube_layout_leave(plr_kube_attempt *attempt)
{
    plr_kube_pod *pod = attempt->pod;
    if (attempt->run->layout != PLR_KUBE_LAYOUT_POD_PER_STEP)
        return;
    pod->left = true;
    free(steal(pod->seen));
    attempt->run->kube->host->timer_set(pod->lease, 0);
    if (!attempt->started && pod->uid != NULL)
        plr_kube_delete(pod, 0);
}
