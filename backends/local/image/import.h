/* SPDX-License-Identifier: MIT */
/* Taking an image into the store that no registry gives: from a folder or an archive. */
#ifndef PLR_IMAGE_IMPORT_H
#define PLR_IMAGE_IMPORT_H

#include <pipeline/backend.h>

#include "backends/local/image/request.h"

typedef struct plr_import plr_import;

/* The end, once, from the loop: the path of the record, or why not. */
typedef void plr_import_fn(const char *record, const plr_error *err, void *userdata);

int plr_import_new(plr_import **ret_import, const plr_host *host, plr_loop *loop,
        const plr_image_request *request, const char *store, plr_import_fn *on_done, void *userdata,
        plr_error *err);
void plr_import_free(plr_import *import);

#endif
