/* SPDX-License-Identifier: MIT */
/* The credentials for an image's registry, from where people keep them: the document, a file named
 * by a flag, Docker's own configuration, and the helper programs that those files name. */
#ifndef PLR_NET_CREDENTIALS_H
#define PLR_NET_CREDENTIALS_H

#include <stddef.h>

#include <pipeline/backend.h>

#include "engine/base/buf.h"
#include "engine/base/cleanup.h"
#include "net/docker_config.h"

/* In the order in which they are asked; the first that knows something wins. */
typedef struct plr_credential_sources {
    const plr_auth *auths; /* the document's */
    size_t n_auths;
    const char *config_file; /* named by a flag, must be there; NULL: none */
    /* Docker's own, may be absent; NULL: $DOCKER_CONFIG/config.json or ~/.docker/config.json. */
    const char *user_config_file;
} plr_credential_sources;

typedef struct plr_credential_lookup plr_credential_lookup;

/* The end of a lookup, exactly once, from the loop. `credential` is borrowed, NULL if there is
 * none. `warning`, if not NULL, says what went wrong on the way (PLR_ERR_CONFIGURATION,
 * PLR_ERR_TIMEOUT, ...; no secrets in it): a source after that may still have had the credential,
 * and without one the registry may still give the image. The lookup may be freed here. */
typedef void plr_credential_fn(plr_credential_lookup *lookup, const plr_credential *credential,
        const plr_error *warning, void *userdata);

/* `registry` as in plr_image_name; everything is copied. */
int plr_credential_lookup_new(plr_credential_lookup **ret_lookup, const plr_host *host,
        plr_loop *loop, const plr_credential_sources *sources, const char *registry,
        plr_credential_fn *on_found, void *userdata, plr_error *err);

/* Before the end: gives up, kills a helper that runs, and on_found does not come. */
void plr_credential_lookup_free(plr_credential_lookup *lookup);

PLR_DEFINE_CLEANUP(plr_credential_lookup, plr_credential_lookup_free)
#define _cleanup_credential_lookup_ _cleanup_(cleanup_plr_credential_lookup_free)

/* Appends the value of X-Registry-Auth (base64url of JSON) for a registry as in plr_image_name. */
int plr_credential_put_header(
        const plr_credential *credential, const char *registry, plr_buf *out, plr_error *err);

#endif
