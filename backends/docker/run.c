/* SPDX-License-Identifier: MIT */
/* A run on the daemon: its network and volumes are made at once, side by side; what needs an image
 * (its pause process) waits for the first container. */
#include <stdio.h>
#include <string.h>

#include "backends/docker/channel.h"
#include "backends/docker/create.h"
#include "backends/docker/refusal.h"
#include "engine/base/error.h"

int64_t plr_docker_wall_s(const plr_docker *docker)
{
    return docker->host->wall_now(docker->loop) / (int64_t)PLR_SECOND;
}

void plr_docker_run_free(plr_docker_run *run)
{
    plr_docker *docker = run->docker;
    for (plr_docker_run **link = &docker->runs; *link != NULL; link = &(*link)->next) {
        if (*link == run) {
            *link = run->next;
            break;
        }
    }
    while (run->attempts != NULL)
        plr_docker_attempt_free(run->attempts);
    plr_docker_forget(docker, run);
    plr_docker_channel_free(run->pause_channel);
    run->view->data = NULL;
    free(run->network_id);
    free(run->pause_id);
    free(run);
}

void plr_docker_setup_part(plr_docker_run *run, const plr_error *err)
{
    if (err != NULL && run->setup_error.code == 0)
        run->setup_error = *err;
    if (--run->n_setup > 0)
        return;
    const plr_host *host = run->docker->host;
    host->op_complete(steal(run->setup), run->setup_error.code == 0 ? NULL : &run->setup_error);
}

static void on_volume(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    (void)docker;
    plr_docker_setup_part(owner, reply->error.code == 0 ? NULL : &reply->error);
}

/* Podman takes a size for a quota of the file system below. */
static json_object *memory_options(const plr_docker_run *run, const plr_volume_temp *temp)
{
    char size[48];
    json_object *options = json_object_new_object();
    bool good = plr_jsonc_add(options, "type", plr_jsonc_string("tmpfs")) &&
                plr_jsonc_add(options, "device", plr_jsonc_string("tmpfs"));
    if (temp->size_limit > 0 && run->docker->podman)
        run->docker->host->run_warning(
                run->view, "Podman does not limit the size of memory volumes");
    else if (temp->size_limit > 0) {
        snprintf(size, sizeof(size), "size=%lld", (long long)temp->size_limit);
        good = good && plr_jsonc_add(options, "o", plr_jsonc_string(size));
    }
    if (good)
        return options;
    json_object_put(options);
    return NULL;
}

static void make_volume(plr_docker_run *run, size_t index)
{
    const plr_volume_temp *temp = run->view->document->volumes[index].temp;
    plr_error err = { 0 };
    _cleanup_free_ char *name = plr_docker_name(run->view->id, "v%zu", index);
    _cleanup_json_ json_object *body = json_object_new_object();
    if (name == NULL || !plr_jsonc_add(body, "Name", plr_jsonc_string(name)) ||
            !plr_jsonc_add(body, "Labels",
                    plr_docker_labels(run->view, NULL, plr_docker_wall_s(run->docker))) ||
            (strcmp(temp->medium, "memory") == 0 &&
                    !plr_jsonc_add(body, "DriverOpts", memory_options(run, temp)))) {
        plr_error_nomem(&err);
        plr_docker_setup_part(run, &err);
        return;
    }
    plr_docker_request request = {
        .method = "POST", .path = "/volumes/create", .json = steal(body)
    };
    plr_docker_ask(run->docker, &request, on_volume, run);
}

/* A private IPv6 range (RFC 4193) that is the run's own by its id: older daemons choose none. */
static json_object *ipv6_range(const char *id)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    char subnet[64];
    for (const char *c = id; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
    snprintf(subnet, sizeof(subnet), "fd%02x:%04x:%04x:%04x::/64", (unsigned)(hash & 0xff),
            (unsigned)(hash >> 8 & 0xffff), (unsigned)(hash >> 24 & 0xffff),
            (unsigned)(hash >> 40 & 0xffff));
    json_object *ipam = json_object_new_object();
    json_object *configs = json_object_new_array();
    json_object *config = json_object_new_object();
    bool good = plr_jsonc_add(ipam, "Config", configs);
    good = plr_jsonc_append(configs, config) && good &&
           plr_jsonc_add(config, "Subnet", plr_jsonc_string(subnet));
    if (good)
        return ipam;
    json_object_put(ipam);
    return NULL;
}

json_object *plr_docker_network_body(
        const plr_docker_settings *settings, const plr_run_view *view, int64_t now_s)
{
    char mtu[32];
    _cleanup_free_ char *name = plr_docker_name(view->id, "net");
    _cleanup_json_ json_object *body = json_object_new_object();
    json_object *options = json_object_new_object();
    bool good = plr_jsonc_add(body, "Options", options) && name != NULL &&
                plr_jsonc_add(body, "Name", plr_jsonc_string(name)) &&
                plr_jsonc_add(body, "Driver", plr_jsonc_string("bridge")) &&
                plr_jsonc_add(body, "CheckDuplicate", json_object_new_boolean(true)) &&
                plr_jsonc_add(body, "Labels", plr_docker_labels(view, NULL, now_s));
    snprintf(mtu, sizeof(mtu), "%lld", (long long)settings->mtu);
    if (settings->mtu > 0)
        good = good &&
               plr_jsonc_add(options, "com.docker.network.driver.mtu", plr_jsonc_string(mtu));
    if (settings->ipv6)
        good = good && plr_jsonc_add(body, "EnableIPv6", json_object_new_boolean(true)) &&
               plr_jsonc_add(body, "IPAM", ipv6_range(view->id));
    return good ? steal(body) : NULL;
}

static void make_network(plr_docker_run *run);

static void on_swept(plr_docker *docker, void *owner)
{
    (void)docker;
    make_network(owner);
}

static void on_network(plr_docker *docker, const plr_docker_reply *reply, void *owner)
{
    plr_docker_run *run = owner;
    plr_error err = { 0 };
    (void)docker;
    if (reply->error.code == 0) {
        run->network_id = strdup(plr_jsonc_text(reply->json, "Id"));
        if (run->network_id == NULL || run->network_id[0] == '\0')
            plr_error_set(&err, PLR_ERR_PROTOCOL, "the daemon made a network without an id");
    } else if (plr_docker_refusal_is_pool(reply->error.message)) {
        if (!run->swept) {
            run->swept = true;
            plr_docker_sweep_networks(docker, on_swept, run);
            return;
        }
        plr_error_set(&err, PLR_ERR_INFRASTRUCTURE,
                "no address range is left for the network of this run, and there were no networks "
                "of dead runs to remove (docker network prune; --network shared; "
                "default-address-pools of the daemon): %s",
                reply->error.message);
    } else {
        plr_error_set(&err,
                reply->status == 0 ? reply->error.code
                                   : plr_docker_refusal_code(reply->status, reply->error.message),
                "the network of the run: %s", reply->error.message);
    }
    plr_docker_setup_part(run, err.code == 0 ? NULL : &err);
}

static void make_network(plr_docker_run *run)
{
    plr_error err = { 0 };
    json_object *body = plr_docker_network_body(
            &run->docker->settings, run->view, plr_docker_wall_s(run->docker));
    if (body == NULL) {
        plr_error_nomem(&err);
        plr_docker_setup_part(run, &err);
        return;
    }
    plr_docker_request request = { .method = "POST", .path = "/networks/create", .json = body };
    plr_docker_ask(run->docker, &request, on_network, run);
}

/* Memory lives as long as somebody who runs has it mounted. */
static bool shares_memory(const plr_document *document)
{
    for (size_t v = 0; v < document->n_volumes; v++) {
        const plr_volume_temp *temp = document->volumes[v].temp;
        size_t users = 0;
        for (size_t t = 0; t < document->n_tasks; t++)
            for (size_t m = 0; m < document->tasks[t]->n_volumes; m++)
                users += document->tasks[t]->volumes[m].volume == v;
        if (temp != NULL && strcmp(temp->medium, "memory") == 0 && users > 1)
            return true;
    }
    return false;
}

plr_network_mode plr_docker_network_mode(const plr_docker *docker, const plr_run_view *view)
{
    return view->network != PLR_NETWORK_AUTO ? view->network
                                             : docker->host->network_auto(view->document, true);
}

void plr_docker_setup(plr_docker *docker, plr_run_view *view, plr_op *op)
{
    const plr_document *document = view->document;
    plr_error err = { 0 };
    plr_docker_run *run = calloc(1, sizeof(*run));
    if (run == NULL) {
        plr_error_nomem(&err);
        docker->host->op_complete(op, &err);
        return;
    }
    run->docker = docker;
    run->view = view;
    run->network = plr_docker_network_mode(docker, view);
    run->needs_pause = (run->network == PLR_NETWORK_SHARED && document->n_tasks > 1) ||
                       shares_memory(document);
    run->setup = op;
    run->n_setup = 1;
    run->next = docker->runs;
    docker->runs = run;
    view->data = run;

    run->n_setup++;
    int r = plr_docker_events_start(docker, view->owner, &err);
    run->waits_events = r == 0 && !plr_docker_events_is_up(docker);
    if (!run->waits_events)
        plr_docker_setup_part(run, r == 0 ? NULL : &err);
    if (run->network == PLR_NETWORK_ISOLATED && r == 0) {
        run->n_setup++;
        make_network(run);
    }
    for (size_t i = 0; i < document->n_volumes && r == 0; i++) {
        if (document->volumes[i].temp != NULL) {
            run->n_setup++;
            make_volume(run, i);
        }
    }
    plr_docker_setup_part(run, NULL);
}
