/* SPDX-License-Identifier: MIT */
/* One pod for a run, or one for each attempt of a step: which it is to be, and what the second
 * needs besides, volumes that several pods mount. Pure. */
#ifndef PLR_KUBE_LAYOUT_H
#define PLR_KUBE_LAYOUT_H

#include "backends/kubernetes/pod.h"

/* More containers are in no pod that its node could start. */
#define PLR_KUBE_CONTAINERS_MAX 1000

/* Bytes of an object that the API's store takes, and how many of a pod its node writes for each
 * container, which is sooner than at the end: the status of a pod that has no room for it is never
 * written. Measured with JSON: 1.41 MB in 700 containers cannot be kept, 1.20 MB can, 1.33 MB in
 * 300 can. */
#define PLR_KUBE_POD_MAX ((size_t)1500 * 1000)
#define PLR_KUBE_STATUS_SIZE ((size_t)400)

/* The layout of a run: what was asked for, or where that is AUTO what its document needs. `ret_why`
 * is set to the reason where one pod cannot do it, else to NULL. */
plr_kube_layout plr_kube_layout_of(
        const plr_run_view *run, const plr_kube_settings *settings, const char **ret_why);

/* A TCP port that both are known to listen on beside each other, and where `step` says so (a JSON
 * pointer below it); 0: none. */
int64_t plr_kube_shared_port(const plr_step *step, const plr_step *other, const char **ret_where);

/* How many pods mount a volume of the document, if each attempt has one. */
size_t plr_kube_volume_pods(const plr_document *document, size_t volume);

/* A temporary volume that more than one pod mounts has to be a PersistentVolumeClaim of the run,
 * unless the template brings something for it: then `false`. */
bool plr_kube_is_claimed(const plr_document *document, const plr_kube_place *place, size_t volume);
bool plr_kube_has_claims(const plr_document *document, const plr_kube_place *place);
/* Something of the node's is mounted by more than one pod: they have to be on one node. */
bool plr_kube_needs_one_node(const plr_document *document);

/* "plr-RUN-v3". */
void plr_kube_claim_name(char ret_name[PLR_KUBE_NAME_SIZE], const char *run_id, size_t volume);
/* An array of them all; NULL: no memory. */
json_object *plr_kube_claims(const plr_run_view *run, const plr_kube_place *place);

#endif
