/* SPDX-License-Identifier: MIT */
/* The engine as hosts see it: made, polled, dispatched, woken and freed.
 * What happens inside a dispatch is the business of the loop, the runs and the backends. */
#include "engine/engine.h"

#include <string.h>

#include "engine/base/error.h"
#include "engine/base/text.h"

const char *plr_version(void)
{
    return PLR_VERSION;
}

int plr_struct_take(void *own, size_t own_size, const void *given, const char *name, plr_error *err)
{
    size_t size;
    memcpy(&size, given, sizeof size);
    if (size < sizeof size)
        return plr_error_set(err, PLR_ERR_USAGE, "%s: its size is not set", name);
    for (size_t i = own_size; i < size; i++)
        if (((const char *)given)[i] != 0)
            return plr_error_set(
                    err, PLR_ERR_USAGE, "%s asks for what this library does not know", name);
    memcpy(own, given, size < own_size ? size : own_size);
    return 0;
}

PLR_DEFINE_CLEANUP(plr_engine, plr_engine_free)

int plr_engine_new(plr_engine **ret_engine, const plr_engine_options *options, plr_error *err)
{
    _cleanup_(cleanup_plr_engine_free) plr_engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return plr_error_nomem(err);
    plr_engine_options own = { 0 };
    int r = options != NULL ? plr_struct_take(&own, sizeof own, options, "plr_engine_options", err)
                            : 0;
    if (r == 0)
        r = plr_loop_new(&engine->loop, own.clock, err);
    if (r == 0)
        r = plr_text_copy(&engine->backend_path, own.backend_path, err);
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
