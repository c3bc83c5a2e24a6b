/* SPDX-License-Identifier: MIT */
/* Which containers stand in a pod in which order, and what each asks of its node: what never runs
 * together does not add up. Pure. */
#ifndef PLR_KUBE_RESOURCES_H
#define PLR_KUBE_RESOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/backend.h>

/* Nothing is said of it: what the namespace has as a default holds. */
#define PLR_KUBE_NO_REQUEST INT64_C(-1)

typedef struct plr_kube_request {
    int64_t cpu;    /* thousandths of a core, or PLR_KUBE_NO_REQUEST */
    int64_t memory; /* bytes, the same */
} plr_kube_request;

/* The tasks of a document so that each comes after all it depends on: services, steps, hooks, each
 * as early as it stands in the document. free() it. */
int plr_kube_order(size_t **ret_order, const plr_document *document, plr_error *err);

/* What the first container of each task of the document is to ask for; all others of the task ask
 * for 0. `present` says which tasks have containers. free() it.
 *   Tasks of which each comes after the one before are a chain: the greatest wish of one stands on
 * the task that has it, and the others ask for 0. A step in parallel begins a chain of its own, and
 * services and detached steps, which run beside everything, ask for what they want. A limit without
 * a wish is a wish, as everywhere in Kubernetes. */
int plr_kube_requests(plr_kube_request **ret_requests, const plr_document *document,
        const size_t *order, const bool *present, plr_error *err);

#endif
