/* SPDX-License-Identifier: MIT */
/* From an image's name to what it consists of: asks the registry for the index, the manifest of one
 * platform and the config, and verifies the digest of each. */
#ifndef PLR_NET_IMAGE_RESOLVE_H
#define PLR_NET_IMAGE_RESOLVE_H

#include "net/digest.h"
#include "net/manifest.h"
#include "net/registry.h"

typedef struct plr_image_remote {
    char digest[PLR_DIGEST_SIZE]; /* of what the name means: an index, or a manifest */
    bool unchanged;               /* it is the known one: the rest was not asked for */
    plr_manifest manifest;
    plr_image_config config;
} plr_image_remote;

typedef struct plr_image_resolve plr_image_resolve;

/* The end, exactly once, from the loop; all is borrowed until the resolve is freed, which may
 * happen here. */
typedef void plr_image_resolve_fn(plr_image_resolve *resolve, const plr_image_remote *remote,
        const plr_error *err, void *userdata);

/* `platform` may be NULL or leave things open. `known`: a digest that is worth nothing new, NULL
 * for none. The registry must outlive it. */
int plr_image_resolve_new(plr_image_resolve **ret_resolve, plr_registry *registry,
        const plr_image_name *name, const plr_platform *platform, const char *known,
        plr_image_resolve_fn *on_done, void *userdata, plr_error *err);

/* Before the end: gives up, and on_done does not come. */
void plr_image_resolve_free(plr_image_resolve *resolve);

PLR_DEFINE_CLEANUP(plr_image_resolve, plr_image_resolve_free)

#endif
