/* SPDX-License-Identifier: MIT */
/* How the containers of a pod wait for their turn. All are there from the pod's start; where a step
 * could tell that its own was, its image comes into its container at its turn only. */
#include <stdlib.h>

#include "backends/kubernetes/pod_parts.h"
#include "engine/base/path.h"
#include "net/image_name.h"

unsigned plr_kube_attempts(const plr_step *step)
{
    return step->retry.attempts > 1 ? (unsigned)step->retry.attempts : 1;
}

static bool has_command(const plr_step *step)
{
    return step->kubernetes.n_command > 0 || step->docker.n_command > 0;
}

bool plr_kube_needs_image(const plr_step *step)
{
    return !has_command(step) && (step->kind != PLR_STEP_SERVICE || plr_kube_attempts(step) > 1);
}

bool plr_kube_pulls_always(const plr_docker_options *docker)
{
    _cleanup_image_name_ plr_image_name name = { 0 };
    return docker->pull_policy == PLR_PULL_ALWAYS ||
           (docker->pull_policy == PLR_PULL_DEFAULT &&
                   plr_image_name_parse(&name, docker->image, NULL) == 0 &&
                   plr_image_name_is_latest(&name));
}

/* Nothing has to happen before it: then it need not be held. */
static bool starts_first(const plr_document *document, const plr_step *step)
{
    return step->kind == PLR_STEP_SERVICE ||
           (step->kind == PLR_STEP_STEP && step->detach && step->n_dependencies == 0 &&
                   document->tasks[0]->kind != PLR_STEP_SERVICE &&
                   (step->run_policy == PLR_RUN_ON_SUCCESS || step->run_policy == PLR_RUN_ALWAYS));
}

/* Another step ends before it begins. */
static bool comes_later(const plr_step *step, unsigned attempt)
{
    return attempt > 1 || step->n_dependencies > 0 || step->kind > PLR_STEP_STEP ||
           step->run_policy == PLR_RUN_ON_FAILURE;
}

static const char *host_path(const plr_document *document, const plr_step *step, size_t volume)
{
    const plr_volume_host *host = document->volumes[step->volumes[volume].volume].host;
    return host == NULL ? NULL : host->path;
}

/* It could change the image or whatever else a later step is made of. */
static bool reaches_outside(const plr_document *document, const plr_step *step)
{
    bool outside = step->docker.privileged || step->n_devices > 0;
    for (size_t i = 0; i < step->n_volumes; i++) {
        const char *path = host_path(document, step, i);
        outside |= path != NULL && plr_is_daemon_socket(path);
    }
    return outside;
}

/* Whoever has the folder that something of it is in may put another thing in its place. */
static bool may_be_replaced(const plr_document *document, const plr_step *step)
{
    bool may = false;
    for (size_t i = 0; i < step->n_volumes; i++) {
        const char *path = host_path(document, step, i);
        for (size_t v = 0; path != NULL && v < document->n_volumes; v++)
            may |= document->volumes[v].host != NULL &&
                   plr_path_is_inside(path, document->volumes[v].host->path);
    }
    return may;
}

/* Whether `task` stands below `above`. Without memory nobody knows: it does not. */
static bool is_below(const plr_document *document, size_t task, size_t above)
{
    size_t n = 0;
    _cleanup_free_ bool *seen = calloc(document->n_tasks + 1, sizeof(*seen));
    _cleanup_free_ size_t *stack = calloc(document->n_tasks + 1, sizeof(*stack));
    if (seen == NULL || stack == NULL)
        return false;
    stack[n++] = task;
    while (n > 0) {
        const plr_step *step = document->tasks[stack[--n]];
        for (size_t i = 0; i < step->n_dependencies; i++) {
            size_t next = step->dependencies[i];
            if (next == above)
                return true;
            if (!seen[next])
                stack[n++] = next;
            seen[next] = true;
        }
    }
    return false;
}

/* Something that reaches out of its container may run before it. */
static bool follows_one_outside(const plr_document *document, size_t task)
{
    for (size_t i = 0; i < document->n_tasks; i++) {
        const plr_step *other = document->tasks[i];
        bool later = i > task && other->kind > PLR_STEP_STEP;
        if (i != task && !later && reaches_outside(document, other) && !is_below(document, i, task))
            return true;
    }
    return false;
}

plr_kube_hold plr_kube_hold_of(
        const plr_run_view *run, const plr_kube_place *place, size_t task, unsigned attempt)
{
    const plr_document *document = run->document;
    const plr_step *step = document->tasks[task];
    bool unknown = !has_command(step) && (place->images == NULL || place->images[task] == NULL);
    /* A pod of its own may come at its turn. */
    if (place->layout == PLR_KUBE_LAYOUT_POD_PER_STEP)
        return unknown || step->kind == PLR_STEP_SERVICE ? PLR_KUBE_FREE : PLR_KUBE_HELD;
    if (attempt == 1 && starts_first(document, step))
        return PLR_KUBE_FREE;
    if (unknown)
        return PLR_KUBE_PAUSED;
    bool tells = plr_kube_pulls_always(&step->docker) || may_be_replaced(document, step) ||
                 follows_one_outside(document, task);
    return tells && comes_later(step, attempt) ? PLR_KUBE_RENEWED : PLR_KUBE_HELD;
}
