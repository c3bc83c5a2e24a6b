/* SPDX-License-Identifier: MIT */
/* Readiness: the kubelet asks by the probe that the container was given, and the pod's status says
 * what it found. Nothing is sent for it. */
#include <string.h>

#include "backends/kubernetes/errand.h"
#include "engine/base/error.h"

static bool is_ready(json_object *pod, const char *container)
{
    json_object *all = plr_jsonc_at(pod, json_type_array, "status", "containerStatuses", NULL);
    size_t n = all == NULL ? 0 : json_object_array_length(all);
    for (size_t i = 0; i < n; i++) {
        json_object *status = json_object_array_get_idx(all, i);
        if (strcmp(plr_jsonc_text(status, "name"), container) == 0)
            return plr_jsonc_true(status, "ready");
    }
    return false;
}

void plr_kube_probe(plr_kube_attempt *attempt, const plr_probe *probe, plr_op *op)
{
    plr_error err = { 0 };
    (void)probe; /* it is all of step->ready that the kubelet asks for */
    if (!is_ready(attempt->pod->seen, attempt->container))
        plr_error_set(&err, PLR_ERR_NOTFOUND, "the kubelet's probe has not succeeded yet");
    plr_kube_complete(attempt->run->kube, op, &err);
}
