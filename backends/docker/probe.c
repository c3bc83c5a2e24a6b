/* SPDX-License-Identifier: MIT */
/* Whether a service answers, asked inside its own container: a command of the document's, or
 * plr-init's own question to a port, which needs no tool of the image's. */
#include <stdio.h>
#include <string.h>

#include "backends/docker/channel.h"
#include "backends/docker/errand.h"
#include "engine/base/error.h"

#define PROBE_S 30u
#define LOOK_NS (20 * PLR_MILLISECOND)

typedef struct probing {
    plr_docker_errand errand;
    char exec[80]; /* its id */
    plr_timer *timer;
} probing;

static void clear(plr_docker_errand *errand)
{
    errand->docker->host->timer_free(((probing *)errand)->timer);
}

static void on_cancel(plr_op *op, void *userdata)
{
    plr_error err = { 0 };
    (void)op;
    plr_error_set(&err, PLR_ERR_CANCELLED, "cancelled");
    plr_docker_errand_finish(userdata, &err);
}

static void look(probing *p);

static void on_timer(plr_timer *timer, void *userdata)
{
    (void)timer;
    look(userdata);
}

static void on_look(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    probing *p = owner;
    plr_error err = { 0 };
    int64_t code = plr_jsonc_number(reply->json, "ExitCode");
    if (reply->error.code != 0) {
        plr_docker_errand_finish(&p->errand, &reply->error);
    } else if (plr_jsonc_true(reply->json, "Running")) {
        if (p->timer == NULL &&
                docker->host->timer_new(docker->loop, &p->timer, on_timer, p, &err) < 0)
            plr_docker_errand_finish(&p->errand, &err);
        else
            docker->host->timer_set(p->timer, docker->host->now(docker->loop) + LOOK_NS);
    } else {
        if (code != 0)
            plr_error_set(
                    &err, PLR_ERR_NOTFOUND, "the probe ended with exit code %lld", (long long)code);
        plr_docker_errand_finish(&p->errand, &err);
    }
}

static void look(probing *p)
{
    plr_docker_askf(p->errand.docker, "GET", on_look, p, "/exec/%s/json", p->exec);
}

static void on_started(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    probing *p = owner;
    plr_error err = { 0 };
    (void)docker;
    if (reply->error.code == 0) {
        look(p);
        return;
    }
    /* It may be on its way out; what it ends like is told elsewhere. */
    plr_error_set(&err, reply->status == 0 ? reply->error.code : PLR_ERR_NOTFOUND, "%s",
            reply->error.message);
    plr_docker_errand_finish(&p->errand, &err);
}

static void on_created(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    probing *p = owner;
    plr_error err = { 0 };
    char path[128];
    snprintf(p->exec, sizeof(p->exec), "%s", plr_jsonc_text(reply->json, "Id"));
    if (reply->error.code != 0 || p->exec[0] == '\0') {
        plr_error_set(&err, reply->status == 0 ? reply->error.code : PLR_ERR_NOTFOUND, "%s",
                reply->error.message);
        plr_docker_errand_finish(&p->errand, &err);
        return;
    }
    /* Attached, the reply ends when the command does; Podman never tells the end of one that is
     * detached. */
    json_object *body = json_object_new_object();
    if (!plr_jsonc_add(body, "Detach", json_object_new_boolean(false))) {
        json_object_put(body);
        plr_error_nomem(&err);
        plr_docker_errand_finish(&p->errand, &err);
        return;
    }
    snprintf(path, sizeof(path), "/exec/%s/start", p->exec);
    plr_docker_request request = {
        .method = "POST", .path = path, .json = body, .limit_s = PROBE_S
    };
    plr_docker_ask(docker, &request, on_started, p);
}

/* ":8080/health" */
static bool split_http(const char *http, char *port, size_t size, const char **ret_path)
{
    size_t digits = strspn(http + (http[0] == ':'), "0123456789");
    if (http[0] != ':' || digits == 0 || digits >= size)
        return false;
    memcpy(port, http + 1, digits);
    port[digits] = '\0';
    *ret_path = http[1 + digits] == '\0' ? "/" : http + 1 + digits;
    return true;
}

/* The command of a probe; NULL: it cannot be asked here. */
static json_object *make_command(const plr_docker_attempt *attempt, const plr_probe *probe)
{
    char port[16];
    const char *words[6] = { PLR_DOCKER_INIT, "--probe" };
    size_t n = 2;
    if (probe->kind == PLR_PROBE_EXEC)
        return plr_jsonc_strings(probe->ready->exec, probe->ready->n_exec);
    if (attempt->evidence.plain)
        return NULL;
    if (probe->kind == PLR_PROBE_TCP) {
        snprintf(port, sizeof(port), "%lld", (long long)probe->ready->tcp);
        words[n++] = port;
    } else {
        const char *path;
        if (!split_http(probe->ready->http, port, sizeof(port), &path))
            return NULL;
        words[n++] = port;
        words[n++] = "--http";
        words[n++] = path;
    }
    return plr_jsonc_strings(words, n);
}

void plr_docker_probe(plr_docker_attempt *attempt, const plr_probe *probe, plr_op *op)
{
    plr_docker *docker = attempt->run->docker;
    plr_error err = { 0 };
    char path[128];
    json_object *command = make_command(attempt, probe);
    if (command == NULL || attempt->id == NULL) {
        json_object_put(command);
        plr_error_set(&err, PLR_ERR_UNSUPPORTED,
                "this probe cannot be asked here: plr-init is not in the container");
        docker->host->op_complete(op, &err);
        return;
    }
    json_object *body = json_object_new_object();
    probing *p = plr_docker_errand_new(docker, sizeof(*p), op);
    if (!plr_jsonc_add(body, "Cmd", command) || p == NULL ||
            !plr_jsonc_add(body, "AttachStdout", json_object_new_boolean(true)) ||
            !plr_jsonc_add(body, "AttachStderr", json_object_new_boolean(true))) {
        json_object_put(body);
        if (p != NULL)
            plr_docker_errand_free(&p->errand);
        plr_docker_complete_nomem(docker, op);
        return;
    }
    p->errand.clear = clear;
    docker->host->op_on_cancel(op, on_cancel, p);
    snprintf(path, sizeof(path), "/containers/%s/exec", attempt->id);
    plr_docker_request request = {
        .method = "POST", .path = path, .json = body, .limit_s = PROBE_S
    };
    plr_docker_ask(docker, &request, on_created, p);
}
