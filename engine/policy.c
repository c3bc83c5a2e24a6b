/* SPDX-License-Identifier: MIT */
/* What a caller allows documents to do, checked before anything is started, on every backend. */
#include <fnmatch.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/path.h"
#include "engine/engine.h"
#include "engine/run.h"

static bool matches(const char *text, const char *const *patterns, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fnmatch(patterns[i], text, 0) == 0)
            return true;
    return false;
}

/* How people leave out the default registry: alpine is docker.io/library/alpine. */
static bool image_allowed(const plr_policy *policy, const char *image)
{
    if (matches(image, policy->images, policy->n_images))
        return true;
    const char *slash = strchr(image, '/');
    size_t host = slash != NULL ? (size_t)(slash - image) : 0;
    bool has_registry =
            slash != NULL &&
            (memchr(image, '.', host) != NULL || memchr(image, ':', host) != NULL ||
                    (host == strlen("localhost") && strncmp(image, "localhost", host) == 0));
    if (has_registry)
        return false;
    _cleanup_buf_ plr_buf full = { 0 };
    plr_buf_printf(&full, "docker.io/%s%s", slash == NULL ? "library/" : "", image);
    return plr_buf_check(&full, NULL) == 0 && matches(full.data, policy->images, policy->n_images);
}

static int refuse(const plr_run_node *node, const char *what, const char *detail, plr_error *err)
{
    return plr_error_set(err, PLR_ERR_REFUSED, "step %s: the policy does not allow %s%s%s",
            node->task.step->metadata.name, what, detail != NULL ? " " : "",
            detail != NULL ? detail : "");
}

static int check_volumes(const plr_policy *policy, const plr_run_node *node, plr_error *err)
{
    for (size_t i = 0; i < node->task.n_volumes; i++) {
        const char *path = node->task.volumes[i].host_path;
        if (path == NULL || node->task.volumes[i].volume == PLR_NONE)
            continue; /* the workspace is the caller's own wish */
        if (policy->limit_host_paths && !matches(path, policy->host_paths, policy->n_host_paths))
            return refuse(node, "the host path", path, err);
        if (!policy->allow_daemon_sockets && plr_is_daemon_socket(path))
            return refuse(node, "a daemon's socket:", path, err);
    }
    return 0;
}

static int check_privileged(const plr_policy *policy, const plr_run_node *node, plr_error *err)
{
    unsigned capabilities = node->run->backend->module->capabilities;
    if (policy->privileged == PLR_PRIVILEGED_FORBIDDEN)
        return refuse(node, "privileged steps", NULL, err);
    if (policy->privileged == PLR_PRIVILEGED_BY_BACKEND &&
            (capabilities & PLR_CAPABILITY_REFUSES_PRIVILEGED) != 0)
        return refuse(node, "privileged steps (the default of this backend)", NULL, err);
    return 0;
}

static int check_step(const plr_policy *policy, const plr_run_node *node, plr_error *err)
{
    const plr_step *step = node->task.step;
    const char *image = step->docker.image;
    const char *network = step->docker.network;
    int r = step->docker.privileged ? check_privileged(policy, node, err) : 0;
    if (r < 0)
        return r;
    if (!policy->allow_host_network &&
            ((step->network != NULL && strcmp(step->network, "host") == 0) ||
                    (network != NULL && strcmp(network, "host") == 0)))
        return refuse(node, "the host's network", NULL, err);
    if (step->n_devices > 0 && !policy->allow_devices)
        return refuse(node, "devices", NULL, err);
    if (policy->limit_images && (image == NULL || !image_allowed(policy, image)))
        return refuse(node, "the image", image != NULL ? image : "(none)", err);
    return check_volumes(policy, node, err);
}

int plr_policy_check(const plr_run *run, plr_error *err)
{
    static const plr_policy everything = {
        .privileged = PLR_PRIVILEGED_BY_BACKEND,
        .allow_host_network = true,
        .allow_devices = true,
        .allow_daemon_sockets = true,
    };
    const plr_policy *policy = run->options.policy != NULL ? run->options.policy : &everything;
    int r = 0;
    if (run->view.network == PLR_NETWORK_HOST && !policy->allow_host_network)
        return plr_error_set(err, PLR_ERR_REFUSED, "the policy does not allow the host's network");
    for (size_t i = 0; i < run->document->n_tasks && r == 0; i++)
        r = check_step(policy, &run->nodes[i], err);
    return r;
}
