/* SPDX-License-Identifier: MIT */
/* What plr-image is asked, as one line of JSON on its stdin. */
#ifndef PLR_IMAGE_REQUEST_H
#define PLR_IMAGE_REQUEST_H

#include <pipeline/error.h>
#include <pipeline/spec.h>

#include "engine/base/arena.h"

typedef struct plr_image_request plr_image_request;

typedef enum plr_image_command {
    PLR_IMAGE_PULL = 1,
    PLR_IMAGE_IMPORT,
    PLR_IMAGE_LIST,
    PLR_IMAGE_REMOVE,
    PLR_IMAGE_PRUNE,
} plr_image_command;

struct plr_image_request {
    int command; /* plr_image_command */
    const char *image;
    int policy; /* of a pull: plr_pull_policy */
    plr_platform platform;
    const plr_auth *auths;
    size_t n_auths;
    const char *config; /* a file like ~/.docker/config.json */
    const char *store;
    const char *const *insecure;
    size_t n_insecure;
    const char *path; /* of an import: a folder or an archive */
    int64_t patience; /* ns that a registry may be silent; 0: a minute */
    plr_arena arena;
};

int plr_image_request_read(
        plr_image_request *ret_request, const char *text, size_t size, plr_error *err);

#endif
