/* SPDX-License-Identifier: MIT */
/* The Kubernetes backend's door: its table of operations, and those of them that need nothing of
 * another file. */
#include <stdlib.h>

#include "backends/kubernetes/check.h"
#include "backends/kubernetes/errand.h"
#include "backends/kubernetes/layout.h"
#include "backends/kubernetes/preflight.h"
#include "backends/kubernetes/registries.h"
#include "backends/kubernetes/role.h"
#include "backends/kubernetes/template.h"
#include "engine/base/error.h"

static void destroy(void *self)
{
    plr_kube *kube = self;
    if (kube == NULL)
        return;
    while (kube->runs != NULL)
        plr_kube_run_free(kube->runs);
    while (kube->errands != NULL)
        plr_kube_errand_free(kube->errands);
    plr_kube_preflight_free(kube->preflight);
    plr_kube_client_free(kube->client);
    json_object_put(kube->pod_template);
    json_object_put(kube->registry_auths);
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

static void on_preflight(plr_kube_preflight *preflight, const plr_error *err, void *userdata)
{
    plr_kube *kube = userdata;
    (void)preflight;
    plr_kube_complete(kube, steal(kube->open), err); /* borrowed from the preflight */
    plr_kube_preflight_free(steal(kube->preflight));
}

/* What only shows what would be created asks nothing of the cluster. */
static void open_op(void *self, plr_op *op)
{
    plr_kube *kube = self;
    plr_error err = { 0 };
    int r = plr_kube_client_new(&kube->client, kube->host, kube->loop, &kube->settings, &err);
    if (r == 0 && kube->settings.pod_template != NULL)
        r = plr_kube_template_read(&kube->pod_template, kube->settings.pod_template, &err);
    if (r == 0 && kube->settings.config != NULL)
        r = plr_kube_registries_read(&kube->registry_auths, kube->settings.config, &err);
    if (r == 0 && !kube->settings.debug)
        r = plr_kube_preflight_new(&kube->preflight, kube->client, plr_kube_rules, PLR_KUBE_N_RULES,
                on_preflight, kube, &err);
    if (r < 0 || kube->settings.debug)
        plr_kube_complete(kube, op, &err);
    else
        kube->open = op;
}

static void close_op(void *self, plr_op *op)
{
    plr_kube_complete(self, op, NULL);
}

static void check(void *self, const plr_run_view *view, plr_op *op)
{
    plr_kube *kube = self;
    plr_error err = { 0 };
    const char *why;
    plr_kube_place place = plr_kube_place_of(kube);
    place.layout = plr_kube_layout_of(view, place.settings, &why);
    plr_kube_check(kube->host, view, &place, op, &err);
    if (err.code == 0 && !kube->settings.debug)
        plr_kube_check_rights(kube, view, &place, op);
    else
        plr_kube_complete(kube, op, &err);
}

static void plan(
        void *self, const plr_run_view *view, plr_task *const *tasks, size_t n_tasks, plr_op *op)
{
    plr_kube_plan(self, view, tasks, n_tasks, op);
}

static void setup(
        void *self, plr_run_view *view, plr_task *const *tasks, size_t n_tasks, plr_op *op)
{
    plr_kube *kube = self;
    plr_kube_run *run;
    plr_error err = { 0 };
    if (plr_kube_run_new(&run, kube, view, tasks, n_tasks, &err) < 0)
        plr_kube_complete(kube, op, &err);
    else
        plr_kube_setup(run, op);
}

/* In one pod all is prepared by setup, but what an attempt after the first is for us. */
static void prepare(void *self, plr_task *task, plr_op *op)
{
    plr_kube *kube = self;
    plr_kube_attempt *attempt;
    plr_error err = { 0 };
    if (plr_kube_attempt_of(&attempt, task, &err) == 0) {
        if (plr_kube_layout_prepare(attempt, op))
            return;
        plr_kube_attempt_look(attempt);
    }
    plr_kube_complete(kube, op, &err);
}

static void start(void *self, plr_task *task, const plr_pair *late, size_t n_late, plr_op *op)
{
    plr_kube *kube = self;
    plr_kube_attempt *attempt;
    plr_error err = { 0 };
    if (plr_kube_attempt_of(&attempt, task, &err) < 0)
        plr_kube_complete(kube, op, &err);
    else
        plr_kube_attempt_start(attempt, late, n_late, op);
}

static void stop(void *self, plr_task *task, int signal, plr_op *op)
{
    plr_error err = { 0 };
    if (task->data != NULL) {
        plr_kube_stop(task->data, signal, op);
    } else {
        plr_error_set(&err, PLR_ERR_NOTFOUND, "there is nothing to stop");
        plr_kube_complete(self, op, &err);
    }
}

static void probe(void *self, plr_task *task, const plr_probe *question, plr_op *op)
{
    plr_error err = { 0 };
    if (task->data != NULL) {
        plr_kube_probe(task->data, question, op);
    } else {
        plr_error_set(&err, PLR_ERR_NOTFOUND, "it is not there yet");
        plr_kube_complete(self, op, &err);
    }
}

static void flow(void *self, plr_task *task, bool paused)
{
    (void)self;
    if (task->data != NULL)
        plr_kube_attempt_flow(task->data, paused);
}

static void discard(void *self, plr_task *task, plr_op *op)
{
    if (task->data != NULL)
        plr_kube_attempt_discard(task->data, op);
    else
        plr_kube_complete(self, op, NULL);
}

static void tell(void *self, plr_run_view *view, const plr_fact *fact)
{
    (void)self;
    if (view->data != NULL)
        plr_kube_tell(view->data, fact);
}

static void teardown(void *self, const char *run_id, plr_run_view *view, plr_op *op)
{
    plr_kube_teardown(self, run_id, view, op);
}

static void forget(void *self, plr_run_view *view)
{
    (void)self;
    if (view->data != NULL)
        plr_kube_run_free(view->data);
}

static void wind_down(void *self, plr_run_view *view)
{
    (void)self;
    if (view->data != NULL)
        ((plr_kube_run *)view->data)->winding_down = true;
}

static void sweep(void *self, const plr_sweep_options *options, plr_op *op)
{
    plr_kube_sweep(self, options, op);
}

static const plr_command_info commands[] = {
    { "kube-role", "[SERVICE-ACCOUNT]", "print the Role that runs in a namespace need, as YAML" },
};

static size_t count_rules(const plr_kube_settings *settings)
{
    if (settings->layout != PLR_KUBE_LAYOUT_POD_PER_STEP)
        return PLR_KUBE_N_RULES;
    return settings->cluster_domain == NULL ? PLR_KUBE_RULE_SERVICE : PLR_KUBE_N_ALL_RULES;
}

/* It asks nobody: who has no rights yet needs it most. */
static void command(
        void *self, const char *name, const char *const *arguments, size_t n, plr_op *op)
{
    plr_kube *kube = self;
    plr_error err = { 0 };
    _cleanup_buf_ plr_buf out = { 0 };
    const char *space = kube->client != NULL ? plr_kube_client_namespace(kube->client)
                                             : kube->settings.namespace_name;
    (void)name; /* there is one only */
    if (n > 1)
        plr_error_set(&err, PLR_ERR_USAGE, "kube-role: one service account at most");
    else
        plr_kube_role_put(&out, space, n == 1 ? arguments[0] : NULL, count_rules(&kube->settings));
    if (err.code == 0 && plr_buf_check(&out, &err) == 0)
        kube->host->op_text(op, out.data, out.size);
    plr_kube_complete(kube, op, &err);
}

PLR_BACKEND_ENTRY(kubernetes)
{
    static const plr_backend_module module = {
        .size = sizeof(module),
        .version = PLR_BACKEND_VERSION,
        .name = "kubernetes",
        .description = "one pod for a pipeline or one for each step, on any cluster",
        .capabilities =
                PLR_CAPABILITY_HOLDS | PLR_CAPABILITY_PREPARES_ALL | PLR_CAPABILITY_SELF_RELEASE,
        .options = plr_kube_option_table,
        .n_options = PLR_KUBE_N_OPTIONS,
        .commands = commands,
        .n_commands = sizeof(commands) / sizeof(commands[0]),
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
        .tell = tell,
        .teardown = teardown,
        .forget = forget,
        .wind_down = wind_down,
        .sweep = sweep,
        .command = command,
    };
    return &module;
}
