/* SPDX-License-Identifier: MIT */
/* What images run: see images.h. An image that several steps have is asked for once. */
#include "backends/kubernetes/images.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/error.h"
#include "net/credentials.h"
#include "net/image_resolve.h"
#include "net/platform.h"

/* A pod starts without the answer, too; it is only slower then. */
#define PATIENCE_NS (10 * PLR_SECOND)

typedef struct lookup {
    plr_kube_images *images;
    struct lookup *next;
    const char *text; /* as the document has it */
    plr_image_name name;
    plr_credential_lookup *credential;
    plr_registry *registry;
    plr_image_resolve *resolve;
} lookup;

struct plr_kube_images {
    plr_kube *kube;
    plr_run_view *view;
    const plr_document *document;
    plr_task *const *tasks;
    size_t n_tasks;
    plr_kube_images_fn *on_done;
    void *userdata;
    plr_timer *timer;
    lookup *lookups;
    size_t n_open;
    json_object **all;
};

static void stop_asking(lookup *l)
{
    plr_credential_lookup_free(steal(l->credential));
    plr_image_resolve_free(steal(l->resolve));
    plr_registry_free(steal(l->registry));
}

void plr_kube_images_free(plr_kube_images *images)
{
    if (images == NULL)
        return;
    while (images->lookups != NULL) {
        lookup *l = images->lookups;
        images->lookups = l->next;
        stop_asking(l);
        plr_image_name_clear(&l->name);
        free(l);
    }
    for (size_t i = 0; images->all != NULL && i < images->document->n_tasks; i++)
        json_object_put(images->all[i]);
    free(images->all);
    images->kube->host->timer_free(images->timer);
    free(images);
}

json_object *const *plr_kube_images_all(const plr_kube_images *images)
{
    return images->all;
}

static void finish(plr_kube_images *images)
{
    images->n_open = 0;
    images->kube->host->timer_set(images->timer, 0);
    images->on_done(images->userdata);
}

/* The registry and its resolve may be what called, and are not to go while they do: the end comes
 * by the timer. */
static void close_one(lookup *l, const char *why)
{
    plr_kube_images *images = l->images;
    char text[PLR_ERROR_MESSAGE_SIZE + 300];
    if (why != NULL && images->view != NULL) {
        snprintf(text, sizeof(text),
                "image %s is patched into the pod when its turn comes, since its registry does "
                "not say what it runs: %s",
                l->text, why);
        images->kube->host->run_notice(images->view, text);
    }
    if (--images->n_open == 0)
        images->kube->host->timer_set(images->timer, images->kube->host->now(images->kube->loop));
}

static json_object *describe(const plr_image_config *config)
{
    _cleanup_json_ json_object *json = json_object_new_object();
    bool good = plr_jsonc_add(json, "Entrypoint",
            plr_jsonc_strings(config->config.entrypoint, config->config.n_entrypoint));
    good = good &&
           plr_jsonc_add(json, "Cmd", plr_jsonc_strings(config->config.cmd, config->config.n_cmd));
    good = good && plr_jsonc_add(json, "User", plr_jsonc_string(config->config.user));
    good = good && plr_jsonc_add(json, "WorkingDir", plr_jsonc_string(config->config.working_dir));
    return good ? steal(json) : NULL;
}

static void on_resolved(plr_image_resolve *resolve, const plr_image_remote *remote,
        const plr_error *err, void *userdata)
{
    lookup *l = userdata;
    plr_kube_images *images = l->images;
    (void)resolve;
    for (size_t i = 0; err == NULL && i < images->n_tasks; i++)
        if (strcmp(images->tasks[i]->step->docker.image, l->text) == 0 &&
                plr_kube_needs_image(images->tasks[i]->step))
            images->all[images->tasks[i]->index] = describe(&remote->config);
    close_one(l, err == NULL ? NULL : err->message);
}

static int resolve(lookup *l, const plr_credential *credential, plr_error *err)
{
    plr_kube *kube = l->images->kube;
    plr_registry_options options = {
        .name = &l->name,
        .credential = credential,
        .insecure = (const char *const *)kube->settings.insecure.items,
        .n_insecure = kube->settings.insecure.n,
        .patience_ns = PATIENCE_NS,
    };
    plr_platform platform = plr_platform_or_here(&l->images->document->platform);
    int r = plr_registry_new(&l->registry, kube->host, kube->loop, &options, err);
    return r < 0 ? r
                 : plr_image_resolve_new(&l->resolve, l->registry, &l->name, &platform, NULL,
                           on_resolved, l, err);
}

static void on_credential(plr_credential_lookup *credentials, const plr_credential *credential,
        const plr_error *warning, void *userdata)
{
    lookup *l = userdata;
    plr_error err = { 0 };
    (void)credentials;
    (void)warning; /* the kubelet has its own; without ours the registry's answer says enough */
    if (resolve(l, credential, &err) < 0)
        close_one(l, err.message);
}

static void on_timer(plr_timer *timer, void *userdata)
{
    plr_kube_images *images = userdata;
    (void)timer;
    for (lookup *l = images->lookups; l != NULL; l = l->next)
        stop_asking(l);
    if (images->view != NULL && images->n_open > 0)
        images->kube->host->run_notice(images->view,
                "a registry does not answer: what it would have told is found out when the turn "
                "of the image comes");
    finish(images);
}

static int ask(plr_kube_images *images, const char *text, plr_error *err)
{
    plr_kube *kube = images->kube;
    for (const lookup *l = images->lookups; l != NULL; l = l->next)
        if (strcmp(l->text, text) == 0)
            return 0;
    lookup *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return plr_error_nomem(err);
    *l = (lookup){ .images = images, .text = text, .next = images->lookups };
    images->lookups = l;
    /* What is no name is refused by the cluster, in its own words. */
    if (plr_image_name_parse(&l->name, text, NULL) < 0)
        return 0;
    plr_credential_sources sources = {
        .auths = images->document->auths,
        .n_auths = images->document->n_auths,
        .config_file = kube->settings.config,
    };
    int r = plr_credential_lookup_new(&l->credential, kube->host, kube->loop, &sources,
            l->name.registry, on_credential, l, err);
    if (r == 0)
        images->n_open++;
    return r;
}

int plr_kube_images_new(plr_kube_images **ret_images, plr_kube *kube, plr_run_view *view,
        const plr_document *document, plr_task *const *tasks, size_t n_tasks,
        plr_kube_images_fn *on_done, void *userdata, plr_error *err)
{
    plr_kube_images *images = calloc(1, sizeof(*images));
    if (images == NULL)
        return plr_error_nomem(err);
    *images = (plr_kube_images){
        .kube = kube,
        .view = view,
        .document = document,
        .tasks = tasks,
        .n_tasks = n_tasks,
        .on_done = on_done,
        .userdata = userdata,
        .all = calloc(document->n_tasks + 1, sizeof(*images->all)),
    };
    int r = images->all == NULL
                    ? plr_error_nomem(err)
                    : kube->host->timer_new(kube->loop, &images->timer, on_timer, images, err);
    for (size_t i = 0; i < n_tasks && r == 0; i++)
        if (plr_kube_needs_image(tasks[i]->step))
            r = ask(images, tasks[i]->step->docker.image, err);
    if (r < 0) {
        plr_kube_images_free(images);
        return r;
    }
    *ret_images = images;
    if (images->n_open == 0)
        finish(images);
    else
        kube->host->timer_set(images->timer, kube->host->now(kube->loop) + PATIENCE_NS);
    return 0;
}
