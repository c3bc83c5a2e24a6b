/* SPDX-License-Identifier: MIT */
/* A run: one document on one backend, from plr_run_start to its run-ended event.
 * Many runs share an engine and a backend; options are plain structs that carry their size. */
#ifndef PIPELINE_RUN_H
#define PIPELINE_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/engine.h>
#include <pipeline/error.h>
#include <pipeline/event.h>
#include <pipeline/spec.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct plr_run plr_run;

/* Whether steps may be privileged. */
typedef enum plr_privileged {
    PLR_PRIVILEGED_FORBIDDEN,
    PLR_PRIVILEGED_ALLOWED,
    PLR_PRIVILEGED_BY_BACKEND, /* as without a policy: one that runs steps in no container forbids
                                */
} plr_privileged;

/* What documents may ask for, held by the engine on every backend. Patterns are those of fnmatch,
 * where `*` crosses slashes. An empty list with its `limit_…` set allows nothing. */
typedef struct plr_policy {
    size_t size;
    plr_privileged privileged;
    bool allow_host_network;
    bool allow_devices;
    bool allow_daemon_sockets; /* a host volume that is a daemon's socket or holds one */
    bool limit_host_paths;
    const char *const *host_paths;
    size_t n_host_paths;
    bool limit_images;
    const char *const *images; /* matched against the image as written and as normalised */
    size_t n_images;
} plr_policy;

/* A secret that the host brings; it replaces the document's of the same name. */
typedef struct plr_host_secret {
    const char *name;
    const void *data; /* no NUL in it */
    size_t size;
} plr_host_secret;

typedef enum plr_network_mode {
    PLR_NETWORK_AUTO,
    PLR_NETWORK_SHARED,
    PLR_NETWORK_ISOLATED,
    PLR_NETWORK_HOST,
    PLR_NETWORK_NONE,
} plr_network_mode;

/* What happens to a run whose engine dies. */
typedef enum plr_on_loss {
    PLR_ON_LOSS_TEARDOWN,
    PLR_ON_LOSS_KEEP,
} plr_on_loss;

typedef struct plr_run_options {
    size_t size;
    const char *id;              /* [a-z0-9-], up to 40; NULL: a random one */
    const plr_pair *environment; /* into every task; the document's own wins */
    size_t n_environment;
    const plr_host_secret *secrets;
    size_t n_secrets;
    const plr_pair *volumes; /* name of a volume of the document -> absolute host path */
    size_t n_volumes;
    const char *workspace; /* host folder, mounted at each task's working_dir, or at /workspace,
                              which then is the working_dir */
    plr_network_mode network;
    const plr_policy *policy;    /* NULL: all is allowed, privileged steps by the backend */
    uint64_t log_head, log_tail; /* bytes kept of each stream's begin and end; both 0: all */
    unsigned max_parallel;       /* tasks running at once, services aside; 0: no limit */
    int64_t grace_ns;            /* between TERM and KILL; 0: 10 s; negative: none */
    int64_t timeout_ns;          /* of the pipeline; the document's holds too; 0: none */
    int64_t cleanup_ns;          /* for what still runs after a cancel or timeout; 0: 5 min */
    int64_t sink_timeout_ns; /* how long a callback's LATER may last; 0: 5 min; negative: ever */
    plr_on_loss on_loss;
    int64_t keep_ns;         /* with KEEP: for how long; 0: 1 h */
    const char *from;        /* only this step and all that follow it in the plan */
    const char *const *only; /* only these steps */
    size_t n_only;
    bool keep_on_failure; /* leave containers of a failed run for a look */
    bool plan_only;       /* check and plan: nothing is created */
} plr_run_options;

/* Starts a run: all that can be refused without I/O is refused here (names of secrets, the policy,
 * options), through `on_diagnostic`-like text in `err`. Events come later, in dispatch. The spec is
 * referenced, options are copied. The caller holds the run until plr_run_free. Since: 0.1 */
PLR_PUBLIC int plr_run_start(plr_run **ret_run, plr_backend *backend, plr_spec *spec,
        const plr_run_options *options, plr_event_fn *on_event, void *userdata, plr_error *err);

/* How the end of a run is forced; a later call can only be stronger. */
typedef enum plr_cancel_mode {
    PLR_CANCEL_GRACEFUL = 1, /* rule 10: TERM, grace, KILL; always and on-failure steps still run */
    PLR_CANCEL_NOW = 2,      /* kills all, hooks too, then tears down */
    PLR_CANCEL_ABANDON = 3,  /* ends at once and leaves labelled objects for a sweep */
} plr_cancel_mode;

/* Who wanted it; decides between exit codes 130 and 143. */
typedef enum plr_cause {
    PLR_CAUSE_USER = 1,      /* interrupted at a terminal */
    PLR_CAUSE_TERMINATED = 2 /* told by another process or a server */
} plr_cause;

/* Requests the end; the run-ended event still comes, in dispatch. After it: no effect. Since: 0.1
 */
PLR_PUBLIC void plr_run_cancel(plr_run *run, plr_cancel_mode mode, plr_cause cause);

/* After a callback's LATER: events go on, in the next dispatch. Since: 0.1 */
PLR_PUBLIC void plr_run_continue(plr_run *run);

/* Dispatches the engine until the run has ended; not from a callback. Since: 0.1 */
PLR_PUBLIC int plr_run_wait(plr_run *run, plr_result *ret_result, plr_error *err);

/* One more secret for the mask, at any time, in a callback too. All that was not given out yet
 * passes the mask again: what waits for plr_run_continue, begins of lines, the tail of a log that
 * has a limit. Where there is no memory for that, it is left out and a gap says so. Since: 0.1 */
PLR_PUBLIC int plr_run_mask_add(plr_run *run, const void *secret, size_t size, plr_error *err);

/* Its id; borrowed. Since: 0.1 */
PLR_PUBLIC const char *plr_run_id(const plr_run *run);

/* Frees a run; one that has not ended is abandoned first, without another event. Allowed in a
 * callback: freed when dispatch unwinds. Since: 0.1 */
PLR_PUBLIC void plr_run_free(plr_run *run);

/* With plan_only: what would be created, as text (YAML-like on Docker, objects on Kubernetes),
 * after the run has ended; borrowed from the run; NULL if there is none. Since: 0.1 */
PLR_PUBLIC const char *plr_run_plan(const plr_run *run);

/* With plan_only or a refused run: the findings of the backend's check. Since: 0.1 */
PLR_PUBLIC void plr_run_diagnostics(
        const plr_run *run, plr_diagnostic_fn *on_diagnostic, void *userdata);

#ifdef __cplusplus
}
#endif
#endif
