/* SPDX-License-Identifier: MIT */
/* A run in the cluster: its pods, and the watch that tells of them. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "backends/kubernetes/errand.h"
#include "backends/kubernetes/images.h"
#include "backends/kubernetes/layout.h"
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
    for (plr_kube_pod *pod = run->pods; pod != NULL; pod = pod->next)
        plr_kube_words_send(pod);
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
    run->layout = plr_kube_layout_of(view, &kube->settings, &run->why_layout);
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
    while (run->pods != NULL)
        plr_kube_pod_free(run->pods);
    plr_kube_watch_free(run->watch);
    kube->host->timer_free(run->turn);
    run->view->data = NULL;
    free(run->node);
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
    place.layout = run->layout;
    place.images = run->images == NULL ? NULL : plr_kube_images_all(run->images);
    return place;
}

/* NULL: it is none of this run, or of an earlier one with its id. */
static plr_kube_pod *find_pod(const plr_kube_run *run, const char *name, json_object *object)
{
    json_object *metadata = plr_jsonc_get(object, "metadata", json_type_object);
    for (plr_kube_pod *pod = run->pods; pod != NULL; pod = pod->next)
        if (strcmp(pod->name, name) == 0)
            return object != NULL && pod->uid != NULL &&
                                   strcmp(plr_jsonc_text(metadata, "uid"), pod->uid) != 0
                           ? NULL
                           : pod;
    return NULL;
}

static void on_pod(json_object *object, void *userdata)
{
    json_object *metadata = plr_jsonc_get(object, "metadata", json_type_object);
    plr_kube_pod *pod = find_pod(userdata, plr_jsonc_text(metadata, "name"), object);
    if (pod != NULL)
        plr_kube_pod_seen(pod, object);
}

static void on_gone(const char *name, json_object *last, void *userdata)
{
    plr_kube_run *run = userdata;
    plr_kube_pod *pod = find_pod(run, name, last);
    if (pod == NULL || pod->uid == NULL)
        return;
    plr_kube_pod_gone(pod, last);
    if (run->on_gone != NULL)
        run->on_gone(run->gone_userdata);
}

static void on_away(bool away, void *userdata)
{
    plr_kube_run *run = userdata;
    const plr_host *host = run->kube->host;
    if (away)
        host->run_warning(
                run->view, "the API server does not answer (tried again); the pods go on");
    else
        host->run_notice(run->view, "the API server answers again");
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
        .on_away = on_away,
        .on_failed = on_failed,
    };
    char selector[PLR_KUBE_NAME_SIZE + sizeof(PLR_KUBE_LABEL_RUN)];
    snprintf(selector, sizeof(selector), "%s=%s", PLR_KUBE_LABEL_RUN, run->view->id);
    return plr_kube_watch_new(&run->watch, run->kube->host, run->kube->loop, run->kube->client,
            selector, &calls, run, err);
}
