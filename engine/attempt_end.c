/* SPDX-License-Identifier: MIT */
/* How an attempt ends: what its end means for the step (passed, failed, ignored, tried again) and
 * what the others learn of it. */
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/engine.h"
#include "engine/run.h"

void plr_attempt_set_end(plr_run_node *node, const plr_end *end)
{
    free(steal(node->end_message));
    node->end = *end;
    /* Without memory the end stands without its words. */
    plr_text_copy(&node->end_message, end->message, NULL);
    node->end.message = node->end_message;
    node->end_known = true;
}

static plr_reason reason_of_error(int code)
{
    switch (code) {
    case PLR_ERR_IMAGE:
        return PLR_REASON_IMAGE;
    case PLR_ERR_CONFIGURATION:
    case PLR_ERR_REFUSED:
    case PLR_ERR_USAGE:
    case PLR_ERR_UNSUPPORTED:
        return PLR_REASON_CONFIGURATION;
    case PLR_ERR_LOST:
        return PLR_REASON_LOST;
    default:
        return PLR_REASON_INFRASTRUCTURE;
    }
}

static plr_fault fault_of(const plr_end *end)
{
    switch (end->reason) {
    case PLR_REASON_EXIT:
        return end->exit_code == 0 || end->exit_code == PLR_RULE_EXIT_HALT ? PLR_FAULT_NONE
                                                                           : PLR_FAULT_USER;
    case PLR_REASON_SIGNAL:
    case PLR_REASON_OOM:
    case PLR_REASON_TIMEOUT:
    case PLR_REASON_NOT_READY:
        return PLR_FAULT_USER;
    case PLR_REASON_IMAGE:
        return PLR_FAULT_REGISTRY;
    case PLR_REASON_CONFIGURATION:
        return PLR_FAULT_CONFIGURATION;
    case PLR_REASON_EVICTED:
    case PLR_REASON_LOST:
    case PLR_REASON_INFRASTRUCTURE:
        return PLR_FAULT_INFRASTRUCTURE;
    default:
        return PLR_FAULT_NONE;
    }
}

void plr_attempt_fail(plr_run_node *node, const plr_error *err)
{
    plr_end end = { .size = sizeof end,
        .reason = reason_of_error(err->code),
        .exit_code = -1,
        .message = err->message };
    if (node->stopped_as != PLR_REASON_NONE)
        end.message = NULL; /* it failed because we stopped it */
    plr_attempt_set_end(node, &end);
    plr_attempt_finish(node);
}

/* Why it ended, where we had a hand in it. */
static plr_reason stopped_reason(const plr_run_node *node, const plr_end *end)
{
    if (node->stopped_as == PLR_REASON_NONE || node->concluded)
        return end->reason; /* concluded: it had ended before we said so */
    if (node->task.step->detach && node->met)
        return PLR_REASON_STOPPED;
    return node->stopped_as;
}

static bool is_halt(const plr_run_node *node, const plr_end *end)
{
    return end->reason == PLR_REASON_EXIT && end->exit_code == PLR_RULE_EXIT_HALT &&
           plr_rule_halts(node->rule);
}

static bool is_failure(const plr_run_node *node, const plr_end *end)
{
    if (node->task.step->detach && !node->met)
        return true; /* rule 4: an end before it is met, whatever the code */
    if (end->reason == PLR_REASON_STOPPED || is_halt(node, end))
        return false;
    return end->reason != PLR_REASON_EXIT || end->exit_code != 0;
}

/* Rule 9. */
static bool may_retry(const plr_run_node *node, const plr_end *end)
{
    const plr_retry *retry = &node->task.step->retry;
    if ((int64_t)node->task.attempt >= retry->attempts || node->run->known.cancelled || node->met ||
            end->reason == PLR_REASON_CANCELLED || end->reason == PLR_REASON_STOPPED)
        return false;
    for (size_t i = 0; i < retry->n_on; i++)
        if (retry->on[i] == (int)end->reason)
            return true;
    return retry->n_on == 0 && end->reason != PLR_REASON_TIMEOUT &&
           end->reason != PLR_REASON_CONFIGURATION;
}

/* Fills in what the engine has to say of an end. */
static void judge(plr_run_node *node, plr_end *end)
{
    const plr_step *step = node->task.step;
    end->size = sizeof *end;
    end->reason = stopped_reason(node, end);
    if (step->detach && !node->met && step->ready != NULL &&
            (end->reason == PLR_REASON_EXIT || end->reason == PLR_REASON_SIGNAL))
        end->reason = PLR_REASON_NOT_READY;
    if (end->fault == PLR_FAULT_NONE)
        end->fault = fault_of(end);
    bool failure = is_failure(node, end);
    end->will_retry = failure && may_retry(node, end);
    end->ignored = failure && step->ignore_err && end->reason != PLR_REASON_CANCELLED;
    end->failed = failure && !end->ignored && !end->will_retry;
}

static plr_rule_outcome outcome_of(const plr_run_node *node, const plr_end *end)
{
    return end->failed ? PLR_RULE_FAILED : is_halt(node, end) ? PLR_RULE_HALTED : PLR_RULE_PASSED;
}

/* The init's word, before the daemon confirms it: enough for those who wait, unless the attempt may
 * have a successor. */
void plr_attempt_conclude(plr_run_node *node, const plr_end *told)
{
    plr_end end = *told;
    if (node->state != PLR_STATE_RUNNING || node->task.step->detach || node->concluded ||
            node->stopped_as != PLR_REASON_NONE)
        return;
    judge(node, &end);
    if (end.will_retry)
        return;
    node->concluded = true;
    node->recorded = !is_failure(node, &end) ||
                     (int64_t)node->task.attempt >= node->task.step->retry.attempts;
    node->run->n_concluded += node->task.step->kind == PLR_STEP_STEP;
    node->run->known.failed |= end.failed;
    plr_schedule_decided(node, outcome_of(node, &end));
    plr_schedule_release_slot(node);
}

void plr_attempt_remove(plr_run_node *node)
{
    if (node->clean || node->op.active)
        return;
    if (node->end.failed && node->run->options.keep_on_failure)
        return;
    plr_attempt_discard(node);
}

static void on_backoff_over(plr_run_node *node)
{
    node->backing_off = false;
    if (node->clean)
        plr_attempt_turn(node);
}

static void try_again(plr_run_node *node)
{
    const plr_retry *retry = &node->task.step->retry;
    int64_t wait = retry->backoff_ns;
    for (unsigned i = 1; i < node->task.attempt && wait < INT64_MAX / 4; i++)
        wait *= 2;
    node->task.attempt++;
    node->end_known = node->kill_sent = node->kill_wanted = node->concluded = false;
    node->recorded = false;
    node->stopped_as = PLR_REASON_NONE;
    plr_attempt_move(node, PLR_STATE_PENDING, NULL);
    node->backing_off = wait > 0 && node->clock != NULL; /* none: there was no memory for one */
    if (node->backing_off)
        plr_attempt_set_clock(node, on_backoff_over, (uint64_t)wait);
    else if (node->clean)
        plr_attempt_turn(node);
}

static void count_end(plr_run_node *node, const plr_end *end)
{
    plr_run *run = node->run;
    const plr_step *step = node->task.step;
    run->known.failed |= end->failed;
    if (end->failed)
        run->result.n_failed++;
    else
        run->result.n_passed++;
    if (step->kind == PLR_STEP_STEP && !step->detach) {
        run->n_open--;
        run->n_main_open -= !node->rule->end_phase;
    }
    plr_result_note(node, end);
}

void plr_attempt_finish(plr_run_node *node)
{
    plr_end *end = &node->end;
    plr_schedule_leave_ahead(node);
    if (!node->end_known)
        *end = (plr_end){ .exit_code = -1 };
    if (node->clock != NULL)
        plr_timer_set(node->clock, 0);
    node->run->n_concluded -= node->concluded && node->task.step->kind == PLR_STEP_STEP;
    plr_ready_end(node);
    plr_output_end(node);
    node->backing_off = false;
    judge(node, end);
    if (end->reason == PLR_REASON_CANCELLED)
        plr_result_note_cut(node->run);
    if (!end->will_retry)
        count_end(node, end);
    plr_attempt_move(node, PLR_STATE_ENDED, end);
    plr_attempt_remove(node);
    if (end->will_retry) {
        try_again(node);
    } else {
        plr_timer_free(steal(node->clock));
        plr_schedule_decided(node, outcome_of(node, end));
        plr_schedule_release_slot(node);
    }
    plr_run_kick(node->run);
}
