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
    plr_kube_objects_clear(&run->objects);
    plr_kube_call_cancel(steal(run->creation));
}

static void settle(plr_kube_run *run, const plr_error *err)
{
    plr_op *op = steal(run->setup);
    plr_error copy = err == NULL ? (plr_error){ 0 } : *err;
    plr_kube_complete(run->kube, op, &copy);
}

static void on_pod(plr_kube_pod *pod, const plr_error *err)
{
    settle(pod->run, err);
}

static void on_init_secret(
        plr_kube_call *call, int status, json_object *reply, const plr_error *cause, void *userdata)
{
    plr_kube_run *run = userdata;
    plr_error err = { 0 };
    (void)call, (void)reply;
    run->creation = NULL;
    /* It is every run's, and does not change. */
    if (cause != NULL && status != 409)
        plr_kube_creation_error(&err, "the Secret with plr-init", status, cause);
    else if (run->objects.pod != NULL)
        plr_kube_pod_create(run->pods, &run->objects, on_pod, &err);
    if (err.code != 0 || run->objects.pod == NULL)
        settle(run, &err);
    plr_kube_objects_clear(&run->objects);
}

/* Each attempt has a pod, which comes when it is time. */
static int make_init_only(plr_kube_run *run, plr_error *err)
{
    plr_kube_place place = plr_kube_run_place(run);
    run->view->prepares_all = run->view->self_release = false;
    if (run->kube->settings.layout == PLR_KUBE_LAYOUT_AUTO && run->why_layout != NULL) {
        char text[200];
        snprintf(text, sizeof(text), "each step has a pod of its own, because %s", run->why_layout);
        run->kube->host->run_notice(run->view, text);
    }
    return plr_kube_init_secret(
            &run->objects.init_secret, plr_kube_architecture(run->view, &place), &place, err);
}

/* All of the run: its pod, and all attempts in it. */
static int make_objects(plr_kube_run *run, plr_error *err)
{
    plr_kube_place place = plr_kube_run_place(run);
    int r = plr_kube_objects_new(&run->objects, run->view, run->tasks, run->n_tasks, &place, err);
    for (size_t i = 0; i < run->n_tasks && r == 0; i++) {
        plr_kube_attempt *attempt;
        r = plr_kube_attempt_of(&attempt, run->tasks[i], err);
    }
    return r;
}

static void on_images(void *userdata)
{
    plr_kube_run *run = userdata;
    plr_error err = { 0 };
    int r = run->layout == PLR_KUBE_LAYOUT_POD_PER_STEP ? make_init_only(run, &err)
                                                        : make_objects(run, &err);
    if (r == 0)
        r = plr_kube_ask(run->kube, &run->creation, "POST", run->objects.init_secret,
                on_init_secret, run, &err, "/secrets");
    if (r < 0)
        settle(run, &err);
}

void plr_kube_setup(plr_kube_run *run, plr_op *op)
{
    plr_kube *kube = run->kube;
    plr_error err = { 0 };
    const char *warning = plr_kube_client_warning(kube->client);
    run->setup = op;
    plr_kube_sweep_expired(kube);
    if (warning != NULL && !kube->warned)
        kube->host->run_warning(run->view, warning);
    kube->warned = true;
    if (plr_kube_run_watch(run, &err) < 0 ||
            plr_kube_images_new(&run->images, kube, run->view, run->view->document, run->tasks,
                    run->n_tasks, on_images, run, &err) < 0)
        settle(run, &err);
}
