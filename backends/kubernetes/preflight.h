/* SPDX-License-Identifier: MIT */
/* Before anything is created: may we do all that a run needs? What is missing is told at once, with
 * the rules that would grant it. */
#ifndef PLR_KUBE_PREFLIGHT_H
#define PLR_KUBE_PREFLIGHT_H

#include <pipeline/backend.h>

#include "backends/kubernetes/client.h"
#include "backends/kubernetes/role.h"
#include "engine/base/cleanup.h"

typedef struct plr_kube_preflight plr_kube_preflight;

/* The end, exactly once, from the loop. `err` NULL: all is allowed, as far as the cluster says.
 * PLR_ERR_REFUSED names all missing rights; or why the cluster could not be asked: so this is also
 * the proof that it answers and knows us. The preflight may be freed here. */
typedef void plr_kube_preflight_fn(
        plr_kube_preflight *preflight, const plr_error *err, void *userdata);

/* For `n_rules` of plr_kube_rules. One request where all is allowed, one more for each right that
 * is not seen in its answer. */
int plr_kube_preflight_new(plr_kube_preflight **ret_preflight, plr_kube_client *client,
        const plr_kube_rule *rules, size_t n_rules, plr_kube_preflight_fn *on_end, void *userdata,
        plr_error *err);

/* Before the end: on_end does not come. NULL is accepted. */
void plr_kube_preflight_free(plr_kube_preflight *preflight);

PLR_DEFINE_CLEANUP(plr_kube_preflight, plr_kube_preflight_free)
#define _cleanup_kube_preflight_ _cleanup_(cleanup_plr_kube_preflight_free)

#endif
