/* SPDX-License-Identifier: MIT */
/* A pod of a run: its creation, what the watch has of it, and its going. */
#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/errand.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

int plr_kube_pod_new(plr_kube_pod **ret_pod, plr_kube_run *run, const char *name, plr_error *err)
{
    plr_kube_pod *pod = calloc(1, sizeof(*pod));
    if (pod == NULL)
        return plr_error_nomem(err);
    pod->run = run;
    snprintf(pod->name, sizeof(pod->name), "%s", name);
    pod->next = run->pods;
    run->pods = pod;
    *ret_pod = pod;
    return 0;
}

void plr_kube_pod_free(plr_kube_pod *pod)
{
    plr_kube_pod **link = &pod->run->pods;
    while (*link != pod)
        link = &(*link)->next;
    *link = pod->next;
    plr_kube_call_cancel(pod->creation);
    plr_kube_call_cancel(pod->words_call);
    plr_kube_call_cancel(pod->deletion);
    json_object_put(pod->seen);
    plr_buf_clear(&pod->words);
    free(pod->uid);
    free(pod);
}

void plr_kube_creation_error(plr_error *ret_err, const char *what, int status, const plr_error *err)
{
    if (status == 409)
        plr_error_set(ret_err, PLR_ERR_STATE,
                "%s is there already, of another run with this id: %s", what, err->message);
    else /* what is wrong with an object is the document's or the template's fault */
        plr_error_set(ret_err, status == 400 || status == 422 ? PLR_ERR_REFUSED : err->code,
                "%s cannot be created: %s", what, err->message);
}

static void on_created(
        plr_kube_call *call, int status, json_object *reply, const plr_error *cause, void *userdata)
{
    plr_kube_pod *pod = userdata;
    plr_kube_run *run = pod->run;
    plr_error err = { 0 };
    json_object *metadata = plr_jsonc_get(reply, "metadata", json_type_object);
    (void)call;
    pod->creation = NULL;
    if (cause != NULL)
        plr_kube_creation_error(&err, "the pod", status, cause);
    else if (metadata == NULL)
        plr_error_set(&err, PLR_ERR_PROTOCOL, "the API created a pod without metadata");
    else
        plr_text_copy(&pod->uid, plr_jsonc_text(metadata, "uid"), &err);
    if (err.code == 0)
        plr_kube_watch_expect(run->watch, reply, &err);
    pod->created_at = run->kube->host->now(run->kube->loop);
    pod->on_created(pod, err.code == 0 ? NULL : &err);
}

int plr_kube_pod_create(
        plr_kube_pod *pod, json_object *body, plr_kube_created_fn *on_created_fn, plr_error *err)
{
    pod->on_created = on_created_fn;
    /* A field that nobody knows comes from the user's template: an error, where the server (from
     * 1.25 on) can tell. Older ones do not look at the word, and drop the field as ever. */
    return plr_kube_ask(pod->run->kube, &pod->creation, "POST", body, on_created, pod, err,
            "/pods?fieldValidation=Strict");
}

static void look_all(const plr_kube_pod *pod)
{
    plr_kube_attempt *next;
    for (plr_kube_attempt *attempt = pod->run->attempts; attempt != NULL; attempt = next) {
        next = attempt->next;
        if (attempt->pod == pod)
            plr_kube_attempt_look(attempt);
    }
}

static void keep(plr_kube_pod *pod, json_object *object)
{
    json_object_put(pod->seen);
    pod->seen = json_object_get(object);
}

void plr_kube_pod_seen(plr_kube_pod *pod, json_object *object)
{
    keep(pod, object);
    look_all(pod);
}

void plr_kube_pod_gone(plr_kube_pod *pod, json_object *last)
{
    pod->gone = true;
    if (last != NULL)
        keep(pod, last);
    for (plr_kube_attempt *attempt = pod->run->attempts; attempt != NULL; attempt = attempt->next)
        if (attempt->pod == pod)
            plr_kube_end_gone(&attempt->evidence, last, attempt->container);
    look_all(pod);
}

bool plr_kube_pod_is_busy(const plr_kube_pod *pod)
{
    if (pod->uid == NULL || pod->gone)
        return false;
    for (const plr_kube_attempt *attempt = pod->run->attempts; attempt != NULL;
            attempt = attempt->next)
        if (attempt->pod == pod && attempt->started && !attempt->ended)
            return true;
    return false;
}
