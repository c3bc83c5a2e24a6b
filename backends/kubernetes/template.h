/* SPDX-License-Identifier: MIT */
/* --kube-pod-template: a pod of the user's, in YAML or JSON, that is laid over the one we make, as
 * the API's strategic merge would: maps member by member, lists of named things by their names. */
#ifndef PLR_KUBE_TEMPLATE_H
#define PLR_KUBE_TEMPLATE_H

#include <json-c/json.h>

#include <pipeline/backend.h>

/* Reads and checks a template: metadata.labels, metadata.annotations and spec. Containers are named
 * as the document's steps are, "*" means each; volumes as the document's are. PLR_ERR_CONFIGURATION
 * ("file:line:column: what") for what is no pod, and for what is ours to say (a container's
 * command, its image, restartPolicy, …). On success the caller puts `*ret_template`. */
int plr_kube_template_read(json_object **ret_template, const char *file, plr_error *err);

/* The same from text that was read from `file`. */
int plr_kube_template_parse(json_object **ret_template, const char *file, const char *text,
        size_t size, plr_error *err);

/* Lays `pod_template` over `pod` in place. A null removes a member, "$patch: delete" an item of a
 * list, and "$patch: replace" what stood there before. PLR_ERR_CONFIGURATION for a container that
 * is no step of `document`, and for a member of another kind than the pod's. */
int plr_kube_template_apply(
        json_object *pod, json_object *pod_template, const plr_document *document, plr_error *err);

#endif
