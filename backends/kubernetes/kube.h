/* SPDX-License-Identifier: MIT */
/* What the files of this backend share: the backend object, its runs and their attempts, and what
 * each file that ties the others together does. */
#ifndef PLR_KUBE_H
#define PLR_KUBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/backend.h>

#include "backends/kubernetes/client.h"
#include "backends/kubernetes/settings.h"
#include "engine/base/buf.h"
#include "engine/base/cleanup.h"
#include "net/jsonc.h"

#define PLR_SECOND UINT64_C(1000000000)
#define PLR_MILLISECOND UINT64_C(1000000)

typedef struct plr_kube_run plr_kube_run;
typedef struct plr_kube_attempt plr_kube_attempt;

typedef struct plr_kube {
    const plr_host *host;
    plr_loop *loop;
    plr_kube_settings settings;
    plr_kube_client *client;
    plr_kube_run *runs;
} plr_kube;

/* A run that was set up. */
struct plr_kube_run {
    plr_kube *kube;
    plr_kube_run *next;
    plr_run_view *view;
    char nonce[33];   /* of the marks of its plr-inits: hexadecimal */
    json_object *pod; /* as it was asked for */
    char *pod_name, *pod_uid;
    plr_op *setup;
    plr_kube_attempt *attempts; /* those that the engine has asked for */
};

/* One attempt of a step: a container of the run's pod. */
struct plr_kube_attempt {
    plr_kube_run *run;
    plr_task *task;
    plr_kube_attempt *next; /* of the run */
    char container[32];     /* its name in the pod */
    plr_op *op;             /* of its start */
    bool started;           /* STARTED was reported */
    bool ended;             /* ENDED was */
};

#endif
