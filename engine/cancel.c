/* SPDX-License-Identifier: MIT */
/* Cancel, in its three strengths (rule 10): a request that is carried out from the loop, once for
 * each strength, and only ever stronger. */
#include "engine/engine.h"
#include "engine/run.h"

/* Cleaning up goes on within its budget, whether it has begun before the cancel or not; so do
 * services and detached steps, which it may need. */
static bool lives_on(const plr_run_node *node)
{
    const plr_step *step = node->task.step;
    if (step->detach)
        return node->met;
    return step->kind >= PLR_STEP_HOOK_SUCCESS || node->rule->policy == PLR_RULE_ALWAYS ||
           node->rule->policy == PLR_RULE_ON_FAILURE;
}

void plr_cancel_late(plr_run_node *node)
{
    bool now = node->run->cancel_wanted >= PLR_CANCEL_NOW;
    if (node->run->known.cancelled && (now || !lives_on(node)))
        plr_attempt_stop(node, PLR_REASON_CANCELLED, now);
}

/* The rules skip what has not begun; what has, is stopped here. */
static void cancel_steps(plr_run *run, bool now)
{
    for (size_t i = 0; i < run->document->n_tasks; i++) {
        plr_run_node *node = &run->nodes[i];
        if (!node->has_turn || node->state == PLR_STATE_ENDED || (!now && lives_on(node)))
            continue;
        if (node->waits_slot)
            plr_attempt_skip(node, plr_schedule_skip_reason(run, PLR_RULE_SKIP_CANCELLED));
        else
            plr_attempt_stop(node, PLR_REASON_CANCELLED, now);
    }
    plr_schedule_examine_all(run);
}

static void on_cleanup_over(plr_timer *timer, void *userdata)
{
    (void)timer;
    plr_run *run = userdata;
    plr_emit_text(run, NULL, PLR_EVENT_WARNING,
            "the time for cleaning up is over: killing what still runs");
    plr_run_cancel(run, PLR_CANCEL_NOW, run->cause);
}

static void begin_cleanup_budget(plr_run *run)
{
    plr_loop *loop = run->engine->loop;
    if (run->cleanup_timer != NULL)
        return;
    if (plr_timer_new(loop, &run->cleanup_timer, on_cleanup_over, run, NULL) < 0)
        run->cancel_wanted = PLR_CANCEL_NOW; /* without a limit it could last for ever */
    else
        plr_timer_set(run->cleanup_timer, plr_loop_now(loop) + (uint64_t)run->options.cleanup_ns);
}

static void abandon_step(plr_run_node *node)
{
    bool begun = node->state != PLR_STATE_PENDING && node->state != PLR_STATE_ENDED;
    bool ran = begun && node->state >= PLR_STATE_STARTING;
    plr_end end = { .size = sizeof end, .reason = PLR_REASON_SKIPPED, .exit_code = -1 };
    if (ran) {
        end.reason = PLR_REASON_CANCELLED;
        end.failed = true;
        end.message = "abandoned; it may still run";
        plr_output_end(node);
    } else {
        end.skip = PLR_SKIP_CANCELLED;
    }
    plr_attempt_clear(node);
    if (begun) {
        *(ran ? &node->run->result.n_failed : &node->run->result.n_skipped) += 1;
        node->end = end;
        plr_attempt_move(node, PLR_STATE_ENDED, &end);
    }
}

static void abandon(plr_run *run)
{
    run->known.cancelled = true;
    if (run->set_up || run->op.active)
        run->backend->module->forget(run->backend->self, &run->view);
    run->set_up = false; /* as far as the backend knows */
    plr_op_forget(&run->op);
    for (size_t i = 0; i < run->document->n_tasks; i++)
        abandon_step(&run->nodes[i]);
    plr_result_note_cut(run);
    plr_run_end(run);
}

/* Before the steps' phase there is only the phase's own operation to end early. */
static void cancel_early(plr_run *run)
{
    run->known.cancelled = true;
    plr_op_cancel(&run->op);
    if (run->phase == PLR_PHASE_OPENING)
        plr_run_end(run); /* the backend goes on opening for others */
}

void plr_run_handle_cancel(plr_run *run)
{
    bool now = run->cancel_wanted >= PLR_CANCEL_NOW;
    if (run->cancel_wanted == run->cancel_done || plr_run_is_over(run))
        return;
    run->cancel_done = run->cancel_wanted;
    if (run->cancel_wanted == PLR_CANCEL_ABANDON)
        abandon(run);
    else if (run->phase < PLR_PHASE_STEPS)
        cancel_early(run);
    else if (run->phase == PLR_PHASE_STEPS || (now && run->phase < PLR_PHASE_TEARDOWN)) {
        run->known.cancelled = true;
        begin_cleanup_budget(run);
        plr_tell_cancelled(run);
        cancel_steps(run, now);
    } else if (run->phase == PLR_PHASE_HOOKS)
        begin_cleanup_budget(run); /* its last step has ended: nothing changes, but no hook hangs */
}
