/* SPDX-License-Identifier: MIT */
/* The pause process of a run: plr-init in a container of its own that holds the shared network
 * namespace and the memory volumes. It is made from the first image that a step needs, so there is
 * no image of ours to bring. Nobody waits for it without need: those who use it are created while
 * it starts, and when nothing more is to start it goes with the last of them. */
#include <stdio.h>
#include <string.h>

#include "backends/docker/channel.h"
#include "backends/docker/create.h"
#include "backends/docker/refusal.h"
#include "engine/base/error.h"
#include "net/archive.h"

static void make_pause(plr_docker_run *run, plr_docker_attempt *attempt);

/* One that waits for this or less; NULL: nobody does. */
static plr_docker_attempt *find_waiting(const plr_docker_run *run, plr_docker_wish wish)
{
    plr_docker_attempt *attempt = run->attempts;
    while (attempt != NULL && (attempt->wish == PLR_DOCKER_WISH_NOTHING || attempt->wish > wish))
        attempt = attempt->next;
    return attempt;
}

/* Those that have what they waited for go on. Each may start a chain that changes the list's
 * members, so it is walked anew for each. */
static void grant(plr_docker_run *run, plr_docker_wish wish)
{
    for (plr_docker_attempt *attempt; (attempt = find_waiting(run, wish)) != NULL;) {
        plr_docker_stage *stage = attempt->wish == PLR_DOCKER_WISH_EXISTS ? plr_docker_stage_network
                                                                          : plr_docker_stage_pause;
        attempt->wish = PLR_DOCKER_WISH_NOTHING;
        stage(attempt);
    }
}

/* No request of its own is on its way any more. */
static void settled(plr_docker_run *run)
{
    void (*go_on)(void *) = steal(run->on_pause_settled);
    if (go_on != NULL)
        go_on(run->teardown);
    else
        plr_docker_pause_let_go(run);
}

static void runs(plr_docker_run *run)
{
    run->pause = PLR_DOCKER_PAUSE_RUNS;
    grant(run, PLR_DOCKER_WISH_RUNS);
    settled(run);
}

static void fail(plr_docker_run *run, const plr_error *cause, int status)
{
    plr_error *err = &run->pause_error;
    plr_docker_channel_free(steal(run->pause_channel));
    plr_error_set(err, status == 0 ? cause->code : plr_docker_refusal_code(status, cause->message),
            "the pause container of the run: %s", cause->message);
    run->pause = PLR_DOCKER_PAUSE_FAILED;
    for (plr_docker_attempt *attempt; (attempt = find_waiting(run, PLR_DOCKER_WISH_RUNS)) != NULL;)
        plr_docker_attempt_fail(attempt, err);
    settled(run);
}

/* Once more, if somebody wants it still. What could not be removed is found by the teardown. */
static void on_removed(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    plr_docker_run *run = owner;
    plr_docker_attempt *attempt = find_waiting(run, PLR_DOCKER_WISH_RUNS);
    (void)docker;
    (void)reply;
    plr_docker_channel_free(steal(run->pause_channel));
    run->pause = PLR_DOCKER_PAUSE_NONE;
    if (attempt != NULL)
        make_pause(run, attempt);
    else
        settled(run);
}

static void remove_pause(plr_docker_run *run)
{
    _cleanup_free_ char *name = plr_docker_name(run->view->id, "pause");
    run->pause = PLR_DOCKER_PAUSE_GOES;
    run->pause_number++;
    free(steal(run->pause_id));
    plr_docker_askf(run->docker, "DELETE", on_removed, run, "/containers/%s?force=1&v=1",
            name == NULL ? "" : name);
}

/* Another one is made, with plr-init copied in. */
static void unshared(plr_docker_run *run, const char *why)
{
    plr_docker_note_unshared(run, why);
    plr_docker_channel_free(steal(run->pause_channel));
    remove_pause(run);
}

/* Whether its command runs or will: one that has said that it ended is over within milliseconds. */
static bool lives(const plr_docker_attempt *attempt)
{
    return attempt->op != NULL ||
           (attempt->started && !attempt->ended && !attempt->evidence.has_record);
}

void plr_docker_pause_let_go(plr_docker_run *run)
{
    if (!run->winding_down || run->tearing_down ||
            (run->pause != PLR_DOCKER_PAUSE_RUNS && run->pause != PLR_DOCKER_PAUSE_STARTED))
        return;
    for (const plr_docker_attempt *attempt = run->attempts; attempt != NULL;
            attempt = attempt->next)
        if (lives(attempt))
            return;
    remove_pause(run);
}

bool plr_docker_pause_is_busy(const plr_docker_run *run)
{
    return run->pause == PLR_DOCKER_PAUSE_STARTING || run->pause == PLR_DOCKER_PAUSE_GOES;
}

static void on_word(plr_docker_channel *channel, unsigned word, const void *payload, void *userdata)
{
    plr_docker_run *run = userdata;
    (void)channel;
    (void)payload;
    if (word == PLR_INIT_HELD) {
        run->docker->sharing = PLR_DOCKER_SHARING_WORKS;
        if (run->pause == PLR_DOCKER_PAUSE_STARTED)
            runs(run);
        else
            run->pause_held = true;
    } else {
        plr_docker_channel_free(steal(run->pause_channel));
    }
}

void plr_docker_pause_died(plr_docker_run *run)
{
    plr_error err = { 0 };
    if (run->pause == PLR_DOCKER_PAUSE_STARTED && !run->pause_held) {
        unshared(run, "plr-init did not connect");
        return;
    }
    plr_error_set(&err, PLR_ERR_INFRASTRUCTURE,
            "the pause container, which holds the network or memory volumes of the run, has ended: "
            "somebody stopped it, or the daemon was restarted without live-restore");
    if (run->pause == PLR_DOCKER_PAUSE_RUNS && !run->tearing_down)
        run->docker->host->run_failed(run->view, &err);
}

static void on_look(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    json_object *state = plr_jsonc_get(reply->json, "State", json_type_object);
    (void)docker;
    if (reply->status == 404 || (state != NULL && !plr_jsonc_true(state, "Running")))
        plr_docker_pause_died(owner);
}

void plr_docker_pause_look(plr_docker_run *run)
{
    if (run->pause == PLR_DOCKER_PAUSE_RUNS && !run->tearing_down)
        plr_docker_askf(run->docker, "GET", on_look, run, "/containers/%s/json", run->pause_id);
}

static void on_started(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    plr_docker_run *run = owner;
    (void)docker;
    if (reply->error.code != 0) {
        if (run->pause_channel != NULL && strstr(reply->error.message, PLR_DOCKER_SHARE) != NULL)
            unshared(run, reply->error.message);
        else
            fail(run, &reply->error, reply->status);
    } else if (run->pause_channel == NULL || run->pause_held) {
        runs(run);
    } else {
        run->pause = PLR_DOCKER_PAUSE_STARTED;
        settled(run);
    }
}

static void start(plr_docker_run *run)
{
    plr_docker_askf(run->docker, "POST", on_started, run, "/containers/%s/start", run->pause_id);
}

static void on_copied(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    plr_docker_run *run = owner;
    (void)docker;
    if (reply->error.code != 0)
        fail(run, &reply->error, reply->status);
    else
        start(run);
}

static void copy_init(plr_docker_run *run)
{
    plr_error err = { 0 };
    plr_archive_file file = { .path = PLR_DOCKER_INIT, .mode = 0755 };
    const unsigned char *data;
    _cleanup_buf_ plr_buf tar = { 0 };
    char path[160];
    snprintf(path, sizeof(path), "/containers/%s/archive?path=/", run->pause_id);
    if (!plr_docker_share_init(run->pause_arch, &data, &file.size))
        plr_error_set(&err, PLR_ERR_CONFIGURATION,
                "there is no plr-init for %s; --network isolated needs none", run->pause_arch);
    file.data = data;
    if (err.code == 0)
        plr_archive_write(&file, 1, &tar, &err);
    if (err.code != 0) {
        fail(run, &err, 0);
        return;
    }
    plr_docker_request request = { .method = "PUT", .path = path, .tar = &tar };
    plr_docker_ask(run->docker, &request, on_copied, run);
}

static void on_created(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    plr_docker_run *run = owner;
    plr_error err = { 0 };
    (void)docker;
    if (reply->error.code != 0) {
        if (run->pause_channel != NULL &&
                strstr(reply->error.message, plr_docker_channel_folder(run->pause_channel)) != NULL)
            unshared(run, reply->error.message);
        else
            fail(run, &reply->error, reply->status);
        return;
    }
    free(run->pause_id);
    run->pause_id = strdup(plr_jsonc_text(reply->json, "Id"));
    if (run->pause_id == NULL) {
        plr_error_nomem(&err);
        fail(run, &err, 0);
    } else {
        if (run->pause_channel != NULL)
            start(run);
        else
            copy_init(run);
        grant(run, PLR_DOCKER_WISH_EXISTS);
    }
}

static void make_pause(plr_docker_run *run, plr_docker_attempt *attempt)
{
    plr_docker *docker = run->docker;
    const char *arch = plr_jsonc_text(attempt->image, "Architecture");
    plr_error err = { 0 };
    json_object *body = NULL;
    char path[160];
    _cleanup_free_ char *name = plr_docker_name(run->view->id, "pause");
    run->pause = PLR_DOCKER_PAUSE_STARTING;
    run->pause_held = false;
    snprintf(run->pause_arch, sizeof(run->pause_arch), "%s", arch);
    int r = name == NULL ? plr_error_nomem(&err) : 0;
    if (r == 0 && docker->where.local && docker->sharing != PLR_DOCKER_SHARING_FAILS)
        r = plr_docker_channel_new(&run->pause_channel, docker, arch, on_word, run, &err);
    if (r == PLR_ERR_UNSUPPORTED) {
        err = (plr_error){ 0 };
        r = 0;
    }
    if (r == 0)
        r = plr_docker_create_pause(&body, run->view, run->network,
                attempt->task->step->docker.image,
                run->pause_channel == NULL ? NULL : plr_docker_channel_folder(run->pause_channel),
                plr_docker_wall_s(docker), &err);
    if (r < 0) {
        fail(run, &err, 0);
        return;
    }
    snprintf(path, sizeof(path), "/containers/create?name=%s", name);
    plr_docker_request request = { .method = "POST", .path = path, .json = body };
    plr_docker_ask(docker, &request, on_created, run);
}

void plr_docker_stage_network(plr_docker_attempt *attempt)
{
    plr_docker_run *run = attempt->run;
    run->winding_down = false;
    if (run->pause == PLR_DOCKER_PAUSE_FAILED) {
        plr_docker_attempt_fail(attempt, &run->pause_error);
    } else if (!run->needs_pause || run->pause_id != NULL) {
        attempt->pause_number = run->pause_number;
        plr_docker_attempt_next(attempt);
    } else {
        attempt->wish = PLR_DOCKER_WISH_EXISTS;
        if (run->pause == PLR_DOCKER_PAUSE_NONE)
            make_pause(run, attempt);
    }
}

void plr_docker_stage_pause(plr_docker_attempt *attempt)
{
    plr_docker_run *run = attempt->run;
    if (run->pause == PLR_DOCKER_PAUSE_FAILED)
        plr_docker_attempt_fail(attempt, &run->pause_error);
    else if (attempt->pause_number != run->pause_number)
        plr_docker_attempt_again(attempt); /* made for one that was of no use */
    else if (!run->needs_pause || run->pause == PLR_DOCKER_PAUSE_RUNS)
        plr_docker_attempt_next(attempt);
    else
        attempt->wish = PLR_DOCKER_WISH_RUNS;
}
