/* SPDX-License-Identifier: MIT */
/* A pod for each attempt: when it comes, and what it is told of those that are there already. One
 * whose plr-init holds it may come before its turn, if all it has to know is known by then. */
#include <string.h>

#include "backends/kubernetes/errand.h"
#include "backends/kubernetes/layout.h"
#include "backends/kubernetes/service.h"
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

static void on_service(
        plr_kube_call *call, int status, json_object *reply, const plr_error *cause, void *userdata)
{
    plr_kube_run *run = userdata;
    plr_error why = { 0 }, err = { 0 };
    (void)call, (void)reply;
    run->creation = NULL;
    if (cause == NULL)
        return;
    plr_kube_creation_error(&why, "the Service by which steps find each other", status, cause);
    /* The hint first: an API of old says so much that the end is cut off. */
    plr_error_set(&err, why.code, "--kube-cluster-domain none does without it: %s", why.message);
    run->kube->host->run_failed(run->view, &err);
}

/* The first pod brings the Service along. No pod waits for it: names are looked for later. */
static void bring_service(plr_kube_pod *pod)
{
    plr_kube_run *run = pod->run;
    plr_error err = { 0 };
    plr_kube_place place = plr_kube_run_place(run);
    if (run->has_service || !plr_kube_has_service(run->view, &place))
        return;
    _cleanup_json_ json_object *service = plr_kube_service(run->view, &place);
    run->has_service = pod->owns = true;
    if (service == NULL || !plr_kube_pod_own(pod, service))
        plr_error_nomem(&err);
    else
        plr_kube_ask(
                run->kube, &run->creation, "POST", service, on_service, run, &err, "/services");
    if (err.code != 0)
        run->kube->host->run_failed(run->view, &err);
}

/* Nobody wants it any more. One that owns something is only told to end, if it hears. */
static void drop(plr_kube_pod *pod)
{
    if (pod->owns && pod->held)
        plr_kube_say(pod, "cancelled now 0");
    else
        plr_kube_delete(pod, 0);
}

static void on_created(plr_kube_pod *pod, const plr_error *err)
{
    plr_kube_attempt *attempt = attempt_in(pod);
    if (err != NULL && pod->uid == NULL && pod->owns) { /* the next one brings the claims */
        pod->owns = false;
        pod->run->has_claims = false;
    }
    if (err == NULL && attempt != NULL)
        bring_service(pod);
    if (attempt == NULL)
        drop(pod);
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
    pod->owns |= place.with_claims;
    pod->held = plr_kube_has_init(attempt->hold);
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
    plr_kube_run *run = attempt->run;
    plr_kube_pod *pod = attempt->pod;
    if (run->layout != PLR_KUBE_LAYOUT_POD_PER_STEP)
        return;
    pod->left = true;
    free(steal(pod->seen));
    if (!pod->owns) /* what it owns is spared as long as it is */
        run->kube->host->timer_set(pod->lease, 0);
    if (run->has_service && run->attempts != NULL) { /* others are not to find it any more */
        pod->words_changed = true;
        plr_kube_run_soon(run);
    }
    if (!attempt->started && pod->uid != NULL)
        drop(pod);
}
