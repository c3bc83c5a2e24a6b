/* SPDX-License-Identifier: MIT */
/* Replies of the API server: as JSON, as far as anybody reads them, and as errors. */
#ifndef PLR_KUBE_REPLY_H
#define PLR_KUBE_REPLY_H

#include <json-c/json.h>

#include "engine/base/buf.h"

/* Members that nobody reads of the objects that the API sends, and most of them is. For
 * plr_json_stream_skip. */
#define PLR_KUBE_UNREAD                                                                            \
    "managedFields", "containers", "initContainers", "volumes", "volumeMounts", "lastState",       \
            "ownerReferences", "tolerations", "securityContext", "hostAliases", "podIPs",          \
            "hostIPs", "user", "allocatedResources"

/* A reply without these; the caller's. NULL: it is no JSON object, or there is no memory. */
json_object *plr_kube_reply_parse(const plr_buf *body);

/* A status other than 2xx as an error, in the words of the API's Status if the reply (or NULL) is
 * one; codes as plr_kube_done_fn has them. `origin` is the server, for people. */
void plr_kube_reply_refusal(plr_error *ret_err, int status, json_object *reply, const char *origin);

#endif
