/* SPDX-License-Identifier: MIT */
/* What is asked of the cluster for a document whose pods share volumes: the one right that no other
 * run needs. */
#include <stdio.h>

#include "backends/kubernetes/errand.h"
#include "backends/kubernetes/preflight.h"
#include "backends/kubernetes/role.h"

typedef struct asking {
    plr_kube_errand errand;
    plr_kube_preflight *preflight;
} asking;

static void clear(plr_kube_errand *errand)
{
    plr_kube_preflight_free(((asking *)errand)->preflight);
}

static void complain(asking *a, const char *why)
{
    char text[PLR_ERROR_MESSAGE_SIZE + 300];
    snprintf(text, sizeof(text),
            "each step has a pod of its own, so a temporary volume that several of them use has to "
            "be a PersistentVolumeClaim: %s. With --kube-layout pod-per-step kube-role prints "
            "that, "
            "too. Or name a claim of yours for the volume in a --kube-pod-template",
            why);
    plr_diagnostic diagnostic = {
        .size = sizeof(diagnostic),
        .severity = PLR_SEVERITY_ERROR,
        .code = "shared-volume",
        .pointer = "",
        .text = text,
    };
    a->errand.kube->host->op_diagnostic(a->errand.op, &diagnostic);
}

static void on_end(plr_kube_preflight *preflight, const plr_error *err, void *userdata)
{
    asking *a = userdata;
    bool refused = err != NULL && err->code == PLR_ERR_REFUSED;
    plr_error copy = err == NULL || refused ? (plr_error){ 0 } : *err;
    (void)preflight;
    if (refused)
        complain(a, err->message);
    plr_kube_errand_finish(&a->errand, &copy);
}

void plr_kube_check_claims(plr_kube *kube, plr_op *op)
{
    plr_error err = { 0 };
    asking *a = plr_kube_errand_new(kube, sizeof(*a), op);
    if (a == NULL)
        return;
    a->errand.clear = clear;
    if (plr_kube_preflight_new(&a->preflight, kube->client, &plr_kube_rules[PLR_KUBE_N_RULES], 1,
                on_end, a, &err) < 0)
        plr_kube_errand_finish(&a->errand, &err);
}
