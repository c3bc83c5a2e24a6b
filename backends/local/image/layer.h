/* SPDX-License-Identifier: MIT */
/* Bringing the layers of an image into the store: some at once, each downloaded and unpacked at the
 * same time by a process of its own, and each once however many want it. */
#ifndef PLR_IMAGE_LAYER_H
#define PLR_IMAGE_LAYER_H

#include <stdint.h>

#include <pipeline/backend.h>

#include "net/registry.h"

typedef struct plr_layer_source {
    const char *diff_id; /* "sha256:…" */
    const char *digest;  /* of the file; NULL: not known, and the diff id will do */
    int64_t size;        /* of the file */
    const char *path;    /* a file that is all there; NULL: from the registry */
} plr_layer_source;

typedef struct plr_layers plr_layers;

/* The end, once, from the loop: all are in the store, or what failed first. */
typedef void plr_layers_fn(plr_layers *layers, const plr_error *err, void *userdata);

typedef struct plr_layers_options {
    const char *store;
    plr_registry *registry; /* NULL if all are files */
    const plr_layer_source *sources;
    size_t n_sources;
} plr_layers_options;

/* What `options` points to must outlive it. Progress and notes go to stdout (say.h). */
int plr_layers_new(plr_layers **ret_layers, const plr_host *host, plr_loop *loop,
        const plr_layers_options *options, plr_layers_fn *on_done, void *userdata, plr_error *err);
void plr_layers_free(plr_layers *layers);

#endif
