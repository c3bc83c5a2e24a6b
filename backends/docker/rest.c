/* SPDX-License-Identifier: MIT */
/* One request and its reply. What may be sent again is sent again: a request that did not leave,
 * and a read or a removal that broke on its way. */
#include "backends/docker/rest.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backends/docker/docker.h"
#include "engine/base/error.h"

#define DEFAULT_LIMIT_S 60u
#define REPLY_LIMIT (8u * 1024 * 1024)
#define TRIES 3u

struct plr_docker_call {
    plr_docker *docker;
    plr_docker_call *next;
    plr_docker_reply_fn *on_reply; /* NULL: forgotten */
    void *owner;
    char *method, *path, *body;
    size_t body_size;
    bool tar, once;
    unsigned limit_s, tries;
    bool renegotiated;
    plr_timer *timer; /* before another try */
};

static void call_free(plr_docker_call *call)
{
    plr_docker *docker = call->docker;
    for (plr_docker_call **link = &docker->calls; *link != NULL; link = &(*link)->next) {
        if (*link == call) {
            *link = call->next;
            break;
        }
    }
    docker->host->timer_free(call->timer);
    free(call->method);
    free(call->path);
    free(call->body);
    free(call);
}

void plr_docker_calls_clear(plr_docker *docker)
{
    while (docker->calls != NULL)
        call_free(docker->calls);
}

void plr_docker_forget(plr_docker *docker, const void *owner)
{
    for (plr_docker_call *call = docker->calls; call != NULL; call = call->next)
        if (call->owner == owner)
            call->on_reply = NULL;
}

char *plr_docker_path(const plr_docker *docker, const char *path)
{
    char *versioned;
    return asprintf(&versioned, "/v1.%u%s", docker->api, path) < 0 ? NULL : versioned;
}

void plr_docker_refusal(plr_error *err, int status, const char *body, size_t size)
{
    _cleanup_json_ json_object *json = body == NULL ? NULL : plr_jsonc_parse(body, size);
    const char *message = plr_jsonc_text(json, "message");
    int code = status == 404   ? PLR_ERR_NOTFOUND
               : status >= 500 ? PLR_ERR_INFRASTRUCTURE
                               : PLR_ERR_CONFIGURATION;
    if (message[0] != '\0')
        plr_error_set(err, code, "%s", message);
    else
        plr_error_set(err, code, "the daemon answered with status %d", status);
}

static void answer(plr_docker_call *call, int status, json_object *json, const plr_error *err)
{
    plr_docker *docker = call->docker;
    plr_docker_reply reply = { .status = status, .json = json };
    plr_docker_reply_fn *on_reply = call->on_reply;
    void *owner = call->owner;
    if (err != NULL)
        reply.error = *err;
    call_free(call);
    if (on_reply != NULL)
        on_reply(docker, &reply, owner);
    json_object_put(json);
}

static void send_call(plr_docker_call *call);

static void again(plr_timer *timer, void *userdata)
{
    plr_docker_call *call = userdata;
    (void)timer;
    if (call->on_reply == NULL)
        call_free(call);
    else
        send_call(call);
}

/* Asks once more after a moment; false if there is no memory for it. */
static bool retry(plr_docker_call *call)
{
    plr_docker *docker = call->docker;
    if (call->timer == NULL &&
            docker->host->timer_new(docker->loop, &call->timer, again, call, NULL) < 0)
        return false;
    call->tries++;
    docker->host->timer_set(
            call->timer, docker->host->now(docker->loop) + call->tries * 50 * PLR_MILLISECOND);
    return true;
}

static bool is_idempotent(const plr_docker_call *call)
{
    return strcmp(call->method, "POST") != 0;
}

/* A daemon that was replaced by another version says so once; the next request may then speak the
 * new one. Lowers or raises the version to what the message names. */
static bool renegotiate(plr_docker_call *call, const plr_error *err)
{
    static const char *const words[] = { "Minimum supported API version is 1.",
        "Maximum supported API version is 1." };
    if (call->renegotiated || strstr(err->message, "client version") == NULL)
        return false;
    for (size_t i = 0; i < 2; i++) {
        const char *at = strstr(err->message, words[i]);
        unsigned api = 0;
        if (at != NULL && sscanf(at + strlen(words[i]), "%3u", &api) == 1 &&
                api >= PLR_DOCKER_API_MIN && api <= PLR_DOCKER_API_MAX) {
            call->docker->api = api;
            call->renegotiated = true;
            return true;
        }
    }
    return false;
}

static void on_done(
        plr_http_call *http, plr_http_reply *reply, const plr_error *err, void *userdata)
{
    plr_docker_call *call = userdata;
    plr_error refusal = { 0 };
    (void)http;
    if (call->on_reply == NULL) {
        call_free(call);
        return;
    }
    if (err != NULL && err->code == PLR_ERR_INFRASTRUCTURE && !call->once && call->tries < TRIES &&
            (reply->unsent || is_idempotent(call)) && retry(call))
        return;
    if (err != NULL) {
        answer(call, 0, NULL, err);
        return;
    }
    bool good = (reply->status >= 200 && reply->status < 300) || reply->status == 304;
    if (!good) {
        plr_docker_refusal(&refusal, reply->status, reply->body.data, reply->body.size);
        if (reply->status == 400 && renegotiate(call, &refusal)) {
            send_call(call);
            return;
        }
    }
    answer(call, reply->status,
            reply->body.size == 0 ? NULL : plr_jsonc_parse(reply->body.data, reply->body.size),
            good ? NULL : &refusal);
}

static void send_call(plr_docker_call *call)
{
    static const char *const json_headers[] = { "Content-Type: application/json", NULL };
    static const char *const tar_headers[] = { "Content-Type: application/x-tar", NULL };
    plr_docker *docker = call->docker;
    plr_error err = { 0 };
    _cleanup_buf_ plr_buf body = { 0 };
    _cleanup_free_ char *path = plr_docker_path(docker, call->path);
    plr_http_request request = {
        .method = call->method,
        .path = path,
        .max_body = REPLY_LIMIT,
        .total_ns = (call->limit_s > 0 ? call->limit_s : DEFAULT_LIMIT_S) * PLR_SECOND,
        .on_done = on_done,
        .userdata = call,
    };
    int r = path == NULL ? plr_error_nomem(&err) : 0;
    if (r == 0 && call->body != NULL) {
        r = plr_buf_append(&body, call->body, call->body_size, &err);
        request.body = &body;
        request.headers = call->tar ? tar_headers : json_headers;
    }
    if (r == 0)
        r = plr_http_start(docker->client, NULL, &request, &err);
    if (r < 0)
        answer(call, 0, NULL, &err);
}

static int take_body(plr_docker_call *call, const plr_docker_request *request)
{
    if (request->tar != NULL) {
        call->tar = true;
        call->body_size = request->tar->size;
        return plr_buf_steal(request->tar, &call->body, NULL);
    }
    if (request->json == NULL)
        return 0;
    size_t size;
    const char *text = json_object_to_json_string_length(
            request->json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
    call->body = text == NULL ? NULL : malloc(size + 1);
    if (call->body == NULL)
        return PLR_ERR_NOMEM;
    memcpy(call->body, text, size + 1);
    call->body_size = size;
    return 0;
}

void plr_docker_ask(plr_docker *docker, const plr_docker_request *request,
        plr_docker_reply_fn *on_reply, void *owner)
{
    plr_docker_call *call = calloc(1, sizeof(*call));
    bool good = call != NULL;
    if (good) {
        call->docker = docker;
        call->next = docker->calls;
        docker->calls = call;
        call->on_reply = on_reply;
        call->owner = owner;
        call->limit_s = request->limit_s;
        call->once = request->once;
        call->method = strdup(request->method);
        call->path = strdup(request->path);
        good = call->method != NULL && call->path != NULL && take_body(call, request) == 0;
    }
    json_object_put(request->json);
    if (request->tar != NULL)
        plr_buf_clear(request->tar);
    if (good) {
        send_call(call);
        return;
    }
    plr_docker_reply reply = { 0 };
    plr_error_nomem(&reply.error);
    if (call != NULL)
        call_free(call);
    on_reply(docker, &reply, owner);
}

void plr_docker_askf(plr_docker *docker, const char *method, plr_docker_reply_fn *on_reply,
        void *owner, const char *format, ...)
{
    plr_docker_reply reply = { 0 };
    _cleanup_free_ char *path = NULL;
    va_list arguments;
    va_start(arguments, format);
    int r = vasprintf(&path, format, arguments);
    va_end(arguments);
    if (r < 0) {
        path = NULL;
        plr_error_nomem(&reply.error);
        on_reply(docker, &reply, owner);
        return;
    }
    plr_docker_request request = { .method = method, .path = path };
    plr_docker_ask(docker, &request, on_reply, owner);
}
