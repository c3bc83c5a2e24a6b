/* SPDX-License-Identifier: MIT */
/* The engine: one event loop behind one descriptor, the backends opened in it, and the runs on
 * them. An engine belongs to one thread; a process may have many. */
#ifndef PIPELINE_ENGINE_H
#define PIPELINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/error.h>
#include <pipeline/spec.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct plr_engine plr_engine;
typedef struct plr_backend plr_backend;

typedef enum plr_clock {
    PLR_CLOCK_MONOTONIC, /* real time */
    PLR_CLOCK_VIRTUAL,   /* for tests: time jumps to the next timer when nothing else is to do */
} plr_clock;

typedef struct plr_engine_options {
    size_t size;
    plr_clock clock;
    const char *backend_path; /* folders with backend modules, separated by ':'; NULL: the
                                 environment's PLR_BACKEND_PATH, then the installed folder */
} plr_engine_options;

/* A new engine; `options` may be NULL. Since: 0.1 */
PLR_PUBLIC int plr_engine_new(
        plr_engine **ret_engine, const plr_engine_options *options, plr_error *err);

/* Frees the engine with its runs and backends: none of them may be used afterwards. Runs that have
 * not ended are abandoned (their labelled objects are for a sweep to remove), open backends are
 * closed without waiting. Not from a callback. Since: 0.1 */
PLR_PUBLIC void plr_engine_free(plr_engine *engine);

/* One descriptor for poll: readable means call plr_engine_dispatch. Borrowed. Since: 0.1 */
PLR_PUBLIC int plr_engine_fd(const plr_engine *engine);

/* Waits up to `timeout_ms` (-1: without limit, 0: not at all) and handles what there is; callbacks
 * fire in here and nowhere else. Returns 1 if something was handled, 0 if not, or an error; from
 * within a callback PLR_ERR_STATE. Since: 0.1 */
PLR_PUBLIC int plr_engine_dispatch(plr_engine *engine, int timeout_ms, plr_error *err);

/* Makes a dispatch that waits return soon. The one call that is allowed from any thread and from a
 * signal handler. Since: 0.1 */
PLR_PUBLIC void plr_engine_wake(plr_engine *engine);

/* An option of a backend, as the caller gives it. */
typedef struct plr_option {
    const char *name;
    const char *value;
} plr_option;

/* Loads and opens a backend by its name ("docker"), or from a file if `name` has a slash. What
 * needs I/O happens later in dispatch; a daemon that does not answer is then told by each run's
 * end, or at once by plr_backend_wait. The engine owns the backend until plr_backend_close. Since:
 * 0.1 */
PLR_PUBLIC int plr_backend_open(plr_backend **ret_backend, plr_engine *engine, const char *name,
        const plr_option *options, size_t n_options, plr_error *err);

/* Dispatches until the backend is open, or says why it cannot be. Since: 0.1 */
PLR_PUBLIC int plr_backend_wait(plr_backend *backend, plr_error *err);

/* Closes a backend that no run uses any more (else PLR_ERR_STATE). Since: 0.1 */
PLR_PUBLIC int plr_backend_close(plr_backend *backend, plr_error *err);

/* Its name; borrowed. Since: 0.1 */
PLR_PUBLIC const char *plr_backend_name(const plr_backend *backend);

typedef struct plr_sweep_options {
    size_t size;
    int64_t older_than_ns; /* only what is older; 0: whatever has no living owner */
    bool dry_run;
    const char *run; /* only this run, whatever its owner; or NULL */
} plr_sweep_options;

/* One thing that a sweep removed, or would remove. */
typedef struct plr_swept {
    size_t size;
    const char *kind, *name, *run; /* "container", its name, the run's id */
    int64_t created_ns;            /* wall time */
    const char *error;             /* why it could not be removed, or NULL */
    const char *look; /* of what is kept: commands to look at and to remove it, a line each; or NULL
                       */
} plr_swept;

typedef void plr_swept_fn(const plr_swept *swept, void *userdata);

/* Removes what runs left behind and nobody alive owns; dispatches until done. Since: 0.1 */
PLR_PUBLIC int plr_backend_sweep(plr_backend *backend, const plr_sweep_options *options,
        plr_swept_fn *on_swept, void *userdata, plr_error *err);

typedef void plr_text_fn(const char *text, size_t size, void *userdata);

/* Runs one of the commands that the backend's module publishes (PLR_ERR_NOTFOUND if there is none
 * of this name) and gives what it says to `on_text`; dispatches until done. Since: 0.1 */
PLR_PUBLIC int plr_backend_command(plr_backend *backend, const char *name,
        const char *const *arguments, size_t n, plr_text_fn *on_text, void *userdata,
        plr_error *err);

/* The library's version, "0.1.0". Since: 0.1 */
PLR_PUBLIC const char *plr_version(void);

#ifdef __cplusplus
}
#endif
#endif
