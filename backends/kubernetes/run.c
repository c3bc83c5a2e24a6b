/* SPDX-License-Identifier: MIT */
/* A run in the cluster: one pod, and what the watch tells of it, handed to the attempts whose
 * containers it has. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "backends/kubernetes/errand.h"
#include "backends/kubernetes/images.h"
#include "engine/base/error.h"

int64_t plr_kube_wall_s(const plr_kube *kube)
{
    return kube->host->wall_now(kube->loop) / (int64_t)PLR_SECOND;
}

static int make_nonce(char ret_nonce[33], plr_error *err)
{
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return plr_error_set(err, PLR_ERR_SYSTEM, "getrandom gave nothing");
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(ret_nonce + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

static void on_turn(plr_timer *timer, void *userdata)
{
    plr_kube_run *run = userdata;
    (void)timer;
    plr_kube_stop_soon(run);
    plr_kube_words_send(run);
}

void plr_kube_run_soon(plr_kube_run *run)
{
    run->kube->host->timer_set(run->turn, run->kube->host->now(run->kube->loop));
}

int plr_kube_run_new(plr_kube_run **ret_run, plr_kube *kube, plr_run_view *view,
        plr_task *const *tasks, size_t n_tasks, plr_error *err)
{
    plr_kube_run *run = calloc(1, sizeof(*run));
    if (run == NULL)
        return plr_error_nomem(err);
    run->kube = kube;
    run->view = view;
    run->tasks = tasks;
    run->n_tasks = n_tasks;
    plr_kube_run_name(run->name, view->id);
    int r = make_nonce(run->nonce, err);
    if (r == 0)
        r = kube->host->timer_new(kube->loop, &run->turn, on_turn, run, err);
    if (r < 0) {
        free(run);
        return r;
    }
    run->next = kube->runs;
    kube->runs = run;
    view->data = run;
    *ret_run = run;
    return 0;
}

void plr_kube_run_free(plr_kube_run *run)
{
    plr_kube *kube = run->kube;
    for (plr_kube_run **link = &kube->runs; *link != NULL; link = &(*link)->next) {
        if (*link == run) {
            *link = run->next;
            break;
        }
    }
    while (run->attempts != NULL)
        plr_kube_attempt_free(run->attempts);
    plr_kube_setup_clear(run);
    plr_kube_watch_free(run->watch);
    plr_kube_call_cancel(run->words_call);
    plr_kube_call_cancel(run->deletion);
    kube->host->timer_free(run->turn);
    json_object_put(run->pod);
    plr_buf_clear(&run->words);
    run->view->data = NULL;
    free(run->uid);
    free(run);
}

plr_kube_place plr_kube_place_of(const plr_kube *kube)
{
    return (plr_kube_place){
        .settings = &kube->settings,
        .namespace_name = plr_kube_client_namespace(kube->client),
        .nonce = "00000000000000000000000000000000",
        .pod_template = kube->pod_template,
        .registry_auths = kube->registry_auths,
        .now_s = plr_kube_wall_s(kube),
    };
}

plr_kube_place plr_kube_run_place(const plr_kube_run *run)
{
    plr_kube_place place = plr_kube_place_of(run->kube);
    place.nonce = run->nonce;
    place.images = run->images == NULL ? NULL : plr_kube_images_all(run->images);
    return place;
}

static void look_all(plr_kube_run *run)
{
    plr_kube_attempt *next;
    for (plr_kube_attempt *attempt = run->attempts; attempt != NULL; attempt = next) {
        next = attempt->next;
        plr_kube_attempt_look(attempt);
    }
}

static void on_pod(json_object *pod, void *userdata)
{
    plr_kube_run *run = userdata;
    json_object *metadata = plr_jsonc_get(pod, "metadata", json_type_object);
    if (run->uid != NULL && strcmp(plr_jsonc_text(metadata, "uid"), run->uid) != 0)
        return; /* of an earlier run with this id */
    json_object_put(run->pod);
    run->pod = json_object_get(pod);
    look_all(run);
}

static void on_gone(const char *name, json_object *last, void *userdata)
{
    plr_kube_run *run = userdata;
    json_object *metadata = plr_jsonc_get(last, "metadata", json_type_object);
    if (strcmp(name, run->name) != 0 || run->uid == NULL ||
            (last != NULL && strcmp(plr_jsonc_text(metadata, "uid"), run->uid) != 0))
        return;
    run->gone = true;
    if (last != NULL) {
        json_object_put(run->pod);
        run->pod = json_object_get(last);
    }
    for (plr_kube_attempt *attempt = run->attempts; attempt != NULL; attempt = attempt->next)
        plr_kube_end_gone(&attempt->evidence, last, attempt->container);
    look_all(run);
    if (run->on_gone != NULL)
        run->on_gone(run->gone_userdata);
}

static void on_failed(const plr_error *err, void *userdata)
{
    plr_kube_run *run = userdata;
    run->kube->host->run_failed(run->view, err);
}

int plr_kube_run_watch(plr_kube_run *run, plr_error *err)
{
    static const plr_kube_watch_calls calls = {
        .on_pod = on_pod,
        .on_gone = on_gone,
        .on_failed = on_failed,
    };
    char selector[PLR_KUBE_NAME_SIZE + sizeof(PLR_KUBE_LABEL_RUN)];
    snprintf(selector, sizeof(selector), "%s=%s", PLR_KUBE_LABEL_RUN, run->view->id);
    return plr_kube_watch_new(&run->watch, run->kube->host, run->kube->loop, run->kube->client,
            selector, &calls, run, err);
}
