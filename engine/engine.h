/* SPDX-License-Identifier: MIT */
/* The inside of an engine and of the backends opened in it. */
#ifndef PLR_ENGINE_H
#define PLR_ENGINE_H

#include <pipeline/backend.h>
#include <pipeline/pipeline.h>

#include "engine/io/loop.h"
#include "engine/io/op.h"

struct plr_engine {
    plr_loop *loop;
    char *backend_path;
    plr_backend *backends;
    plr_run *runs;
    char *owner; /* who we are, for labels */
};

typedef enum plr_backend_state {
    PLR_BACKEND_OPENING,
    PLR_BACKEND_OPEN,
    PLR_BACKEND_FAILED,
    PLR_BACKEND_CLOSING,
    PLR_BACKEND_CLOSED,
} plr_backend_state;

struct plr_backend {
    plr_engine *engine;
    plr_backend *next;
    const plr_backend_module *module;
    void *library; /* of dlopen; NULL: built in */
    void *self;
    plr_backend_state state;
    plr_error failure;
    plr_op op;
    size_t n_runs;
};

/* module.c: finds a backend by name or file. The library stays open for the engine's life. */
int plr_module_load(const plr_engine *engine, const char *name,
        const plr_backend_module **ret_module, void **ret_library, plr_error *err);
void plr_module_unload(void *library);

/* Copies a caller's struct over `own`, which is all zero: both begin with their size. One from an
 * older caller is shorter; a newer one may only be zero in what this library does not know, because
 * a limit that is not understood must not be dropped in silence. */
int plr_struct_take(
        void *own, size_t own_size, const void *given, const char *name, plr_error *err);

/* owner.c: "boot id/PID namespace/pid/start time", as design.md wants it in labels. */
int plr_owner_text(char **ret_text, plr_error *err);

#endif
