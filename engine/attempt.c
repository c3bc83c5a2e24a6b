/* SPDX-License-Identifier: MIT */
/* One attempt of a step, from its preparation to the command to end: the states, the one function
 * that moves between them, and what each report of the backend does. How an attempt ends:
 * attempt_end.c. */
#include <signal.h>

#include "engine/base/error.h"
#include "engine/engine.h"
#include "engine/run.h"

/* How long a backend may take to tell the end of what was killed. */
#define KILLED_LIMIT_NS ((uint64_t)60 * 1000000000)

#define BIT(state) (1u << PLR_STATE_##state)

/* Which states may follow each. */
static const unsigned allowed_next[] = {
    [PLR_STATE_PENDING] = BIT(PREPARING) | BIT(ENDED),
    [PLR_STATE_PREPARING] =
            BIT(PREPARED) | BIT(PENDING) | BIT(ENDED), /* pending: tried again later */
    [PLR_STATE_PREPARED] = BIT(STARTING) | BIT(ENDED),
    [PLR_STATE_STARTING] = BIT(RUNNING) | BIT(ENDED),
    [PLR_STATE_RUNNING] = BIT(READY) | BIT(STOPPING) | BIT(ENDED),
    [PLR_STATE_READY] = BIT(STOPPING) | BIT(ENDED),
    [PLR_STATE_STOPPING] = BIT(ENDED),
    [PLR_STATE_ENDED] = BIT(PENDING), /* the next attempt */
};

static bool is_begun(plr_state state)
{
    return state != PLR_STATE_PENDING && state != PLR_STATE_ENDED;
}

void plr_attempt_move(plr_run_node *node, plr_state to, const plr_end *end)
{
    plr_state from = node->state;
    if ((allowed_next[from] & 1u << to) == 0)
        __builtin_trap(); /* a bug of the engine's: going on would tell lies */
    node->run->n_alive += is_begun(to);
    node->run->n_alive -= is_begun(from);
    /* An attempt that has a successor has not ended for the others. */
    if (to == PLR_STATE_ENDED && !(end->will_retry))
        node->run->n_reaching_outside -= node->reaches_outside;
    node->state = to;
    plr_emit_moved(node, from, to, end);
}

static plr_loop *loop_of(const plr_run_node *node)
{
    return node->run->engine->loop;
}

static const plr_backend_module *module_of(const plr_run_node *node)
{
    return node->run->backend->module;
}

static void *self_of(const plr_run_node *node)
{
    return node->run->backend->self;
}

static void start(plr_run_node *node);

static void on_discarded(plr_op *op, const plr_error *err, void *userdata)
{
    (void)op;
    plr_run_node *node = userdata;
    plr_skip asked = node->skip_asked;
    node->skip_asked = PLR_SKIP_NONE;
    if (asked != PLR_SKIP_NONE && node->has_turn) { /* it was quicker, and has started */
        if (node->state == PLR_STATE_ENDED || node->state == PLR_STATE_PENDING)
            plr_attempt_remove(node);
        return;
    }
    node->clean = true;
    if (asked != PLR_SKIP_NONE && node->state == PLR_STATE_PREPARED)
        plr_attempt_skipped(node, asked);
    if (err != NULL)
        plr_emit_text(node->run, node, PLR_EVENT_WARNING, err->message);
    if (node->state == PLR_STATE_PENDING && node->has_turn && !node->waits_slot &&
            !node->backing_off)
        plr_attempt_turn(node);
    plr_run_kick(node->run);
}

void plr_attempt_discard(plr_run_node *node)
{
    plr_op_begin(&node->op, loop_of(node), on_discarded, node);
    module_of(node)->discard(self_of(node), &node->task, &node->op);
}

/* Not an end: it is tried again at its turn. */
static void prepare_again_later(plr_run_node *node)
{
    plr_schedule_leave_ahead(node);
    plr_attempt_move(node, PLR_STATE_PENDING, NULL);
    plr_attempt_discard(node);
}

static void on_prepared(plr_op *op, const plr_error *err, void *userdata)
{
    (void)op;
    plr_run_node *node = userdata;
    if (node->state == PLR_STATE_ENDED) {
        plr_attempt_discard(node); /* skipped or cancelled on the way */
    } else if (err != NULL && node->began_ahead && node->stopped_as == PLR_REASON_NONE) {
        prepare_again_later(node);
    } else if (err != NULL) {
        plr_attempt_fail(node, err);
    } else {
        plr_attempt_move(node, PLR_STATE_PREPARED, NULL);
        if (node->stopped_as != PLR_REASON_NONE)
            plr_attempt_finish(node);
        else if (node->has_turn && !node->waits_slot)
            start(node);
    }
    plr_run_kick(node->run);
}

static void on_clock(plr_timer *timer, void *userdata)
{
    (void)timer;
    plr_run_node *node = userdata;
    node->on_clock(node);
}

void plr_attempt_set_clock(plr_run_node *node, void (*call)(plr_run_node *node), uint64_t in_ns)
{
    node->on_clock = call;
    node->timeout_left = 0;
    plr_timer_set(node->clock, plr_loop_now(loop_of(node)) + in_ns);
}

static int make_clock(plr_run_node *node, plr_error *err)
{
    return node->clock != NULL ? 0
                               : plr_timer_new(loop_of(node), &node->clock, on_clock, node, err);
}

void plr_attempt_take_prepared(plr_run_node *node)
{
    plr_error err = { 0 };
    node->clean = false;
    plr_attempt_move(node, PLR_STATE_PREPARING, NULL);
    if (make_clock(node, &err) < 0)
        plr_attempt_fail(node, &err);
    else
        plr_attempt_move(node, PLR_STATE_PREPARED, NULL);
}

void plr_attempt_prepare(plr_run_node *node, bool ahead)
{
    plr_error err = { 0 };
    if (make_clock(node, &err) < 0) {
        if (!ahead)
            plr_attempt_fail(node, &err);
        return;
    }
    node->ahead = node->began_ahead = ahead;
    node->run->n_ahead += ahead;
    node->clean = false;
    node->task.hold = plr_hold_may_hold(node);
    plr_attempt_move(node, PLR_STATE_PREPARING, NULL);
    plr_op_begin(&node->op, loop_of(node), on_prepared, node);
    module_of(node)->prepare(self_of(node), &node->task, &node->op);
}

void plr_attempt_turn(plr_run_node *node)
{
    if (node->op.active && node->state == PLR_STATE_PENDING)
        return; /* what an earlier try left is still being removed; then it goes on by itself */
    plr_schedule_leave_ahead(node);
    if (node->state == PLR_STATE_PENDING)
        plr_attempt_prepare(node, false);
    else if (node->state == PLR_STATE_PREPARED)
        start(node);
}

static void on_timeout(plr_run_node *node)
{
    if (!node->concluded) /* else it kept to its time */
        plr_attempt_stop(node, PLR_REASON_TIMEOUT, false);
}

/* What a step's own time limits count is the step's time: while its output is held back it may be
 * standing still, through no fault of its own. The host has a limit of its own for that. */
void plr_attempt_hold(plr_run_node *node, bool held)
{
    module_of(node)->flow(self_of(node), &node->task, held);
    plr_ready_hold(node, held);
    uint64_t now = plr_loop_now(loop_of(node)), at = plr_timer_deadline(node->clock);
    if (held && node->on_clock == on_timeout && at != 0) {
        node->timeout_left = at > now ? at - now : 1;
        plr_timer_set(node->clock, 0);
    } else if (!held && node->timeout_left > 0) {
        plr_attempt_set_clock(node, on_timeout, node->timeout_left);
    }
}

void plr_attempt_run(plr_run_node *node)
{
    const plr_step *step = node->task.step;
    plr_error err = { 0 };
    plr_attempt_move(node, PLR_STATE_RUNNING, NULL);
    node->run->known.started = true;
    plr_schedule_awake(node);
    if (step->timeout_ns > 0 && (!step->detach || step->ready != NULL))
        plr_attempt_set_clock(node, on_timeout, (uint64_t)step->timeout_ns);
    if (step->detach && step->ready == NULL) {
        node->met = true;
        plr_schedule_decided(node, PLR_RULE_PASSED);
    } else if (step->ready != NULL) {
        plr_ready_begin(node, &err);
    }
    if (err.code != PLR_OK) {
        plr_emit_text(node->run, node, PLR_EVENT_WARNING, err.message);
        plr_attempt_stop(node, PLR_REASON_INFRASTRUCTURE, true);
    } else if (node->stopped_as != PLR_REASON_NONE) {
        plr_attempt_stop(node, node->stopped_as, node->kill_wanted);
    }
    if (node->run->paused)
        plr_attempt_hold(node, true);
}

static void on_started(plr_op *op, const plr_error *err, void *userdata)
{
    (void)op;
    plr_run_node *node = userdata;
    bool runs = node->state > PLR_STATE_STARTING && node->run->view.self_release;
    if (node->state == PLR_STATE_ENDED) {
        plr_attempt_remove(node); /* it has decided that it does not run */
    } else if (err != NULL && !runs) {
        plr_attempt_fail(node, err);
    } else {
        if (node->state == PLR_STATE_STARTING)
            plr_attempt_run(node);
        if (node->end_known)
            plr_attempt_finish(node);
    }
    plr_run_kick(node->run);
}

/* What hooks are told of the run (rule 8). */
static size_t late_environment(const plr_run_node *node, plr_pair late[2], plr_buf *names)
{
    const plr_run *run = node->run;
    if (node->task.step->kind < PLR_STEP_HOOK_SUCCESS)
        return 0;
    for (size_t i = 0; i < run->document->n_tasks; i++)
        if (run->nodes[i].end.failed && run->nodes[i].task.step->kind < PLR_STEP_HOOK_SUCCESS) {
            if (names->size > 0)
                plr_buf_putc(names, ',');
            plr_buf_puts(names, run->nodes[i].task.step->metadata.name);
        }
    plr_outcome outcome = run->outcome_to_hooks;
    if (outcome == PLR_OUTCOME_INFRASTRUCTURE)
        outcome = PLR_OUTCOME_FAILED; /* who asks wants to know whether to clean up or to tell */
    late[0] = (plr_pair){ "PIPELINE_RESULT", plr_outcome_name(outcome) };
    late[1] = (plr_pair){ "PIPELINE_FAILED_STEPS", names->data != NULL ? names->data : "" };
    return 2;
}

static void start(plr_run_node *node)
{
    plr_error err = { 0 };
    plr_pair late[2];
    _cleanup_buf_ plr_buf names = { 0 };
    size_t n_late = late_environment(node, late, &names);
    plr_attempt_move(node, PLR_STATE_STARTING, NULL);
    if (plr_buf_check(&names, &err) < 0 || plr_output_begin(node, &err) < 0) {
        plr_attempt_fail(node, &err);
        return;
    }
    plr_op_begin(&node->op, loop_of(node), on_started, node);
    module_of(node)->start(self_of(node), &node->task, late, n_late, &node->op);
}

/* A task that decides by itself is asked not to run: it may do so already. */
void plr_attempt_skip(plr_run_node *node, plr_skip why)
{
    if (!node->run->view.self_release || node->state != PLR_STATE_PREPARED) {
        plr_attempt_skipped(node, why);
    } else if (node->skip_asked == PLR_SKIP_NONE) {
        node->skip_asked = why;
        plr_attempt_discard(node);
    }
}

void plr_attempt_skipped(plr_run_node *node, plr_skip why)
{
    plr_end end = {
        .size = sizeof end, .reason = PLR_REASON_SKIPPED, .exit_code = -1, .skip = why
    };
    plr_run *run = node->run;
    bool begun = node->state != PLR_STATE_PENDING;
    plr_schedule_leave_ahead(node);
    if (why == PLR_SKIP_CANCELLED || why == PLR_SKIP_TIMEOUT)
        plr_result_note_cut(run);
    node->end = end;
    plr_attempt_move(node, PLR_STATE_ENDED, &end);
    run->result.n_skipped++;
    if (node->skip_asked != PLR_SKIP_NONE)
        ; /* is being discarded */
    else if (begun && node->op.active)
        plr_op_cancel(&node->op); /* on_prepared, or on_started, discards */
    else if (begun && !node->clean)
        plr_attempt_discard(node);
    if (node->task.step->kind == PLR_STEP_STEP && !node->task.step->detach) {
        run->n_open--;
        run->n_main_open -= !node->rule->end_phase;
    }
    plr_schedule_decided(node, PLR_RULE_SKIPPED);
    plr_schedule_release_slot(node);
    plr_run_kick(run);
}

static void on_killed_limit(plr_run_node *node)
{
    if (node->run->paused) { /* its end may stand behind output that the host does not take yet */
        plr_attempt_set_clock(node, on_killed_limit, KILLED_LIMIT_NS);
        return;
    }
    plr_end end = { .size = sizeof end,
        .reason = PLR_REASON_LOST,
        .fault = PLR_FAULT_INFRASTRUCTURE,
        .exit_code = -1,
        .message = "killed, and its end was not told within 60 s" };
    plr_attempt_set_end(node, &end);
    node->stopped_as = PLR_REASON_NONE; /* nobody can say that it stopped */
    plr_attempt_finish(node);
}

static void send_signal(plr_run_node *node, int number);

static void on_signalled(plr_op *op, const plr_error *err, void *userdata)
{
    (void)op;
    plr_run_node *node = userdata;
    if (err != NULL && node->state == PLR_STATE_STOPPING && err->code != PLR_ERR_NOTFOUND)
        plr_emit_text(node->run, node, PLR_EVENT_WARNING, err->message);
    if (node->kill_wanted && !node->kill_sent && node->state == PLR_STATE_STOPPING)
        send_signal(node, SIGKILL);
    plr_run_kick(node->run);
}

static void on_grace_over(plr_run_node *node)
{
    send_signal(node, SIGKILL);
}

static void send_signal(plr_run_node *node, int number)
{
    bool is_kill = number == SIGKILL;
    node->kill_wanted |= is_kill;
    if (is_kill)
        plr_attempt_set_clock(node, on_killed_limit, KILLED_LIMIT_NS);
    else
        plr_attempt_set_clock(node, on_grace_over, (uint64_t)node->run->view.grace_ns);
    if (node->stop_op.active) {
        plr_op_cancel(&node->stop_op); /* the kill follows when it is done */
        return;
    }
    node->kill_sent |= is_kill;
    plr_op_begin(&node->stop_op, loop_of(node), on_signalled, node);
    module_of(node)->stop(self_of(node), &node->task, number, &node->stop_op);
}

void plr_attempt_stop(plr_run_node *node, plr_reason why, bool now)
{
    bool first = node->state != PLR_STATE_STOPPING;
    if (node->state == PLR_STATE_ENDED)
        return;
    if (first && node->stopped_as == PLR_REASON_NONE)
        node->stopped_as = why;
    node->kill_wanted |= now;
    switch (node->state) {
    case PLR_STATE_PENDING:
    case PLR_STATE_PREPARED:
        plr_attempt_finish(node);
        break;
    case PLR_STATE_PREPARING:
    case PLR_STATE_STARTING:
        plr_op_cancel(&node->op); /* its completion goes on with stopped_as */
        break;
    default:
        plr_ready_end(node);
        if (first)
            plr_attempt_move(node, PLR_STATE_STOPPING, NULL);
        if (node->kill_wanted || node->run->view.grace_ns <= 0) {
            if (!node->kill_sent)
                send_signal(node, SIGKILL);
        } else if (first) {
            send_signal(node, SIGTERM);
        }
    }
}

void plr_attempt_report(plr_run_node *node, const plr_report *report)
{
    switch (report->type) {
    case PLR_REPORT_PULL:
        plr_emit_pull(node, report);
        break;
    case PLR_REPORT_STARTED:
        if (node->state == PLR_STATE_STARTING)
            plr_attempt_run(node);
        else
            plr_adopt_started(node);
        break;
    case PLR_REPORT_OUTPUT:
        plr_output_take(node, report->u.output.stream, report->u.output.data, report->u.output.size,
                report->u.output.gap);
        break;
    case PLR_REPORT_EOF:
        break; /* the output is closed with the end, which follows */
    case PLR_REPORT_EXITED:
        plr_attempt_conclude(node, &report->u.end);
        break;
    case PLR_REPORT_ENDED:
        if (node->end_known || node->state == PLR_STATE_ENDED)
            break;
        plr_attempt_set_end(node, &report->u.end);
        if (!node->op.active)
            plr_attempt_finish(node);
        break;
    case PLR_REPORT_WARNING:
        plr_emit_text(node->run, node, PLR_EVENT_WARNING, report->u.text);
        break;
    case PLR_REPORT_NOTICE:
        plr_emit_text(node->run, node, PLR_EVENT_NOTICE, report->u.text);
        break;
    case PLR_REPORT_SKIPPED:
        plr_adopt_skipped(node, report->u.skip);
        break;
    }
    plr_run_kick(node->run);
}

void plr_attempt_clear(plr_run_node *node)
{
    plr_op_forget(&node->op);
    plr_op_forget(&node->stop_op);
    plr_op_forget(&node->probe_op);
    plr_timer_free(steal(node->clock));
    plr_ready_end(node);
    plr_output_clear(node);
    free(steal(node->end_message));
}
