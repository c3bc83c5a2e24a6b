/* SPDX-License-Identifier: MIT */
/* Images in folders: the OCI's layout, and what `docker save` makes. */
#ifndef PLR_IMAGE_LAYOUT_H
#define PLR_IMAGE_LAYOUT_H

#include "backends/local/image/layer.h"
#include "engine/base/arena.h"
#include "net/digest.h"
#include "net/manifest.h"

typedef struct plr_layout_image {
    const char *name; /* as the folder says it; NULL: it does not */
    char digest[PLR_DIGEST_SIZE];
    plr_image_config config;
    plr_layer_source *sources; /* with paths */
    size_t n_sources;
    int *files; /* one for each source: the paths lead through these */
    plr_arena arena;
} plr_layout_image;

/* `wanted` as plr_platform_or_here gives it; `name` chooses among several, NULL if there is one. */
int plr_layout_read(plr_layout_image *ret_image, int folder_fd, const plr_platform *wanted,
        const char *name, plr_error *err);
void plr_layout_image_clear(plr_layout_image *image);

#endif
