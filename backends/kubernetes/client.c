/* SPDX-License-Identifier: MIT */
/* The cluster that a backend talks to: found, its trust and our credentials read, and what was
 * said of it kept for people. */
#include "backends/kubernetes/client.h"

#include <stdio.h>
#include <stdlib.h>

#include "backends/kubernetes/call.h"
#include "engine/base/error.h"

#define PLUGIN_NS (UINT64_C(30) * 1000000000)
#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

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

static void on_auth(plr_kube_auth *auth, const plr_error *err, void *userdata)
{
    (void)auth;
    plr_kube_calls_go_on(userdata, err);
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
    while ((call = TAILQ_FIRST(&client->calls)) != NULL)
        plr_kube_call_drop(call);
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
