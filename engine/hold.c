/* SPDX-License-Identifier: MIT */
/* Which steps may be prepared before their turn, and which of these may even be started held.
 * Held means that nothing of the user's has run; where somebody could tell, a step is not held. */
#include <string.h>

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

/* A step that could change the image, the path or the file that the next one is bound to. */
bool plr_hold_reaches_outside(const plr_run_node *node)
{
    const plr_step *step = node->task.step;
    if (step->docker.privileged || step->n_devices > 0)
        return true;
    for (size_t i = 0; i < node->task.n_volumes; i++)
        if (node->task.volumes[i].host_path != NULL)
            return true;
    return false;
}

bool plr_hold_may_hold(const plr_run_node *node)
{
    size_t others = node->run->n_reaching_outside - node->reaches_outside;
    return others == 0 && node->task.step->docker.n_ports == 0;
}
