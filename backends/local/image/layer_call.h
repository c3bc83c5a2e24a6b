/* SPDX-License-Identifier: MIT */
/* One layer on its way: layer.c counts them, layer_bytes.c brings the bytes, layer_child.c has the
 * process that unpacks them. */
#ifndef PLR_IMAGE_LAYER_CALL_H
#define PLR_IMAGE_LAYER_CALL_H

#include <stdbool.h>

#include "backends/local/image/layer.h"
#include "net/digest.h"

typedef struct plr_layer {
    plr_layers *set;
    const plr_layer_source *source;
    char *path;     /* of the file that grows, or is there */
    uint64_t total; /* its size at the end */
    uint64_t have;  /* bytes of it that are there and hashed */
    uint64_t found; /* of those that were there at the begin */
    int file;
    plr_digest *digest;
    plr_registry_get *get;
    plr_timer *timer;   /* for what is to be done next without holding up the loop */
    uint64_t told_at;   /* of progress */
    int control, words; /* to and from the child */
    plr_watch *watch;
    plr_child *child;
    bool whole;  /* all bytes are there and right */
    bool tell;   /* that, the child has still to be told */
    bool done;   /* it is in the store */
    bool ending; /* waits for the child's end alone */
    plr_error error;
} plr_layer;

struct plr_layers {
    const plr_host *host;
    plr_loop *loop;
    const plr_layers_options *options;
    plr_layer *items;
    size_t next, running;
    bool over;
    plr_error error;
    plr_layers_fn *on_done;
    void *userdata;
};

/* layer_child.c */
int plr_layer_spawn(plr_layer *layer, plr_error *err);
/* So many bytes are there; `whole` says that no more will come. */
void plr_layer_tell(plr_layer *layer);

/* layer_bytes.c: when the layer is ours, brings its bytes. */
void plr_layer_begin(plr_layer *layer);

/* layer.c: in the store, or not. The child may still have to end. */
void plr_layer_over(plr_layer *layer, const plr_error *err);
/* The child has ended. */
void plr_layer_ended(plr_layer *layer);
void plr_layer_progress(plr_layer *layer, const char *status, uint64_t current, uint64_t total);

#endif
