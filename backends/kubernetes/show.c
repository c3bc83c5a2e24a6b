/* SPDX-License-Identifier: MIT */
/* What would be created for a run, as YAML: images are looked up as they would be, nothing else is
 * asked of anybody. */
#include <string.h>

#include "backends/kubernetes/check.h"
#include "backends/kubernetes/errand.h"
#include "backends/kubernetes/images.h"

typedef struct plan {
    plr_kube_errand errand;
    plr_run_view *view;
    plr_task *const *tasks;
    size_t n_tasks;
    plr_kube_images *images;
} plan;

static void clear(plr_kube_errand *errand)
{
    plr_kube_images_free(((plan *)errand)->images);
}

static void on_images(void *userdata)
{
    plan *p = userdata;
    plr_kube *kube = p->errand.kube;
    plr_error err = { 0 };
    _cleanup_free_ char *text = NULL, *masked = NULL;
    plr_kube_place place = plr_kube_place_of(kube);
    place.images = plr_kube_images_all(p->images);
    int r = plr_kube_plan_text(&text, p->view, p->tasks, p->n_tasks, &place, &err);
    if (r == 0)
        r = kube->host->run_mask(p->view, text, &masked, &err);
    if (r == 0)
        kube->host->op_text(p->errand.op, masked, strlen(masked));
    plr_kube_errand_finish(&p->errand, &err);
}

void plr_kube_plan(plr_kube *kube, const plr_run_view *view, plr_task *const *tasks, size_t n_tasks,
        plr_op *op)
{
    plr_error err = { 0 };
    plan *p = plr_kube_errand_new(kube, sizeof(*p), op);
    if (p == NULL)
        return;
    p->errand.clear = clear;
    p->view = (plr_run_view *)view; /* not changed by being asked for its mask */
    p->tasks = tasks;
    p->n_tasks = n_tasks;
    if (plr_kube_images_new(
                &p->images, kube, NULL, view->document, tasks, n_tasks, on_images, p, &err) < 0)
        plr_kube_errand_finish(&p->errand, &err);
}
