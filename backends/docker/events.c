/* SPDX-License-Identifier: MIT */
/* One stream of the daemon's events for all runs: who died. A stream that broke is opened again,
 * and then everything that runs is looked at, since nobody tells what was missed. */
#include <stdlib.h>
#include <string.h>

#include "backends/docker/docker.h"
#include "engine/base/error.h"
#include "net/json_stream.h"

#define OBJECT_LIMIT (1024 * 1024)

/* How long a daemon may be gone: a restart takes seconds, or a minute where containers are slow to
 * stop. */
#define GONE_NS (120 * PLR_SECOND)
#define FIRST_DELAY_NS (50 * PLR_MILLISECOND)
#define LAST_DELAY_NS PLR_SECOND

struct plr_docker_events {
    plr_docker *docker;
    char *path; /* without the version */
    plr_http_call *call;
    plr_json_stream *stream;
    plr_timer *timer;
    bool up, was_up;
    uint64_t down_since, delay_ns;
    plr_error error;
};

bool plr_docker_events_is_up(const plr_docker *docker)
{
    return docker->events != NULL && docker->events->up;
}

void plr_docker_events_free(plr_docker *docker)
{
    plr_docker_events *events = steal(docker->events);
    if (events == NULL)
        return;
    docker->host->timer_free(events->timer);
    plr_json_stream_free(events->stream);
    free(events->path);
    free(events);
}

static void take_death(plr_docker *docker, const char *id, const char *exit_code)
{
    plr_docker_attempt *attempt = plr_docker_attempt_find(docker, id);
    if (attempt != NULL) {
        plr_docker_died(attempt, exit_code[0] == '\0' ? -1 : (int)strtol(exit_code, NULL, 10));
        return;
    }
    for (plr_docker_run *run = docker->runs; run != NULL; run = run->next) {
        if (run->pause_id != NULL && strcmp(run->pause_id, id) == 0) {
            plr_docker_pause_died(run);
            return;
        }
    }
}

/* Newer daemons have dropped `status` and `id`. */
static void on_object(json_object *object, void *userdata)
{
    plr_docker_events *events = userdata;
    const char *action = plr_jsonc_text(object, "Action");
    json_object *actor = plr_jsonc_get(object, "Actor", json_type_object);
    if (strcmp(action, "die") == 0 || strcmp(action, "died") == 0)
        take_death(events->docker, plr_jsonc_text(actor, "ID"),
                plr_jsonc_text(plr_jsonc_get(actor, "Attributes", json_type_object),
                        events->docker->podman ? "containerExitCode" : "exitCode"));
}

static void on_data(plr_http_call *call, const void *data, size_t size, void *userdata)
{
    plr_docker_events *events = userdata;
    if (events->error.code == 0 &&
            plr_json_stream_feed(events->stream, data, size, &events->error) < 0)
        plr_http_cancel(call);
}

/* For every started attempt that has not ended. A report may not free one: they live until their
 * op of discard or teardown. */
static void for_each_live(
        plr_docker *docker, void (*visit)(plr_docker_attempt *, const void *), const void *argument)
{
    for (plr_docker_run *run = docker->runs; run != NULL; run = run->next)
        for (plr_docker_attempt *attempt = run->attempts; attempt != NULL; attempt = attempt->next)
            if (attempt->started && !attempt->ended)
                visit(attempt, argument);
}

static void drop(plr_docker_attempt *attempt, const void *argument)
{
    (void)argument;
    attempt->evidence.dropped = true;
    if (attempt->eof)
        return;
    attempt->cut = true;
    plr_docker_attach_close(attempt);
}

static void look_again(plr_docker_attempt *attempt, const void *argument)
{
    (void)argument;
    if (attempt->evidence.exited && attempt->cut && attempt->attach == NULL)
        plr_docker_attach_resume(attempt);
    else
        plr_docker_look(attempt);
}

static void give_up(plr_docker_attempt *attempt, const void *argument)
{
    const plr_error *err = argument;
    plr_docker_end(attempt, PLR_REASON_INFRASTRUCTURE, err->message);
}

static void tell_setups(plr_docker *docker, const plr_error *err)
{
    for (plr_docker_run *run = docker->runs, *next; run != NULL; run = next) {
        next = run->next;
        if (run->waits_events) {
            run->waits_events = false;
            plr_docker_setup_part(run, err);
        }
    }
}

static void went_down(plr_docker_events *events, const plr_error *cause)
{
    plr_docker *docker = events->docker;
    uint64_t now = docker->host->now(docker->loop);
    plr_error err = { 0 };
    if (events->up) {
        events->up = false;
        events->down_since = now;
        events->delay_ns = FIRST_DELAY_NS;
        for_each_live(docker, drop, NULL);
    }
    if (!events->was_up || now - events->down_since > GONE_NS) {
        plr_error_set(&err, PLR_ERR_INFRASTRUCTURE, "the Docker daemon is gone: %s",
                cause == NULL ? "its stream of events ended" : cause->message);
        for_each_live(docker, give_up, &err);
        for (plr_docker_run *run = docker->runs; run != NULL && events->was_up; run = run->next)
            docker->host->run_failed(run->view, &err);
        tell_setups(docker, &err);
        plr_docker_events_free(docker);
        return;
    }
    docker->host->timer_set(events->timer, now + events->delay_ns);
    events->delay_ns = events->delay_ns * 2 < LAST_DELAY_NS ? events->delay_ns * 2 : LAST_DELAY_NS;
}

static void on_headers(plr_http_call *call, const plr_http_reply *reply, void *userdata)
{
    plr_docker_events *events = userdata;
    plr_docker *docker = events->docker;
    (void)call;
    if (reply->status != 200)
        return;
    bool again = events->was_up;
    events->up = events->was_up = true;
    if (again) {
        for_each_live(docker, look_again, NULL);
        for (plr_docker_run *run = docker->runs; run != NULL; run = run->next)
            plr_docker_pause_look(run);
    }
    tell_setups(docker, NULL);
}

static void on_done(
        plr_http_call *call, plr_http_reply *reply, const plr_error *err, void *userdata)
{
    plr_docker_events *events = userdata;
    plr_error error = events->error;
    (void)call;
    events->call = NULL;
    if (err != NULL && error.code == 0)
        error = *err;
    if (error.code == 0 && reply->status >= 400)
        plr_docker_refusal(&error, reply->status, reply->body.data, reply->body.size);
    went_down(events, error.code == 0 ? NULL : &error);
}

static int connect_events(plr_docker_events *events, plr_error *err)
{
    plr_docker *docker = events->docker;
    _cleanup_free_ char *path = plr_docker_path(docker, events->path);
    plr_json_stream_free(steal(events->stream));
    events->error = (plr_error){ 0 };
    plr_http_request request = {
        .method = "GET",
        .path = path,
        .long_lived = true,
        .first_byte_ns = 30 * PLR_SECOND,
        .on_headers = on_headers,
        .on_data = on_data,
        .on_done = on_done,
        .userdata = events,
    };
    int r = path == NULL
                    ? plr_error_nomem(err)
                    : plr_json_stream_new(&events->stream, OBJECT_LIMIT, on_object, events, err);
    return r < 0 ? r : plr_http_start(docker->client, &events->call, &request, err);
}

/* The daemon that is back may be another version. */
static void on_pinged(plr_docker *docker, const plr_error *err, void *userdata)
{
    plr_docker_events *events = userdata;
    plr_error error = { 0 };
    if (docker->events != events)
        return;
    if (err == NULL && connect_events(events, &error) == 0)
        return;
    went_down(events, err != NULL ? err : &error);
}

static void on_timer(plr_timer *timer, void *userdata)
{
    plr_docker_events *events = userdata;
    plr_error err = { 0 };
    (void)timer;
    if (plr_docker_ping(events->docker, on_pinged, events, &err) < 0)
        went_down(events, &err);
}

int plr_docker_events_start(plr_docker *docker, const char *owner, plr_error *err)
{
    if (docker->events != NULL)
        return 0;
    _cleanup_buf_ plr_buf filter = { 0 };
    _cleanup_buf_ plr_buf path = { 0 };
    /* Podman knows the event as "died". */
    plr_buf_printf(&filter,
            "{\"type\":[\"container\"],\"event\":[\"%s\"],\"label\":[\"" PLR_DOCKER_LABEL
            "owner=%s\"]}",
            docker->podman ? "died" : "die", owner == NULL ? "" : owner);
    plr_buf_puts(&path, "/events?filters=");
    if (!filter.failed)
        plr_http_escape(&path, filter.data);
    plr_docker_events *events = calloc(1, sizeof(*events));
    if (events == NULL || filter.failed || path.failed) {
        free(events);
        return plr_error_nomem(err);
    }
    events->docker = docker;
    events->path = steal(path.data);
    int r = docker->host->timer_new(docker->loop, &events->timer, on_timer, events, err);
    docker->events = events;
    if (r == 0)
        r = connect_events(events, err);
    if (r < 0)
        plr_docker_events_free(docker);
    return r;
}
