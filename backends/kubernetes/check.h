/* SPDX-License-Identifier: MIT */
/* The operations that create nothing: all that Kubernetes cannot do in a document, and what would
 * be created for it, as YAML. */
#ifndef PLR_KUBE_CHECK_H
#define PLR_KUBE_CHECK_H

#include <pipeline/backend.h>

#include "backends/kubernetes/pod.h"

/* The operation `check`, without its completion: each finding goes to plr_host.op_diagnostic.
 * `place->images` may be NULL. Returns 0, or PLR_ERR_NOMEM. */
int plr_kube_check(const plr_host *host, const plr_run_view *run, const plr_kube_place *place,
        plr_op *op, plr_error *err);

/* The objects of a run as a stream of YAML documents that `kubectl apply` takes, with what is
 * secret in them replaced. On success free() the text; it is to go through plr_host.run_mask. */
int plr_kube_plan_text(char **ret_text, const plr_run_view *run, plr_task *const *tasks,
        size_t n_tasks, const plr_kube_place *place, plr_error *err);

#endif
