/* SPDX-License-Identifier: MIT */
/* The phases of a run: opens, checks, sets up, lets the steps run, then the hooks, then stops what
 * still lives and tears down. Each ends by an operation's end or by a count that is zero. */
#include <string.h>

#include "engine/base/error.h"
#include "engine/engine.h"
#include "engine/run.h"

static void begin_check(plr_run *run);
static void begin_teardown(plr_run *run);

static const plr_backend_module *module_of(const plr_run *run)
{
    return run->backend->module;
}

void plr_run_note_failure(plr_run *run, const plr_error *err)
{
    if (run->failure.code == PLR_OK)
        run->failure = *err;
}

/* Steps that never had a turn get their end all the same: nobody is left waiting for it. */
static void skip_rest(plr_run *run)
{
    plr_skip why = run->known.cancelled ? plr_schedule_skip_reason(run, PLR_RULE_SKIP_CANCELLED)
                                        : PLR_SKIP_RUN_FAILED;
    for (size_t i = 0; i < run->document->n_tasks && !run->options.plan_only; i++)
        if (run->nodes[i].state == PLR_STATE_PENDING)
            plr_attempt_skip(&run->nodes[i], why);
}

void plr_run_end(plr_run *run)
{
    plr_timer_free(steal(run->timeout_timer));
    plr_timer_free(steal(run->cleanup_timer));
    skip_rest(run);
    plr_result_make(run);
    run->backend->n_runs--;
    run->phase = PLR_PHASE_ENDED;
    plr_emit_run_ended(run);
    plr_run_kick(run);
}

void plr_run_opened(plr_run *run, const plr_error *err)
{
    if (err == NULL) {
        begin_check(run);
        return;
    }
    plr_run_note_failure(run, err);
    plr_run_end(run);
}

static void on_text(const char *text, size_t size, void *userdata)
{
    plr_run *run = userdata;
    plr_buf_put(&run->plan, text, size);
}

static const plr_op_sinks sinks = { .on_diagnostic = plr_run_on_diagnostic, .on_text = on_text };

static void begin_op(plr_run *run, plr_phase phase, plr_op_done_fn *on_done)
{
    run->phase = phase;
    run->op.sinks = &sinks;
    plr_op_begin(&run->op, run->engine->loop, on_done, run);
}

static void on_planned(plr_op *op, const plr_error *err, void *userdata)
{
    (void)op;
    plr_run *run = userdata;
    plr_error lost = { 0 };
    if (err != NULL)
        plr_run_note_failure(run, err);
    if (plr_buf_check(&run->plan, &lost) < 0)
        plr_run_note_failure(run, &lost);
    plr_run_end(run);
}

static void begin_plan(plr_run *run)
{
    begin_op(run, PLR_PHASE_PLANNING, on_planned);
    module_of(run)->plan(run->backend->self, &run->view, run->tasks, run->n_tasks, &run->op);
}

static void begin_steps(plr_run *run)
{
    run->phase = PLR_PHASE_STEPS;
    run->cancel_done = 0; /* one that came before is about these too */
    plr_adopt_prepared(run);
    plr_schedule_begin(run);
    plr_run_kick(run);
}

static void on_set_up(plr_op *op, const plr_error *err, void *userdata)
{
    (void)op;
    plr_run *run = userdata;
    bool runs = run->n_alive > 0; /* a task has begun by itself */
    if (err != NULL && runs)
        plr_run_break(run, err);
    else if (err != NULL)
        plr_run_note_failure(run, err);
    if (run->failure.code != PLR_OK && !runs)
        begin_teardown(run);
    else
        begin_steps(run);
}

static void on_checked(plr_op *op, const plr_error *err, void *userdata)
{
    (void)op;
    plr_run *run = userdata;
    if (err != NULL)
        plr_run_note_failure(run, err);
    if (run->failure.code != PLR_OK) {
        plr_run_end(run);
    } else if (run->options.plan_only) {
        begin_plan(run);
    } else if (run->cancel_wanted != 0) {
        begin_steps(run); /* none runs, and each says so */
    } else {
        begin_op(run, PLR_PHASE_SETUP, on_set_up);
        run->set_up = true;
        for (size_t i = 0; i < run->n_tasks && run->view.prepares_all; i++) {
            const plr_run_node *node = plr_run_node_of(run->tasks[i]);
            run->tasks[i]->hold = plr_hold_may_prepare(node) && plr_hold_may_hold(node);
        }
        module_of(run)->setup(run->backend->self, &run->view, run->tasks, run->n_tasks, &run->op);
    }
}

static void begin_check(plr_run *run)
{
    begin_op(run, PLR_PHASE_CHECKING, on_checked);
    module_of(run)->check(run->backend->self, &run->view, &run->op);
}

static void on_torn_down(plr_op *op, const plr_error *err, void *userdata)
{
    (void)op;
    plr_run *run = userdata;
    if (err != NULL) /* what is left is labelled, for a sweep; the steps' results stand */
        plr_emit_text(run, NULL, PLR_EVENT_WARNING, err->message);
    plr_run_end(run);
}

static void begin_teardown(plr_run *run)
{
    if (!run->set_up) {
        plr_run_end(run);
    } else if (run->options.keep_on_failure && run->known.failed) {
        module_of(run)->forget(run->backend->self, &run->view);
        plr_run_end(run);
    } else {
        begin_op(run, PLR_PHASE_TEARDOWN, on_torn_down);
        module_of(run)->teardown(run->backend->self, run->view.id, &run->view, &run->op);
    }
}

static bool ops_are_done(const plr_run *run)
{
    for (size_t i = 0; i < run->document->n_tasks; i++)
        if (run->nodes[i].op.active || run->nodes[i].stop_op.active ||
                run->nodes[i].probe_op.active)
            return false;
    return true;
}

static void begin_hook(plr_run_node *hook, bool now)
{
    plr_rule_hook kind = (plr_rule_hook)(hook->task.step->kind - PLR_STEP_HOOK_SUCCESS);
    plr_rule_answer answer =
            now ? PLR_RULE_SKIP_CANCELLED : plr_rule_decide_hook(kind, &hook->run->known_to_hooks);
    if (answer == PLR_RULE_RUN) {
        hook->has_turn = true;
        plr_attempt_turn(hook);
    } else {
        plr_attempt_skip(hook, plr_schedule_skip_reason(hook->run, answer));
    }
}

/* Rule 8: one after another, whatever the one before ended like. */
static void step_hooks(plr_run *run)
{
    bool now = run->cancel_wanted >= PLR_CANCEL_NOW;
    for (; run->next_hook < run->document->n_tasks; run->next_hook++) {
        plr_run_node *hook = &run->nodes[run->next_hook];
        if (hook->state != PLR_STATE_ENDED && !hook->has_turn)
            begin_hook(hook, now);
        if (hook->state != PLR_STATE_ENDED)
            return;
    }
    run->phase = PLR_PHASE_STOPPING;
    for (size_t i = 0; i < run->n_services + run->n_steps; i++)
        plr_attempt_stop(&run->nodes[i], PLR_REASON_STOPPED, now);
}

static bool steps_are_done(const plr_run *run)
{
    return run->n_open == 0 && run->n_undecided_detached == 0 && run->n_services_unmet == 0;
}

/* Whether nothing more is to start, as far as the inits' words can be trusted. */
static bool is_winding_down(const plr_run *run)
{
    size_t n = run->document->n_tasks;
    if (run->phase == PLR_PHASE_STEPS)
        return run->n_services + run->n_steps == n && run->n_open == run->n_concluded &&
               run->n_undecided_detached == 0 && run->n_services_unmet == 0;
    if (run->phase == PLR_PHASE_HOOKS)
        return run->next_hook + 1 == n && run->nodes[run->next_hook].concluded;
    return run->phase == PLR_PHASE_STOPPING;
}

static void wind_down(plr_run *run)
{
    const plr_backend_module *module = module_of(run);
    if (run->wound_down || module->wind_down == NULL || !is_winding_down(run) ||
            (run->options.keep_on_failure && run->known.failed))
        return;
    run->wound_down = true;
    module->wind_down(run->backend->self, &run->view);
}

void plr_run_go_on(plr_work *work, void *userdata)
{
    (void)work;
    plr_run *run = userdata;
    plr_emit_flush(run);
    plr_run_handle_cancel(run);
    if (run->phase == PLR_PHASE_STEPS) {
        plr_schedule_step(run);
        if (steps_are_done(run)) {
            run->known_to_hooks = run->known;
            run->outcome_to_hooks = run->has_cause ? run->result.outcome : PLR_OUTCOME_PASSED;
            run->next_hook = run->n_services + run->n_steps;
            run->phase = PLR_PHASE_HOOKS;
        }
    }
    if (run->phase == PLR_PHASE_HOOKS)
        step_hooks(run);
    wind_down(run);
    if (run->phase == PLR_PHASE_STOPPING && run->n_alive == 0 && ops_are_done(run))
        begin_teardown(run);
    plr_emit_flush(run);
}
