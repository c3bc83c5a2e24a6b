/* SPDX-License-Identifier: MIT */
/* The two halves of the registry's client share this: registry.c knows the registry, its servers
 * and its tokens, registry_get.c one download with its retries. */
#ifndef PLR_NET_REGISTRY_CALL_H
#define PLR_NET_REGISTRY_CALL_H

#include <stdbool.h>
#include <sys/queue.h>

#include "net/http.h"
#include "net/registry.h"

/* A server that was spoken to: the registry itself, its token server, where its blobs are. */
typedef struct origin {
    SLIST_ENTRY(origin) link;
    char *base;
    plr_http_client *client;
} origin;

struct plr_registry {
    const plr_host *host;
    plr_loop *loop;
    char *name; /* as users write it, for messages */
    char *repository;
    char *base;   /* "https://registry-1.docker.io" */
    bool plain;   /* it may be spoken to without TLS */
    bool settled; /* it has answered: `base` is right */
    plr_credential credential;
    uint64_t patience_ns;
    plr_registry_notice_fn *on_notice;
    void *userdata;
    SLIST_HEAD(, origin) origins;
    TAILQ_HEAD(, plr_registry_get) gets;
    char *authorization; /* the header; NULL: none is known to be wanted */
    unsigned generation; /* of it */
    bool asks;           /* for a token */
};

struct plr_registry_get {
    TAILQ_ENTRY(plr_registry_get) link;
    plr_registry *registry;
    char *path, *accept;     /* at the registry; the header */
    char *origin, *there;    /* where it was redirected to; NULL: nowhere */
    uint64_t position, skip; /* bytes that the caller has; bytes of this answer to pass over */
    bool whole;              /* ask for no range: the server cannot */
    size_t most;
    plr_http_call *call;
    plr_timer *timer;    /* until the next try */
    bool waits;          /* for the token */
    bool dropped;        /* by the caller, while the call ends */
    unsigned generation; /* of the authorization that it was sent with */
    unsigned failures, all_failures, redirects, refusals;
    plr_error error; /* found in the middle of an answer */
    plr_registry_data_fn *on_data;
    plr_registry_done_fn *on_done;
    void *userdata;
};

/* The client for a server, made if it is new. */
int plr_registry_client(
        plr_registry *registry, const char *base, plr_http_client **ret_client, plr_error *err);

/* A download was refused with this challenge: it waits for plr_registry_authorized. Errors are the
 * download's. */
int plr_registry_ask(
        plr_registry *registry, plr_registry_get *get, const char *challenge, plr_error *err);

/* The waiting ends: with an authorization, or not. `passes`: it is worth another try. */
void plr_registry_get_authorized(plr_registry_get *get, const plr_error *err, bool passes);

void plr_registry_get_free(plr_registry_get *get);

#endif
