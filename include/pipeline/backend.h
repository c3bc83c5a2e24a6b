/* SPDX-License-Identifier: MIT */
/* What a backend is: a module with one entry point that gets a table of functions it may call (the
 * host) and returns a table of asynchronous operations. Weaker promise than the rest of the API. */
#ifndef PIPELINE_BACKEND_H
#define PIPELINE_BACKEND_H

#include <sys/types.h>

#include <pipeline/engine.h>
#include <pipeline/error.h>
#include <pipeline/event.h>
#include <pipeline/run.h>
#include <pipeline/spec.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised with every incompatible change of this header; a module of another version is refused. */
#define PLR_BACKEND_VERSION 3u

typedef struct plr_loop plr_loop;
typedef struct plr_watch plr_watch;
typedef struct plr_timer plr_timer;
typedef struct plr_child plr_child;
typedef struct plr_op plr_op;
typedef struct plr_host plr_host;

/* Bits for descriptor watches. */
#define PLR_WATCH_READ 1u
#define PLR_WATCH_WRITE 2u

typedef void plr_watch_fn(plr_watch *watch, unsigned events, void *userdata);
typedef void plr_timer_fn(plr_timer *timer, void *userdata);
/* `status` as from waitpid; -1 if the host program reaped the child before us. */
typedef void plr_child_fn(plr_child *child, int status, void *userdata);
typedef void plr_op_cancel_fn(plr_op *op, void *userdata);

typedef struct plr_child_options {
    size_t size;
    const char *path;                   /* absolute, or looked up in PATH */
    const char *const *argv;            /* NULL-terminated */
    const char *const *environment;     /* NULL-terminated "NAME=value"; NULL: the process's own */
    int stdin_fd, stdout_fd, stderr_fd; /* borrowed; -1: /dev/null */
} plr_child_options;

/* Which parts of a run a task sees. All is const for backends but `data`, which is theirs, and what
 * is said to be cleared by them. */
typedef struct plr_run_view {
    size_t size;
    const char *id;
    const plr_document *document;
    const plr_pair *host_environment; /* wins over the image's, loses to all else */
    size_t n_host_environment;
    plr_network_mode
            network; /* as asked for; AUTO is the backend's to resolve (plr_host.network_auto) */
    int64_t grace_ns;
    plr_on_loss on_loss;
    int64_t keep_ns;
    int64_t timeout_ns; /* the pipeline's; 0: none. For the deadline label */
    bool keep_on_failure;
    bool allow_host_network; /* what a backend falls back to, it may only if the policy lets it */
    const char *owner;       /* label text: boot id, PID namespace, pid, start time */
    /* From the backend's capabilities; it clears them in setup, before that is done, if this run is
     * done in another way. self_release is set only where nothing but the rules decides about a
     * turn: max_parallel is the engine's alone. */
    bool prepares_all, self_release;
    void *data; /* the backend's own */
} plr_run_view;

/* A volume as this run has it: the document's, or what the host put in its place. */
typedef struct plr_task_volume {
    const char *name;
    const char *path;            /* in the task */
    const char *host_path;       /* NULL: temporary */
    const plr_volume_temp *temp; /* NULL: a host path */
    size_t volume;               /* index into the document's volumes, or PLR_NONE: the workspace */
} plr_task_volume;

/* One attempt of a step. Borrowed by the backend until the op of its discard, or of the run's
 * teardown, is done. A later attempt of the step is the same struct with another number: what the
 * backend holds of the one before has been discarded by then. */
typedef struct plr_task {
    size_t size;
    plr_run_view *run;
    size_t index;     /* into document->tasks */
    unsigned attempt; /* from 1 */
    const plr_step *step;
    const char *working_dir;     /* NULL: the image's */
    const plr_pair *environment; /* the document's with secrets, what is known at prepare */
    size_t n_environment;
    const plr_task_volume *volumes;
    size_t n_volumes;
    bool hold;  /* prepare may start it held; false: create only */
    void *data; /* the backend's own; NULL at first */
} plr_task;

/* What a backend reports of a task. */
typedef enum plr_report_type {
    PLR_REPORT_PULL = 1, /* progress of its image */
    /* The user's command runs. Where tasks release each other it may come without a start. */
    PLR_REPORT_STARTED,
    PLR_REPORT_OUTPUT,
    PLR_REPORT_EOF,    /* no more output will come */
    PLR_REPORT_EXITED, /* advisory: the init says that the command has ended; releases others early
                        */
    PLR_REPORT_ENDED,  /* the truth; after EOF, exactly once for a started task */
    PLR_REPORT_WARNING,
    PLR_REPORT_NOTICE,
    PLR_REPORT_SKIPPED, /* it has decided, by itself, that it does not run; nothing follows */
} plr_report_type;

typedef struct plr_report {
    size_t size;
    plr_report_type type;
    union {
        struct {
            const char *image, *layer, *status;
            uint64_t current, total;
        } pull;
        struct {
            plr_stream stream;
            const void *data;
            size_t size;
            bool gap; /* something may be missing before this */
        } output;
        plr_end end; /* EXITED, ENDED: reason, codes, oom, message, usage; the rest is the engine's
                      */
        const char *text; /* WARNING, NOTICE */
        plr_skip skip;    /* SKIPPED: why */
    } u;
} plr_report;

/* What tasks that release each other cannot know without being told. */
typedef enum plr_fact_type {
    PLR_FACT_CANCELLED = 1, /* rule 10; again when it becomes stronger */
    /* How a step has turned out, final. Told unless the end that the task itself has said (EXITED)
     * or its own decision (SKIPPED) says it to all who read its record: an exit code of 0 or 78, or
     * any other of the last attempt that there may be. So: an end without a word (OOM, eviction,
     * lost, an image that is not to be had), a failure that is not tried again although it might
     * be, a timeout, a step that the engine has skipped. Of detached ones always, when they are met
     * (rule 4). Not of services and hooks. */
    PLR_FACT_OUTCOME,
    PLR_FACT_SERVICES,   /* all are ready, or one has ended before: steps may begin */
    PLR_FACT_MAIN_ENDED, /* all outside the end phase has ended, and that is confirmed (rule 3) */
} plr_fact_type;

typedef enum plr_fact_outcome {
    PLR_FACT_PASSED = 1, /* or failed with ignore_err */
    PLR_FACT_FAILED,
    PLR_FACT_HALTED, /* exit 78 where it has its meaning */
    PLR_FACT_SKIPPED,
} plr_fact_outcome;

typedef struct plr_fact {
    size_t size;
    plr_fact_type type;
    union {
        struct {
            plr_cancel_mode mode; /* GRACEFUL; NOW: whatever has not begun does not begin */
            bool started;         /* something of the user's has run; if not, nothing is to run */
        } cancelled;
        struct {
            const plr_task *task;
            plr_fact_outcome is;
        } outcome;
        bool failed; /* SERVICES: one has; MAIN_ENDED: something has, unignored */
    } u;
} plr_fact;

typedef enum plr_probe_kind {
    PLR_PROBE_TCP,
    PLR_PROBE_HTTP,
    PLR_PROBE_EXEC,
} plr_probe_kind;

/* One question: does it answer now? The op completes with PLR_OK (yes), PLR_ERR_NOTFOUND (not yet;
 * the message says what came) or another error (cannot be asked). */
typedef struct plr_probe {
    size_t size;
    plr_probe_kind kind;
    const plr_ready *ready;
} plr_probe;

/* How an option or a command of a backend looks to people; the CLI renders these, it knows none. */
typedef struct plr_option_info {
    const char *name;     /* long name without dashes */
    const char *argument; /* "URL"; NULL: a switch */
    const char *help;     /* one line */
} plr_option_info;

typedef struct plr_command_info {
    const char *name;      /* as users type it: of all backends one only may have it */
    const char *arguments; /* "[NAMESPACE]"; NULL: it takes none */
    const char *help;      /* one line */
} plr_command_info;

/* The tasks of a run may release each other (plr_run_view.self_release): which of them may is the
 * backend's affair, and so is how they know of each other. The engine adopts what they decided and
 * tells what they cannot know (`tell`). Implies PREPARES_ALL. */
#define PLR_CAPABILITY_SELF_RELEASE 1u
/* The first attempts of all tasks are prepared at once, by setup; later ones by prepare. */
#define PLR_CAPABILITY_PREPARES_ALL 2u
/* Privileged steps are refused unless a policy allows them. */
#define PLR_CAPABILITY_REFUSES_PRIVILEGED 4u
/* A prepared task can be held started (plr_task.hold). */
#define PLR_CAPABILITY_HOLDS 8u

/* The operations. Each that takes an op ends by exactly one plr_host.op_complete, never before the
 * call has returned to the loop (complete may be called inside: the engine defers its effect). A
 * cancel of the op is a request; its completion still comes. `self` is what `create` made. */
typedef struct plr_backend_module {
    size_t size;
    unsigned version; /* PLR_BACKEND_VERSION */
    const char *name, *description;
    unsigned capabilities;
    const plr_option_info *options;
    size_t n_options;
    const plr_command_info *commands;
    size_t n_commands;

    /* No I/O: options are read and refused here. */
    int (*create)(void **ret_self, const plr_host *host, plr_loop *loop, const plr_option *options,
            size_t n_options, plr_error *err);
    /* All descriptors and memory; whatever ops are open are forgotten, not completed. */
    void (*destroy)(void *self);

    void (*open)(void *self, plr_op *op);
    void (*close)(void *self, plr_op *op);
    /* All that this backend cannot do in this document, as plr_host.op_diagnostic; nothing is
     * created. */
    void (*check)(void *self, const plr_run_view *run, plr_op *op);
    /* What would be created, as plr_host.op_text, secrets hidden. `tasks` are those of setup. */
    void (*plan)(void *self, const plr_run_view *run, plr_task *const *tasks, size_t n_tasks,
            plr_op *op);
    /* `tasks` are the first attempts of all steps that may run, in the order of the document's
     * tasks. Left out: what is not selected, and steps whose policy is never; both count as skipped
     * for those that depend on them. The array lives as long as the run. With
     * prepares_all they are prepared when the op is done; from then on they may be reported on, and
     * PULL, WARNING and NOTICE from the call on. Without, they are only to be known. */
    void (*setup)(
            void *self, plr_run_view *run, plr_task *const *tasks, size_t n_tasks, plr_op *op);
    void (*prepare)(void *self, plr_task *task, plr_op *op);
    /* Its turn, by the rules. `late` is environment that was not known at prepare. Completes when
     * it runs or was refused; STARTED is reported before. After a completed start ENDED follows,
     * whatever happens.
     *   Where tasks release each other, it is the engine's own view of a turn, for every task that
     * has not reported STARTED or SKIPPED before. A task that decides by itself needs no word then
     * (the backend may give it one all the same, if it suspects that it waits for nothing): the op
     * waits for its decision, and completes after it: STARTED, or SKIPPED (then in any way). A task
     * that only the host can release starts now: hooks, attempts after the first, what has no init
     * of ours to decide. What stands in the way of a task (an image that is not to be had) is an
     * error of this op, never an end before its turn. When the op is cancelled and the task has not
     * decided, it is kept from running, or reported as STARTED. */
    void (*start)(void *self, plr_task *task, const plr_pair *late, size_t n_late, plr_op *op);
    /* Sends a signal to a started task's command (SIGKILL: to all of it). */
    void (*stop)(void *self, plr_task *task, int signal, plr_op *op);
    void (*probe)(void *self, plr_task *task, const plr_probe *probe, plr_op *op);
    /* No more reading of the task's output, or again; immediate. */
    void (*flow)(void *self, plr_task *task, bool paused);
    /* A prepared or ended attempt is not needed any more: remove it (unless it is to be kept).
     *   Where tasks release each other, of one that has not started: the engine's own view is that
     * it is not to run. The op completes when that is sure, after SKIPPED if the task says so by
     * itself; the backend keeps it from running if it does not (above all after a cancel). If it
     * has started by then, STARTED is reported and the op fails with PLR_ERR_STATE; it is discarded
     * again after its end. */
    void (*discard)(void *self, plr_task *task, plr_op *op);
    /* A fact of the run that its tasks are to know, as soon as possible; they may know it already.
     * Only for runs with self_release, between setup and teardown. `fact` lives for the call. What
     * cannot be passed on is a warning, or fails the run. NULL without SELF_RELEASE. Immediate. */
    void (*tell)(void *self, plr_run_view *run, const plr_fact *fact);
    /* Everything of a run, from its id alone; idempotent. `run` is NULL for a run of another
     * process. */
    void (*teardown)(void *self, const char *run_id, plr_run_view *run, plr_op *op);
    /* The engine leaves a run without teardown: drop every pointer to the run, its tasks and their
     * ops, without completing these. What exists stays, labelled, for a sweep. Immediate. */
    void (*forget)(void *self, plr_run_view *run);
    /* NULL, or a hint: nothing more of the run is to start, and what has said EXITED is over, so
     * what only serves running tasks may go with the last of them. An end that turns out different
     * from what was said may bring another attempt all the same. Immediate. */
    void (*wind_down)(void *self, plr_run_view *run);
    /* Reports by plr_host.op_swept. */
    void (*sweep)(void *self, const plr_sweep_options *options, plr_op *op);
    /* One of `commands`; what it says goes to plr_host.op_text. It may come before `open` is done,
     * or when that has failed: what needs the connection waits for it, or says so. NULL: there are
     * none. */
    void (*command)(
            void *self, const char *name, const char *const *arguments, size_t n, plr_op *op);
    /* For a run that goes on after its engine died (PLR_ON_LOSS_KEEP): finds by labels what was
     * created for each of `tasks`, sets the `data` of those that are there, and takes them over as
     * if it had started them: STARTED, what can be had of the output with a gap before it, ENDED.
     * A task that is not there keeps its `data` NULL. Nothing is created or ended. This version of
     * the engine does not call it; NULL: cannot. */
    void (*reattach)(
            void *self, plr_run_view *run, plr_task *const *tasks, size_t n_tasks, plr_op *op);
} plr_backend_module;

/* What a module may call: it links against nothing of the engine. */
struct plr_host {
    size_t size;
    unsigned version;

    /* Descriptors, level-triggered. The fd stays the caller's and must outlive the watch. */
    int (*watch_new)(plr_loop *loop, plr_watch **ret_watch, int fd, unsigned events,
            plr_watch_fn *on_event, void *userdata, plr_error *err);
    int (*watch_set)(plr_watch *watch, unsigned events, plr_error *err);
    void (*watch_free)(plr_watch *watch); /* NULL is accepted; safe in callbacks */

    /* Timers: one shot, disarmed at first. */
    int (*timer_new)(plr_loop *loop, plr_timer **ret_timer, plr_timer_fn *on_timer, void *userdata,
            plr_error *err);
    void (*timer_set)(plr_timer *timer, uint64_t at_ns); /* monotonic deadline; 0 disarms */
    void (*timer_free)(plr_timer *timer);

    /* Children by posix_spawn, watched by pidfd. Freed by child_free, which kills it if it lives.
     */
    int (*child_new)(plr_loop *loop, plr_child **ret_child, const plr_child_options *options,
            plr_child_fn *on_end, void *userdata, plr_error *err);
    pid_t (*child_pid)(const plr_child *child);
    void (*child_free)(plr_child *child);

    uint64_t (*now)(const plr_loop *loop);     /* monotonic (or virtual) nanoseconds */
    int64_t (*wall_now)(const plr_loop *loop); /* since 1970 */

    /* Exactly one for each op. `err` NULL or with code 0: success. */
    void (*op_complete)(plr_op *op, const plr_error *err);
    /* What to do when the engine wants the op to end early. At most one; NULL takes it back. */
    void (*op_on_cancel)(plr_op *op, plr_op_cancel_fn *on_cancel, void *userdata);
    void (*op_diagnostic)(plr_op *op, const plr_diagnostic *diagnostic);
    void (*op_text)(plr_op *op, const char *text, size_t size);
    void (*op_swept)(plr_op *op, const plr_swept *swept);

    void (*report)(plr_task *task, const plr_report *report);
    /* A warning or notice about a run as a whole. */
    void (*run_warning)(plr_run_view *run, const char *text);
    void (*run_notice)(plr_run_view *run, const char *text);
    /* The infrastructure of the whole run broke (its network's owner died): fail it. */
    void (*run_failed)(plr_run_view *run, const plr_error *err);
    /* Hides the secrets of the run in text that a plan shows. On success free() the result. */
    int (*run_mask)(plr_run_view *run, const char *text, char **ret_text, plr_error *err);

    /* The design's rule for network=auto, from the document alone. `serial_only`: SHARED only for
     * serial documents (Docker, local). */
    plr_network_mode (*network_auto)(const plr_document *document, bool serial_only);
    int (*error_set)(plr_error *err, int code, const char *format, ...) PLR_PRINTF(3, 4);
};

/* The one exported symbol of a module: `const plr_backend_module *plr_backend_entry(void)`.
 */
typedef const plr_backend_module *plr_backend_entry_fn(void);

/* Built into the library, an entry point carries the backend's name instead. */
#ifdef PLR_BUILTIN_BACKENDS
#define PLR_BACKEND_ENTRY(name) const plr_backend_module *plr_backend_entry_##name(void)
#else
#define PLR_BACKEND_ENTRY(name) PLR_PUBLIC const plr_backend_module *plr_backend_entry(void)
#endif

#ifdef __cplusplus
}
#endif
#endif
