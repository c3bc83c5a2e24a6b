/* SPDX-License-Identifier: MIT */
/* The container of an attempt is created: by its name, which another attempt to create it may have
 * taken already, and then joined to the networks that the step names. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "backends/docker/channel.h"
#include "backends/docker/create.h"
#include "backends/docker/refusal.h"
#include "engine/base/error.h"

static void join_networks(plr_docker_attempt *attempt);

static void on_joined(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    plr_docker_attempt *attempt = owner;
    plr_error err = { 0 };
    (void)docker;
    if (reply->error.code == 0) {
        attempt->networks_joined++;
        join_networks(attempt);
        return;
    }
    plr_error_set(&err,
            reply->status == 0 ? reply->error.code
                               : plr_docker_refusal_code(reply->status, reply->error.message),
            "network %s: %s", attempt->task->step->docker.networks[attempt->networks_joined],
            reply->error.message);
    plr_docker_attempt_fail(attempt, &err);
}

static void join_networks(plr_docker_attempt *attempt)
{
    const plr_docker_options *options = &attempt->task->step->docker;
    if (attempt->networks_joined >= options->n_networks) {
        plr_docker_attempt_next(attempt);
        return;
    }
    plr_error err = { 0 };
    _cleanup_buf_ plr_buf path = { 0 };
    json_object *body = json_object_new_object();
    plr_buf_puts(&path, "/networks/");
    plr_http_escape(&path, options->networks[attempt->networks_joined]);
    plr_buf_puts(&path, "/connect");
    if (!plr_jsonc_add(body, "Container", plr_jsonc_string(attempt->id)) || path.failed) {
        json_object_put(body);
        plr_error_nomem(&err);
        plr_docker_attempt_fail(attempt, &err);
        return;
    }
    plr_docker_request request = { .method = "POST", .path = path.data, .json = body };
    plr_docker_ask(attempt->run->docker, &request, on_joined, attempt);
}

static void on_replaced(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    plr_docker_attempt *attempt = owner;
    (void)docker;
    if (reply->error.code != 0 && reply->status != 404 && reply->status != 409)
        plr_docker_attempt_fail(attempt, &reply->error);
    else
        plr_docker_stage_create(attempt);
}

/* The name is taken. A container of this run and this process is one that was asked for and whose
 * reply was lost; it goes. */
static void on_found(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    plr_docker_attempt *attempt = owner;
    json_object *labels =
            plr_jsonc_at(reply->json, json_type_object, "Config", "Labels", (const char *)NULL);
    const char *owner_text = attempt->run->view->owner == NULL ? "" : attempt->run->view->owner;
    plr_error err = { 0 };
    if (reply->error.code != 0 && reply->status != 404) {
        plr_docker_attempt_fail(attempt, &reply->error);
    } else if (reply->status == 404 ||
               strcmp(plr_jsonc_text(labels, PLR_DOCKER_LABEL "owner"), owner_text) == 0) {
        plr_docker_askf(docker, "DELETE", on_replaced, attempt, "/containers/%s?force=1&v=1",
                attempt->name);
    } else {
        attempt->created = false;
        plr_error_set(&err, PLR_ERR_CONFIGURATION,
                "container %s is there already: another run has the id %s, or had it and was not "
                "swept",
                attempt->name, attempt->run->view->id);
        plr_docker_attempt_fail(attempt, &err);
    }
}

/* Nobody wants a folder where a socket should be. */
static const char *missing_socket(const plr_docker_attempt *attempt, const char *message)
{
    for (size_t i = 0; i < attempt->task->n_volumes; i++) {
        const char *path = attempt->task->volumes[i].host_path;
        size_t length = path == NULL ? 0 : strlen(path);
        if (length > 5 && strcmp(path + length - 5, ".sock") == 0 && strstr(message, path) != NULL)
            return path;
    }
    return NULL;
}

/* The daemon names only the first path that is missing, and makes them all. */
static void warn_of_missing(plr_docker_attempt *attempt, const char *message)
{
    bool local = attempt->run->docker->where.local;
    for (size_t i = 0; i < attempt->task->n_volumes; i++) {
        const char *path = attempt->task->volumes[i].host_path;
        if (path != NULL && (strstr(message, path) != NULL ||
                                    (local && access(path, F_OK) < 0 && errno == ENOENT)))
            plr_docker_warn(
                    attempt, "host path %s did not exist: the daemon makes it a folder", path);
    }
}

static void on_refused(plr_docker_attempt *attempt, const plr_docker_reply *reply)
{
    const char *message = reply->error.message;
    plr_error err = { 0 };
    const char *share =
            attempt->channel == NULL ? NULL : plr_docker_channel_folder(attempt->channel);
    if (reply->status == 409 && !attempt->replaced) {
        attempt->replaced = true;
        plr_docker_askf(attempt->run->docker, "GET", on_found, attempt, "/containers/%s/json",
                attempt->name);
        return;
    }
    if (plr_docker_refusal_is_missing_path(message)) {
        attempt->created = false;
        if (share != NULL && strstr(message, share) != NULL) {
            plr_docker_attempt_unshared(attempt, message);
            return;
        }
        if (!attempt->bind_missing && missing_socket(attempt, message) == NULL) {
            attempt->bind_missing = true;
            warn_of_missing(attempt, message);
            plr_docker_stage_create(attempt);
            return;
        }
    }
    if (reply->status != 0)
        attempt->created = false;
    plr_error_set(&err,
            reply->status == 0 ? reply->error.code
                               : plr_docker_refusal_code(reply->status, message),
            "%s", message);
    plr_docker_attempt_fail(attempt, &err);
}

static void on_created(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    plr_docker_attempt *attempt = owner;
    const char *id = plr_jsonc_text(reply->json, "Id");
    plr_error err = { 0 };
    (void)docker;
    if (reply->error.code != 0) {
        on_refused(attempt, reply);
        return;
    }
    attempt->id = id[0] == '\0' ? NULL : strdup(id);
    if (attempt->id == NULL) {
        plr_error_set(&err, id[0] == '\0' ? PLR_ERR_PROTOCOL : PLR_ERR_NOMEM,
                "the daemon created a container without telling its id");
        plr_docker_attempt_fail(attempt, &err);
        return;
    }
    json_object *warnings = plr_jsonc_get(reply->json, "Warnings", json_type_array);
    for (size_t i = 0; warnings != NULL && i < json_object_array_length(warnings); i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(warnings, i));
        /* That swap cannot be limited is a fact of the machine, not of the step. */
        if (text != NULL && strcasestr(text, "swap") == NULL)
            plr_docker_warn(attempt, "%s", text);
    }
    join_networks(attempt);
}

static bool is_init_there(const plr_docker_attempt *attempt, plr_error *err)
{
    const char *arch = plr_jsonc_text(attempt->image, "Architecture");
    const unsigned char *data;
    size_t size;
    if (plr_docker_share_init(arch, &data, &size))
        return true;
    plr_error_set(err, PLR_ERR_UNSUPPORTED, "there is none for %s", arch);
    return false;
}

static void on_word(plr_docker_channel *channel, unsigned word, const void *payload, void *userdata)
{
    (void)channel;
    plr_docker_take_word(userdata, word, payload);
}

static int open_channel(plr_docker_attempt *attempt, plr_error *err)
{
    plr_error why = { 0 };
    if (attempt->channel != NULL)
        return 0;
    int r = plr_docker_channel_new(&attempt->channel, attempt->run->docker,
            plr_jsonc_text(attempt->image, "Architecture"), on_word, attempt, &why);
    if (r < 0)
        plr_error_set(err, why.code, "%s", why.message);
    return r;
}

void plr_docker_stage_create(plr_docker_attempt *attempt)
{
    plr_docker_run *run = attempt->run;
    plr_docker *docker = run->docker;
    plr_error err = { 0 };
    json_object *body = NULL;
    _cleanup_buf_ plr_buf path = { 0 };
    bool with_init = plr_docker_attempt_has_init(attempt);
    bool by_signal = plr_docker_attempt_by_signal(attempt);
    int r = 0;
    if (with_init && !is_init_there(attempt, &err)) {
        plr_docker_attempt_unheld(attempt, err.message);
        return;
    }
    if (with_init)
        r = by_signal ? plr_docker_signals_nonce(attempt, &err) : open_channel(attempt, &err);
    if (r == PLR_ERR_UNSUPPORTED) {
        plr_docker_attempt_unshared(attempt, err.message);
        return;
    }
    plr_docker_create create = {
        .task = attempt->task,
        .image = attempt->task->step->docker.image,
        .config = plr_jsonc_get(attempt->image, "Config", json_type_object),
        .network = run->network,
        .network_id = run->network_id,
        .pause_id = run->pause_id,
        .share = attempt->channel == NULL ? NULL : plr_docker_channel_folder(attempt->channel),
        .nonce = by_signal ? attempt->nonce : NULL,
        .late = with_init ? NULL : &attempt->late,
        .bind_missing = attempt->bind_missing,
        .podman = docker->podman,
        .now_s = plr_docker_wall_s(docker),
    };
    plr_buf_printf(&path, "/containers/create?name=%s", attempt->name);
    if (r == 0)
        r = plr_buf_check(&path, &err);
    if (r == 0)
        r = plr_docker_create_body(&body, &create, &err);
    if (r < 0) {
        plr_docker_attempt_fail(attempt, &err);
        return;
    }
    attempt->created = true;
    attempt->evidence.command = plr_docker_create_command(attempt->task, create.config);
    attempt->evidence.plain = !with_init;
    plr_docker_request request = { .method = "POST", .path = path.data, .json = body };
    plr_docker_ask(docker, &request, on_created, attempt);
}
