/* SPDX-License-Identifier: MIT */
/* The image of an attempt: whether it is pulled, and what it says of itself (command, user,
 * architecture). */
#include <string.h>

#include "backends/docker/pull.h"
#include "engine/base/error.h"

/* An image that is always pulled was resolved for this turn if it was so recently. */
#define FRESH_NS PLR_SECOND

static bool always_pulls(const plr_docker_options *options, const plr_image_name *name)
{
    return options->pull_policy == PLR_PULL_ALWAYS ||
           (options->pull_policy == PLR_PULL_DEFAULT && plr_image_name_is_latest(name));
}

static void pull(plr_docker_attempt *attempt)
{
    plr_error err = { 0 };
    _cleanup_image_name_ plr_image_name name = { 0 };
    int r = plr_image_name_parse(&name, attempt->task->step->docker.image, &err);
    if (r == 0)
        r = plr_docker_pull_join(attempt, &name, &err);
    if (r < 0)
        plr_docker_attempt_fail(attempt, &err);
}

static void on_inspect(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    plr_docker_attempt *attempt = owner;
    const plr_docker_options *options = &attempt->task->step->docker;
    plr_error err = { 0 };
    if (reply->status == 200 && reply->json != NULL) {
        if (attempt->pull_failure.code != 0)
            plr_docker_warn(attempt, "%s; going on with the image that is there",
                    attempt->pull_failure.message);
        json_object_put(attempt->image);
        attempt->image = json_object_get(reply->json);
        attempt->resolved_at = docker->host->now(docker->loop);
        plr_docker_attempt_next(attempt);
    } else if (reply->status != 404) {
        plr_docker_attempt_fail(attempt, &reply->error);
    } else if (attempt->pull_failure.code != 0) {
        plr_docker_attempt_fail(attempt, &attempt->pull_failure);
    } else if (options->pull_policy == PLR_PULL_NEVER) {
        plr_error_set(&err, PLR_ERR_IMAGE, "image %s is not there, and pull_policy is never",
                options->image);
        plr_docker_attempt_fail(attempt, &err);
    } else if (attempt->pulled) {
        plr_error_set(&err, PLR_ERR_INFRASTRUCTURE,
                "the daemon pulled image %s, but does not have it", options->image);
        plr_docker_attempt_fail(attempt, &err);
    } else {
        pull(attempt);
    }
}

static void inspect(plr_docker_attempt *attempt)
{
    plr_docker_askf(attempt->run->docker, "GET", on_inspect, attempt, "/images/%s/json",
            attempt->task->step->docker.image);
}

void plr_docker_pulled(plr_docker_attempt *attempt, const plr_error *err)
{
    attempt->pulled = true;
    if (err != NULL && (err->code == PLR_ERR_IMAGE || err->code == PLR_ERR_NOMEM ||
                               attempt->task->step->docker.pull_policy != PLR_PULL_DEFAULT)) {
        plr_docker_attempt_fail(attempt, err);
        return;
    }
    if (err != NULL)
        attempt->pull_failure = *err;
    inspect(attempt);
}

void plr_docker_stage_image(plr_docker_attempt *attempt)
{
    const plr_docker *docker = attempt->run->docker;
    const plr_docker_options *options = &attempt->task->step->docker;
    plr_error err = { 0 };
    _cleanup_image_name_ plr_image_name name = { 0 };
    if (plr_image_name_parse(&name, options->image, &err) < 0) {
        plr_docker_attempt_fail(attempt, &err);
        return;
    }
    bool fresh = attempt->image != NULL &&
                 docker->host->now(docker->loop) - attempt->resolved_at < FRESH_NS;
    attempt->pulled = false;
    attempt->pull_failure = (plr_error){ 0 };
    if (always_pulls(options, &name) && !fresh)
        pull(attempt);
    else
        inspect(attempt);
}
