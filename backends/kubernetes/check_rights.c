/* SPDX-License-Identifier: MIT */
/* What is asked of the cluster for a document whose steps have a pod each: the rights that no other
 * run needs, each only where this one does. */
#include <stdio.h>

#include "backends/kubernetes/errand.h"
#include "backends/kubernetes/layout.h"
#include "backends/kubernetes/preflight.h"
#include "backends/kubernetes/service.h"

#define ROLE "With --kube-layout pod-per-step kube-role prints that, too. "

static const struct {
    const plr_kube_rule *rule;
    const char *code, *why, *else_do;
} rights[] = {
    { &plr_kube_rules[PLR_KUBE_RULE_CLAIMS], "shared-volume",
            "a temporary volume that several of them use has to be a PersistentVolumeClaim",
            "Or name a claim of yours for the volume in a --kube-pod-template" },
    { &plr_kube_rules[PLR_KUBE_RULE_SERVICE], "service", "they find each other by a Service",
            "Or do without it: --kube-cluster-domain none" },
};

#define N_RIGHTS (sizeof(rights) / sizeof(rights[0]))

typedef struct asking {
    plr_kube_errand errand;
    plr_kube_preflight *preflights[N_RIGHTS]; /* NULL: not needed, or answered */
    plr_error error;                          /* asking failed */
} asking;

static void clear(plr_kube_errand *errand)
{
    for (size_t i = 0; i < N_RIGHTS; i++)
        plr_kube_preflight_free(((asking *)errand)->preflights[i]);
}

static void complain(asking *a, size_t right, const char *missing)
{
    char text[PLR_ERROR_MESSAGE_SIZE + 400];
    snprintf(text, sizeof(text), "each step has a pod of its own, so %s: %s. " ROLE "%s",
            rights[right].why, missing, rights[right].else_do);
    plr_diagnostic diagnostic = {
        .size = sizeof(diagnostic),
        .severity = PLR_SEVERITY_ERROR,
        .code = rights[right].code,
        .pointer = "",
        .text = text,
    };
    a->errand.kube->host->op_diagnostic(a->errand.op, &diagnostic);
}

static void maybe_finish(asking *a)
{
    for (size_t i = 0; i < N_RIGHTS; i++)
        if (a->preflights[i] != NULL && a->error.code == 0)
            return;
    plr_error err = a->error;
    plr_kube_errand_finish(&a->errand, &err);
}

static void on_end(plr_kube_preflight *preflight, const plr_error *err, void *userdata)
{
    asking *a = userdata;
    size_t i = 0;
    while (a->preflights[i] != preflight)
        i++;
    a->preflights[i] = NULL;
    if (err != NULL && err->code == PLR_ERR_REFUSED)
        complain(a, i, err->message);
    else if (err != NULL)
        a->error = *err;
    plr_kube_preflight_free(preflight);
    maybe_finish(a);
}

void plr_kube_check_rights(
        plr_kube *kube, const plr_run_view *view, const plr_kube_place *place, plr_op *op)
{
    const bool needed[N_RIGHTS] = {
        place->layout == PLR_KUBE_LAYOUT_POD_PER_STEP && plr_kube_has_claims(view->document, place),
        plr_kube_has_service(view, place),
    };
    asking *a = plr_kube_errand_new(kube, sizeof(*a), op);
    if (a == NULL)
        return;
    a->errand.clear = clear;
    for (size_t i = 0; i < N_RIGHTS && a->error.code == 0; i++)
        if (needed[i])
            plr_kube_preflight_new(
                    &a->preflights[i], kube->client, rights[i].rule, 1, on_end, a, &a->error);
    maybe_finish(a);
}
