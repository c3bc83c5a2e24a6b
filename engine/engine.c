/* SPDX-License-Identifier: MIT */
/* The engine as hosts see it: made, polled, dispatched, woken and freed.
 * What happens inside a dispatch is the business of the loop, the runs and the backends. */
#include "engine/engine.h"

#include "engine/base/error.h"
#include "engine/base/text.h"

const char *plr_version(void)
{
    return PLR_VERSION;
}

PLR_DEFINE_CLEANUP(plr_engine, plr_engine_free)

int plr_engine_new(plr_engine **ret_engine, const plr_engine_options *options, plr_error *err)
{
    _cleanup_(cleanup_plr_engine_free) plr_engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return plr_error_nomem(err);
    int r = plr_loop_new(
            &engine->loop, options != NULL ? options->clock : PLR_CLOCK_MONOTONIC, err);
    if (r == 0)
        r = plr_text_copy(
                &engine->backend_path, options != NULL ? options->backend_path : NULL, err);
    if (r == 0)
        r = plr_owner_text(&engine->owner, err);
    if (r < 0)
        return r;
    *ret_engine = steal(engine);
    return 0;
}

static void free_backend(plr_backend *backend)
{
    plr_op_forget(&backend->op);
    backend->module->destroy(backend->self);
    plr_module_unload(backend->library);
    free(backend);
}

void plr_engine_free(plr_engine *engine)
{
    if (engine == NULL)
        return;
    while (engine->runs != NULL)
        plr_run_free(engine->runs);
    while (engine->backends != NULL) {
        plr_backend *next = engine->backends->next;
        free_backend(engine->backends);
        engine->backends = next;
    }
    plr_loop_free(engine->loop);
    free(engine->backend_path);
    free(engine->owner);
    free(engine);
}

int plr_engine_fd(const plr_engine *engine)
{
    return plr_loop_fd(engine->loop);
}

int plr_engine_dispatch(plr_engine *engine, int timeout_ms, plr_error *err)
{
    return plr_loop_dispatch(engine->loop, timeout_ms, err);
}

void plr_engine_wake(plr_engine *engine)
{
    plr_loop_wake(engine->loop);
}
