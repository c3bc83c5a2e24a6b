/* SPDX-License-Identifier: MIT */
/* HTTP calls by a libcurl multi handle that the engine's loop drives. Handles are added, removed
 * and freed in `tend` alone, which runs when libcurl has returned and its messages have been read.
 */
#include "net/http.h"

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "net/http_call.h"

#define DEFAULT_CONNECT_NS (10000u * (uint64_t)PLR_NS_PER_MS)
#define DEFAULT_CONNECTIONS 32u
#define DEFAULT_BODY ((size_t)16 << 20)

static void turn(plr_http_client *client, curl_socket_t fd, int mask);

/* Leaves work for `tend`; a turn that is under way sees it at its end. */
static void want_turn(plr_http_client *client)
{
    client->attention = true;
    if (!client->entered)
        client->host->timer_set(client->turn_timer, client->host->now(client->loop));
}

void plr_http_call_over(plr_http_call *call)
{
    plr_http_client *client = call->client;
    call->over = true;
    if (call->waiting) {
        call->waiting = false;
        TAILQ_REMOVE(&client->waiting, call, link);
        TAILQ_INSERT_TAIL(&client->calls, call, link);
    }
    want_turn(client);
}

static void on_watch(plr_watch *watch, unsigned events, void *userdata)
{
    watched *socket = userdata;
    (void)watch;
    int mask = (events & PLR_WATCH_READ ? CURL_CSELECT_IN : 0) |
               (events & PLR_WATCH_WRITE ? CURL_CSELECT_OUT : 0);
    turn(socket->client, socket->fd, mask);
}

static void on_call_timer(plr_timer *timer, void *userdata)
{
    plr_http_call *call = userdata;
    (void)timer;
    plr_http_call_check_time(call);
    if (call->over)
        turn(call->client, CURL_SOCKET_TIMEOUT, 0);
}

static void on_timer(plr_timer *timer, void *userdata)
{
    (void)timer;
    turn(userdata, CURL_SOCKET_TIMEOUT, 0);
}

static void watched_free(watched *socket)
{
    LIST_REMOVE(socket, link);
    socket->client->host->watch_free(socket->watch);
    free(socket);
}

static int watched_new(plr_http_client *client, curl_socket_t fd, unsigned events, plr_error *err)
{
    watched *socket = malloc(sizeof *socket);
    if (socket == NULL)
        return plr_error_nomem(err);
    *socket = (watched){ .client = client, .fd = fd };
    int r = client->host->watch_new(
            client->loop, &socket->watch, fd, events, on_watch, socket, err);
    if (r < 0) {
        free(socket);
        return r;
    }
    LIST_INSERT_HEAD(&client->watched, socket, link);
    curl_multi_assign(client->multi, fd, socket);
    return 0;
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *assigned)
{
    plr_http_client *client = userdata;
    watched *socket = assigned;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (socket != NULL)
            watched_free(socket);
        return 0;
    }
    unsigned events = (what & CURL_POLL_IN ? PLR_WATCH_READ : 0) |
                      (what & CURL_POLL_OUT ? PLR_WATCH_WRITE : 0);
    int r = socket != NULL ? client->host->watch_set(socket->watch, events, &client->broken)
                           : watched_new(client, fd, events, &client->broken);
    if (r < 0) {
        want_turn(client);
        return -1;
    }
    return 0;
}

static int on_curl_timer(CURLM *multi, long ms, void *userdata)
{
    plr_http_client *client = userdata;
    (void)multi;
    client->host->timer_set(client->curl_timer,
            ms < 0 ? 0 : client->host->now(client->loop) + (uint64_t)ms * PLR_NS_PER_MS);
    return 0;
}

static void cleanup_call(plr_http_call **call)
{
    if (*call != NULL)
        plr_http_call_free(*call);
}

static void leave_multi(plr_http_call *call)
{
    if (!call->running)
        return;
    call->running = false;
    curl_multi_remove_handle(call->client->multi, call->easy);
    if (!call->long_lived)
        call->client->n_counted--;
}

static void finish(plr_http_call *call)
{
    leave_multi(call);
    TAILQ_REMOVE(&call->client->calls, call, link);
    call->reply.unsent = call->error.code != PLR_OK && !call->sent;
    call->on_done(
            call, &call->reply, call->error.code != PLR_OK ? &call->error : NULL, call->userdata);
    plr_http_call_free(call);
}

static void launch(plr_http_call *call)
{
    plr_http_client *client = call->client;
    call->waiting = false;
    TAILQ_REMOVE(&client->waiting, call, link);
    TAILQ_INSERT_TAIL(&client->calls, call, link);
    call->running = true;
    if (!call->long_lived)
        client->n_counted++;
    CURLMcode code = curl_multi_add_handle(client->multi, call->easy);
    if (code != CURLM_OK)
        plr_http_call_fail(call,
                code == CURLM_OUT_OF_MEMORY ? PLR_ERR_NOMEM : PLR_ERR_INFRASTRUCTURE, "%s",
                curl_multi_strerror(code));
}

static void resume(plr_http_call *call)
{
    call->curl_paused = false;
    CURLcode code = curl_easy_pause(call->easy, CURLPAUSE_CONT);
    if (code != CURLE_OK)
        plr_http_call_fail_by_result(call, code);
}

/* Does for each call what is due. Callbacks may start, cancel, pause and resume calls meanwhile:
 * nothing but `finish` takes a call out of the list. */
static void tend(plr_http_client *client)
{
    plr_http_call *next;
    client->attention = false;
    for (plr_http_call *call = TAILQ_FIRST(&client->calls); call != NULL; call = next) {
        if (client->broken.code != PLR_OK)
            plr_http_call_fail(call, client->broken.code, "%s", client->broken.message);
        if (!call->over && call->curl_paused && !call->paused)
            resume(call);
        next = TAILQ_NEXT(call, link);
        if (call->over && !client->doomed)
            finish(call);
        if (client->doomed)
            return;
    }
    client->broken = (plr_error){ 0 };
    plr_http_call *first;
    while ((first = TAILQ_FIRST(&client->waiting)) != NULL &&
            (first->long_lived || client->n_counted < client->max_connections))
        launch(first);
}

static void drain(plr_http_client *client)
{
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        plr_http_call *call = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        CURLcode code = message->data.result;
        if (code == CURLE_OK && !call->answered)
            code = CURLE_PARTIAL_FILE; /* headers may not end with the connection */
        if (code != CURLE_OK)
            plr_http_call_fail_by_result(call, code);
        if (!call->over)
            plr_http_call_over(call);
    }
}

static void destroy(plr_http_client *client)
{
    plr_http_call *call;
    while ((call = TAILQ_FIRST(&client->waiting)) != NULL) {
        TAILQ_REMOVE(&client->waiting, call, link);
        plr_http_call_free(call);
    }
    while ((call = TAILQ_FIRST(&client->calls)) != NULL) {
        leave_multi(call);
        TAILQ_REMOVE(&client->calls, call, link);
        plr_http_call_free(call);
    }
    if (client->multi != NULL) {
        /* It closes its connections now, and the watches must be gone before. */
        curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, NULL);
        curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, NULL);
        while (!LIST_EMPTY(&client->watched))
            watched_free(LIST_FIRST(&client->watched));
        curl_multi_cleanup(client->multi);
    }
    if (client->curl_timer != NULL)
        client->host->timer_free(client->curl_timer);
    if (client->turn_timer != NULL)
        client->host->timer_free(client->turn_timer);
    if (client->curl_ready)
        curl_global_cleanup();
    plr_http_base_clear(&client->base);
    free(client->ca_file);
    free(client->cert_file);
    free(client->key_file);
    free(client->user_agent);
    free(client->ca_pem);
    free(client->cert_pem);
    free(client->key_pem);
    free(client->proxy);
    free(client);
}

/* All that happens, happens here: what was asked for since, what libcurl makes of the event, and
 * what follows from that. */
static void turn(plr_http_client *client, curl_socket_t fd, int mask)
{
    int running;
    client->entered = true;
    if (client->attention)
        tend(client);
    if (!client->doomed) {
        curl_multi_socket_action(client->multi, fd, mask, &running);
        drain(client);
    }
    if (client->attention && !client->doomed)
        tend(client);
    client->entered = false;
    if (client->doomed)
        destroy(client);
    else if (client->attention)
        want_turn(client);
}

static int copy_options(plr_http_client *client, const plr_http_options *options, plr_error *err)
{
    const struct {
        char **copy;
        const char *text;
    } texts[] = {
        { &client->ca_file, options->ca_file },
        { &client->cert_file, options->cert_file },
        { &client->key_file, options->key_file },
        { &client->ca_pem, options->ca_pem },
        { &client->cert_pem, options->cert_pem },
        { &client->key_pem, options->key_pem },
        { &client->proxy, options->proxy },
        { &client->user_agent, options->user_agent },
    };
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof texts / sizeof *texts; i++)
        r = plr_text_copy(texts[i].copy, texts[i].text, err);
    return r;
}

int plr_http_client_set_certificate(
        plr_http_client *client, const char *cert_pem, const char *key_pem, plr_error *err)
{
    _cleanup_free_ char *cert = NULL;
    _cleanup_free_ char *key = NULL;
    int r = plr_text_copy(&cert, cert_pem, err);
    if (r == 0)
        r = plr_text_copy(&key, key_pem, err);
    if (r < 0)
        return r;
    free(client->cert_pem);
    free(client->key_pem);
    client->cert_pem = steal(cert);
    client->key_pem = steal(key);
    return 0;
}

int plr_http_client_new(plr_http_client **ret_client, const plr_host *host, plr_loop *loop,
        const plr_http_options *options, plr_error *err)
{
    bool tls = options->ca_file != NULL || options->cert_file != NULL ||
               options->key_file != NULL || options->ca_pem != NULL || options->cert_pem != NULL;
    _cleanup_http_client_ plr_http_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return plr_error_nomem(err);
    *client = (plr_http_client){
        .host = host,
        .loop = loop,
        .connect_timeout_ns = options->connect_timeout_ns,
        .max_connections = options->max_connections,
        .tls_insecure = options->tls_insecure,
    };
    if (client->connect_timeout_ns == 0)
        client->connect_timeout_ns = DEFAULT_CONNECT_NS;
    if (client->max_connections == 0)
        client->max_connections = DEFAULT_CONNECTIONS;
    TAILQ_INIT(&client->waiting);
    TAILQ_INIT(&client->calls);
    LIST_INIT(&client->watched);

    int r = plr_http_base_parse(&client->base, options->base, tls, err);
    if (r == 0 && options->tls_server_name != NULL)
        r = plr_http_base_rename(&client->base, options->tls_server_name, err);
    if (r == 0)
        r = copy_options(client, options, err);
    if (r == 0)
        r = host->timer_new(loop, &client->curl_timer, on_timer, client, err);
    if (r == 0)
        r = host->timer_new(loop, &client->turn_timer, on_timer, client, err);
    if (r < 0)
        return r;

    /* Counts its callers, and is safe in threads since 7.84. */
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return plr_error_set(err, PLR_ERR_SYSTEM, "libcurl does not start");
    client->curl_ready = true;
    client->multi = curl_multi_init();
    if (client->multi == NULL)
        return plr_error_nomem(err);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    *ret_client = steal(client);
    return 0;
}

void plr_http_client_free(plr_http_client *client)
{
    if (client == NULL)
        return;
    client->doomed = true;
    if (!client->entered)
        destroy(client);
}

int plr_http_start(plr_http_client *client, plr_http_call **ret_call,
        const plr_http_request *request, plr_error *err)
{
    _cleanup_(cleanup_call) plr_http_call *call = calloc(1, sizeof *call);
    if (call == NULL)
        return plr_error_nomem(err);
    call->client = client;
    call->total_ns = request->total_ns;
    call->first_byte_ns = request->first_byte_ns;
    call->idle_ns = request->idle_ns;
    call->started_at = client->host->now(client->loop);
    call->max_body = request->max_body > 0 ? request->max_body : DEFAULT_BODY;
    call->long_lived = request->long_lived;
    call->redirects = request->redirects;
    call->on_headers = request->on_headers;
    call->on_data = request->on_data;
    call->on_done = request->on_done;
    call->userdata = request->userdata;

    int r = plr_text_copy(&call->method, request->method, err);
    if (r == 0)
        r = plr_text_copy(&call->path, request->path, err);
    if (r == 0 && (call->total_ns > 0 || call->first_byte_ns > 0 || call->idle_ns > 0))
        r = client->host->timer_new(client->loop, &call->timer, on_call_timer, call, err);
    if (r < 0)
        return r;

    plr_buf lent = { 0 };
    if (request->body != NULL) {
        lent = *request->body;
        call->body = lent;
    }
    r = plr_http_call_prepare(call, request->headers, err);
    if (r < 0) {
        call->body = (plr_buf){ 0 }; /* still the caller's */
        return r;
    }
    if (request->body != NULL)
        plr_buf_init(request->body);

    plr_http_call_check_time(call);
    call->waiting = true;
    if (call->long_lived)
        TAILQ_INSERT_HEAD(&client->waiting, call, link);
    else
        TAILQ_INSERT_TAIL(&client->waiting, call, link);
    want_turn(client);
    if (ret_call != NULL)
        *ret_call = call;
    steal(call);
    return 0;
}

void plr_http_pause(plr_http_call *call)
{
    call->paused = true;
}

void plr_http_resume(plr_http_call *call)
{
    if (!call->paused)
        return;
    call->paused = false;
    call->received_at = call->client->host->now(call->client->loop);
    plr_http_call_check_time(call);
    if (call->curl_paused)
        want_turn(call->client);
}

void plr_http_cancel(plr_http_call *call)
{
    plr_http_call_fail(call, PLR_ERR_CANCELLED, "cancelled");
}
