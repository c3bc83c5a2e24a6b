/* SPDX-License-Identifier: MIT */
/* A pod of a run: what the watch has of it, and its going. */
#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/errand.h"
#include "engine/base/error.h"

int plr_kube_pod_new(
        plr_kube_pod **ret_pod, plr_kube_run *run, const plr_task *only, plr_error *err)
{
    plr_kube_pod *pod = calloc(1, sizeof(*pod));
    if (pod == NULL)
        return plr_error_nomem(err);
    pod->run = run;
    int r = run->kube->host->timer_new(run->kube->loop, &pod->lease, plr_kube_on_lease, pod, err);
    if (r < 0) {
        free(pod);
        return r;
    }
    plr_kube_pod_name(pod->name, run->view->id, only);
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
    plr_kube_pod_creation_cancel(pod);
    pod->run->kube->host->timer_free(pod->lease);
    plr_kube_call_cancel(pod->words_call);
    plr_kube_call_cancel(pod->deletion);
    plr_buf_clear(&pod->words);
    free(pod->seen);
    free(pod->address);
    free(pod->uid);
    free(pod);
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

/* Without memory: with the next event. */
static void keep(plr_kube_pod *pod, json_object *object)
{
    const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);
    const char *address =
            plr_jsonc_text(plr_jsonc_get(object, "status", json_type_object), "podIP");
    const char *node = plr_jsonc_text(plr_jsonc_get(object, "spec", json_type_object), "nodeName");
    free(pod->seen);
    pod->seen = text == NULL ? NULL : strdup(text);
    if (pod->address == NULL && address[0] != '\0')
        pod->address = strdup(address);
    if (pod->run->node == NULL && node[0] != '\0')
        pod->run->node = strdup(node);
}

void plr_kube_pod_tell(const plr_kube_pod *pod, plr_kube_attempt *attempt)
{
    if (pod->seen == NULL || pod->gone)
        return;
    _cleanup_json_ json_object *object = plr_jsonc_parse(pod->seen, strlen(pod->seen));
    if (object != NULL)
        plr_kube_end_look(&attempt->evidence, object, attempt->container);
}

void plr_kube_pod_seen(plr_kube_pod *pod, json_object *object)
{
    if (pod->left)
        return;
    keep(pod, object);
    for (plr_kube_attempt *attempt = pod->run->attempts; attempt != NULL; attempt = attempt->next)
        if (attempt->pod == pod && !pod->gone)
            plr_kube_end_look(&attempt->evidence, object, attempt->container);
    look_all(pod);
}

void plr_kube_pod_gone(plr_kube_pod *pod, json_object *last)
{
    pod->gone = true;
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
