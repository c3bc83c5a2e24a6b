/* SPDX-License-Identifier: MIT */
/* Cancel, in its three strengths (rule 10): a request that is carried out from the loop, once for
 * each strength, and only ever stronger. */
#include "engine/engine.h"
#include "engine/run.h"

/* The rules skip what has not begun; what has, is stopped here. */
static void cancel_steps(plr_run *run, bool now)
{
    for (size_t i = 0; i < run->document->n_tasks; i++) {
        plr_run_node *node = &run->nodes[i];
        bool is_hook = node->task.step->kind >= PLR_STEP_HOOK_SUCCESS;
        bool lives_on = (node->task.step->detach && node->met) || is_hook;
        if (node->has_turn && node->state != PLR_STATE_ENDED && (now || !lives_on))
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
    plr_end end = { .size = sizeof end,
        .reason = PLR_REASON_CANCELLED,
        .exit_code = -1,
        .failed = true,
        .message = "abandoned; it may still run" };
    bool begun = node->state != PLR_STATE_PENDING && node->state != PLR_STATE_ENDED;
    plr_attempt_clear(node);
    if (begun) {
        node->run->result.n_failed++;
        node->end = end;
        plr_attempt_move(node, PLR_STATE_ENDED, &end);
    }
}

static void abandon(plr_run *run)
{
    run->known.cancelled = true;
    if (run->set_up)
        run->backend->module->forget(run->backend->self, &run->view);
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
        cancel_steps(run, now);
    }
    /* Else its last step has ended: nothing changes any more. */
}
