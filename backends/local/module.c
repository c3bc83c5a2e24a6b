/* SPDX-License-Identifier: MIT */
/* The local backend's door: its table of operations. Steps run in sandboxes of our own, made by
 * plr-sandbox, without a daemon and without being root. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/local/local.h"
#include "engine/base/error.h"

static void destroy(void *self)
{
    plr_local *local = self;
    if (local == NULL)
        return;
    plr_local_pulls_clear(local);
    while (local->runs != NULL)
        plr_local_run_free(local->runs);
    plr_local_errands_clear(local);
    plr_local_settings_clear(&local->settings);
    free(local->sandbox);
    free(local->puller);
    free(local);
}

static int create(void **ret_self, const plr_host *host, plr_loop *loop, const plr_option *options,
        size_t n_options, plr_error *err)
{
    plr_local *local = calloc(1, sizeof(*local));
    if (local == NULL)
        return plr_error_nomem(err);
    local->host = host;
    local->loop = loop;
    int r = plr_local_settings_read(&local->settings, options, n_options, err);
    if (r == 0)
        r = plr_local_program(&local->sandbox, "plr-sandbox", err);
    if (r == 0)
        r = plr_local_program(&local->puller, "plr-image", err);
    if (r < 0) {
        destroy(local);
        return r;
    }
    *ret_self = local;
    return 0;
}

static void open_op(void *self, plr_op *op)
{
    const plr_local *local = self;
    plr_error err = { 0 };
    if (access(local->sandbox, X_OK) < 0)
        plr_error_set(&err, PLR_ERR_CONFIGURATION, "the program of the local backend, %s: %s",
                local->sandbox, strerror(errno));
    local->host->op_complete(op, err.code == 0 ? NULL : &err);
}

static void close_op(void *self, plr_op *op)
{
    const plr_local *local = self;
    local->host->op_complete(op, NULL);
}

static void check(void *self, const plr_run_view *run, plr_op *op)
{
    plr_local_check(self, run, op);
}

static void plan(
        void *self, const plr_run_view *run, plr_task *const *tasks, size_t n_tasks, plr_op *op)
{
    plr_local_plan(self, run, tasks, n_tasks, op);
}

static void setup(void *self, plr_run_view *run, plr_task *const *tasks, size_t n_tasks, plr_op *op)
{
    (void)tasks;
    (void)n_tasks;
    plr_local_setup(self, run, op);
}

static void prepare(void *self, plr_task *task, plr_op *op)
{
    const plr_local *local = self;
    plr_local_attempt *attempt;
    plr_error err = { 0 };
    if (plr_local_attempt_of(&attempt, task, &err) < 0)
        local->host->op_complete(op, &err);
    else
        plr_local_attempt_prepare(attempt, op);
}

static void start(void *self, plr_task *task, const plr_pair *late, size_t n_late, plr_op *op)
{
    const plr_local *local = self;
    plr_local_attempt *attempt;
    plr_error err = { 0 };
    if (plr_local_attempt_of(&attempt, task, &err) < 0)
        local->host->op_complete(op, &err);
    else
        plr_local_attempt_start(attempt, late, n_late, op);
}

static void stop(void *self, plr_task *task, int signal, plr_op *op)
{
    const plr_local *local = self;
    plr_error err = { 0 };
    if (task->data == NULL) {
        plr_error_set(&err, PLR_ERR_NOTFOUND, "there is nothing to stop");
        local->host->op_complete(op, &err);
    } else {
        plr_local_attempt_stop(task->data, signal, op);
    }
}

static void probe(void *self, plr_task *task, const plr_probe *question, plr_op *op)
{
    const plr_local *local = self;
    plr_error err = { 0 };
    if (task->data == NULL) {
        plr_error_set(&err, PLR_ERR_NOTFOUND, "it is not there yet");
        local->host->op_complete(op, &err);
    } else {
        plr_local_probe(task->data, question, op);
    }
}

static void flow(void *self, plr_task *task, bool paused)
{
    (void)self;
    if (task->data != NULL)
        plr_local_output_flow(task->data, paused);
}

/* The sandbox removes it in its own time; nobody has to wait for that. */
static void discard(void *self, plr_task *task, plr_op *op)
{
    const plr_local *local = self;
    if (task->data != NULL)
        plr_local_attempt_free(task->data);
    local->host->op_complete(op, NULL);
}

static void teardown(void *self, const char *run_id, plr_run_view *run, plr_op *op)
{
    plr_local_teardown(self, run_id, run, op);
}

static void forget(void *self, plr_run_view *run)
{
    (void)self;
    if (run->data != NULL)
        plr_local_forget(run->data);
}

static void sweep(void *self, const plr_sweep_options *options, plr_op *op)
{
    plr_local_sweep(self, options, op);
}

PLR_BACKEND_ENTRY(local)
{
    static const plr_backend_module module = {
        .size = sizeof(module),
        .version = PLR_BACKEND_VERSION,
        .name = "local",
        .description = "runs steps in sandboxes of its own, without a daemon and without root",
        .capabilities = PLR_CAPABILITY_HOLDS | PLR_CAPABILITY_REFUSES_PRIVILEGED,
        .options = plr_local_option_table,
        .n_options = PLR_LOCAL_N_OPTIONS,
        .create = create,
        .destroy = destroy,
        .open = open_op,
        .close = close_op,
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
