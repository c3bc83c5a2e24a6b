/* SPDX-License-Identifier: MIT */
/* Calls to the API server: each goes on until it has an answer that asking again would not change,
 * or its time is over. All that ends a call outside of net/http's callbacks comes by its timer. */
#include "backends/kubernetes/client.h"

#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "backends/kubernetes/auth.h"
#include "backends/kubernetes/kubeconfig.h"
#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "net/http.h"
#include "net/jsonc.h"

#define SECOND UINT64_C(1000000000)
#define CALL_NS (60 * SECOND) /* a call with its repetitions, unless it says otherwise */
#define TRY_NS (20 * SECOND)  /* one of them */
#define HEADERS_NS (30 * SECOND)
#define PLUGIN_NS (30 * SECOND)
#define FIRST_DELAY_NS (SECOND / 10)
#define LONGEST_DELAY_NS (5 * SECOND)
/* A server that just came back may not know users and roles for a moment. */
#define WARMING_NS (10 * SECOND)
/* 500 may be for good: etcd says so of objects that are too large for it. */
#define MOST_500 3u
#define MOST_HEADERS 72u
#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

struct plr_kube_call {
    TAILQ_ENTRY(plr_kube_call) link;
    plr_kube_client *client;
    plr_http_call *http; /* while one is on its way */
    plr_timer *timer;    /* for the next try, or for an end that waits to be told */
    bool waits_auth;     /* for a plugin */
    bool renewed;        /* a refusal of our credentials was answered by newer ones */
    bool idempotent;
    bool paused;
    bool over; /* `failure` is to be told */
    plr_error failure;
    unsigned tries, generation;
    uint64_t until; /* 0: a stream, for which nobody waits */
    char *method, *path, *body, *content_type;
    uint64_t first_byte_ns, idle_ns;
    plr_kube_data_fn *on_data;
    plr_kube_headers_fn *on_headers;
    plr_kube_done_fn *on_done; /* NULL: cancelled */
    void *userdata;
};

struct plr_kube_client {
    const plr_host *host;
    plr_loop *loop;
    plr_kube_config config;
    plr_http_client *http;
    plr_kube_auth *auth;
    unsigned certificate_generation;
    char *origin;
    uint64_t down_at; /* when it last did not answer; 0: never */
    TAILQ_HEAD(, plr_kube_call) calls;
};

static void call_free(plr_kube_call *call)
{
    if (call->timer != NULL)
        call->client->host->timer_free(call->timer);
    free(call->method);
    free(call->path);
    free(call->body);
    free(call->content_type);
    free(call);
}

/* The last that is done for a call; its callback may free the client. */
static void finish(plr_kube_call *call, int status, json_object *reply, const plr_error *err)
{
    TAILQ_REMOVE(&call->client->calls, call, link);
    call->client->host->timer_free(steal(call->timer));
    if (call->on_done != NULL)
        call->on_done(call, status, reply, err, call->userdata);
    call_free(call);
}

/* Ends a call from the loop, soon. */
static void fail_later(plr_kube_call *call, const plr_error *err)
{
    const plr_kube_client *client = call->client;
    call->over = true;
    call->failure = *err;
    client->host->timer_set(call->timer, client->host->now(client->loop));
}

static int code_of(int status)
{
    switch (status) {
    case 401:
    case 403:
        return PLR_ERR_REFUSED;
    case 404:
        return PLR_ERR_NOTFOUND;
    case 409:
    case 410:
        return PLR_ERR_STATE;
    case 408:
    case 429:
        return PLR_ERR_INFRASTRUCTURE;
    default:
        return status >= 500 ? PLR_ERR_INFRASTRUCTURE : PLR_ERR_CONFIGURATION;
    }
}

/* The API's own words. */
static void set_refusal(
        plr_error *err, const plr_kube_client *client, int status, json_object *reply)
{
    const char *message = plr_jsonc_text(reply, "message");
    if (status == 401)
        plr_error_set(err, PLR_ERR_REFUSED, "%s does not accept our credentials%s%s",
                client->origin, message[0] != '\0' ? ": " : "", message);
    else if (message[0] != '\0')
        plr_error_set(err, code_of(status), "%s", message);
    else
        plr_error_set(err, code_of(status), "the API server answered with status %d", status);
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
        return call->on_data == NULL && call->idempotent && call->tries < MOST_500;
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
    _cleanup_json_ json_object *json = err == NULL && reply->body.size > 0
                                               ? plr_jsonc_parse(reply->body.data, reply->body.size)
                                               : NULL;
    plr_error refusal = { 0 };
    if (err == NULL && reply->status / 100 != 2) {
        set_refusal(&refusal, client, reply->status, json);
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

static void on_auth(plr_kube_auth *auth, const plr_error *err, void *userdata)
{
    plr_kube_client *client = userdata;
    plr_kube_call *call;
    (void)auth;
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
        TAILQ_REMOVE(&client->calls, call, link);
        call_free(call);
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

/* Bytes that kubeconfig gave as data are NUL-terminated: the decoder's copies are. */
static const char *pem_of(const plr_bytes *bytes)
{
    return (const char *)bytes->data;
}

static int open_http(plr_kube_client *client, plr_error *err)
{
    const plr_kube_cluster *cluster = &client->config.cluster;
    const plr_kube_user *user = &client->config.user;
    plr_http_options options = {
        .base = cluster->server,
        .ca_file = cluster->ca_file,
        .ca_pem = pem_of(&cluster->ca),
        .cert_file = user->cert_file,
        .cert_pem = pem_of(&user->cert),
        .key_file = user->key_file,
        .key_pem = pem_of(&user->key),
        .tls_server_name = cluster->tls_server_name,
        .tls_insecure = cluster->insecure,
        .proxy = cluster->proxy_url,
        .user_agent = "pipeline-runtime/" PACKAGE_VERSION,
    };
    return plr_http_client_new(&client->http, client->host, client->loop, &options, err);
}

static const char *get_variable(const char *name)
{
    return getenv(name);
}

int plr_kube_client_new(plr_kube_client **ret_client, const plr_host *host, plr_loop *loop,
        const plr_kube_settings *settings, plr_error *err)
{
    static const plr_kube_surroundings place = { get_variable, SERVICE_ACCOUNT };
    _cleanup_kube_client_ plr_kube_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return plr_error_nomem(err);
    client->host = host;
    client->loop = loop;
    TAILQ_INIT(&client->calls);
    int r = plr_kube_config_find(&client->config, settings, &place, err);
    if (r == 0)
        r = open_http(client, err);
    if (r == 0)
        r = plr_kube_auth_new(
                &client->auth, host, loop, &client->config, PLUGIN_NS, on_auth, client, err);
    if (r == 0 && asprintf(&client->origin, "%s (%s)", client->config.cluster.server,
                          client->config.origin) < 0) {
        client->origin = NULL;
        r = plr_error_nomem(err);
    }
    if (r == 0)
        *ret_client = steal(client);
    return r;
}

void plr_kube_client_free(plr_kube_client *client)
{
    plr_kube_call *call;
    if (client == NULL)
        return;
    /* First: its calls refer to ours. */
    plr_http_client_free(client->http);
    while ((call = TAILQ_FIRST(&client->calls)) != NULL) {
        TAILQ_REMOVE(&client->calls, call, link);
        call_free(call);
    }
    plr_kube_auth_free(client->auth);
    plr_kube_config_clear(&client->config);
    free(client->origin);
    free(client);
}

const char *plr_kube_client_namespace(const plr_kube_client *client)
{
    return client->config.namespace_name;
}

const char *plr_kube_client_origin(const plr_kube_client *client)
{
    return client->origin;
}

const char *plr_kube_client_warning(const plr_kube_client *client)
{
    return client->config.warning;
}
