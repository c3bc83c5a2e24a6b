/* SPDX-License-Identifier: MIT */
/* Who we are to the API server: the headers of each request and the client certificate, kept fresh
 * (token files are read each time, plugins asked when what they gave expires). */
#ifndef PLR_KUBE_AUTH_H
#define PLR_KUBE_AUTH_H

#include <stdbool.h>

#include <pipeline/backend.h>

#include "backends/kubernetes/kubeconfig.h"
#include "engine/base/cleanup.h"

typedef struct plr_kube_auth plr_kube_auth;

/* What a plugin was asked for is here, or is not to be had (`err`). From the loop. */
typedef void plr_kube_auth_fn(plr_kube_auth *auth, const plr_error *err, void *userdata);

typedef struct plr_kube_identity {
    const char *authorization;      /* a header, or NULL */
    const char *const *headers;     /* others, NULL-terminated */
    const char *cert_pem, *key_pem; /* from a plugin, else NULL: kubeconfig's hold */
    unsigned generation;            /* another one with each change */
} plr_kube_identity;

/* The config is borrowed. A plugin may take `timeout_ns`. */
int plr_kube_auth_new(plr_kube_auth **ret_auth, const plr_host *host, plr_loop *loop,
        const plr_kube_config *config, uint64_t timeout_ns, plr_kube_auth_fn *on_change,
        void *userdata, plr_error *err);

/* A plugin that runs is killed. NULL is accepted. */
void plr_kube_auth_free(plr_kube_auth *auth);

PLR_DEFINE_CLEANUP(plr_kube_auth, plr_kube_auth_free)
#define _cleanup_kube_auth_ _cleanup_(cleanup_plr_kube_auth_free)

/* 1: `*ret_identity` is what to send, borrowed until the next call. 0: a plugin is being asked,
 * on_change comes. PLR_ERR_CONFIGURATION. */
int plr_kube_auth_get(plr_kube_auth *auth, plr_kube_identity *ret_identity, plr_error *err);

/* The server did not accept (401) what had this generation. True if there is, or may be, something
 * newer: get it and ask once more. */
bool plr_kube_auth_refused(plr_kube_auth *auth, unsigned generation);

#endif
