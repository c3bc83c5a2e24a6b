/* SPDX-License-Identifier: MIT */
/* What the files of the check share. */
#ifndef PLR_KUBE_CHECK_PARTS_H
#define PLR_KUBE_CHECK_PARTS_H

#include "backends/check.h"
#include "backends/kubernetes/pod.h"

typedef struct plr_kube_checker {
    plr_check found;
    const plr_run_view *run;
    const plr_document *document;
    const plr_kube_place *place;
} plr_kube_checker;

/* check_network.c: names, addresses, ports of a task, and of all before it. */
void plr_kube_check_network(plr_kube_checker *checker, size_t task);
/* check_mounts.c: files, volumes, devices. */
void plr_kube_check_mounts(plr_kube_checker *checker, const plr_step *step);

#endif
