/* SPDX-License-Identifier: MIT */
/* What the files of the check share. */
#ifndef PLR_KUBE_CHECK_PARTS_H
#define PLR_KUBE_CHECK_PARTS_H

#include "backends/kubernetes/pod.h"

typedef struct plr_kube_checker {
    const plr_host *host;
    const plr_run_view *run;
    const plr_document *document;
    const plr_kube_place *place;
    plr_op *op;
    size_t n_errors;
} plr_kube_checker;

/* A finding; `where` is a pointer below the step's, `step` NULL: it is about the document. */
void plr_kube_complain(plr_kube_checker *checker, const plr_step *step, const char *code,
        const char *where, const char *format, ...) PLR_PRINTF(5, 6);
void plr_kube_warn(plr_kube_checker *checker, const plr_step *step, const char *code,
        const char *where, const char *format, ...) PLR_PRINTF(5, 6);

/* check_network.c: names, addresses, ports of a task, and of all before it. */
void plr_kube_check_network(plr_kube_checker *checker, size_t task);
/* check_mounts.c: files, volumes, devices. */
void plr_kube_check_mounts(plr_kube_checker *checker, const plr_step *step);

#endif
