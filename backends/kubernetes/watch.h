/* SPDX-License-Identifier: MIT */
/* The pods of one run as they are now: listed once, then watched. Whatever cuts the watch, a list
 * puts it right, so no end is missed; nothing is asked again and again. */
#ifndef PLR_KUBE_WATCH_H
#define PLR_KUBE_WATCH_H

#include <json-c/json.h>
#include <pipeline/backend.h>

#include "backends/kubernetes/client.h"
#include "engine/base/cleanup.h"

typedef struct plr_kube_watch plr_kube_watch;

/* All come from the loop. In each of them the watch may be freed. */
typedef struct plr_kube_watch_calls {
    /* A pod as it is: new, changed, or listed again (perhaps unchanged). Borrowed. */
    void (*on_pod)(json_object *pod, void *userdata);
    /* A pod is gone that was there, or was expected. `last` is how the API saw it last, or NULL if
     * nobody told: then it vanished while the watch was cut. Borrowed. */
    void (*on_gone)(const char *name, json_object *last, void *userdata);
    /* The API has not answered for ten seconds, and is asked on; or it answers again. */
    void (*on_away)(bool away, void *userdata);
    /* It cannot be watched: not allowed, or the API has been away for five minutes. Nothing more
     * comes. */
    void (*on_failed)(const plr_error *err, void *userdata);
} plr_kube_watch_calls;

/* Watches the pods of the client's namespace that `selector` ("pipeline-runtime.io/run=ID")
 * chooses. `calls` stays the caller's and must outlive the watch. */
int plr_kube_watch_new(plr_kube_watch **ret_watch, const plr_host *host, plr_loop *loop,
        plr_kube_client *client, const char *selector, const plr_kube_watch_calls *calls,
        void *userdata, plr_error *err);
/* No callback comes any more. NULL is accepted. */
void plr_kube_watch_free(plr_kube_watch *watch);

PLR_DEFINE_CLEANUP(plr_kube_watch, plr_kube_watch_free)
#define _cleanup_kube_watch_ _cleanup_(cleanup_plr_kube_watch_free)

/* This pod, as a create has answered it, exists: if it is gone before the watch has seen it, that
 * is told too. */
int plr_kube_watch_expect(plr_kube_watch *watch, json_object *pod, plr_error *err);

#endif
