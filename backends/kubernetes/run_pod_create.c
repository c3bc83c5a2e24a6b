/* SPDX-License-Identifier: MIT */
/* How a pod comes into the cluster together with its Secrets: all that is created belongs to it, so
 * whatever happens to us on the way, what is there is found by its label, or goes by itself. */
#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/errand.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

/* A pod with a gate waits outside of all nodes (Kubernetes 1.27; older ones forget it, and their
 * kubelet waits for Secrets that are not there yet, and tries again). */
#define GATE PLR_KUBE_LABEL "secrets"

void plr_kube_creation_error(plr_error *ret_err, const char *what, int status, const plr_error *err)
{
    if (status == 409)
        plr_error_set(ret_err, PLR_ERR_STATE,
                "%s is there already, of another run with this id: %s", what, err->message);
    else /* what is wrong with an object is the document's or the template's fault */
        plr_error_set(ret_err, status == 400 || status == 422 ? PLR_ERR_REFUSED : err->code,
                "%s cannot be created: %s", what, err->message);
}

void plr_kube_pod_creation_cancel(plr_kube_pod *pod)
{
    plr_kube_call_cancel(steal(pod->creation));
    for (size_t i = 0; pod->part_creations != NULL && i < json_object_array_length(pod->parts); i++)
        plr_kube_call_cancel(pod->part_creations[i]);
    free(steal(pod->part_creations));
    json_object_put(steal(pod->parts));
}

static void settle(plr_kube_pod *pod)
{
    plr_error err = pod->creation_error;
    pod->on_created(pod, err.code == 0 ? NULL : &err);
}

static void on_released(
        plr_kube_call *call, int status, json_object *reply, const plr_error *err, void *userdata)
{
    plr_kube_pod *pod = userdata;
    (void)call, (void)status, (void)reply;
    pod->creation = NULL;
    if (err != NULL)
        plr_error_set(
                &pod->creation_error, err->code, "the pod cannot be let go: %s", err->message);
    settle(pod);
}

static json_object *gate(void)
{
    return plr_jsonc_object("name", plr_jsonc_string(GATE), NULL);
}

/* Only our own: there may be others. */
static void release(plr_kube_pod *pod)
{
    json_object *ours = gate();
    bool good = plr_jsonc_add(ours, "$patch", plr_jsonc_string("delete"));
    _cleanup_json_ json_object *patch = plr_jsonc_object(
            "spec", plr_jsonc_object("schedulingGates", plr_jsonc_list(ours), NULL), NULL);
    if (!good || patch == NULL)
        plr_error_nomem(&pod->creation_error);
    else
        plr_kube_ask(pod->run->kube, &pod->creation, "PATCH", patch, on_released, pod,
                &pod->creation_error, "/pods/%s", pod->name);
    if (pod->creation_error.code != 0)
        settle(pod);
}

static void on_part(
        plr_kube_call *call, int status, json_object *reply, const plr_error *err, void *userdata)
{
    plr_kube_pod *pod = userdata;
    bool open = false;
    (void)reply;
    for (size_t i = 0; i < json_object_array_length(pod->parts); i++) {
        if (pod->part_creations[i] == call)
            pod->part_creations[i] = NULL;
        open |= pod->part_creations[i] != NULL;
    }
    if (err != NULL)
        plr_kube_creation_error(&pod->creation_error, "what belongs to the pod", status, err);
    if (open)
        return;
    plr_kube_setup_check(pod->run, &pod->creation_error);
    if (pod->gated && pod->creation_error.code == 0)
        release(pod);
    else
        settle(pod);
}

bool plr_kube_pod_own(const plr_kube_pod *pod, json_object *object)
{
    json_object *metadata = plr_jsonc_get(object, "metadata", json_type_object);
    json_object *owner =
            plr_jsonc_object("apiVersion", plr_jsonc_string("v1"), "kind", plr_jsonc_string("Pod"),
                    "name", plr_jsonc_string(pod->name), "uid", plr_jsonc_string(pod->uid), NULL);
    return plr_jsonc_add(metadata, "ownerReferences", plr_jsonc_list(owner));
}

static void create_parts(plr_kube_pod *pod)
{
    plr_error *err = &pod->creation_error;
    bool asked = false;
    for (size_t i = 0; i < json_object_array_length(pod->parts) && err->code == 0; i++) {
        json_object *part = json_object_array_get_idx(pod->parts, i);
        bool is_secret = strcmp(plr_jsonc_text(part, "kind"), "Secret") == 0;
        if (!plr_kube_pod_own(pod, part))
            plr_error_nomem(err);
        else if (plr_kube_ask(pod->run->kube, &pod->part_creations[i], "POST", part, on_part, pod,
                         err, is_secret ? "/secrets" : "/persistentvolumeclaims") == 0)
            asked = true;
    }
    if (!asked)
        settle(pod);
}

/* A server that forgets gates has none to say of it either. */
static bool is_gated(json_object *pod)
{
    json_object *conditions = plr_jsonc_at(pod, json_type_array, "status", "conditions", NULL);
    for (size_t i = 0; conditions != NULL && i < json_object_array_length(conditions); i++)
        if (strcmp(plr_jsonc_text(json_object_array_get_idx(conditions, i), "reason"),
                    "SchedulingGated") == 0)
            return true;
    return false;
}

static void on_created(
        plr_kube_call *call, int status, json_object *reply, const plr_error *cause, void *userdata)
{
    plr_kube_pod *pod = userdata;
    plr_kube_run *run = pod->run;
    plr_error *err = &pod->creation_error;
    json_object *metadata = plr_jsonc_get(reply, "metadata", json_type_object);
    (void)call;
    pod->creation = NULL;
    if (cause != NULL)
        plr_kube_creation_error(err, "the pod", status, cause);
    else if (metadata == NULL)
        plr_error_set(err, PLR_ERR_PROTOCOL, "the API created a pod without metadata");
    else
        plr_text_copy(&pod->uid, plr_jsonc_text(metadata, "uid"), err);
    if (err->code == 0)
        plr_kube_watch_expect(run->watch, reply, err);
    plr_kube_setup_check(run, err);
    pod->created_at = run->kube->host->now(run->kube->loop);
    if (err->code != 0) {
        settle(pod);
        return;
    }
    pod->gated = json_object_array_length(pod->parts) > 0 && is_gated(reply);
    plr_kube_lease_begin(pod);
    create_parts(pod);
}

static bool add_gate(json_object *body)
{
    json_object *spec = plr_jsonc_get(body, "spec", json_type_object);
    json_object *gates = plr_jsonc_get(spec, "schedulingGates", json_type_array);
    return gates != NULL ? plr_jsonc_append(gates, gate())
                         : plr_jsonc_add(spec, "schedulingGates", plr_jsonc_list(gate()));
}

static bool append(json_object *array, json_object *object)
{
    return object == NULL || plr_jsonc_append(array, json_object_get(object));
}

static int take_parts(plr_kube_pod *pod, const plr_kube_objects *objects, plr_error *err)
{
    size_t n_claims = objects->claims == NULL ? 0 : json_object_array_length(objects->claims);
    pod->parts = json_object_new_array();
    bool good = pod->parts != NULL && append(pod->parts, objects->run_secret) &&
                append(pod->parts, objects->pull_secret);
    for (size_t i = 0; i < n_claims && good; i++)
        good = append(pod->parts, json_object_array_get_idx(objects->claims, i));
    size_t n = good ? json_object_array_length(pod->parts) : 0;
    pod->part_creations = calloc(n + 1, sizeof(*pod->part_creations));
    good = good && pod->part_creations != NULL && (n == 0 || add_gate(objects->pod));
    return good ? 0 : plr_error_nomem(err);
}

int plr_kube_pod_create(plr_kube_pod *pod, const plr_kube_objects *objects,
        plr_kube_created_fn *on_created_fn, plr_error *err)
{
    int r = take_parts(pod, objects, err);
    pod->on_created = on_created_fn;
    /* A field that nobody knows comes from the user's template: an error, where the server (from
     * 1.25 on) can tell. Older ones do not look at the word, and drop the field as ever. */
    return r < 0 ? r
                 : plr_kube_ask(pod->run->kube, &pod->creation, "POST", objects->pod, on_created,
                           pod, err, "/pods?fieldValidation=Strict");
}
