/* SPDX-License-Identifier: MIT */
/* How the cluster is told that a container is to end. One with plr-init is sent a signal by a word;
 * for others there is only the kubelet: it ends what gets another image, or whose pod is deleted.
 * Where all that lives is to end, and nothing is to follow, the pod's deletion says it to all. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/errand.h"
#include "engine/base/error.h"

static void on_deleted(
        plr_kube_call *call, int status, json_object *reply, const plr_error *err, void *userdata)
{
    plr_kube_pod *pod = userdata;
    char text[PLR_ERROR_MESSAGE_SIZE + 200];
    (void)call;
    (void)reply;
    pod->deletion = NULL;
    if (err == NULL || status == 404)
        return;
    snprintf(text, sizeof(text), "the pod %s cannot be deleted: %s", pod->name, err->message);
    pod->run->kube->host->run_warning(pod->run->view, text);
}

void plr_kube_delete(plr_kube_pod *pod, int64_t grace_s)
{
    plr_kube_run *run = pod->run;
    plr_error err = { 0 };
    if (pod->uid == NULL || pod->gone)
        return;
    plr_kube_call_cancel(steal(pod->deletion));
    pod->deleting = true;
    for (plr_kube_attempt *attempt = run->attempts; attempt != NULL; attempt = attempt->next) {
        if (attempt->pod != pod)
            continue;
        attempt->evidence.deleting = true;
        if (attempt->log != NULL)
            plr_kube_log_last(attempt->log);
    }
    if (plr_kube_ask(run->kube, &pod->deletion, "DELETE", NULL, on_deleted, pod, &err,
                "/pods/%s?gracePeriodSeconds=%lld", pod->name, (long long)grace_s) < 0)
        run->kube->host->run_failed(run->view, &err);
}

static void on_patched(
        plr_kube_call *call, int status, json_object *reply, const plr_error *cause, void *userdata)
{
    plr_kube_attempt *attempt = userdata;
    char text[PLR_ERROR_MESSAGE_SIZE + 200];
    (void)call;
    (void)status;
    (void)reply;
    attempt->patch = NULL;
    if (cause != NULL) {
        snprintf(text, sizeof(text), "its image cannot be changed: %s", cause->message);
        plr_kube_attempt_warn(attempt, text);
    }
    plr_kube_attempt_look(attempt);
}

static json_object *image_patch(const plr_kube_attempt *attempt, const char *image)
{
    _cleanup_json_ json_object *patch = json_object_new_object();
    json_object *spec = json_object_new_object(), *containers = json_object_new_array();
    json_object *container = json_object_new_object();
    bool good = plr_jsonc_add(patch, "spec", spec);
    good = plr_jsonc_add(spec, "containers", containers) && good;
    good = plr_jsonc_append(containers, container) && good;
    good = good && plr_jsonc_add(container, "name", plr_jsonc_string(attempt->container)) &&
           plr_jsonc_add(container, "image", plr_jsonc_string(image));
    return good ? steal(patch) : NULL;
}

int plr_kube_patch_image(plr_kube_attempt *attempt, const char *image, plr_error *err)
{
    _cleanup_json_ json_object *patch = image_patch(attempt, image);
    if (patch == NULL)
        return plr_error_nomem(err);
    plr_kube_call_cancel(steal(attempt->patch));
    return plr_kube_ask(attempt->run->kube, &attempt->patch, "PATCH", patch, on_patched, attempt,
            err, "/pods/%s", attempt->pod->name);
}

static bool is_alive(const plr_kube_attempt *attempt)
{
    return attempt->started && !attempt->ended;
}

/* With none at all the API forgets the pod before anybody knows how it ended. */
static int64_t grace_of(const plr_kube_run *run)
{
    int64_t grace_s = run->view->grace_ns / (int64_t)PLR_SECOND;
    return grace_s > 0 ? grace_s : 1;
}

/* Seconds between TERM and KILL, if the pod is to go now; negative: it is not. */
static int64_t grace_of_all(const plr_kube_pod *pod)
{
    const plr_kube_run *run = pod->run;
    int64_t grace_s = grace_of(run);
    if (!run->winding_down && !run->cancelled_now)
        return -1;
    for (const plr_kube_attempt *attempt = run->attempts; attempt != NULL;
            attempt = attempt->next) {
        if (attempt->pod != pod || !is_alive(attempt))
            continue;
        if (attempt->to_stop == 0 && !attempt->stopped)
            return -1;
        if (attempt->to_stop == SIGKILL)
            grace_s = 1;
    }
    return grace_s;
}

static void stop_one(plr_kube_attempt *attempt)
{
    plr_kube_run *run = attempt->run;
    plr_error err = { 0 };
    bool own_pod = run->layout == PLR_KUBE_LAYOUT_POD_PER_STEP;
    /* A detached one has taken the place of its init: nobody is left to hear a word. */
    if (plr_kube_has_init(attempt->hold) && !attempt->task->step->detach)
        plr_kube_say(attempt->pod, "stop %zu %u %d", attempt->index, attempt->task->attempt,
                attempt->to_stop);
    else if (own_pod)
        plr_kube_delete(attempt->pod, attempt->to_stop == SIGKILL ? 1 : grace_of(run));
    else if (!attempt->stopped &&
             plr_kube_patch_image(attempt, run->kube->settings.pause_image, &err) < 0)
        run->kube->host->run_failed(run->view, &err);
    else if (!attempt->stopped && attempt->log != NULL)
        plr_kube_log_last(attempt->log); /* what is opened afterwards is the pause image's */
}

static void stop_in(plr_kube_pod *pod)
{
    plr_kube_run *run = pod->run;
    bool asked = false;
    for (plr_kube_attempt *attempt = run->attempts; attempt != NULL; attempt = attempt->next)
        asked |= attempt->pod == pod && attempt->to_stop != 0;
    if (!asked)
        return;
    int64_t grace_s = grace_of_all(pod);
    if (grace_s >= 0)
        plr_kube_delete(pod, grace_s);
    for (plr_kube_attempt *attempt = run->attempts; attempt != NULL; attempt = attempt->next) {
        if (attempt->pod != pod || attempt->to_stop == 0)
            continue;
        if (grace_s < 0)
            stop_one(attempt);
        attempt->to_stop = 0;
        attempt->stopped = true;
    }
}

void plr_kube_stop_soon(plr_kube_run *run)
{
    if (!run->stops)
        return;
    run->stops = false;
    for (plr_kube_pod *pod = run->pods; pod != NULL; pod = pod->next)
        stop_in(pod);
}

void plr_kube_stop(plr_kube_attempt *attempt, int signal, plr_op *op)
{
    plr_kube_run *run = attempt->run;
    if (is_alive(attempt)) {
        attempt->evidence.stopped = signal;
        attempt->to_stop = signal;
        run->stops = true;
        plr_kube_run_soon(run);
    }
    plr_kube_complete(run->kube, op, NULL);
}
