/* SPDX-License-Identifier: MIT */
/* The end of a run in the cluster, from its id alone: its pods go by their label, its Secrets with
 * them, for they belong to them. While something of the user's still runs, its end is waited for.
 */
#include <stdio.h>

#include "backends/kubernetes/errand.h"
#include "engine/base/error.h"

#define GRACE_S 2
/* A kubelet that does not end a pod in this time may be gone itself. */
#define GONE_NS (30 * PLR_SECOND)

typedef struct teardown {
    plr_kube_errand errand;
    plr_kube_run *run; /* NULL: of another process */
    char id[PLR_KUBE_NAME_SIZE];
    plr_kube_call *call;
    plr_timer *timer;
    plr_error error;
    bool waits; /* for the pod to be gone */
} teardown;

static void clear(plr_kube_errand *errand)
{
    teardown *t = (teardown *)errand;
    plr_kube_call_cancel(t->call);
    errand->kube->host->timer_free(t->timer);
}

static void finish(teardown *t)
{
    plr_error err = t->error;
    if (t->run != NULL)
        plr_kube_run_free(t->run);
    plr_kube_errand_finish(&t->errand, &err);
}

static void maybe_finish(teardown *t)
{
    if (t->call == NULL && (!t->waits || t->error.code != 0))
        finish(t);
}

static void on_removed(
        plr_kube_call *call, int status, json_object *reply, const plr_error *err, void *userdata)
{
    teardown *t = userdata;
    (void)call, (void)reply;
    t->call = NULL;
    if (err != NULL && status != 404)
        plr_error_set(&t->error, err->code,
                "what is left of run %s cannot be removed: %s (`pipeline-runtime sweep --backend "
                "kubernetes --run %s` does it later)",
                t->id, err->message, t->id);
    maybe_finish(t);
}

static int remove_pods(teardown *t, int grace_s, plr_error *err)
{
    return plr_kube_ask(t->errand.kube, &t->call, "DELETE", NULL, on_removed, t, err,
            "/pods?labelSelector=" PLR_KUBE_LABEL_RUN "%%3D%s&gracePeriodSeconds=%d", t->id,
            grace_s);
}

static bool is_busy(const plr_kube_run *run)
{
    for (const plr_kube_pod *pod = run->pods; pod != NULL; pod = pod->next)
        if (plr_kube_pod_is_busy(pod))
            return true;
    return false;
}

static void on_gone(void *userdata)
{
    teardown *t = userdata;
    if (is_busy(t->run))
        return;
    t->waits = false;
    maybe_finish(t);
}

static void on_timer(plr_timer *timer, void *userdata)
{
    teardown *t = userdata;
    (void)timer;
    t->waits = false;
    if (t->call == NULL && remove_pods(t, 0, &t->error) < 0)
        maybe_finish(t);
}

static bool has_pods(const plr_kube_run *run)
{
    for (const plr_kube_pod *pod = run->pods; pod != NULL; pod = pod->next)
        if (!pod->gone)
            return true;
    return false;
}

/* Attempts that are over have been discarded by now, or are not needed: held ones, and services
 * whose end nobody waited for. */
static int begin(teardown *t, plr_error *err)
{
    plr_kube *kube = t->errand.kube;
    plr_kube_run *run = t->run;
    int r = 0;
    t->waits = run != NULL && is_busy(run);
    if (t->waits) {
        run->on_gone = on_gone;
        run->gone_userdata = t;
        r = kube->host->timer_new(kube->loop, &t->timer, on_timer, t, err);
        if (r == 0)
            kube->host->timer_set(t->timer, kube->host->now(kube->loop) + GONE_NS);
    }
    if (run == NULL || has_pods(run))
        r = r < 0 ? r : remove_pods(t, t->waits ? GRACE_S : 0, err);
    return r;
}

void plr_kube_teardown(plr_kube *kube, const char *run_id, plr_run_view *view, plr_op *op)
{
    plr_error err = { 0 };
    teardown *t = plr_kube_errand_new(kube, sizeof(*t), op);
    if (t == NULL)
        return;
    t->errand.clear = clear;
    t->run = view == NULL ? NULL : view->data;
    snprintf(t->id, sizeof(t->id), "%s", run_id);
    if (t->run != NULL) {
        plr_kube_setup_clear(t->run);
        for (plr_kube_pod *pod = t->run->pods; pod != NULL; pod = pod->next) {
            plr_kube_pod_creation_cancel(pod);
            plr_kube_call_cancel(steal(pod->deletion));
            pod->deleting = true;
        }
    }
    if (begin(t, &err) < 0) {
        t->error = err;
        finish(t);
        return;
    }
    maybe_finish(t);
}
