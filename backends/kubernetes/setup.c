/* SPDX-License-Identifier: MIT */
/* How a run comes into the cluster: what its images run is looked up, the Secret with plr-init is
 * made where there is none yet, then its pod with all that belongs to it. */
#include <stdio.h>

#include "backends/kubernetes/errand.h"
#include "backends/kubernetes/images.h"
#include "backends/kubernetes/secret.h"
#include "engine/base/error.h"

void plr_kube_setup_clear(plr_kube_run *run)
{
    plr_kube_images_free(steal(run->images));
    plr_kube_call_cancel(steal(run->creation));
}

static void settle(plr_kube_run *run, const plr_error *err)
{
    plr_op *op = steal(run->setup);
    plr_error copy = err == NULL ? (plr_error){ 0 } : *err;
    /* Not before: no pod is to wait for it, and a connection that is there already will do. */
    plr_kube_sweep_expired(run->kube);
    plr_kube_complete(run->kube, op, &copy);
}

int plr_kube_setup_check(const plr_kube_run *run, plr_error *err)
{
    return run->cut ? plr_error_set(err, PLR_ERR_CANCELLED, "cancelled") : 0;
}

/* What is on its way is waited for: a request that nobody hears of any more may arrive all the
 * same, behind the one that was to remove what it makes. Registries may take their time. */
static void on_cancel(plr_op *op, void *userdata)
{
    plr_kube_run *run = userdata;
    plr_error err = { 0 };
    (void)op;
    run->cut = true;
    if (run->creation != NULL || run->pods != NULL)
        return;
    plr_kube_images_free(steal(run->images));
    plr_kube_setup_check(run, &err);
    settle(run, &err);
}

static void on_pod(plr_kube_pod *pod, const plr_error *err)
{
    settle(pod->run, err);
}

/* The pod of all, and all attempts in it. */
static int create_pod(plr_kube_run *run, plr_error *err)
{
    _cleanup_kube_objects_ plr_kube_objects objects = { 0 };
    plr_kube_place place = plr_kube_run_place(run);
    int r = plr_kube_objects_new(&objects, run->view, run->tasks, run->n_tasks, &place, err);
    for (size_t i = 0; i < run->n_tasks && r == 0; i++) {
        plr_kube_attempt *attempt;
        r = plr_kube_attempt_of(&attempt, run->tasks[i], err);
    }
    return r < 0 ? r : plr_kube_pod_create(run->pods, &objects, on_pod, err);
}

/* There is a Secret with plr-init, or `err` says what is in its way. */
static void take_init(plr_kube_run *run, plr_error *err)
{
    if (err->code == 0)
        plr_kube_setup_check(run, err);
    if (err->code == 0 && run->layout != PLR_KUBE_LAYOUT_POD_PER_STEP && create_pod(run, err) == 0)
        return;
    settle(run, err);
}

static void on_init_created(
        plr_kube_call *call, int status, json_object *reply, const plr_error *cause, void *userdata)
{
    plr_kube_run *run = userdata;
    plr_error err = { 0 };
    (void)call, (void)reply;
    run->creation = NULL;
    if (cause != NULL && status != 409)
        plr_kube_creation_error(&err, "the Secret with plr-init", status, cause);
    take_init(run, &err);
}

static int create_init(plr_kube_run *run, bool really, plr_kube_done_fn *on_done, plr_error *err)
{
    _cleanup_json_ json_object *secret = NULL;
    plr_kube_place place = plr_kube_run_place(run);
    int r = plr_kube_init_secret(
            &secret, plr_kube_architecture(run->view, &place), &place, really, err);
    return r < 0 ? r
                 : plr_kube_ask(run->kube, &run->creation, "POST", secret, on_done, run, err,
                           really ? "/secrets" : "/secrets?dryRun=All");
}

static void on_init_asked(
        plr_kube_call *call, int status, json_object *reply, const plr_error *cause, void *userdata)
{
    plr_kube_run *run = userdata;
    plr_error err = { 0 };
    (void)call, (void)reply;
    run->creation = NULL;
    /* Where a webhook of the cluster's bears no dry run it says so by a 400. */
    if (cause == NULL || status == 400) {
        if (plr_kube_setup_check(run, &err) < 0 ||
                create_init(run, true, on_init_created, &err) < 0)
            settle(run, &err);
        return;
    }
    if (status != 409)
        plr_kube_creation_error(&err, "the Secret with plr-init", status, cause);
    take_init(run, &err);
}

/* Each attempt has a pod, which comes when it is time. */
static void set_apart(plr_kube_run *run)
{
    run->view->prepares_all = run->view->self_release = false;
    if (run->kube->settings.layout == PLR_KUBE_LAYOUT_AUTO && run->why_layout != NULL) {
        char text[200];
        snprintf(text, sizeof(text), "each step has a pod of its own, because %s", run->why_layout);
        run->kube->host->run_notice(run->view, text);
    }
}

static void on_images(void *userdata)
{
    plr_kube_run *run = userdata;
    plr_error err = { 0 };
    if (run->layout == PLR_KUBE_LAYOUT_POD_PER_STEP)
        set_apart(run);
    /* It is every run's, and mostly there. To read Secrets is no right of ours, and to send all of
     * it each time would be most of what a run sends. */
    if (create_init(run, false, on_init_asked, &err) < 0)
        settle(run, &err);
}

void plr_kube_setup(plr_kube_run *run, plr_op *op)
{
    plr_kube *kube = run->kube;
    plr_error err = { 0 };
    const char *warning = plr_kube_client_warning(kube->client);
    run->setup = op;
    if (warning != NULL && !kube->warned)
        kube->host->run_warning(run->view, warning);
    kube->warned = true;
    if (plr_kube_run_watch(run, &err) < 0 ||
            plr_kube_images_new(&run->images, kube, run->view, run->view->document, run->tasks,
                    run->n_tasks, on_images, run, &err) < 0)
        settle(run, &err);
    if (run->setup != NULL)
        kube->host->op_on_cancel(op, on_cancel, run);
}
