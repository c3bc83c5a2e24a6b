/* SPDX-License-Identifier: MIT */
/* The inside of a run: its steps as nodes, their attempts, and what is known so far.
 * schedule.c decides whose turn it is, attempt.c moves one node, output.c carries what it prints,
 * emit.c gives events out, run.c leads from the first phase to the last. */
#ifndef PLR_RUN_H
#define PLR_RUN_H

#include <pipeline/backend.h>
#include <pipeline/pipeline.h>

#include "engine/base/arena.h"
#include "engine/io/loop.h"
#include "engine/io/op.h"
#include "engine/mask.h"
#include "engine/rules_graph.h"

typedef struct plr_run_node plr_run_node;
typedef struct plr_output plr_output;
typedef struct plr_queued_event plr_queued_event;
typedef struct plr_kept_diagnostic plr_kept_diagnostic;

/* How far a step's readiness is. */
typedef struct plr_probing {
    plr_timer *timer; /* between two questions */
    uint64_t deadline, interval;
    uint64_t left; /* until the deadline, while the host holds output back: there is none then */
    unsigned met;  /* bits of plr_probe_kind that have answered */
    bool log_seen;
    size_t log_matched[2]; /* bytes of ready.log that the end of stdout, stderr matches */
    plr_probe_kind asked;
    bool warned;
} plr_probing;

/* A step of a run, and its current attempt. */
struct plr_run_node {
    plr_task task; /* what the backend sees; first, so that a task is a node */
    plr_run *run;

    /* What the rules know. */
    plr_rule_step *rule;
    size_t n_unknown; /* dependencies whose summary is not known */
    size_t n_dormant; /* dependencies that have not begun to run */
    const size_t *dependents;
    size_t n_dependents;
    plr_run_node *next_examined;
    bool to_examine, awake, selected, reaches_outside;

    /* The attempt. */
    plr_state state;
    bool has_turn; /* the rules said run */
    bool has_slot; /* counts for max_parallel */
    bool waits_slot;
    bool ahead;       /* prepared before its turn, which has not come: one of run->n_ahead */
    bool began_ahead; /* its preparation did: a failure is not an end, and it is tried once */
    bool wants_ahead; /* waits until one of those that are ahead has its turn */
    bool met;         /* a detached one that has started, or is ready */
    bool concluded;   /* dependents know its outcome already, by the init's word */
    bool recorded;    /* its outcome is in its own record, for the tasks that read that */
    bool backing_off; /* between two attempts */
    bool end_known;
    bool clean;          /* the backend holds nothing of this attempt */
    plr_skip skip_asked; /* why it is not to run; it decides by itself, and has not said so yet */
    plr_run_node *next_waiting, *next_wanting;
    plr_op op, stop_op, probe_op;
    /* The attempt's timeout, then its grace, then the wait for a killed one; the backoff. Made with
     * the preparation, so that to stop a step needs no memory. */
    plr_timer *clock;
    void (*on_clock)(plr_run_node *node);
    uint64_t timeout_left; /* while the host holds output back: of the attempt's timeout */
    plr_reason stopped_as; /* why we stopped it, or NONE */
    bool kill_sent, kill_wanted;
    plr_end end;
    char *end_message; /* owned */
    plr_probing *probing;
    plr_output *output;
};

#define PLR_PHASES(X)                                                                              \
    X(NEW)                                                                                         \
    X(OPENING)                                                                                     \
    X(CHECKING)                                                                                    \
    X(PLANNING)                                                                                    \
    X(SETUP)                                                                                       \
    X(STEPS)                                                                                       \
    X(HOOKS)                                                                                       \
    X(STOPPING)                                                                                    \
    X(TEARDOWN)                                                                                    \
    X(ENDED)

typedef enum plr_phase {
#define X(name) PLR_PHASE_##name,
    PLR_PHASES(X)
#undef X
} plr_phase;

struct plr_run {
    plr_run_view view; /* first, so that a view is a run */
    plr_engine *engine;
    plr_backend *backend;
    plr_spec *spec;
    const plr_document *document;
    plr_arena arena;         /* copies of the options, and the nodes' constant parts */
    plr_run_options options; /* pointers into the arena */
    plr_event_fn *on_event;
    void *userdata;
    plr_run *next; /* in the engine's list */

    plr_phase phase;
    plr_work work; /* goes on with the phase */
    plr_work free_work;
    plr_op op;
    bool set_up; /* the backend has begun to create things */

    plr_run_node *nodes; /* one for each of document->tasks */
    plr_task **tasks;    /* those that may run, as backends get them */
    size_t n_tasks;
    size_t n_services, n_steps; /* services first, then steps, then hooks */
    plr_run_node *first_examined, *last_examined;
    plr_run_node *first_waiting, *last_waiting; /* for a slot, in order */
    plr_run_node *first_wanting, *last_wanting; /* to be prepared ahead */
    plr_rule_graph rules;                       /* of each task */
    plr_rule_run known;
    size_t n_services_unmet, n_main_open, n_open; /* main without the end phase; all but detached */
    size_t n_undecided_detached, n_alive;         /* alive: begun, and not ended */
    size_t n_concluded; /* of n_open: those that have ended by their init's word */
    size_t n_slots_used, n_ahead;
    size_t n_reaching_outside; /* steps that have not ended and could tell if another were held */
    size_t next_hook;
    plr_rule_run known_to_hooks;
    plr_outcome outcome_to_hooks;
    bool roots_woken, end_phase_woken, has_end_phase;
    bool wound_down; /* the backend was told */

    plr_cancel_mode cancel_wanted, cancel_done;
    plr_cause cause;
    bool timed_out;
    plr_timer *timeout_timer, *cleanup_timer, *sink_timer;

    plr_result result;
    bool has_cause;
    plr_error failure; /* of a phase; code 0: none */
    uint64_t started_at;

    plr_mask *mask;
    bool has_secrets;
    uint64_t sequence;
    bool paused, sink_stuck, in_callback, freed;
    plr_queued_event *first_event, *last_event;
    plr_queued_event *spare; /* for the run's end, which must not fail for memory */
    unsigned n_masked_again; /* how often the queue was */
    plr_buf plan;
    plr_kept_diagnostic *first_diagnostic, *last_diagnostic;
    const char *short_secret; /* the name of one that cannot be masked, or NULL */
};

static inline plr_run_node *plr_run_node_of(plr_task *task)
{
    return (plr_run_node *)(void *)task;
}

static inline plr_run *plr_run_of(plr_run_view *view)
{
    return (plr_run *)(void *)view;
}

/* run.c */
void plr_run_kick(plr_run *run); /* go on, from the loop */
void plr_run_break(
        plr_run *run, const plr_error *err); /* infrastructure of the whole run is gone */
bool plr_run_is_over(const plr_run *run);

/* phases.c */
void plr_run_opened(plr_run *run, const plr_error *err);
void plr_run_note_failure(plr_run *run, const plr_error *err);
void plr_run_end(plr_run *run);
void plr_run_go_on(plr_work *work, void *userdata);

/* cancel.c */
void plr_run_handle_cancel(plr_run *run);
void plr_cancel_late(plr_run_node *node); /* it runs: was it to be cancelled before? */

/* adopt.c */
void plr_adopt_prepared(plr_run *run); /* the set-up is done, and with it what it prepares */
void plr_adopt_started(plr_run_node *node);
void plr_adopt_skipped(plr_run_node *node, plr_skip why);
void plr_adopt_check(plr_run *run); /* all has ended: nobody was skipped for nothing */

/* tell.c */
void plr_tell_cancelled(plr_run *run);
void plr_tell_services(plr_run *run);
void plr_tell_main_ended(plr_run *run);
void plr_tell_outcome(plr_run_node *node);

/* diagnostics.c */
void plr_run_on_diagnostic(const plr_diagnostic *diagnostic, void *userdata);

/* options.c */
/* Where a volume of the document is on the host: as the caller said, or the document. NULL:
 * nowhere. */
const char *plr_options_host_path(const plr_run *run, const plr_volume *volume);
int plr_run_copy_options(plr_run *run, const plr_run_options *options, plr_error *err);
int plr_run_make_views(plr_run *run, plr_error *err);

/* policy.c */
int plr_policy_check(const plr_run *run, plr_error *err);

/* schedule.c */
int plr_schedule_init(plr_run *run, plr_error *err);
void plr_schedule_begin(plr_run *run);
void plr_schedule_step(plr_run *run);
void plr_schedule_examine_all(plr_run *run);
void plr_schedule_awake(plr_run_node *node); /* it runs, or never will */
void plr_schedule_decided(plr_run_node *node, plr_rule_outcome outcome);
plr_skip plr_schedule_skip_reason(const plr_run *run, plr_rule_answer answer);
void plr_schedule_release_slot(plr_run_node *node);
void plr_schedule_leave_ahead(plr_run_node *node); /* its turn has come, or it has none */

/* attempt.c */
void plr_attempt_move(plr_run_node *node, plr_state to, const plr_end *end);
void plr_attempt_prepare(plr_run_node *node, bool ahead);
void plr_attempt_take_prepared(plr_run_node *node); /* by the set-up of the run */
void plr_attempt_turn(plr_run_node *node);
void plr_attempt_run(plr_run_node *node); /* the user's command runs */
void plr_attempt_skip(plr_run_node *node, plr_skip why);
void plr_attempt_skipped(plr_run_node *node, plr_skip why); /* it is sure */
void plr_attempt_stop(plr_run_node *node, plr_reason why, bool now);
void plr_attempt_report(plr_run_node *node, const plr_report *report);
void plr_attempt_discard(plr_run_node *node); /* the backend removes what it holds of the attempt */
void plr_attempt_hold(plr_run_node *node, bool held); /* the host takes no output, or again */
void plr_attempt_clear(plr_run_node *node);
void plr_attempt_set_clock(
        plr_run_node *node, void (*on_clock)(plr_run_node *node), uint64_t in_ns);

/* attempt_end.c */
void plr_attempt_finish(plr_run_node *node);
void plr_attempt_fail(plr_run_node *node, const plr_error *err);
void plr_attempt_conclude(plr_run_node *node, const plr_end *end);
void plr_attempt_set_end(plr_run_node *node, const plr_end *end);
void plr_attempt_remove(plr_run_node *node); /* what is left of it, unless it is to be kept */

/* ready.c */
int plr_ready_begin(plr_run_node *node, plr_error *err);
void plr_ready_output(plr_run_node *node, plr_stream stream, const char *data, size_t size);
void plr_ready_hold(plr_run_node *node, bool held);
void plr_ready_end(plr_run_node *node);

/* output.c */
int plr_output_begin(plr_run_node *node, plr_error *err);
void plr_output_take(
        plr_run_node *node, plr_stream stream, const char *data, size_t size, bool gap);
void plr_output_end(plr_run_node *node);
void plr_output_secret_added(plr_run *run); /* all that was not given out passes the mask again */
void plr_output_clear(plr_run_node *node);

/* emit.c */
void plr_emit_run_started(plr_run *run);
void plr_emit_moved(plr_run_node *node, plr_state from, plr_state to, const plr_end *end);
void plr_emit_pull(plr_run_node *node, const plr_report *report);
void plr_emit_output(plr_run_node *node, plr_stream stream, const char *data, size_t size,
        uint64_t offset, unsigned flags);
void plr_emit_text(plr_run *run, plr_run_node *node, plr_event_type type, const char *text);
void plr_emit_run_ended(plr_run *run);
void plr_emit_mask_result(plr_run *run);
void plr_emit_flush(plr_run *run);
bool plr_emit_is_empty(const plr_run *run);

/* result.c */
void plr_result_note(plr_run_node *node, const plr_end *end);
void plr_result_note_cut(plr_run *run); /* a cancel or timeout cut or skipped something */
void plr_result_note_break(plr_run *run);
void plr_result_note_unheard(plr_run *run); /* over, but nobody took its last events */
void plr_result_make(plr_run *run);

/* hold.c */
bool plr_hold_reaches_outside(const plr_run_node *node);
bool plr_hold_may_prepare(const plr_run_node *node);
bool plr_hold_may_hold(const plr_run_node *node);

#endif
