/* SPDX-License-Identifier: MIT */
/* A backend as hosts see it: opened by name, shared by runs, swept, closed. */
#include <string.h>

#include "engine/base/error.h"
#include "engine/engine.h"
#include "engine/host.h"
#include "engine/run.h"

static void on_open(plr_op *op, const plr_error *err, void *userdata)
{
    (void)op;
    plr_backend *backend = userdata;
    backend->state = err == NULL ? PLR_BACKEND_OPEN : PLR_BACKEND_FAILED;
    if (err != NULL)
        backend->failure = *err;
    for (plr_run *run = backend->engine->runs; run != NULL; run = run->next)
        if (run->backend == backend && run->phase == PLR_PHASE_OPENING)
            plr_run_opened(run, err);
}

int plr_backend_open(plr_backend **ret_backend, plr_engine *engine, const char *name,
        const plr_option *options, size_t n_options, plr_error *err)
{
    _cleanup_free_ plr_backend *backend = calloc(1, sizeof *backend);
    if (backend == NULL)
        return plr_error_nomem(err);
    backend->engine = engine;
    int r = plr_module_load(engine, name, &backend->module, &backend->library, err);
    if (r < 0)
        return r;
    r = backend->module->create(
            &backend->self, &plr_host_table, engine->loop, options, n_options, err);
    if (r < 0) {
        plr_module_unload(backend->library);
        return r;
    }
    backend->next = engine->backends;
    engine->backends = backend;
    plr_op_begin(&backend->op, engine->loop, on_open, backend);
    backend->module->open(backend->self, &backend->op);
    *ret_backend = steal(backend);
    return 0;
}

static int dispatch_while(plr_backend *backend, plr_backend_state state, plr_error *err)
{
    while (backend->state == state) {
        int r = plr_engine_dispatch(backend->engine, -1, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int plr_backend_wait(plr_backend *backend, plr_error *err)
{
    int r = dispatch_while(backend, PLR_BACKEND_OPENING, err);
    if (r == 0 && backend->state == PLR_BACKEND_FAILED)
        r = plr_error_set(err, backend->failure.code, "%s", backend->failure.message);
    return r;
}

static void on_close(plr_op *op, const plr_error *err, void *userdata)
{
    (void)op;
    plr_backend *backend = userdata;
    backend->state = PLR_BACKEND_CLOSED;
    if (err != NULL)
        backend->failure = *err;
}

int plr_backend_close(plr_backend *backend, plr_error *err)
{
    plr_engine *engine = backend->engine;
    if (plr_loop_is_dispatching(engine->loop))
        return plr_error_set(err, PLR_ERR_STATE, "a backend was closed inside a callback");
    if (backend->n_runs > 0)
        return plr_error_set(err, PLR_ERR_STATE, "%zu runs still use the %s backend",
                backend->n_runs, backend->module->name);
    int r = dispatch_while(backend, PLR_BACKEND_OPENING, err);
    if (r == 0 && backend->state == PLR_BACKEND_OPEN) {
        backend->state = PLR_BACKEND_CLOSING;
        plr_op_begin(&backend->op, engine->loop, on_close, backend);
        backend->module->close(backend->self, &backend->op);
        r = dispatch_while(backend, PLR_BACKEND_CLOSING, err);
        if (r == 0 && backend->failure.code != PLR_OK)
            r = plr_error_set(err, backend->failure.code, "%s", backend->failure.message);
    }
    for (plr_backend **link = &engine->backends; *link != NULL; link = &(*link)->next)
        if (*link == backend) {
            *link = backend->next;
            break;
        }
    plr_op_forget(&backend->op);
    backend->module->destroy(backend->self);
    plr_module_unload(backend->library);
    free(backend);
    return r;
}

const char *plr_backend_name(const plr_backend *backend)
{
    return backend->module->name;
}

/* Something that a backend is asked for outside of runs, and waited for. */
typedef struct errand {
    plr_op op;
    plr_swept_fn *on_swept;
    plr_text_fn *on_text;
    void *userdata;
    bool done;
    plr_error err;
} errand;

static void on_swept(const plr_swept *swept, void *userdata)
{
    const errand *own = userdata;
    if (own->on_swept != NULL)
        own->on_swept(swept, own->userdata);
}

static void on_text(const char *text, size_t size, void *userdata)
{
    const errand *own = userdata;
    own->on_text(text, size, own->userdata);
}

static void on_errand_done(plr_op *op, const plr_error *err, void *userdata)
{
    (void)op;
    errand *own = userdata;
    own->done = true;
    if (err != NULL)
        own->err = *err;
}

static int begin_errand(errand *own, plr_backend *backend, plr_error *err)
{
    static const plr_op_sinks sinks = { .on_swept = on_swept, .on_text = on_text };
    if (plr_loop_is_dispatching(backend->engine->loop))
        return plr_error_set(err, PLR_ERR_STATE, "a backend was asked inside a callback");
    own->op.sinks = &sinks;
    plr_op_begin(&own->op, backend->engine->loop, on_errand_done, own);
    return 0;
}

static int finish_errand(errand *own, plr_backend *backend, plr_error *err)
{
    /* The op lives on the caller's stack: leave only when it is done. A dispatch that fails here
     * fails for lack of a system resource; the next one may work. */
    while (!own->done)
        if (plr_engine_dispatch(backend->engine, -1, NULL) < 0)
            plr_op_cancel(&own->op);
    return own->err.code != PLR_OK ? plr_error_set(err, own->err.code, "%s", own->err.message) : 0;
}

int plr_backend_sweep(plr_backend *backend, const plr_sweep_options *options,
        plr_swept_fn *callback, void *userdata, plr_error *err)
{
    errand own = { .on_swept = callback, .userdata = userdata };
    int r = plr_backend_wait(backend, err);
    if (r == 0)
        r = begin_errand(&own, backend, err);
    if (r < 0)
        return r;
    backend->module->sweep(backend->self, options, &own.op);
    return finish_errand(&own, backend, err);
}

int plr_backend_command(plr_backend *backend, const char *name, const char *const *arguments,
        size_t n, plr_text_fn *callback, void *userdata, plr_error *err)
{
    const plr_backend_module *module = backend->module;
    errand own = { .on_text = callback, .userdata = userdata };
    size_t i = 0;
    while (i < module->n_commands && strcmp(module->commands[i].name, name) != 0)
        i++;
    if (i == module->n_commands)
        return plr_error_set(
                err, PLR_ERR_NOTFOUND, "the %s backend has no command \"%s\"", module->name, name);
    int r = begin_errand(&own, backend, err);
    if (r < 0)
        return r;
    module->command(backend->self, name, arguments, n, &own.op);
    return finish_errand(&own, backend, err);
}
