/* SPDX-License-Identifier: MIT */
/* Calls to the API server: each goes on until it has an answer that asking again would not change,
 * or its time is over. All that ends a call outside of net/http's callbacks comes by its timer. */
#include "backends/kubernetes/call.h"

#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/reply.h"
#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "net/jsonc.h"

#define SECOND UINT64_C(1000000000)
#define CALL_NS (60 * SECOND) /* a call with its repetitions, unless it says otherwise */
#define TRY_NS (20 * SECOND)  /* one of them */
#define HEADERS_NS (30 * SECOND)
#define FIRST_DELAY_NS (SECOND / 10)
#define LONGEST_DELAY_NS (5 * SECOND)
/* A server that just came back may not know users and roles for a while, on a busy machine. */
#define WARMING_NS (30 * SECOND)
/* 500 may be for good: etcd says so of objects that are too large for it. */
#define MOST_500 3u
#define MOST_HEADERS 72u

static void free_call(plr_kube_call *call)
{
    if (call->timer != NULL)
        call->client->host->timer_free(call->timer);
    free(call->method);
    free(call->path);
    free(call->body);
    free(call->content_type);
    free(call);
}

void plr_kube_call_drop(plr_kube_call *call)
{
    TAILQ_REMOVE(&call->client->calls, call, link);
    free_call(call);
}

/* The last that is done for a call; its callback may free the client. */
static void finish(plr_kube_call *call, int status, json_object *reply, const plr_error *err)
{
    TAILQ_REMOVE(&call->client->calls, call, link);
    call->client->host->timer_free(steal(call->timer));
    if (call->on_done != NULL)
        call->on_done(call, status, reply, err, call->userdata);
    free_call(call);
}

/* Ends a call from the loop, soon. */
static void fail_later(plr_kube_call *call, const plr_error *err)
{
    const plr_kube_client *client = call->client;
    call->over = true;
    call->failure = *err;
    client->host->timer_set(call->timer, client->host->now(client->loop));
}

static uint64_t delay_of(const plr_kube_call *call, const plr_http_call *http)
{
    const char *after = http != NULL ? plr_http_header(http, "Retry-After") : NULL;
    unsigned seconds;
    if (after != NULL && sscanf(after, "%4u", &seconds) == 1)
        return seconds * SECOND;
    uint64_t delay = FIRST_DELAY_NS << (call->tries < 6 ? call->tries : 6);
    return delay < LONGEST_DELAY_NS ? delay : LONGEST_DELAY_NS;
}

/* Another try after a while. False: its time would be over. */
static bool try_later(plr_kube_call *call, uint64_t delay)
{
    const plr_kube_client *client = call->client;
    uint64_t at = client->host->now(client->loop) + delay;
    if (call->until > 0 && at >= call->until)
        return false;
    call->tries++;
    client->host->timer_set(call->timer, at);
    return true;
}

static bool is_warming(const plr_kube_client *client)
{
    return client->down_at > 0 && client->host->now(client->loop) - client->down_at < WARMING_NS;
}

/* Whether the same request may get another answer. */
static bool is_passing(const plr_kube_call *call, const plr_http_reply *reply)
{
    switch (reply->status) {
    case 0:
        return call->on_data == NULL && (reply->unsent || call->idempotent);
    case 401:
    case 403:
        return is_warming(call->client);
    case 429:
        return call->on_data == NULL;
    case 500:
        return call->on_data == NULL && call->idempotent &&
               (call->tries < MOST_500 || is_warming(call->client));
    case 502:
    case 503:
    case 504:
        return call->on_data == NULL && call->idempotent;
    default:
        return false;
    }
}

static int send_call(plr_kube_call *call, plr_error *err);

/* For where an error has nobody to go to. */
static void send_or_fail(plr_kube_call *call)
{
    plr_error err = { 0 };
    if (send_call(call, &err) < 0)
        fail_later(call, &err);
}

static void on_http_done(
        plr_http_call *http, plr_http_reply *reply, const plr_error *err, void *userdata)
{
    plr_kube_call *call = userdata;
    plr_kube_client *client = call->client;
    call->http = NULL;
    if (call->on_done == NULL) {
        finish(call, 0, NULL, NULL);
        return;
    }
    bool broken =
            err != NULL && (err->code == PLR_ERR_INFRASTRUCTURE || err->code == PLR_ERR_TIMEOUT);
    if (broken)
        client->down_at = client->host->now(client->loop);
    if (err == NULL && reply->status == 401 && !call->renewed &&
            plr_kube_auth_refused(client->auth, call->generation)) {
        call->renewed = true;
        send_or_fail(call);
        return;
    }
    if ((broken || err == NULL) && is_passing(call, reply) &&
            try_later(call, delay_of(call, err == NULL ? http : NULL)))
        return;
    _cleanup_json_ json_object *json = err == NULL ? plr_kube_reply_parse(&reply->body) : NULL;
    plr_error refusal = { 0 };
    if (err == NULL && reply->status / 100 != 2) {
        plr_kube_reply_refusal(&refusal, reply->status, json, client->origin);
        err = &refusal;
    }
    finish(call, reply->status, json, err);
}

static void on_http_headers(plr_http_call *http, const plr_http_reply *reply, void *userdata)
{
    plr_kube_call *call = userdata;
    (void)http;
    if (reply->status / 100 == 2 && call->on_done != NULL)
        call->on_headers(call, reply->status, call->userdata);
}

static void on_http_data(plr_http_call *http, const void *data, size_t size, void *userdata)
{
    plr_kube_call *call = userdata;
    (void)http;
    if (call->on_done != NULL)
        call->on_data(call, data, size, call->userdata);
}

static void on_timer(plr_timer *timer, void *userdata)
{
    plr_kube_call *call = userdata;
    (void)timer;
    if (call->over)
        finish(call, 0, NULL, &call->failure);
    else
        send_or_fail(call);
}

void plr_kube_calls_go_on(plr_kube_client *client, const plr_error *err)
{
    plr_kube_call *call;
    TAILQ_FOREACH(call, &client->calls, link)
    {
        if (!call->waits_auth)
            continue;
        call->waits_auth = false;
        if (err != NULL)
            fail_later(call, err);
        else
            send_or_fail(call);
    }
}

/* A plugin's certificate takes the place of the one before. */
static int use_certificate(
        plr_kube_client *client, const plr_kube_identity *identity, plr_error *err)
{
    if (identity->cert_pem == NULL || identity->generation == client->certificate_generation)
        return 0;
    client->certificate_generation = identity->generation;
    return plr_http_client_set_certificate(
            client->http, identity->cert_pem, identity->key_pem, err);
}

static int send_with(plr_kube_call *call, const plr_kube_identity *identity, plr_error *err)
{
    plr_kube_client *client = call->client;
    _cleanup_buf_ plr_buf body = { 0 };
    char type[128];
    const char *headers[MOST_HEADERS] = { "Accept: application/json" };
    size_t n = 1;
    uint64_t now = client->host->now(client->loop);
    if (identity->authorization != NULL)
        headers[n++] = identity->authorization;
    for (size_t i = 0; identity->headers[i] != NULL; i++) {
        if (n + 2 >= MOST_HEADERS)
            return plr_error_set(err, PLR_ERR_CONFIGURATION, "more than 64 groups in as-groups");
        headers[n++] = identity->headers[i];
    }
    int r = use_certificate(client, identity, err);
    if (r == 0 && call->body != NULL) {
        snprintf(type, sizeof type, "Content-Type: %s", call->content_type);
        headers[n++] = type;
        r = plr_buf_append(&body, call->body, strlen(call->body), err);
    }
    if (r < 0)
        return r;
    plr_http_request request = {
        .method = call->method,
        .path = call->path,
        .headers = headers,
        .body = call->body != NULL ? &body : NULL,
        .long_lived = call->on_data != NULL,
        .first_byte_ns = call->first_byte_ns,
        .idle_ns = call->idle_ns,
        .on_headers = call->on_headers != NULL ? on_http_headers : NULL,
        .on_data = call->on_data != NULL ? on_http_data : NULL,
        .on_done = on_http_done,
        .userdata = call,
    };
    if (call->until > 0) {
        uint64_t left = call->until > now ? call->until - now : 1;
        request.total_ns = left < TRY_NS || call->on_data != NULL ? left : TRY_NS;
    }
    call->generation = identity->generation;
    r = plr_http_start(client->http, &call->http, &request, err);
    if (r == 0 && call->paused)
        plr_http_pause(call->http);
    return r;
}

static int send_call(plr_kube_call *call, plr_error *err)
{
    plr_kube_identity identity;
    int r = plr_kube_auth_get(call->client->auth, &identity, err);
    if (r < 0)
        return r;
    call->waits_auth = r == 0;
    return r == 0 ? 0 : send_with(call, &identity, err);
}

static int take_body(plr_kube_call *call, const plr_kube_request *request, plr_error *err)
{
    if (request->body == NULL)
        return 0;
    const char *type = request->content_type != NULL ? request->content_type
                       : strcmp(request->method, "PATCH") == 0
                               ? "application/strategic-merge-patch+json"
                               : "application/json";
    const char *text = json_object_to_json_string_ext(
            request->body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    if (text == NULL)
        return plr_error_nomem(err);
    int r = plr_text_copy(&call->content_type, type, err);
    return r < 0 ? r : plr_text_copy(&call->body, text, err);
}

int plr_kube_call_start(plr_kube_client *client, plr_kube_call **ret_call,
        const plr_kube_request *request, plr_error *err)
{
    plr_kube_call *call = calloc(1, sizeof *call);
    if (call == NULL)
        return plr_error_nomem(err);
    bool stream = request->on_data != NULL;
    uint64_t total = request->total_ns > 0 || stream ? request->total_ns : CALL_NS;
    *call = (plr_kube_call){
        .client = client,
        .idempotent = request->repeatable || strcmp(request->method, "POST") != 0,
        .until = total > 0 ? client->host->now(client->loop) + total : 0,
        .first_byte_ns =
                request->first_byte_ns > 0 || !stream ? request->first_byte_ns : HEADERS_NS,
        .idle_ns = request->idle_ns,
        .on_data = request->on_data,
        .on_headers = stream ? request->on_headers : NULL,
        .on_done = request->on_done,
        .userdata = request->userdata,
    };
    TAILQ_INSERT_TAIL(&client->calls, call, link);
    int r = plr_text_copy(&call->method, request->method, err);
    if (r == 0)
        r = plr_text_copy(&call->path, request->path, err);
    if (r == 0)
        r = take_body(call, request, err);
    if (r == 0)
        r = client->host->timer_new(client->loop, &call->timer, on_timer, call, err);
    if (r == 0)
        r = send_call(call, err);
    if (r < 0) {
        plr_kube_call_drop(call);
        return r;
    }
    if (ret_call != NULL)
        *ret_call = call;
    return 0;
}

void plr_kube_call_cancel(plr_kube_call *call)
{
    if (call == NULL)
        return;
    call->on_done = NULL;
    if (call->timer == NULL)
        return; /* inside its own on_done: it goes when that returns */
    if (call->http != NULL) {
        plr_http_cancel(call->http); /* its end comes, and takes the call along */
        return;
    }
    call->waits_auth = false;
    fail_later(call, &(plr_error){ .code = PLR_ERR_CANCELLED });
}

void plr_kube_call_pause(plr_kube_call *call)
{
    call->paused = true;
    if (call->http != NULL)
        plr_http_pause(call->http);
}

void plr_kube_call_resume(plr_kube_call *call)
{
    call->paused = false;
    if (call->http != NULL)
        plr_http_resume(call->http);
}
