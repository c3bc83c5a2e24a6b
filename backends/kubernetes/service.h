/* SPDX-License-Identifier: MIT */
/* The headless Service of a run whose steps have a pod each: by it the cluster's DNS knows each
 * living pod under its step's name, whoever of two was there first. Pure. */
#ifndef PLR_KUBE_SERVICE_H
#define PLR_KUBE_SERVICE_H

#include "backends/kubernetes/pod.h"

/* The run has one: two of its pods may live at the same time, and one of them has a name of DNS.
 * place->layout is not AUTO. */
bool plr_kube_has_service(const plr_run_view *run, const plr_kube_place *place);

/* "plr-RUN". NULL: no memory. */
json_object *plr_kube_service(const plr_run_view *run, const plr_kube_place *place);

/* What its pods have in their metadata, and take away from it with `lives` false, in a patch.
 * False: no memory. */
bool plr_kube_add_lives(json_object *metadata, bool lives);

/* What the pod of place->only is called below it; borrowed. NULL: nothing, where it has no name of
 * DNS, or there is no Service. */
const char *plr_kube_hostname(const plr_run_view *run, const plr_kube_place *place);

/* "plr-RUN.NAMESPACE.svc.DOMAIN", where its names are. NULL: no memory. */
json_object *plr_kube_search_domain(const plr_run_view *run, const plr_kube_place *place);

#endif
