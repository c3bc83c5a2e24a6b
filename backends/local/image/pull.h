/* SPDX-License-Identifier: MIT */
/* One pull: what the policy says, the credentials, the manifest, the layers, the record. */
#ifndef PLR_IMAGE_PULL_H
#define PLR_IMAGE_PULL_H

#include <pipeline/backend.h>

#include "backends/local/image/request.h"

typedef struct plr_pull plr_pull;

/* The end, once, from the loop: the path of the record, or why not. */
typedef void plr_pull_fn(const char *record, const plr_error *err, void *userdata);

int plr_pull_new(plr_pull **ret_pull, const plr_host *host, plr_loop *loop,
        const plr_image_request *request, const char *store, plr_pull_fn *on_done, void *userdata,
        plr_error *err);
void plr_pull_free(plr_pull *pull);

#endif
