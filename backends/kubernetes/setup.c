/* SPDX-License-Identifier: MIT */
/* How a run comes into the cluster: what its images run is looked up, its Secrets are created side
 * by side, then its pod, and the pod becomes their owner, so that they go with it. */
#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/errand.h"
#include "backends/kubernetes/images.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

void plr_kube_setup_clear(plr_kube_run *run)
{
    plr_kube_images_free(steal(run->images));
    plr_kube_objects_clear(&run->objects);
    for (size_t i = 0; i < PLR_KUBE_N_SECRETS; i++)
        plr_kube_call_cancel(steal(run->creations[i]));
}

static void settle(plr_kube_run *run, const plr_error *err)
{
    plr_op *op = steal(run->setup);
    plr_error copy = err == NULL ? (plr_error){ 0 } : *err;
    plr_kube_complete(run->kube, op, &copy);
}

static void on_owned(
        plr_kube_call *call, int status, json_object *reply, const plr_error *err, void *userdata)
{
    plr_kube_run *run = userdata;
    char text[PLR_ERROR_MESSAGE_SIZE + 100];
    (void)status;
    (void)reply;
    for (size_t i = 0; i < PLR_KUBE_N_SECRETS; i++)
        if (run->creations[i] == call)
            run->creations[i] = NULL;
    if (err == NULL || run->pods->deleting)
        return;
    snprintf(text, sizeof(text),
            "a Secret of the run does not belong to its pod, so only this process removes it: %s",
            err->message);
    run->kube->host->run_warning(run->view, text);
}

static json_object *ownership(const plr_kube_run *run)
{
    _cleanup_json_ json_object *patch = json_object_new_object();
    json_object *metadata = json_object_new_object(), *owners = json_object_new_array();
    json_object *owner = json_object_new_object();
    bool good = plr_jsonc_add(patch, "metadata", metadata);
    good = plr_jsonc_add(metadata, "ownerReferences", owners) && good;
    good = plr_jsonc_append(owners, owner) && good;
    good = good && plr_jsonc_add(owner, "apiVersion", plr_jsonc_string("v1")) &&
           plr_jsonc_add(owner, "kind", plr_jsonc_string("Pod")) &&
           plr_jsonc_add(owner, "name", plr_jsonc_string(run->pods->name)) &&
           plr_jsonc_add(owner, "uid", plr_jsonc_string(run->pods->uid));
    return good ? steal(patch) : NULL;
}

static void own(plr_kube_run *run, size_t slot, json_object *secret)
{
    plr_error err = { 0 };
    json_object *metadata = plr_jsonc_get(secret, "metadata", json_type_object);
    _cleanup_json_ json_object *patch = ownership(run);
    if (secret == NULL)
        return;
    if (patch == NULL || plr_kube_ask(run->kube, &run->creations[slot], "PATCH", patch, on_owned,
                                 run, &err, "/secrets/%s", plr_jsonc_text(metadata, "name")) < 0)
        run->kube->host->run_warning(run->view, "no memory to give the run's Secrets an owner");
}

static void on_pod(plr_kube_pod *pod, const plr_error *err)
{
    plr_kube_run *run = pod->run;
    if (err == NULL) {
        own(run, 1, run->objects.run_secret);
        own(run, 2, run->objects.pull_secret);
        plr_kube_objects_clear(&run->objects);
    }
    settle(run, err);
}

static void create_pod(plr_kube_run *run)
{
    plr_error err = { 0 };
    if (plr_kube_pod_create(run->pods, run->objects.pod, on_pod, &err) < 0)
        settle(run, &err);
}

static void on_secret(
        plr_kube_call *call, int status, json_object *reply, const plr_error *err, void *userdata)
{
    plr_kube_run *run = userdata;
    bool shared = call == run->creations[0], open = false;
    (void)reply;
    for (size_t i = 0; i < PLR_KUBE_N_SECRETS; i++) {
        if (run->creations[i] == call)
            run->creations[i] = NULL;
        open |= run->creations[i] != NULL;
    }
    /* The init's is every run's, and does not change. */
    if (err != NULL && !(shared && status == 409))
        plr_kube_creation_error(&run->setup_error,
                shared ? "the Secret with plr-init" : "a Secret of the run", status, err);
    if (open)
        return;
    if (run->setup_error.code != 0)
        settle(run, &run->setup_error);
    else
        create_pod(run);
}

static void on_images(void *userdata)
{
    plr_kube_run *run = userdata;
    plr_error err = { 0 };
    plr_kube_place place = plr_kube_run_place(run);
    int r = plr_kube_objects_new(&run->objects, run->view, run->tasks, run->n_tasks, &place, &err);
    for (size_t i = 0; i < run->n_tasks && r == 0; i++) {
        plr_kube_attempt *attempt;
        r = plr_kube_attempt_of(&attempt, run->tasks[i], &err);
    }
    json_object *const secrets[PLR_KUBE_N_SECRETS] = { run->objects.init_secret,
        run->objects.run_secret, run->objects.pull_secret };
    bool asked = false;
    for (size_t i = 0; i < PLR_KUBE_N_SECRETS && r == 0; i++) {
        if (secrets[i] == NULL)
            continue;
        asked = run->has_secret[i] = true;
        r = plr_kube_ask(run->kube, &run->creations[i], "POST", secrets[i], on_secret, run, &err,
                "/secrets");
    }
    if (r == 0 && !asked)
        create_pod(run);
    if (r < 0)
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
}
