/* SPDX-License-Identifier: MIT */
/* Which steps may be prepared before their turn, and which of these may even be started held.
 * Held means that nothing of the user's has run; where somebody could tell, a step is not held. */
#include <string.h>

#include "engine/base/path.h"
#include "engine/run.h"

static bool is_latest(const char *image)
{
    if (image == NULL || strchr(image, '@') != NULL)
        return false;
    const char *slash = strrchr(image, '/');
    const char *tag = strchr(slash != NULL ? slash : image, ':');
    return tag == NULL || strcmp(tag, ":latest") == 0;
}

/* Its image is resolved again at its turn, so preparing it earlier would be done twice. */
bool plr_hold_may_prepare(const plr_run_node *node)
{
    const plr_docker_options *docker = &node->task.step->docker;
    return docker->pull_policy != PLR_PULL_ALWAYS &&
           !(docker->pull_policy == PLR_PULL_DEFAULT && is_latest(docker->image));
}

/* A step that could change the image or whatever else the next one is made of. A folder of the
 * machine alone lets nobody do that; what is bound in it is another matter. */
bool plr_hold_reaches_outside(const plr_run_node *node)
{
    const plr_step *step = node->task.step;
    if (step->docker.privileged || step->n_devices > 0)
        return true;
    for (size_t i = 0; i < node->task.n_volumes; i++) {
        const char *path = node->task.volumes[i].host_path;
        if (path != NULL && plr_is_daemon_socket(path))
            return true;
    }
    return false;
}

/* Whoever has the folder above it may put another file or folder in its place, and a held step
 * would stay bound to the old one. The folder itself nobody can replace who has it mounted: so the
 * workspace, which all have, is in nobody's way. */
static bool may_be_replaced(const plr_run *run, const char *path)
{
    for (size_t i = 0; i < run->document->n_volumes; i++) {
        const char *folder = plr_options_host_path(run, &run->document->volumes[i]);
        if (folder != NULL && plr_path_is_inside(path, folder))
            return true;
    }
    return run->options.workspace != NULL && plr_path_is_inside(path, run->options.workspace);
}

/* How many of those who reach outside begin only when this one has ended. */
static size_t count_later(const plr_run_node *node)
{
    const plr_run *run = node->run;
    size_t n = 0;
    for (size_t i = node->task.index + 1; i < run->document->n_tasks; i++) {
        const plr_run_node *other = &run->nodes[i];
        bool later = run->document->serial || other->task.step->kind > PLR_STEP_STEP;
        n += later && other->reaches_outside && other->state != PLR_STATE_ENDED;
    }
    return n;
}

bool plr_hold_may_hold(const plr_run_node *node)
{
    size_t others = node->run->n_reaching_outside - node->reaches_outside;
    if (others > 0)
        others -= count_later(node);
    for (size_t i = 0; i < node->task.n_volumes; i++) {
        const char *path = node->task.volumes[i].host_path;
        if (path != NULL && may_be_replaced(node->run, path))
            return false;
    }
    return others == 0 && node->task.step->docker.n_ports == 0;
}
