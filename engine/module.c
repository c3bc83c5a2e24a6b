/* SPDX-License-Identifier: MIT */
/* Finds a backend: among those built in, or as a shared object in the backend path or at a file's
 * place. A module of another version of the interface is refused with a message that says so. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "backends/builtin.h"
#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/engine.h"

/* A module stays loaded once it was: the libraries that it brings (TLS ones above all) keep
 * handlers and thread-local data that outlive a dlclose. */
#define MODULE_FLAGS (RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE)

#define X(name) const plr_backend_module *plr_backend_entry_##name(void);
PLR_BUILTIN_BACKEND_LIST(X)
#undef X

typedef struct builtin {
    const char *name;
    plr_backend_entry_fn *entry;
} builtin;

static plr_backend_entry_fn *find_builtin(const char *name)
{
    static const builtin builtins[] = {
#define X(name) { #name, plr_backend_entry_##name },
        PLR_BUILTIN_BACKEND_LIST(X)
#undef X
                { NULL, NULL },
    };
    for (const builtin *b = builtins; b->name != NULL; b++)
        if (strcmp(b->name, name) == 0)
            return b->entry;
    return NULL;
}

/* The names that come from users become part of a path: nothing but letters, digits, '-' and '_'.
 */
static bool is_plain_name(const char *name)
{
    return name[0] != '\0' &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] ==
                   '\0';
}

static const char *search_path(const plr_engine *engine)
{
    if (engine->backend_path != NULL)
        return engine->backend_path;
    const char *path = secure_getenv("PLR_BACKEND_PATH");
    return path != NULL && path[0] != '\0' ? path : PLR_PKGLIBDIR;
}

static int open_in_path(
        const plr_engine *engine, const char *name, void **ret_library, plr_error *err)
{
    const char *path = search_path(engine);
    for (const char *at = path; *at != '\0';) {
        size_t length = strcspn(at, ":");
        _cleanup_buf_ plr_buf file = { 0 };
        plr_buf_printf(&file, "%.*s/%s.so", (int)length, at, name);
        int r = plr_buf_check(&file, err);
        if (r < 0)
            return r;
        if (length > 0 && access(file.data, F_OK) == 0) {
            *ret_library = dlopen(file.data, MODULE_FLAGS);
            if (*ret_library == NULL)
                return plr_error_set(
                        err, PLR_ERR_CONFIGURATION, "cannot load backend %s: %s", name, dlerror());
            return 0;
        }
        at += length + (at[length] == ':');
    }
    return plr_error_set(err, PLR_ERR_NOTFOUND, "there is no backend \"%s\" in %s", name, path);
}

/* The first operation that is missing, or NULL. */
static const char *find_missing(const plr_backend_module *module)
{
#define OPERATION(name)                                                                            \
    if (module->name == NULL)                                                                      \
        return #name;
    OPERATION(create)
    OPERATION(destroy)
    OPERATION(open)
    OPERATION(close)
    OPERATION(check)
    OPERATION(plan)
    OPERATION(setup)
    OPERATION(prepare)
    OPERATION(start)
    OPERATION(stop)
    OPERATION(probe)
    OPERATION(flow)
    OPERATION(discard)
    OPERATION(teardown)
    OPERATION(forget)
    OPERATION(sweep)
    OPERATION(name) /* no operation, but as necessary */
    if ((module->capabilities & PLR_CAPABILITY_SELF_RELEASE) != 0)
        OPERATION(tell)
    if (module->n_commands > 0)
        OPERATION(command)
#undef OPERATION
    return NULL;
}

static int check_module(const char *name, const plr_backend_module *module, plr_error *err)
{
    if (module == NULL)
        return plr_error_set(err, PLR_ERR_CONFIGURATION, "backend %s has nothing to offer", name);
    if (module->version != PLR_BACKEND_VERSION)
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "backend %s is made for version %u of the backend interface, this library has "
                "version %u",
                name, module->version, PLR_BACKEND_VERSION);
    const char *missing = module->size < sizeof *module ? "size" : find_missing(module);
    return missing == NULL
                   ? 0
                   : plr_error_set(err, PLR_ERR_CONFIGURATION,
                             "backend %s is not whole: its module has no \"%s\"", name, missing);
}

int plr_module_load(const plr_engine *engine, const char *name,
        const plr_backend_module **ret_module, void **ret_library, plr_error *err)
{
    void *library = NULL;
    plr_backend_entry_fn *entry = find_builtin(name);
    if (entry == NULL) {
        if (strchr(name, '/') != NULL) {
            library = dlopen(name, MODULE_FLAGS);
            if (library == NULL)
                return plr_error_set(
                        err, PLR_ERR_CONFIGURATION, "cannot load %s: %s", name, dlerror());
        } else if (!is_plain_name(name)) {
            return plr_error_set(err, PLR_ERR_USAGE, "\"%s\" is not a backend's name", name);
        } else {
            int r = open_in_path(engine, name, &library, err);
            if (r < 0)
                return r;
        }
        void *symbol = dlsym(library, "plr_backend_entry");
        memcpy(&entry, &symbol, sizeof entry);
    }
    int r = entry != NULL ? check_module(name, entry(), err)
                          : plr_error_set(err, PLR_ERR_CONFIGURATION,
                                    "%s is not a backend: it has no plr_backend_entry", name);
    if (r < 0) {
        plr_module_unload(library);
        return r;
    }
    *ret_module = entry();
    *ret_library = library;
    return 0;
}

void plr_module_unload(void *library)
{
    if (library != NULL)
        dlclose(library);
}
