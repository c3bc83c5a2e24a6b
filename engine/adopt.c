/* SPDX-License-Identifier: MIT */
/* Tasks that are prepared together and release each other: the engine takes over what they have
 * decided, whatever its own view, and looks in the end whether the truth explains it. */
#include "engine/base/error.h"
#include "engine/engine.h"
#include "engine/run.h"

void plr_adopt_prepared(plr_run *run)
{
    for (size_t i = 0; i < run->n_tasks && run->view.prepares_all; i++) {
        plr_run_node *node = plr_run_node_of(run->tasks[i]);
        if (node->state == PLR_STATE_PENDING)
            plr_attempt_take_prepared(node);
    }
}

/* Whether a task can still tell us what it has decided. It may be quicker than the news that the
 * set-up is done. */
static bool is_open(plr_run_node *node)
{
    const plr_run *run = node->run;
    if (!run->view.self_release)
        return false;
    if (node->state == PLR_STATE_PENDING && run->phase == PLR_PHASE_SETUP)
        plr_attempt_take_prepared(node);
    return node->state == PLR_STATE_PREPARED || node->state == PLR_STATE_STARTING;
}

void plr_adopt_started(plr_run_node *node)
{
    plr_error err = { 0 };
    if (!is_open(node) || node->state == PLR_STATE_STARTING)
        return;
    node->has_turn = true;
    plr_attempt_move(node, PLR_STATE_STARTING, NULL);
    if (plr_output_begin(node, &err) < 0) {
        plr_attempt_fail(node, &err);
        return;
    }
    plr_attempt_run(node);
    plr_cancel_late(node);
}

void plr_adopt_skipped(plr_run_node *node, plr_skip why)
{
    if (!is_open(node))
        return;
    if (why == PLR_SKIP_CANCELLED && node->run->timed_out)
        why = PLR_SKIP_TIMEOUT;
    node->recorded = true;
    plr_attempt_skipped(node, why);
}

/* Whether a step's own end, as it was confirmed, is why others were skipped. */
static bool has_halted(const plr_run *run)
{
    for (size_t i = 0; i < run->document->n_tasks; i++)
        if (run->nodes[i].end.reason == PLR_REASON_EXIT &&
                run->nodes[i].end.exit_code == PLR_RULE_EXIT_HALT &&
                plr_rule_halts(run->nodes[i].rule))
            return true;
    return false;
}

/* Of a run in which nothing failed and nothing was cut off. */
static bool is_explained(const plr_run_node *node, bool halted)
{
    if (node->end.reason != PLR_REASON_SKIPPED)
        return true;
    switch (node->end.skip) {
    case PLR_SKIP_NOTHING_FAILED:
        return true;
    case PLR_SKIP_NEVER:
        return node->rule->policy == PLR_RULE_NEVER;
    case PLR_SKIP_NOT_SELECTED:
        return !node->selected;
    case PLR_SKIP_EXIT_78:
        return halted;
    default:
        return false;
    }
}

/* A step that was left out for what another one had said of itself, and that was not true. */
void plr_adopt_check(plr_run *run)
{
    bool halted = has_halted(run);
    plr_error err = { 0 };
    for (size_t i = 0; i < run->document->n_tasks; i++) {
        const plr_run_node *node = &run->nodes[i];
        if (is_explained(node, halted))
            continue;
        plr_error_set(&err, PLR_ERR_INFRASTRUCTURE,
                "step %s did not run (%s), and no end that was confirmed is the reason",
                node->task.step->metadata.name, plr_skip_name(node->end.skip));
        plr_run_note_failure(run, &err);
        plr_result_note_break(run);
        return;
    }
}
