/* SPDX-License-Identifier: MIT */
/* Readiness: the kubelet asks by the probe that the container was given, and the pod's status says
 * what it found. Nothing is sent for it. */
#include "backends/kubernetes/errand.h"
#include "engine/base/error.h"

void plr_kube_probe(plr_kube_attempt *attempt, const plr_probe *probe, plr_op *op)
{
    plr_error err = { 0 };
    (void)probe; /* it is all of step->ready that the kubelet asks for */
    if (!attempt->evidence.ready)
        plr_error_set(&err, PLR_ERR_NOTFOUND, "the kubelet's probe has not succeeded yet");
    plr_kube_complete(attempt->run->kube, op, &err);
}
