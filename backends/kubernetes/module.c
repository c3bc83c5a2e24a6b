/* SPDX-License-Identifier: MIT */
/* The Kubernetes backend's door: its table of operations, and those of them that need nothing of
 * another file. */
#include <stdlib.h>

#include "backends/kubernetes/kube.h"
#include "engine/base/error.h"

static void destroy(void *self)
{
    plr_kube *kube = self;
    if (kube == NULL)
        return;
    plr_kube_settings_clear(&kube->settings);
    free(kube);
}

static int create(void **ret_self, const plr_host *host, plr_loop *loop, const plr_option *options,
        size_t n_options, plr_error *err)
{
    plr_kube *kube = calloc(1, sizeof(*kube));
    if (kube == NULL)
        return plr_error_nomem(err);
    kube->host = host;
    kube->loop = loop;
    int r = plr_kube_settings_read(&kube->settings, options, n_options, err);
    if (r < 0) {
        destroy(kube);
        return r;
    }
    *ret_self = kube;
    return 0;
}

/* Until the other parts are in place. */
static void refuse(void *self, plr_op *op)
{
    const plr_kube *kube = self;
    plr_error err = { 0 };
    plr_error_set(&err, PLR_ERR_UNSUPPORTED, "the kubernetes backend cannot do this yet");
    kube->host->op_complete(op, &err);
}

static void succeed(void *self, plr_op *op)
{
    const plr_kube *kube = self;
    kube->host->op_complete(op, NULL);
}

static void check(void *self, const plr_run_view *view, plr_op *op)
{
    (void)view;
    refuse(self, op);
}

static void plan(
        void *self, const plr_run_view *view, plr_task *const *tasks, size_t n_tasks, plr_op *op)
{
    (void)view;
    (void)tasks;
    (void)n_tasks;
    refuse(self, op);
}

static void setup(
        void *self, plr_run_view *view, plr_task *const *tasks, size_t n_tasks, plr_op *op)
{
    (void)view;
    (void)tasks;
    (void)n_tasks;
    refuse(self, op);
}

static void prepare(void *self, plr_task *task, plr_op *op)
{
    (void)task;
    succeed(self, op);
}

static void start(void *self, plr_task *task, const plr_pair *late, size_t n_late, plr_op *op)
{
    (void)task;
    (void)late;
    (void)n_late;
    refuse(self, op);
}

static void stop(void *self, plr_task *task, int signal, plr_op *op)
{
    (void)task;
    (void)signal;
    refuse(self, op);
}

static void probe(void *self, plr_task *task, const plr_probe *question, plr_op *op)
{
    (void)task;
    (void)question;
    refuse(self, op);
}

static void flow(void *self, plr_task *task, bool paused)
{
    (void)self;
    (void)task;
    (void)paused;
}

static void discard(void *self, plr_task *task, plr_op *op)
{
    (void)task;
    succeed(self, op);
}

static void teardown(void *self, const char *run_id, plr_run_view *view, plr_op *op)
{
    (void)run_id;
    (void)view;
    succeed(self, op);
}

static void forget(void *self, plr_run_view *view)
{
    (void)self;
    (void)view;
}

static void sweep(void *self, const plr_sweep_options *options, plr_op *op)
{
    (void)options;
    refuse(self, op);
}

PLR_BACKEND_ENTRY(kubernetes)
{
    static const plr_backend_module module = {
        .size = sizeof(module),
        .version = PLR_BACKEND_VERSION,
        .name = "kubernetes",
        .description = "one pod for a pipeline, on any cluster",
        .capabilities = PLR_CAPABILITY_HOLDS | PLR_CAPABILITY_PREPARES_ALL,
        .options = plr_kube_option_table,
        .n_options = PLR_KUBE_N_OPTIONS,
        .create = create,
        .destroy = destroy,
        .open = refuse,
        .close = succeed,
        .check = check,
        .plan = plan,
        .setup = setup,
        .prepare = prepare,
        .start = start,
        .stop = stop,
        .probe = probe,
        .flow = flow,
        .discard = discard,
        .teardown = teardown,
        .forget = forget,
        .sweep = sweep,
    };
    return &module;
}
