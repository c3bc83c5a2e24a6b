/* SPDX-License-Identifier: MIT */
/* What is under way for an op and belongs to no run: kept in a list, so that the end of the backend
 * object can free it; and requests with their paths made as by printf. */
#ifndef PLR_KUBE_ERRAND_H
#define PLR_KUBE_ERRAND_H

#include "backends/kubernetes/kube.h"

typedef struct plr_kube_errand plr_kube_errand;

/* The first member of what is under way. */
struct plr_kube_errand {
    plr_kube *kube;
    plr_kube_errand *next;
    void (*clear)(plr_kube_errand *errand); /* what it holds besides itself; or NULL */
    plr_op *op;
};

/* Zeroed memory of `size` bytes that begins with an errand; NULL if there is none: the op is
 * completed then. */
void *plr_kube_errand_new(plr_kube *kube, size_t size, plr_op *op);
void plr_kube_errand_free(plr_kube_errand *errand);

/* Completes the op and frees the errand. */
void plr_kube_errand_finish(plr_kube_errand *errand, const plr_error *err);

/* Completes an op, and takes back what it was to do when cancelled. NULL: nobody asked. */
void plr_kube_complete(const plr_kube *kube, plr_op *op, const plr_error *err);

/* Asks the API for something in the client's namespace: `format` is what comes behind
 * "/api/v1/namespaces/NAME". `body` is borrowed, or NULL. */
int plr_kube_ask(plr_kube *kube, plr_kube_call **ret_call, const char *method, json_object *body,
        plr_kube_done_fn *on_done, void *userdata, plr_error *err, const char *format, ...)
        PLR_PRINTF(8, 9);

#endif
