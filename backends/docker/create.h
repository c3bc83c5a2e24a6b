/* SPDX-License-Identifier: MIT */
/* The request that creates a container, from a task and what is known of its image and run. Pure:
 * no I/O. */
#ifndef PLR_DOCKER_CREATE_H
#define PLR_DOCKER_CREATE_H

#include <stdbool.h>
#include <stdint.h>

#include <pipeline/backend.h>

#include "net/jsonc.h"
#include "engine/base/buf.h"

typedef struct plr_docker_create {
    const plr_task *task;
    const char *image;   /* what to create it from */
    json_object *config; /* the image's Config; NULL: not known */
    plr_network_mode network;
    const char *network_id; /* ISOLATED: the run's network */
    const char *pause_id;   /* SHARED: whose namespace is joined; NULL: its own */
    const char *share;      /* the folder with plr-init, to be bound */
    const char *nonce;      /* plr-init is copied in, and says this; neither: plain */
    const plr_buf *late;    /* plain: environment of the last moment, NUL after each */
    bool bind_missing;      /* host paths that are missing are made by the daemon */
    bool podman;
    int64_t now_s; /* wall time, for the deadline */
} plr_docker_create;

/* PLR_ERR_CONFIGURATION if there is nothing to run, PLR_ERR_NOMEM. */
int plr_docker_create_body(json_object **ret_body, const plr_docker_create *create, plr_error *err);

/* The request that creates the pause container of a run. `share` NULL: plr-init is copied in. */
int plr_docker_create_pause(json_object **ret_body, const plr_run_view *run,
        plr_network_mode network, const char *image, const char *share, int64_t now_s,
        plr_error *err);

/* What is executed: the first word of the command, for messages. Borrowed; NULL: nothing. */
const char *plr_docker_create_command(const plr_task *task, json_object *config);

/* Labels of all that belongs to a run; of a task, if there is one. */
json_object *plr_docker_labels(const plr_run_view *run, const plr_task *task, int64_t now_s);

/* "plr-RUN-v2": the name of a thing of a run. free() it. */
char *plr_docker_name(const char *run_id, const char *format, ...) PLR_PRINTF(2, 3);

/* Whether a host path is a device's file rather than a folder or file to bind. */
bool plr_docker_is_device(const char *path);

/* create_network.c: HostConfig's and NetworkingConfig's part of the network. */
bool plr_docker_create_network(
        json_object *body, json_object *host_config, const plr_docker_create *create);
bool plr_docker_create_ports(
        json_object *body, json_object *host_config, const plr_port *ports, size_t n);
/* "name:127.0.0.1" for the names and aliases of all tasks of a document. */
json_object *plr_docker_loopback_hosts(const plr_document *document);

#endif
