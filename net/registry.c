/* SPDX-License-Identifier: MIT */
/* A registry: which servers it consists of, which of them may be spoken to without TLS, and the one
 * authorization that all downloads share. */
#include "net/registry.h"

#include <string.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "net/registry_auth.h"
#include "net/registry_call.h"

#define PATIENCE_NS 60000000000u
#define LARGEST_TOKEN ((size_t)1 << 20)

static bool is_loopback(const char *registry)
{
    return strncmp(registry, "127.", 4) == 0 || strncmp(registry, "[::1]", 5) == 0 ||
           strcmp(registry, "localhost") == 0 || strncmp(registry, "localhost:", 10) == 0;
}

/* Named with its port, or for all its ports. */
static bool is_named(const char *registry, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t size = strlen(names[i]);
        if (strncmp(registry, names[i], size) == 0 &&
                (registry[size] == '\0' || registry[size] == ':'))
            return true;
    }
    return false;
}

static int copy_credential(plr_credential *to, const plr_credential *from, plr_error *err)
{
    int r = from != NULL ? plr_text_copy(&to->username, from->username, err) : 0;
    if (r == 0 && from != NULL)
        r = plr_text_copy(&to->password, from->password, err);
    if (r == 0 && from != NULL)
        r = plr_text_copy(&to->identity_token, from->identity_token, err);
    return r;
}

int plr_registry_new(plr_registry **ret_registry, const plr_host *host, plr_loop *loop,
        const plr_registry_options *options, plr_error *err)
{
    const char *name = options->name->registry;
    _cleanup_buf_ plr_buf base = { 0 };
    _cleanup_registry_ plr_registry *registry = calloc(1, sizeof *registry);
    if (registry == NULL)
        return plr_error_nomem(err);
    *registry = (plr_registry){
        .host = host,
        .loop = loop,
        .plain = is_loopback(name) || is_named(name, options->insecure, options->n_insecure),
        .patience_ns = options->patience_ns != 0 ? options->patience_ns : PATIENCE_NS,
        .on_notice = options->on_notice,
        .userdata = options->userdata,
    };
    SLIST_INIT(&registry->origins);
    TAILQ_INIT(&registry->gets);
    plr_buf_printf(&base, "%s://%s", registry->plain ? "http" : "https",
            strcmp(name, PLR_IMAGE_HUB) == 0 ? "registry-1.docker.io" : name);
    int r = plr_buf_steal(&base, &registry->base, err);
    if (r == 0)
        r = plr_text_copy(&registry->name, name, err);
    if (r == 0)
        r = plr_text_copy(&registry->repository, options->name->repository, err);
    if (r == 0)
        r = copy_credential(&registry->credential, options->credential, err);
    if (r < 0)
        return r;
    *ret_registry = steal(registry);
    return 0;
}

static void forget_authorization(plr_registry *registry)
{
    if (registry->authorization != NULL)
        explicit_bzero(registry->authorization, strlen(registry->authorization));
    free(steal(registry->authorization));
}

void plr_registry_free(plr_registry *registry)
{
    origin *server;
    plr_registry_get *get;
    if (registry == NULL)
        return;
    while ((server = SLIST_FIRST(&registry->origins)) != NULL) {
        SLIST_REMOVE_HEAD(&registry->origins, link);
        plr_http_client_free(server->client);
        free(server->base);
        free(server);
    }
    while ((get = TAILQ_FIRST(&registry->gets)) != NULL)
        plr_registry_get_free(get);
    forget_authorization(registry);
    plr_credential_clear(&registry->credential);
    free(registry->name);
    free(registry->repository);
    free(registry->base);
    free(registry);
}

/* The authority that a server of one's own is signed by stands where Docker looks for it: in the
 * user's folder, as without root, or in the machine's. "": there is none, and the system's count.
 */
static int find_authority(const char *base, plr_buf *ret_path, plr_error *err)
{
    const char *config = secure_getenv("XDG_CONFIG_HOME"), *home = secure_getenv("HOME");
    const struct {
        const char *folder, *below;
    } places[] = {
        { config, "" },
        { config == NULL ? home : NULL, "/.config" },
        { "/etc", "" },
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        plr_buf_reset(ret_path);
        if (places[i].folder != NULL)
            plr_buf_printf(ret_path, "%s%s/docker/certs.d/%s/ca.crt", places[i].folder,
                    places[i].below, base + strlen("https://"));
        int r = plr_buf_check(ret_path, err);
        if (r < 0 || (ret_path->size > 0 && access(ret_path->data, F_OK) == 0))
            return r;
    }
    plr_buf_reset(ret_path);
    return 0;
}

int plr_registry_client(
        plr_registry *registry, const char *base, plr_http_client **ret_client, plr_error *err)
{
    origin *server;
    SLIST_FOREACH(server, &registry->origins, link)
    if (strcmp(server->base, base) == 0) {
        *ret_client = server->client;
        return 0;
    }
    server = calloc(1, sizeof *server);
    if (server == NULL)
        return plr_error_nomem(err);
    _cleanup_buf_ plr_buf authority = { 0 };
    int r = plr_text_copy(&server->base, base, err);
    if (r == 0 && strncmp(base, "https://", 8) == 0)
        r = find_authority(base, &authority, err);
    plr_http_options options = {
        .base = base,
        .user_agent = "pipeline-runtime",
        .ca_file = authority.size > 0 ? authority.data : NULL,
    };
    if (r == 0)
        r = plr_http_client_new(&server->client, registry->host, registry->loop, &options, err);
    if (r < 0) {
        free(server->base);
        free(server);
        return r;
    }
    SLIST_INSERT_HEAD(&registry->origins, server, link);
    *ret_client = server->client;
    return 0;
}

/* Tells all that wait. What they do may end others, so the search begins anew each time. */
static void tell(plr_registry *registry, const plr_error *err, bool passes)
{
    plr_registry_get *get;
    registry->asks = false;
    do {
        TAILQ_FOREACH(get, &registry->gets, link)
        if (get->waits)
            break;
        if (get != NULL) {
            get->waits = false;
            plr_registry_get_authorized(get, err, passes);
        }
    } while (get != NULL);
}

/* Takes "Authorization: …" out of the buffer. */
static int authorize(plr_registry *registry, plr_buf *header, plr_error *err)
{
    forget_authorization(registry);
    registry->generation++;
    return plr_buf_steal(header, &registry->authorization, err);
}

static void on_token(
        plr_http_call *call, plr_http_reply *reply, const plr_error *err, void *userdata)
{
    plr_registry *registry = userdata;
    plr_error error = { 0 };
    _cleanup_buf_ plr_buf header = { 0 };
    int status = reply->status;
    bool passes = err != NULL ? err->code == PLR_ERR_INFRASTRUCTURE || err->code == PLR_ERR_TIMEOUT
                              : status == 429 || status / 100 == 5;
    (void)call;
    if (err != NULL)
        plr_error_set(&error, err->code, "%s", err->message);
    else if (status == 401 || status == 403)
        plr_error_set(&error, PLR_ERR_IMAGE,
                plr_credential_is_none(&registry->credential)
                        ? "%s gives no access to %s without a login"
                        : "%s does not accept the credentials for %s",
                registry->name, registry->repository);
    else if (status != 200)
        plr_error_set(&error, passes ? PLR_ERR_INFRASTRUCTURE : PLR_ERR_IMAGE,
                "the token server of %s answers with status %d", registry->name, status);
    else if (plr_auth_put_bearer(reply->body.data != NULL ? reply->body.data : "", reply->body.size,
                     &header, &error) == 0)
        authorize(registry, &header, &error);
    if (reply->body.data != NULL)
        explicit_bzero(reply->body.data, reply->body.size);
    tell(registry, error.code != PLR_OK ? &error : NULL, passes);
}

static int ask_for_token(plr_registry *registry, const plr_challenge *challenge, plr_error *err)
{
    const plr_credential *credential = &registry->credential;
    bool posts = credential->identity_token != NULL;
    _cleanup_buf_ plr_buf base = { 0 };
    _cleanup_buf_ plr_buf path = { 0 };
    _cleanup_buf_ plr_buf form = { 0 };
    _cleanup_buf_ plr_buf basic = { 0 };
    plr_http_client *client;
    if (!plr_url_split(challenge->realm, &base, &path))
        return plr_error_set(err, PLR_ERR_PROTOCOL, "%s sends us for a token to no address: %.100s",
                registry->name, challenge->realm);
    if (strncmp(base.data, "http:", 5) == 0 && !registry->plain)
        return plr_error_set(err, PLR_ERR_PROTOCOL,
                "%s sends us for a token to a place without TLS: %s", registry->name, base.data);
    if (!posts)
        plr_buf_putc(&path, path.data != NULL && strchr(path.data, '?') != NULL ? '&' : '?');
    int r = plr_auth_put_question(
            challenge, registry->repository, credential, posts ? &form : &path, err);
    if (r == 0 && !posts && credential->username != NULL)
        r = plr_auth_put_basic(credential, &basic, err);
    if (r == 0)
        r = plr_buf_check(&path, err);
    if (r == 0)
        r = plr_registry_client(registry, base.data, &client, err);
    if (r < 0)
        return r;
    const char *headers[] = {
        posts ? "Content-Type: application/x-www-form-urlencoded" : basic.data, NULL
    };
    plr_http_request request = {
        .method = posts ? "POST" : "GET",
        .path = path.data,
        .headers = headers,
        .body = posts ? &form : NULL,
        .max_body = LARGEST_TOKEN,
        .total_ns = registry->patience_ns,
        .on_done = on_token,
        .userdata = registry,
    };
    r = plr_http_start(client, NULL, &request, err);
    if (basic.data != NULL)
        explicit_bzero(basic.data, basic.size);
    return r;
}

int plr_registry_ask(
        plr_registry *registry, plr_registry_get *get, const char *challenge, plr_error *err)
{
    _cleanup_challenge_ plr_challenge parsed = { 0 };
    _cleanup_buf_ plr_buf header = { 0 };
    get->waits = true;
    if (registry->asks)
        return 0;
    int r = plr_challenge_parse(&parsed, challenge != NULL ? challenge : "", err);
    if (r == 0 && parsed.bearer) {
        r = ask_for_token(registry, &parsed, err);
        registry->asks = r == 0;
    } else if (r == 0 && registry->credential.username == NULL) {
        r = plr_error_set(err, PLR_ERR_IMAGE, "%s wants a login, and no credentials are known",
                registry->name);
    } else if (r == 0 && registry->authorization != NULL) {
        r = plr_error_set(err, PLR_ERR_IMAGE, "%s does not accept the credentials of %s",
                registry->name, registry->credential.username);
    } else if (r == 0) {
        r = plr_auth_put_basic(&registry->credential, &header, err);
        if (r == 0)
            r = authorize(registry, &header, err);
        if (r == 0)
            tell(registry, NULL, false);
    }
    if (r < 0)
        get->waits = false;
    return r;
}
