/* SPDX-License-Identifier: MIT */
/* Whether a daemon answers, which version of its API is spoken, and what to tell somebody whose
 * daemon does not. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/docker/docker.h"
#include "engine/base/error.h"

#define PING_NS (10 * PLR_SECOND)

struct plr_docker_ping {
    plr_docker *docker;
    plr_docker_pinged_fn *on_pinged;
    void *userdata;
};

static int settle_version(plr_docker *docker, plr_http_call *call, plr_error *err)
{
    const char *version = plr_http_header(call, "Api-Version");
    const char *os = plr_http_header(call, "Ostype");
    unsigned major = 0, api = 0;
    if (version == NULL || sscanf(version, "%3u.%3u", &major, &api) != 2 || major != 1)
        return plr_error_set(err, PLR_ERR_PROTOCOL,
                "what answers at %s (%s) is not a Docker daemon: it names no version of the API",
                docker->where.base, docker->where.origin);
    if (api < PLR_DOCKER_API_MIN)
        return plr_error_set(err, PLR_ERR_INFRASTRUCTURE,
                "the Docker daemon speaks API 1.%u; 1.%u (Docker 20.10) is needed at least", api,
                PLR_DOCKER_API_MIN);
    if (os != NULL && os[0] != '\0' && strcmp(os, "linux") != 0)
        return plr_error_set(err, PLR_ERR_UNSUPPORTED,
                "the Docker daemon runs %s containers; only Linux ones are supported", os);
    docker->api = api < PLR_DOCKER_API_MAX ? api : PLR_DOCKER_API_MAX;
    docker->podman = plr_http_header(call, "Libpod-Api-Version") != NULL;
    return 0;
}

/* An alert of TLS about the certificate that we showed, or did not. */
static bool is_about_our_certificate(const char *text)
{
    const char *alert = strstr(text, " alert ");
    return alert != NULL &&
           (strstr(alert, "certificate") != NULL || strstr(alert, "unknown ca") != NULL);
}

/* What to do about a daemon that cannot be reached. */
static void explain(const plr_docker *docker, int os_error, const plr_error *cause, plr_error *err)
{
    const plr_docker_where *where = &docker->where;
    if (!where->local && is_about_our_certificate(cause->message))
        plr_error_set(err, PLR_ERR_CONFIGURATION,
                "the Docker daemon at %s (%s) does not take %s for a client's certificate: %s",
                where->base, where->origin, where->cert == NULL ? "none" : where->cert,
                cause->message);
    else if (!where->local || os_error == 0)
        plr_error_set(err, cause->code, "no Docker daemon at %s (%s): %s", where->base,
                where->origin, cause->message);
    else if (os_error == ENOENT)
        plr_error_set(err, PLR_ERR_INFRASTRUCTURE,
                "there is no socket at %s (%s). Is Docker installed and started? "
                "DOCKER_HOST or --docker-host names another place",
                where->base, where->origin);
    else if (os_error == EACCES || os_error == EPERM)
        plr_error_set(err, PLR_ERR_INFRASTRUCTURE,
                "no permission to use %s (%s). Run as root, or let an administrator add you to "
                "the group that owns it (usually \"docker\")",
                where->base, where->origin);
    else if (os_error == ECONNREFUSED)
        plr_error_set(err, PLR_ERR_INFRASTRUCTURE,
                "nothing listens at %s (%s): the Docker daemon is not running", where->base,
                where->origin);
    else
        plr_error_set(err, PLR_ERR_INFRASTRUCTURE, "%s (%s): %s", where->base, where->origin,
                strerror(os_error));
}

static void on_done(
        plr_http_call *call, plr_http_reply *reply, const plr_error *cause, void *userdata)
{
    _cleanup_free_ struct plr_docker_ping *p = userdata;
    plr_error err = { 0 };
    p->docker->ping = NULL;
    if (cause != NULL)
        explain(p->docker, reply->os_error, cause, &err);
    else if (reply->status != 200 && plr_http_header(call, "Api-Version") == NULL)
        plr_error_set(&err, PLR_ERR_INFRASTRUCTURE,
                "what answers at %s (%s) is not a Docker daemon, or not well: status %d%s",
                p->docker->where.base, p->docker->where.origin, reply->status,
                reply->status == 400 && !p->docker->where.local && p->docker->where.ca == NULL
                        ? " (DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, if it wants TLS)"
                        : "");
    else
        settle_version(p->docker, call, &err);
    p->on_pinged(p->docker, err.code == 0 ? NULL : &err, p->userdata);
}

int plr_docker_ping(
        plr_docker *docker, plr_docker_pinged_fn *on_pinged, void *userdata, plr_error *err)
{
    struct plr_docker_ping *p = malloc(sizeof(*p));
    if (p == NULL)
        return plr_error_nomem(err);
    *p = (struct plr_docker_ping){ .docker = docker, .on_pinged = on_pinged, .userdata = userdata };
    plr_http_request request = {
        .method = "GET",
        .path = "/_ping",
        .max_body = 64 * 1024,
        .total_ns = PING_NS,
        .on_done = on_done,
        .userdata = p,
    };
    int r = plr_http_start(docker->client, NULL, &request, err);
    if (r < 0)
        free(p);
    else
        docker->ping = p;
    return r;
}

static void on_open(plr_docker *docker, const plr_error *err, void *userdata)
{
    docker->host->op_complete(userdata, err);
}

void plr_docker_open(plr_docker *docker, plr_op *op)
{
    plr_error err = { 0 };
    if (plr_docker_ping(docker, on_open, op, &err) < 0)
        docker->host->op_complete(op, &err);
}
