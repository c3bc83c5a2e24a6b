/* SPDX-License-Identifier: MIT */
/* Requests to the API server and their replies as JSON, and streams (watches, logs) as they come.
 * Who we are (tokens, certificates, plugins) and when to ask again is settled here once. */
#ifndef PLR_KUBE_CLIENT_H
#define PLR_KUBE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>
#include <pipeline/backend.h>

#include "backends/kubernetes/settings.h"
#include "engine/base/cleanup.h"

typedef struct plr_kube_client plr_kube_client;

/* One request with its repetitions. It belongs to the client and is gone when its on_done has
 * returned, or when it was cancelled. */
typedef struct plr_kube_call plr_kube_call;

/* Finds the cluster (settings, KUBECONFIG, ~/.kube/config, the pod that we are in) and reads what
 * is said of it; nothing is sent. Copies what it needs of the settings. PLR_ERR_CONFIGURATION names
 * file, line and what was expected. */
int plr_kube_client_new(plr_kube_client **ret_client, const plr_host *host, plr_loop *loop,
        const plr_kube_settings *settings, plr_error *err);

/* Calls still open are forgotten: their on_done does not come. May be called in a callback. */
void plr_kube_client_free(plr_kube_client *client);

PLR_DEFINE_CLEANUP(plr_kube_client, plr_kube_client_free)
#define _cleanup_kube_client_ _cleanup_(cleanup_plr_kube_client_free)

/* Where a run's objects go. */
const char *plr_kube_client_namespace(const plr_kube_client *client);

/* For messages: "https://10.0.0.1:6443 (context build of /home/me/.kube/config)". */
const char *plr_kube_client_origin(const plr_kube_client *client);

/* What a user should be told once, in the first run (certificates are not verified), or NULL. */
const char *plr_kube_client_warning(const plr_kube_client *client);

/* The final status and headers of a stream are there; not called for a refusal. */
typedef void plr_kube_headers_fn(plr_kube_call *call, int status, void *userdata);

/* A piece of a stream, straight from the receive buffer. */
typedef void plr_kube_data_fn(plr_kube_call *call, const void *data, size_t size, void *userdata);

/* The end, exactly once, from the loop. `status` is the last reply's, 0 if none came. `reply` is
 * borrowed (json_object_get keeps it) and has neither `spec` nor `managedFields` (reply.h); NULL if
 * there was none or it was not JSON, or for a stream.
 * `err` is NULL for a status of 2xx, otherwise it carries the words of the API's Status:
 *   PLR_ERR_NOTFOUND        404
 *   PLR_ERR_STATE           409 (it exists already, or was changed meanwhile), 410 (too old)
 *   PLR_ERR_REFUSED         401, 403: not allowed
 *   PLR_ERR_CONFIGURATION   any other 4xx; TLS without trust; credentials that cannot be had
 *   PLR_ERR_INFRASTRUCTURE  429 and 5xx after all repetitions, no connection, a broken one
 *   PLR_ERR_TIMEOUT, PLR_ERR_PROTOCOL, PLR_ERR_NOMEM
 * The end of a stream without an error proves nothing about its completeness. */
typedef void plr_kube_done_fn(
        plr_kube_call *call, int status, json_object *reply, const plr_error *err, void *userdata);

typedef struct plr_kube_request {
    const char *method; /* "GET", "POST", "PATCH", "DELETE", ... */
    const char *path;   /* "/api/v1/namespaces/...", escaped (plr_http_escape), with the query */
    json_object *body;  /* borrowed: its text is made at the start; NULL: none */
    /* NULL: application/json, and for PATCH application/strategic-merge-patch+json. */
    const char *content_type;
    /* A POST may be sent again after a failure that leaves open whether it was carried out: its
     * object has a name of its own, so a second one is answered with 409. All other methods always
     * may. (Refusals by 429, and what never left, are repeated in any case.) */
    bool repeatable;
    /* A stream: a reply of 2xx goes here as it comes, instead of being collected. It is long-lived,
     * and repeated only if it was refused for its credentials (or by a server that just came back
     * and does not know its users yet). */
    plr_kube_data_fn *on_data;
    plr_kube_headers_fn *on_headers; /* or NULL; streams only */
    /* Nanoseconds; 0: 60 s for a call with all its repetitions, none for a stream. */
    uint64_t total_ns;
    /* Of streams: from the request to the reply's headers (0: 30 s), and between two pieces (0:
     * none; not while paused). */
    uint64_t first_byte_ns, idle_ns;
    plr_kube_done_fn *on_done;
    void *userdata;
} plr_kube_request;

/* Starts a call; all of the request is copied. Callbacks come from the loop, never inside this
 * function. `ret_call` may be NULL. */
int plr_kube_call_start(plr_kube_client *client, plr_kube_call **ret_call,
        const plr_kube_request *request, plr_error *err);

/* Drops the call: no callback comes any more, not even on_done, and the call is gone (what was sent
 * may be carried out all the same). NULL is accepted; safe in any callback, also in its own. */
void plr_kube_call_cancel(plr_kube_call *call);

/* Back-pressure of a stream: no on_data after a pause until the resume. Idempotent. */
void plr_kube_call_pause(plr_kube_call *call);
void plr_kube_call_resume(plr_kube_call *call);

#endif
