/* SPDX-License-Identifier: MIT */
/* Everything that can be seen of a run, as one ordered stream of events.
 * Views, logs, uploads and tests all read this stream; every string in it has passed the mask. */
#ifndef PIPELINE_EVENT_H
#define PIPELINE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/error.h>
#include <pipeline/spec.h>

#ifdef __cplusplus
extern "C" {
#endif

/* States of an attempt: name, the word in JSON. */
#define PLR_STATES(X)                                                                              \
    X(PENDING, "pending")     /* waits for its turn */                                             \
    X(PREPARING, "preparing") /* image, container, files */                                        \
    X(PREPARED, "prepared")   /* all done that can be done before its turn */                      \
    X(STARTING, "starting")   /* its turn has come */                                              \
    X(RUNNING, "running")     /* the user's command runs */                                        \
    X(READY, "ready")         /* runs, and answers its readiness probes */                         \
    X(STOPPING, "stopping")   /* told to end */                                                    \
    X(ENDED, "ended")         /* final for this attempt */

typedef enum plr_state {
#define X(name, word) PLR_STATE_##name,
    PLR_STATES(X)
#undef X
} plr_state;

/* Why an attempt ended: name, the word in JSON and in a document's retry.on. */
#define PLR_REASONS(X)                                                                             \
    X(NONE, "none")                                                                                \
    X(EXIT, "exit")                                                                                \
    X(SIGNAL, "signal")                                                                            \
    X(OOM, "oom")                                                                                  \
    X(TIMEOUT, "timeout")                                                                          \
    X(CANCELLED, "cancelled")                                                                      \
    X(STOPPED, "stopped") /* a service or detached step, at the run's end */                       \
    X(SKIPPED, "skipped")                                                                          \
    X(IMAGE, "image")         /* the registry says no, or never and absent */                      \
    X(NOT_READY, "not-ready") /* readiness did not come, or it ended before */                     \
    X(EVICTED, "evicted")                                                                          \
    X(LOST, "lost")                                                                                \
    X(CONFIGURATION, "configuration") /* what the document asks for cannot be started */           \
    X(INFRASTRUCTURE, "infrastructure")

typedef enum plr_reason {
#define X(name, word) PLR_REASON_##name,
    PLR_REASONS(X)
#undef X
} plr_reason;

/* Why a step was skipped. */
#define PLR_SKIPS(X)                                                                               \
    X(NONE, "none")                                                                                \
    X(FAILED_BEFORE, "failed-before")   /* on-success, and an ancestor failed */                   \
    X(NOTHING_FAILED, "nothing-failed") /* on-failure, and no ancestor failed */                   \
    X(NEVER, "never")                                                                              \
    X(EXIT_78, "exit-78") /* a step before ended the rest */                                       \
    X(CANCELLED, "cancelled")                                                                      \
    X(TIMEOUT, "timeout") /* the pipeline's */                                                     \
    X(NOT_SELECTED, "not-selected")                                                                \
    X(RUN_FAILED, "run-failed") /* nothing could be set up */

typedef enum plr_skip {
#define X(name, word) PLR_SKIP_##name,
    PLR_SKIPS(X)
#undef X
} plr_skip;

typedef enum plr_fault {
    PLR_FAULT_NONE,
    PLR_FAULT_USER,
    PLR_FAULT_CONFIGURATION,
    PLR_FAULT_REGISTRY,
    PLR_FAULT_INFRASTRUCTURE,
} plr_fault;

/* What an attempt used; 0: not known. */
typedef struct plr_usage {
    uint64_t cpu_user_us, cpu_system_us;
    uint64_t memory_peak; /* bytes */
    uint64_t read_bytes, written_bytes;
    uint64_t ran_us; /* from its command's start to its end, as its own init measured it */
} plr_usage;

/* The end of an attempt. */
typedef struct plr_end {
    size_t size;
    plr_reason reason;
    plr_fault fault;
    int exit_code;       /* with EXIT, and where it is known with others; else -1 */
    int signal;          /* where it is known; else 0 */
    plr_skip skip;       /* with SKIPPED */
    bool oom;            /* the kernel killed something of it for memory, whatever the reason */
    bool ignored;        /* a failure that ignore_err covers */
    bool failed;         /* counts as a failure for its dependents and the run (not if ignored) */
    bool will_retry;     /* another attempt follows */
    const char *message; /* the finer cause in words, or NULL */
    plr_usage usage;
} plr_end;

typedef enum plr_stream {
    PLR_STREAM_STDOUT = 1,
    PLR_STREAM_STDERR = 2,
} plr_stream;

#define PLR_OUTPUT_PARTIAL                                                                         \
    1u                       /* no newline yet: the line goes on in the next event of the stream   \
                              */
#define PLR_OUTPUT_SPLIT 2u  /* a line above 64 KiB was cut here */
#define PLR_OUTPUT_GAP 4u    /* something is or may be missing before this; `size` may be 0 */
#define PLR_OUTPUT_NOTICE 8u /* the engine's words in the stream: how much a log limit left out */

/* Kinds of events: name, the word in JSON. */
#define PLR_EVENTS(X)                                                                              \
    X(RUN_STARTED, "run-started")                                                                  \
    X(STEP, "step") /* an attempt moved from one state to another */                               \
    X(PULL, "pull") /* progress of an image */                                                     \
    X(OUTPUT, "output")                                                                            \
    X(WARNING, "warning")                                                                          \
    X(NOTICE, "notice") /* good to know: the network chosen, an image that was there */            \
    X(RUN_ENDED, "run-ended")

typedef enum plr_event_type {
#define X(name, word) PLR_EVENT_##name,
    PLR_EVENTS(X)
#undef X
} plr_event_type;

typedef enum plr_outcome {
    PLR_OUTCOME_PASSED,
    PLR_OUTCOME_FAILED,
    PLR_OUTCOME_REFUSED, /* the backend's check or the policy said no; nothing was started */
    PLR_OUTCOME_INFRASTRUCTURE,
    PLR_OUTCOME_CANCELLED,
    PLR_OUTCOME_TIMEOUT,
} plr_outcome;

/* The end of a run. */
typedef struct plr_result {
    size_t size;
    plr_outcome outcome;
    plr_reason reason; /* of the first unignored cause; NONE: passed, or not a step's fault */
    size_t task;       /* whose cause it was, or PLR_NONE */
    int exit_code;     /* what a command line should end with: 0, 1, 2, 3, 130, 143 */
    size_t n_passed, n_failed, n_skipped;
    uint64_t duration_ns;
    char message[256]; /* the cause in words; empty if passed */
} plr_result;

typedef struct plr_event {
    size_t size; /* sizeof(plr_event) as the library knows it */
    plr_event_type type;
    uint64_t sequence; /* from 1, without a gap within a run */
    uint64_t monotonic_ns;
    int64_t wall_ns;  /* since 1970, UTC */
    const char *run;  /* its id */
    size_t task;      /* index into plr_document.tasks, or PLR_NONE */
    const char *step; /* its name, or NULL */
    unsigned attempt; /* from 1; 0 without a step */
    union {
        struct {
            const char *backend, *name, *version;
            const plr_document *document;
        } run_started;
        struct {
            plr_state from, to;
            const plr_end *end; /* with ENDED, else NULL */
        } moved;
        struct {
            const char *image, *layer, *status; /* layer may be NULL */
            uint64_t current, total;            /* bytes; total 0: not known */
        } pull;
        struct {
            plr_stream stream;
            const char *data; /* raw bytes, the newline included where there is one */
            size_t size;
            uint64_t offset; /* where this piece begins in the stream as it is given out */
            unsigned flags;  /* PLR_OUTPUT_... */
        } output;
        struct {
            const char *message;
        } warning, notice;
        struct {
            const plr_result *result;
        } run_ended;
    } u;
} plr_event;

/* What a callback answers. LATER: taken, but give nothing more before plr_run_continue. */
typedef enum plr_answer {
    PLR_ANSWER_GO_ON = 0,
    PLR_ANSWER_LATER = 1,
} plr_answer;

/* The event and all it points to are borrowed for the time of the call. */
typedef plr_answer plr_event_fn(const plr_event *event, void *userdata);

/* One line of JSON without a newline, as docs/events.md describes it; output that is not UTF-8 is
 * base64. On success `*ret_text` is for the caller to free(). Since: 0.1 */
PLR_PUBLIC int plr_event_to_json(const plr_event *event, char **ret_text, plr_error *err);

/* The words of states, reasons, skips, events, faults, outcomes as they stand in JSON. Since: 0.1
 */
PLR_PUBLIC const char *plr_state_name(plr_state state);
PLR_PUBLIC const char *plr_reason_name(plr_reason reason);
PLR_PUBLIC const char *plr_skip_name(plr_skip skip);
PLR_PUBLIC const char *plr_event_type_name(plr_event_type type);
PLR_PUBLIC const char *plr_fault_name(plr_fault fault);
PLR_PUBLIC const char *plr_outcome_name(plr_outcome outcome);

#ifdef __cplusplus
}
#endif
#endif
