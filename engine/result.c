/* SPDX-License-Identifier: MIT */
/* What a run's result is: its first unignored cause in the order of events (rule 11), and the exit
 * code that stands for it. */
#include <stdio.h>
#include <string.h>

#include "engine/base/text.h"
#include "engine/engine.h"
#include "engine/run.h"

static void set_cause(
        plr_run *run, plr_outcome outcome, plr_reason reason, size_t task, int exit_code)
{
    run->has_cause = true;
    run->result.outcome = outcome;
    run->result.reason = reason;
    run->result.task = task;
    run->result.exit_code = exit_code;
}

/* Cuts a message that was longer than its place at the border of a character. */
static void set_message(plr_run *run, int length)
{
    size_t last = sizeof run->result.message - 1;
    if (length > (int)last)
        run->result.message[plr_utf8_cut(run->result.message, last)] = '\0';
}

static bool is_infrastructure(plr_reason reason)
{
    return reason == PLR_REASON_EVICTED || reason == PLR_REASON_LOST ||
           reason == PLR_REASON_INFRASTRUCTURE;
}

void plr_result_note(plr_run_node *node, const plr_end *end)
{
    plr_run *run = node->run;
    if (!end->failed || run->has_cause || end->reason == PLR_REASON_CANCELLED)
        return;
    bool infrastructure = is_infrastructure(end->reason);
    set_cause(run, infrastructure ? PLR_OUTCOME_INFRASTRUCTURE : PLR_OUTCOME_FAILED, end->reason,
            node->task.index, infrastructure ? 3 : 1);
    char *message = run->result.message;
    size_t size = sizeof run->result.message;
    const char *name = node->task.step->metadata.name;
    int length;
    if (end->reason == PLR_REASON_EXIT)
        length = snprintf(message, size, "step %s ended with exit code %d", name, end->exit_code);
    else if (end->reason == PLR_REASON_SIGNAL && end->signal != 0)
        length = snprintf(message, size, "step %s ended by signal %d", name, end->signal);
    else
        length = snprintf(message, size, "step %s: %s%s%s", name, plr_reason_name(end->reason),
                end->message != NULL ? ": " : "", end->message != NULL ? end->message : "");
    set_message(run, length);
}

void plr_result_note_cut(plr_run *run)
{
    if (run->has_cause || run->cancel_wanted == 0)
        return;
    if (run->timed_out) {
        set_cause(run, PLR_OUTCOME_TIMEOUT, PLR_REASON_TIMEOUT, PLR_NONE, 1);
        char limit[32];
        plr_duration_format(run->view.timeout_ns, limit, sizeof limit);
        snprintf(run->result.message, sizeof run->result.message,
                "the pipeline's time limit of %s was over", limit);
    } else {
        set_cause(run, PLR_OUTCOME_CANCELLED, PLR_REASON_CANCELLED, PLR_NONE,
                run->cause == PLR_CAUSE_TERMINATED ? 143 : 130);
        snprintf(run->result.message, sizeof run->result.message, "cancelled");
    }
}

/* What went wrong around the steps: a check, the set-up, the infrastructure of the whole run. */
void plr_result_note_break(plr_run *run)
{
    int code = run->failure.code;
    bool refused = code == PLR_ERR_REFUSED || code == PLR_ERR_USAGE || code == PLR_ERR_DOCUMENT ||
                   code == PLR_ERR_UNSUPPORTED;
    if (code == PLR_ERR_CANCELLED)
        plr_result_note_cut(run);
    if (run->has_cause)
        return;
    set_cause(run, refused ? PLR_OUTCOME_REFUSED : PLR_OUTCOME_INFRASTRUCTURE,
            refused ? PLR_REASON_CONFIGURATION : PLR_REASON_INFRASTRUCTURE, PLR_NONE,
            refused ? 2 : 3);
    set_message(run,
            snprintf(run->result.message, sizeof run->result.message, "%s", run->failure.message));
}

void plr_result_note_unheard(plr_run *run)
{
    if (run->result.outcome != PLR_OUTCOME_PASSED)
        return;
    run->has_cause = false;
    plr_result_note_break(run);
}

void plr_result_make(plr_run *run)
{
    if (run->failure.code != PLR_OK)
        plr_result_note_break(run);
    run->result.size = sizeof run->result;
    run->result.duration_ns = plr_loop_now(run->engine->loop) - run->started_at;
    if (!run->has_cause)
        plr_adopt_check(run);
    if (!run->has_cause)
        set_cause(run, PLR_OUTCOME_PASSED, PLR_REASON_NONE, PLR_NONE, 0);
}
