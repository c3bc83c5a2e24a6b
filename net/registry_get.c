/* SPDX-License-Identifier: MIT */
/* One download from a registry: what each answer means, and what is done about it. The caller sees
 * one row of bytes and one end. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "net/registry_auth.h"
#include "net/registry_call.h"

#define FIRST_DELAY_NS 500000000u
#define LONGEST_WAIT_S 60u
#define LARGEST_ERROR ((size_t)64 << 10)
/* In a row without a byte of progress: of one that is busy, and of one that is not there. */
#define BUSY_TRIES 5u
#define UNREACHABLE_TRIES 2u
/* A server that breaks off after each byte is not served forever. */
#define ALL_TRIES 100u
#define MOST_REDIRECTS 5u

static int send(plr_registry_get *get, plr_error *err);

void plr_registry_get_free(plr_registry_get *get)
{
    TAILQ_REMOVE(&get->registry->gets, get, link);
    if (get->timer != NULL)
        get->registry->host->timer_free(get->timer);
    free(get->path);
    free(get->accept);
    free(get->origin);
    free(get->there);
    free(get);
}

static void end(plr_registry_get *get, plr_buf *body, const plr_error *err)
{
    plr_buf none = { 0 };
    get->on_done(get, body != NULL ? body : &none, err, get->userdata);
    plr_registry_get_free(get);
}

static void fail(plr_registry_get *get, int code, const char *text)
{
    plr_error error = { 0 };
    plr_error_set(&error, code, "%s", text);
    end(get, NULL, &error);
}

static void go_on(plr_registry_get *get)
{
    plr_error error = { 0 };
    if (send(get, &error) < 0)
        end(get, NULL, &error);
}

static void on_timer(plr_timer *timer, void *userdata)
{
    (void)timer;
    go_on(userdata);
}

/* Seconds from a Retry-After header, a number or a date; 0 if there is none. */
static uint64_t retry_after(const plr_registry_get *get, const char *text)
{
    struct tm date = { 0 };
    if (text == NULL)
        return 0;
    if (*text >= '0' && *text <= '9')
        return strtoul(text, NULL, 10);
    if (strptime(text, "%a, %d %b %Y %H:%M:%S", &date) == NULL)
        return 0;
    int64_t at = (int64_t)timegm(&date);
    int64_t now = get->registry->host->wall_now(get->registry->loop) / 1000000000;
    return at > now ? (uint64_t)(at - now) : 0;
}

/* After a failure that may pass: another try after a while, or the end. */
static void try_again(
        plr_registry_get *get, int code, const char *why, unsigned tries, uint64_t wait_s)
{
    plr_registry *registry = get->registry;
    plr_error error = { 0 };
    uint64_t delay = FIRST_DELAY_NS << get->failures;
    get->all_failures++;
    if (++get->failures >= tries || get->all_failures >= ALL_TRIES) {
        fail(get, code, why);
        return;
    }
    if (wait_s > LONGEST_WAIT_S) {
        plr_error_set(&error, code, "%s, and asks to come back in %" PRIu64 " s", why, wait_s);
        end(get, NULL, &error);
        return;
    }
    /* An address that we were sent to may hold for a while only. */
    free(steal(get->origin));
    free(steal(get->there));
    get->redirects = 0;
    if (wait_s * 1000000000u > delay)
        delay = wait_s * 1000000000u;
    if (registry->on_notice != NULL) {
        plr_error_set(&error, code, "%s; trying again in %.1f s", why, (double)delay / 1e9);
        registry->on_notice(error.message, registry->userdata);
    }
    error = (plr_error){ 0 };
    if (get->timer == NULL &&
            registry->host->timer_new(registry->loop, &get->timer, on_timer, get, &error) < 0) {
        end(get, NULL, &error);
        return;
    }
    registry->host->timer_set(get->timer, registry->host->now(registry->loop) + delay);
}

void plr_registry_get_authorized(plr_registry_get *get, const plr_error *err, bool passes)
{
    if (err == NULL)
        go_on(get);
    else if (passes)
        try_again(get, err->code, err->message, BUSY_TRIES, 0);
    else
        end(get, NULL, err);
}

/* {"errors":[{"code":…,"message":…}]}: the registry's own words, or none. */
static void put_words(plr_buf *out, const plr_buf *body)
{
    const char *message = body->data != NULL ? strstr(body->data, "\"message\"") : NULL;
    if (message == NULL)
        return;
    message += strlen("\"message\"");
    message += strspn(message, " :\t");
    if (*message == '"')
        plr_buf_printf(out, ": %.*s", (int)strcspn(message + 1, "\"\\"), message + 1);
}

static bool is_busy(int status)
{
    return status == 408 || status == 429 || status / 100 == 5;
}

/* An answer that is neither the thing, nor a redirect, nor a challenge. */
static void take_refusal(plr_registry_get *get, plr_http_call *call, const plr_http_reply *reply)
{
    const plr_registry *registry = get->registry;
    _cleanup_buf_ plr_buf why = { 0 };
    int status = reply->status;
    plr_buf_printf(&why, "%s ", registry->name);
    if (status == 404)
        plr_buf_printf(&why, "has no such image as %s", registry->repository);
    else if (status == 403)
        plr_buf_printf(&why, "gives no access to %s", registry->repository);
    else if (status == 429)
        plr_buf_puts(&why, "is asked too much (status 429)");
    else
        plr_buf_printf(&why, "answers with status %d", status);
    put_words(&why, &reply->body);
    plr_buf_printf(&why, " (GET %s)", get->there != NULL ? "a blob elsewhere" : get->path);
    const char *text = why.failed ? "out of memory" : why.data;
    if (is_busy(status))
        try_again(get, PLR_ERR_INFRASTRUCTURE, text, BUSY_TRIES,
                retry_after(get, plr_http_header(call, "Retry-After")));
    else
        fail(get, PLR_ERR_IMAGE, text);
}

static int follow(plr_registry_get *get, const char *location, plr_error *err)
{
    plr_registry *registry = get->registry;
    const char *from = get->origin != NULL ? get->origin : registry->base;
    _cleanup_buf_ plr_buf whole = { 0 };
    _cleanup_buf_ plr_buf base = { 0 };
    _cleanup_buf_ plr_buf path = { 0 };
    if (location == NULL || ++get->redirects > MOST_REDIRECTS)
        return plr_error_set(err, PLR_ERR_PROTOCOL, "%s sends us %s", registry->name,
                location == NULL ? "elsewhere, but not where" : "round and round");
    if (location[0] == '/' && location[1] != '/')
        plr_buf_puts(&whole, from);
    plr_buf_puts(&whole, location);
    int r = plr_buf_check(&whole, err);
    if (r < 0)
        return r;
    if (!plr_url_split(whole.data, &base, &path))
        return plr_error_set(err, PLR_ERR_PROTOCOL, "%s sends us to no address", registry->name);
    if (strncmp(from, "https:", 6) == 0 && strncmp(base.data, "http:", 5) == 0)
        return plr_error_set(err, PLR_ERR_PROTOCOL, "%s sends us to a place without TLS: %s",
                registry->name, base.data);
    free(steal(get->origin));
    free(steal(get->there));
    r = plr_buf_steal(&base, &get->origin, err);
    return r < 0 ? r : plr_buf_steal(&path, &get->there, err);
}

/* A plain answer may come from a server that wants TLS; then it is asked once more with it. */
static bool change_scheme(plr_registry_get *get, int status, const plr_error *err)
{
    plr_registry *registry = get->registry;
    bool wrong = err != NULL ? err->code == PLR_ERR_PROTOCOL && status == 0 : status == 400;
    if (!registry->settled && registry->plain && wrong &&
            strncmp(registry->base, "http:", 5) == 0) {
        _cleanup_buf_ plr_buf base = { 0 };
        plr_buf_printf(&base, "https%s", registry->base + 4);
        char *text = NULL;
        registry->settled = true;
        if (plr_buf_steal(&base, &text, NULL) == 0) {
            free(registry->base);
            registry->base = text;
            return true;
        }
    }
    if (status != 0)
        registry->settled = true;
    return false;
}

static void take_challenge(plr_registry_get *get, const char *challenge)
{
    plr_registry *registry = get->registry;
    plr_error error = { 0 };
    if (get->generation != registry->generation) {
        go_on(get); /* somebody else got a new one meanwhile */
    } else if (++get->refusals > 2) {
        plr_error_set(&error, PLR_ERR_IMAGE, "%s gives no access to %s%s", registry->name,
                registry->repository,
                plr_credential_is_none(&registry->credential) ? " without a login"
                                                              : " with these credentials");
        end(get, NULL, &error);
    } else if (plr_registry_ask(registry, get, challenge, &error) < 0) {
        end(get, NULL, &error);
    }
}

static void on_done(
        plr_http_call *call, plr_http_reply *reply, const plr_error *err, void *userdata)
{
    plr_registry_get *get = userdata;
    plr_error error = { 0 };
    int status = reply->status;
    get->call = NULL;
    if (get->dropped)
        plr_registry_get_free(get);
    else if (get->error.code != PLR_OK)
        end(get, NULL, &get->error);
    else if (get->origin == NULL && change_scheme(get, status, err))
        go_on(get);
    else if (err != NULL && (err->code == PLR_ERR_INFRASTRUCTURE || err->code == PLR_ERR_TIMEOUT))
        try_again(get, err->code, err->message, UNREACHABLE_TRIES, 0);
    else if (err != NULL)
        end(get, NULL, err);
    else if (status == 401 && get->origin == NULL)
        take_challenge(get, plr_http_header(call, "Www-Authenticate"));
    else if (status == 416 && !get->whole) {
        get->whole = true;
        go_on(get);
    } else if (status / 100 == 3) {
        if (follow(get, plr_http_header(call, "Location"), &error) < 0)
            end(get, NULL, &error);
        else
            go_on(get);
    } else if (status != 200 && status != 206)
        take_refusal(get, call, reply);
    else if (get->skip > 0)
        fail(get, PLR_ERR_PROTOCOL, "the registry sends less of a blob than before");
    else
        end(get, &reply->body, NULL);
}

static void on_headers(plr_http_call *call, const plr_http_reply *reply, void *userdata)
{
    plr_registry_get *get = userdata;
    get->skip = reply->status == 200 ? get->position : 0;
    if (reply->status != 206)
        return;
    const char *range = plr_http_header(call, "Content-Range");
    uint64_t first = 0;
    if (range == NULL || sscanf(range, "bytes %" SCNu64 "-", &first) != 1 ||
            first != get->position || get->whole) {
        plr_error_set(&get->error, PLR_ERR_PROTOCOL, "%s sends another part than it was asked for",
                get->registry->name);
        plr_http_cancel(call);
    }
}

static void on_data(plr_http_call *call, const void *data, size_t size, void *userdata)
{
    plr_registry_get *get = userdata;
    (void)call;
    size_t passed = size < get->skip ? size : (size_t)get->skip;
    get->skip -= passed;
    if (get->dropped || passed == size)
        return;
    get->failures = 0;
    get->position += size - passed;
    get->on_data(get, (const char *)data + passed, size - passed, get->userdata);
}

static int send(plr_registry_get *get, plr_error *err)
{
    plr_registry *registry = get->registry;
    const char *base = get->origin != NULL ? get->origin : registry->base;
    bool ours = strcmp(base, registry->base) == 0;
    const char *headers[4] = { get->accept };
    size_t n = get->accept != NULL ? 1 : 0;
    char range[40];
    plr_http_client *client;
    int r = plr_registry_client(registry, base, &client, err);
    if (r < 0)
        return r;
    get->generation = registry->generation;
    /* What is for the registry is not for where it sends us. */
    if (ours && registry->authorization != NULL)
        headers[n++] = registry->authorization;
    if (get->position > 0 && !get->whole) {
        snprintf(range, sizeof range, "Range: bytes=%" PRIu64 "-", get->position);
        headers[n++] = range;
    }
    plr_http_request request = {
        .method = "GET",
        .path = get->there != NULL ? get->there : get->path,
        .headers = headers,
        .max_body = get->on_data != NULL ? LARGEST_ERROR : get->most,
        .long_lived = true,
        .redirects = true,
        .first_byte_ns = registry->patience_ns,
        .idle_ns = registry->patience_ns,
        .on_headers = on_headers,
        .on_data = get->on_data != NULL ? on_data : NULL,
        .on_done = on_done,
        .userdata = get,
    };
    return plr_http_start(client, &get->call, &request, err);
}

int plr_registry_start(plr_registry *registry, plr_registry_get **ret_get,
        const plr_registry_request *request, plr_error *err)
{
    _cleanup_buf_ plr_buf path = { 0 };
    _cleanup_buf_ plr_buf accept = { 0 };
    plr_registry_get *get = calloc(1, sizeof *get);
    if (get == NULL)
        return plr_error_nomem(err);
    *get = (plr_registry_get){
        .registry = registry,
        .position = request->offset,
        .most = request->most,
        .on_data = request->on_data,
        .on_done = request->on_done,
        .userdata = request->userdata,
    };
    TAILQ_INSERT_TAIL(&registry->gets, get, link);
    plr_buf_printf(&path, "/v2/%s/%s/%s", registry->repository, request->kind, request->reference);
    int r = plr_buf_steal(&path, &get->path, err);
    if (r == 0 && request->accept != NULL) {
        plr_buf_printf(&accept, "Accept: %s", request->accept);
        r = plr_buf_steal(&accept, &get->accept, err);
    }
    if (r == 0)
        r = send(get, err);
    if (r < 0) {
        plr_registry_get_free(get);
        return r;
    }
    if (ret_get != NULL)
        *ret_get = get;
    return 0;
}

void plr_registry_cancel(plr_registry_get *get)
{
    if (get->call == NULL) {
        plr_registry_get_free(get);
        return;
    }
    get->dropped = true;
    plr_http_cancel(get->call);
}
