/* SPDX-License-Identifier: MIT */
/* The two halves of the client share this: client.c knows where the cluster is and who we are,
 * call.c what becomes of one request. */
#ifndef PLR_KUBE_CALL_H
#define PLR_KUBE_CALL_H

#include <sys/queue.h>

#include "backends/kubernetes/auth.h"
#include "backends/kubernetes/client.h"
#include "backends/kubernetes/kubeconfig.h"
#include "net/http.h"

struct plr_kube_call {
    TAILQ_ENTRY(plr_kube_call) link;
    plr_kube_client *client;
    plr_http_call *http; /* while one is on its way */
    plr_timer *timer;    /* for the next try, or for an end that waits to be told */
    bool waits_auth;     /* for a plugin */
    bool renewed;        /* a refusal of our credentials was answered by newer ones */
    bool idempotent;
    bool paused;
    bool over; /* `failure` is to be told */
    plr_error failure;
    unsigned tries, generation;
    uint64_t until; /* 0: a stream, for which nobody waits */
    char *method, *path, *body, *content_type;
    uint64_t first_byte_ns, idle_ns;
    plr_kube_data_fn *on_data;
    plr_kube_headers_fn *on_headers;
    plr_kube_done_fn *on_done; /* NULL: cancelled */
    void *userdata;
};

struct plr_kube_client {
    const plr_host *host;
    plr_loop *loop;
    plr_kube_config config;
    plr_http_client *http;
    plr_kube_auth *auth;
    unsigned certificate_generation;
    char *origin;
    uint64_t down_at; /* when it last did not answer; 0: never */
    TAILQ_HEAD(, plr_kube_call) calls;
};

/* Credentials that were waited for are there, or `err` says why not: calls go on, or end. */
void plr_kube_calls_go_on(plr_kube_client *client, const plr_error *err);

/* Frees it without a word. */
void plr_kube_call_drop(plr_kube_call *call);

#endif
