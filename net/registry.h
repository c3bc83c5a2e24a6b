/* SPDX-License-Identifier: MIT */
/* Reading from an image registry (the API's version 2): manifests and blobs of one repository, with
 * its tokens, its redirects to where blobs really are, retries, and downloads that go on where a
 * connection broke. Nothing here verifies a digest: that is for who takes the bytes. */
#ifndef PLR_NET_REGISTRY_H
#define PLR_NET_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

#include <pipeline/backend.h>

#include "engine/base/buf.h"
#include "engine/base/cleanup.h"
#include "net/docker_config.h"
#include "net/image_name.h"

typedef struct plr_registry plr_registry;

/* What people should know of while it goes on: a failure that is tried again. */
typedef void plr_registry_notice_fn(const char *text, void *userdata);

typedef struct plr_registry_options {
    const plr_image_name *name;
    const plr_credential *credential; /* NULL: none */
    /* Registries ("host" or "host:port") that may be spoken to without TLS. Those on loopback may
     * be always. */
    const char *const *insecure;
    size_t n_insecure;
    uint64_t patience_ns;              /* for an answer, and for the next piece of one; 0: 60 s */
    plr_registry_notice_fn *on_notice; /* or NULL */
    void *userdata;
} plr_registry_options;

/* Everything is copied; nothing is asked yet. */
int plr_registry_new(plr_registry **ret_registry, const plr_host *host, plr_loop *loop,
        const plr_registry_options *options, plr_error *err);

/* Downloads still open are forgotten, without their on_done. Not inside a callback of its own. */
void plr_registry_free(plr_registry *registry);

PLR_DEFINE_CLEANUP(plr_registry, plr_registry_free)
#define _cleanup_registry_ _cleanup_(cleanup_plr_registry_free)

typedef struct plr_registry_get plr_registry_get;

/* The next bytes, without gaps and repeats whatever happens to connections. */
typedef void plr_registry_data_fn(
        plr_registry_get *get, const void *data, size_t size, void *userdata);

/* The end, exactly once, from the loop. `body` is what was collected. Errors:
 *   PLR_ERR_IMAGE           the registry says no (not there, not allowed)
 *   PLR_ERR_INFRASTRUCTURE  it cannot be reached, or fails again and again
 *   PLR_ERR_TIMEOUT, PLR_ERR_PROTOCOL, PLR_ERR_CONFIGURATION (TLS), PLR_ERR_NOMEM, ... */
typedef void plr_registry_done_fn(
        plr_registry_get *get, plr_buf *body, const plr_error *err, void *userdata);

typedef struct plr_registry_request {
    const char *kind;              /* "manifests" or "blobs" */
    const char *reference;         /* a tag or a digest */
    const char *accept;            /* NULL: anything */
    uint64_t offset;               /* where to begin, for a download that was begun before */
    size_t most;                   /* bytes of a collected body */
    plr_registry_data_fn *on_data; /* NULL: collect */
    plr_registry_done_fn *on_done;
    void *userdata;
} plr_registry_request;

/* Callbacks come from the loop. `ret_get` may be NULL; it is gone when on_done has returned. */
int plr_registry_start(plr_registry *registry, plr_registry_get **ret_get,
        const plr_registry_request *request, plr_error *err);

/* Ends it, and on_done does not come. May be called in its on_data. */
void plr_registry_cancel(plr_registry_get *get);

#endif
