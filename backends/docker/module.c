/* SPDX-License-Identifier: MIT */
/* The Docker backend's door: its table of operations, and those of them that are a request and its
 * reply. */
#include <stdlib.h>
#include <unistd.h>

#include "backends/docker/channel.h"
#include "backends/docker/errand.h"
#include "engine/base/error.h"

static void destroy(void *self)
{
    plr_docker *docker = self;
    if (docker == NULL)
        return;
    /* First the calls: their callbacks do not come any more, and what they point to may go. */
    plr_http_client_free(docker->client);
    docker->client = NULL;
    plr_docker_attaches_clear(docker);
    plr_docker_pulls_clear(docker);
    while (docker->runs != NULL)
        plr_docker_run_free(docker->runs);
    plr_docker_calls_clear(docker);
    plr_docker_events_free(docker);
    while (docker->errands != NULL)
        plr_docker_errand_free(docker->errands);
    free(docker->ping);
    plr_docker_share_clear(docker);
    plr_docker_where_clear(&docker->where);
    plr_docker_settings_clear(&docker->settings);
    free(docker);
}

static const char *get_environment(const char *name)
{
    return getenv(name);
}

static int create(void **ret_self, const plr_host *host, plr_loop *loop, const plr_option *options,
        size_t n_options, plr_error *err)
{
    plr_docker *docker = calloc(1, sizeof(*docker));
    if (docker == NULL)
        return plr_error_nomem(err);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    docker->host = host;
    docker->loop = loop;
    docker->starts_max = 4 * (unsigned)(cores > 0 ? cores : 1);
    int r = plr_docker_settings_read(&docker->settings, options, n_options, err);
    if (r == 0)
        r = plr_docker_where_find(&docker->where, &docker->settings, get_environment, err);
    plr_http_options http = {
        .base = docker->where.base,
        .ca_file = docker->where.ca,
        .cert_file = docker->where.cert,
        .key_file = docker->where.key,
        .user_agent = "pipeline-runtime/" PACKAGE_VERSION,
    };
    if (r == 0)
        r = plr_http_client_new(&docker->client, host, loop, &http, err);
    if (r < 0) {
        destroy(docker);
        return r;
    }
    *ret_self = docker;
    return 0;
}

static void open_op(void *self, plr_op *op)
{
    plr_docker_open(self, op);
}

static void close_op(void *self, plr_op *op)
{
    plr_docker *docker = self;
    docker->host->op_complete(op, NULL);
}

static void check(void *self, const plr_run_view *run, plr_op *op)
{
    plr_docker_check(self, run, op);
}

static void plan(
        void *self, const plr_run_view *run, plr_task *const *tasks, size_t n_tasks, plr_op *op)
{
    plr_docker_plan(self, run, tasks, n_tasks, op);
}

static void setup(void *self, plr_run_view *run, plr_task *const *tasks, size_t n_tasks, plr_op *op)
{
    (void)tasks;
    (void)n_tasks;
    plr_docker_setup(self, run, op);
}

static void prepare(void *self, plr_task *task, plr_op *op)
{
    plr_docker *docker = self;
    plr_docker_attempt *attempt;
    plr_error err = { 0 };
    if (plr_docker_attempt_of(&attempt, task, &err) < 0)
        docker->host->op_complete(op, &err);
    else
        plr_docker_attempt_prepare(attempt, op);
}

static void start(void *self, plr_task *task, const plr_pair *late, size_t n_late, plr_op *op)
{
    plr_docker *docker = self;
    plr_docker_attempt *attempt;
    plr_error err = { 0 };
    if (plr_docker_attempt_of(&attempt, task, &err) < 0)
        docker->host->op_complete(op, &err);
    else
        plr_docker_attempt_start(attempt, late, n_late, op);
}

static void stop(void *self, plr_task *task, int signal, plr_op *op)
{
    plr_docker *docker = self;
    plr_error err = { 0 };
    if (task->data == NULL) {
        plr_error_set(&err, PLR_ERR_NOTFOUND, "there is nothing to stop");
        docker->host->op_complete(op, &err);
    } else {
        plr_docker_stop(task->data, signal, op);
    }
}

static void probe(void *self, plr_task *task, const plr_probe *question, plr_op *op)
{
    plr_docker *docker = self;
    plr_error err = { 0 };
    if (task->data == NULL) {
        plr_error_set(&err, PLR_ERR_NOTFOUND, "it is not there yet");
        docker->host->op_complete(op, &err);
    } else {
        plr_docker_probe(task->data, question, op);
    }
}

static void flow(void *self, plr_task *task, bool paused)
{
    (void)self;
    if (task->data != NULL)
        plr_docker_attach_flow(task->data, paused);
}

static void discard(void *self, plr_task *task, plr_op *op)
{
    plr_docker *docker = self;
    if (task->data == NULL)
        docker->host->op_complete(op, NULL);
    else
        plr_docker_discard(task->data, op);
}

static void teardown(void *self, const char *run_id, plr_run_view *run, plr_op *op)
{
    plr_docker_teardown(self, run_id, run, op);
}

static void forget(void *self, plr_run_view *run)
{
    (void)self;
    if (run->data != NULL)
        plr_docker_run_free(run->data);
}

static void wind_down(void *self, plr_run_view *view)
{
    plr_docker_run *run = view->data;
    (void)self;
    if (run == NULL)
        return;
    run->winding_down = true;
    plr_docker_pause_let_go(run);
}

static void sweep(void *self, const plr_sweep_options *options, plr_op *op)
{
    plr_docker_sweep(self, options, op);
}

PLR_BACKEND_ENTRY(docker)
{
    static const plr_backend_module module = {
        .size = sizeof(module),
        .version = PLR_BACKEND_VERSION,
        .name = "docker",
        .description = "containers of a Docker Engine, or of Podman's socket",
        .capabilities = PLR_CAPABILITY_HOLDS,
        .options = plr_docker_option_table,
        .n_options = PLR_DOCKER_N_OPTIONS,
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
        .wind_down = wind_down,
        .sweep = sweep,
    };
    return &module;
}
