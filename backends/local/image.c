/* SPDX-License-Identifier: MIT */
/* What the root of an attempt is made of: its image from the store, pulled before if need be, or a
 * view of this machine. */
#include <stdio.h>
#include <string.h>

#include "backends/local/local.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "net/image_name.h"

static const plr_docker_options *options_of(const plr_local_attempt *attempt)
{
    return &attempt->task->step->docker;
}

static bool is_latest(const plr_local_attempt *attempt)
{
    _cleanup_image_name_ plr_image_name name = { 0 };
    return plr_image_name_parse(&name, options_of(attempt)->image, NULL) == 0 &&
           plr_image_name_is_latest(&name);
}

static bool always_pulls(const plr_local_attempt *attempt)
{
    int policy = options_of(attempt)->pull_policy;
    return policy == PLR_PULL_ALWAYS || (policy == PLR_PULL_DEFAULT && is_latest(attempt));
}

static int read_store(plr_local_attempt *attempt, plr_error *err)
{
    const plr_local *local = attempt->run->local;
    _cleanup_image_name_ plr_image_name name = { 0 };
    _cleanup_buf_ plr_buf whole = { 0 };
    int r = plr_image_name_parse(&name, options_of(attempt)->image, err);
    if (r < 0)
        return r;
    plr_image_name_put(&name, &whole);
    r = plr_buf_check(&whole, err);
    if (r < 0)
        return r;
    plr_store_image_free(steal(attempt->image));
    return plr_store_image_read(&attempt->image, local->settings.store, whole.data,
            &attempt->run->view->document->platform, err);
}

/* Said once for each run: what follows is not what the document asked for. */
static void use_view(plr_local_attempt *attempt, const plr_error *cause)
{
    plr_local_run *run = attempt->run;
    char text[PLR_ERROR_MESSAGE_SIZE + 400];
    if (cause != NULL && !run->warned_of_view) {
        run->warned_of_view = true;
        snprintf(text, sizeof(text),
                "image %s is not to be had (%s): steps without an image run on a copy-on-write "
                "view "
                "of this machine, with its programs instead of their image's. --rootfs image makes "
                "this an error, --rootfs host is silent",
                options_of(attempt)->image, cause->message);
        run->local->host->run_warning(run->view, text);
    }
    plr_local_attempt_reach(attempt, PLR_LOCAL_RESOLVED);
}

/* A registry that says no is right: another root would not be what its user meant. */
static bool may_use_view(const plr_local_attempt *attempt, const plr_error *cause)
{
    return attempt->run->local->settings.rootfs == PLR_LOCAL_ROOTFS_AUTO &&
           cause->code != PLR_ERR_IMAGE && cause->code != PLR_ERR_NOMEM &&
           cause->code != PLR_ERR_CANCELLED && cause->code != PLR_ERR_CONFIGURATION;
}

static void pull(plr_local_attempt *attempt)
{
    plr_error err = { 0 };
    if (plr_local_pull_join(attempt, &err) < 0)
        plr_local_pulled(attempt, &err);
}

void plr_local_pulled(plr_local_attempt *attempt, const plr_error *cause)
{
    plr_error err = { 0 };
    bool there = read_store(attempt, &err) == 0;
    /* Out of reach is no reason to stop where the image is there and need not be today's. */
    bool insists = cause != NULL && (cause->code == PLR_ERR_IMAGE || cause->code == PLR_ERR_NOMEM ||
                                            options_of(attempt)->pull_policy == PLR_PULL_ALWAYS);
    if (there && cause != NULL && !insists)
        plr_local_warn(attempt, "%s; going on with the image that is there", cause->message);
    if (there && !insists)
        plr_local_attempt_reach(attempt, PLR_LOCAL_RESOLVED);
    else if (cause != NULL && may_use_view(attempt, cause))
        use_view(attempt, cause);
    else
        plr_local_attempt_fail(attempt, cause != NULL ? cause : &err);
}

void plr_local_resolve(plr_local_attempt *attempt)
{
    const plr_local *local = attempt->run->local;
    const char *image = options_of(attempt)->image;
    plr_error err = { 0 };
    if (local->settings.rootfs == PLR_LOCAL_ROOTFS_HOST || image == NULL || image[0] == '\0') {
        use_view(attempt, NULL);
        return;
    }
    int r = always_pulls(attempt) ? PLR_ERR_NOTFOUND : read_store(attempt, &err);
    if (r == 0) {
        plr_local_attempt_reach(attempt, PLR_LOCAL_RESOLVED);
    } else if (r != PLR_ERR_NOTFOUND) {
        plr_local_attempt_fail(attempt, &err);
    } else if (options_of(attempt)->pull_policy == PLR_PULL_NEVER) {
        plr_error never = { 0 };
        plr_error_set(
                &never, PLR_ERR_IMAGE, "image %s is not there, and pull_policy is never", image);
        plr_local_attempt_fail(attempt, &never);
    } else {
        pull(attempt);
    }
}
