/* SPDX-License-Identifier: MIT */
/* Listing by label, and removal by id. Safe to do twice and by two at once: what is gone already is
 * as good as removed. */
#include "backends/docker/reaper.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/text.h"

#define PERSIST_NS (60 * PLR_SECOND)
#define AGAIN_NS (100 * PLR_MILLISECOND)

struct plr_docker_reaper {
    plr_docker_errand errand; /* without an op */
    plr_docker_reap reap;
    char *run;
    plr_docker_found *found;
    size_t n;
    plr_docker_kind kind; /* being listed */
    size_t pending;       /* removals on their way */
    bool holders;         /* containers are being removed, then the rest */
    bool busy;            /* something was in use or is being removed by somebody */
    uint64_t began;
    plr_timer *timer;
    plr_error error;
};

/* One removal: the reply has to find its item. */
typedef struct removal {
    plr_docker_errand errand;
    plr_docker_reaper *reaper;
    size_t index;
} removal;

static void list_next(plr_docker_reaper *reaper);

static void forget_found(plr_docker_reaper *reaper)
{
    for (size_t i = 0; i < reaper->n; i++) {
        free(reaper->found[i].id);
        free(reaper->found[i].name);
        free(reaper->found[i].run);
        free(reaper->found[i].owner);
    }
    free(steal(reaper->found));
    reaper->n = 0;
}

static void clear(plr_docker_errand *errand)
{
    plr_docker_reaper *reaper = (plr_docker_reaper *)errand;
    forget_found(reaper);
    errand->docker->host->timer_free(reaper->timer);
    free(reaper->run);
}

static void finish(plr_docker_reaper *reaper)
{
    plr_docker *docker = reaper->errand.docker;
    plr_error err = reaper->error;
    reaper->reap.on_reaped(
            docker, reaper->found, reaper->n, err.code == 0 ? NULL : &err, reaper->reap.userdata);
    plr_docker_errand_free(&reaper->errand);
}

static void on_timer(plr_timer *timer, void *userdata)
{
    plr_docker_reaper *reaper = userdata;
    (void)timer;
    forget_found(reaper);
    reaper->kind = PLR_DOCKER_CONTAINER;
    reaper->error = (plr_error){ 0 };
    reaper->busy = false;
    list_next(reaper);
}

/* All from the beginning in a moment; false if it has been tried long enough. */
static bool again(plr_docker_reaper *reaper)
{
    plr_docker *docker = reaper->errand.docker;
    uint64_t now = docker->host->now(docker->loop);
    if (!reaper->reap.persist || now - reaper->began > PERSIST_NS ||
            (reaper->timer == NULL && docker->host->timer_new(docker->loop, &reaper->timer,
                                              on_timer, reaper, NULL) < 0))
        return false;
    docker->host->timer_set(reaper->timer, now + AGAIN_NS);
    return true;
}

static void remove_kind(plr_docker_reaper *reaper);

static void removed(plr_docker_reaper *reaper)
{
    if (--reaper->pending > 0)
        return;
    if (reaper->holders) {
        reaper->holders = false;
        remove_kind(reaper);
    } else if (!reaper->busy || !again(reaper)) {
        finish(reaper);
    }
}

static void on_removed(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    removal *r = owner;
    plr_docker_reaper *reaper = r->reaper;
    (void)docker;
    if (reply->error.code != 0 && reply->status != 404) {
        reaper->found[r->index].error = reply->error;
        reaper->busy |= reply->status == 409 || reply->status == 0;
    }
    plr_docker_errand_free(&r->errand);
    removed(reaper);
}

static void remove_one(plr_docker_reaper *reaper, size_t index)
{
    static const char *const paths[] = { "/containers/%s?force=1&v=1", "/networks/%s",
        "/volumes/%s?force=1" };
    plr_docker *docker = reaper->errand.docker;
    removal *r = plr_docker_errand_new(docker, sizeof(*r), NULL);
    char path[400];
    if (r == NULL) {
        plr_error_nomem(&reaper->found[index].error);
        removed(reaper);
        return;
    }
    r->reaper = reaper;
    r->index = index;
    /* Ids are hexadecimal and the names of volumes are ours: nothing to escape. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(path, sizeof(path), paths[reaper->found[index].kind], reaper->found[index].id);
#pragma GCC diagnostic pop
    plr_docker_request request = { .method = "DELETE", .path = path };
    plr_docker_ask(docker, &request, on_removed, r);
}

static void remove_kind(plr_docker_reaper *reaper)
{
    /* One more than there are, so that replies inside the loop do not end it. */
    reaper->pending = 1;
    for (size_t i = 0; i < reaper->n; i++) {
        if ((reaper->found[i].kind == PLR_DOCKER_CONTAINER) == reaper->holders) {
            reaper->pending++;
            remove_one(reaper, i);
        }
    }
    removed(reaper);
}

static bool take_one(plr_docker_reaper *reaper, json_object *object)
{
    static const char *const ids[] = { "Id", "Id", "Name" };
    json_object *labels = plr_jsonc_get(object, "Labels", json_type_object);
    json_object *names = plr_jsonc_get(object, "Names", json_type_array);
    const char *name = plr_jsonc_text(object, "Name");
    if (names != NULL && json_object_array_length(names) > 0)
        name = json_object_get_string(json_object_array_get_idx(names, 0));
    if (name == NULL)
        name = "";
    int64_t created = plr_jsonc_number(object, "Created");
    if (created == 0)
        created = plr_jsonc_time(plr_jsonc_text(object, "Created"));
    if (created == 0)
        created = plr_jsonc_time(plr_jsonc_text(object, "CreatedAt"));

    plr_docker_found *all = realloc(reaper->found, (reaper->n + 1) * sizeof(*all));
    if (all == NULL)
        return false;
    reaper->found = all;
    plr_docker_found *found = &all[reaper->n];
    *found = (plr_docker_found){
        .kind = reaper->kind,
        .id = strdup(plr_jsonc_text(object, ids[reaper->kind])),
        .name = strdup(name + (name[0] == '/')),
        .run = strdup(plr_jsonc_text(labels, PLR_DOCKER_LABEL "run")),
        .owner = strdup(plr_jsonc_text(labels, PLR_DOCKER_LABEL "owner")),
        .created_s = created,
        .deadline_s = strtoll(plr_jsonc_text(labels, PLR_DOCKER_LABEL "deadline"), NULL, 10),
        .keep = strcmp(plr_jsonc_text(labels, PLR_DOCKER_LABEL "on-loss"), "keep") == 0,
    };
    reaper->n++;
    if (found->id == NULL || found->name == NULL || found->run == NULL || found->owner == NULL)
        return false;
    if (found->id[0] == '\0' || found->id[strcspn(found->id, "/?#% ")] != '\0' ||
            (reaper->reap.choose != NULL && !reaper->reap.choose(found, reaper->reap.argument))) {
        free(found->id);
        free(found->name);
        free(found->run);
        free(found->owner);
        reaper->n--;
    }
    return true;
}

static void on_listed(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    plr_docker_reaper *reaper = owner;
    (void)docker;
    json_object *list = json_object_is_type(reply->json, json_type_array)
                                ? reply->json
                                : plr_jsonc_get(reply->json, "Volumes", json_type_array);
    if (reply->error.code != 0) {
        reaper->error = reply->error;
        if (reply->status != 0 || !again(reaper))
            finish(reaper);
        return;
    }
    for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
        if (!take_one(reaper, json_object_array_get_idx(list, i))) {
            plr_error_nomem(&reaper->error);
            finish(reaper);
            return;
        }
    }
    reaper->kind++;
    list_next(reaper);
}

static void list_next(plr_docker_reaper *reaper)
{
    static const char *const paths[] = {
        "/containers/json?all=1&filters=", "/networks?filters=", "/volumes?filters="
    };
    plr_docker *docker = reaper->errand.docker;
    if (reaper->kind == PLR_DOCKER_KINDS) {
        reaper->holders = true;
        if (reaper->reap.dry_run)
            finish(reaper);
        else
            remove_kind(reaper);
        return;
    }
    _cleanup_buf_ plr_buf filter = { 0 };
    _cleanup_buf_ plr_buf path = { 0 };
    plr_buf_printf(&filter, "{\"label\":[\"" PLR_DOCKER_LABEL "run%s%s\"]}",
            reaper->run == NULL ? "" : "=", reaper->run == NULL ? "" : reaper->run);
    plr_buf_puts(&path, paths[reaper->kind]);
    if (!filter.failed)
        plr_http_escape(&path, filter.data);
    if (filter.failed || path.failed) {
        plr_error_nomem(&reaper->error);
        finish(reaper);
        return;
    }
    plr_docker_request request = { .method = "GET", .path = path.data };
    plr_docker_ask(docker, &request, on_listed, reaper);
}

int plr_docker_reaper_start(plr_docker *docker, const plr_docker_reap *reap, plr_error *err)
{
    plr_docker_reaper *reaper = plr_docker_errand_new(docker, sizeof(*reaper), NULL);
    if (reaper == NULL)
        return plr_error_nomem(err);
    reaper->errand.clear = clear;
    reaper->reap = *reap;
    reaper->began = docker->host->now(docker->loop);
    if (plr_text_copy(&reaper->run, reap->run, err) < 0) {
        plr_docker_errand_free(&reaper->errand);
        return PLR_ERR_NOMEM;
    }
    list_next(reaper);
    return 0;
}
