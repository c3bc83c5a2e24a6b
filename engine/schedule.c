/* SPDX-License-Identifier: MIT */
/* Whose turn it is: keeps what the rules need to know, asks them about each step when something new
 * is known, and hands out slots. Every step is looked at a constant number of times for each of its
 * edges. */
#include "engine/run.h"

#include <string.h>

#include "engine/base/error.h"
#include "engine/engine.h"

/* How many tasks may be prepared before their turn. */
#define AHEAD_AT_MOST 2

static void examine(plr_run_node *node)
{
    plr_run *run = node->run;
    if (node->to_examine)
        return;
    node->to_examine = true;
    node->next_examined = NULL;
    if (run->last_examined != NULL)
        run->last_examined->next_examined = node;
    else
        run->first_examined = node;
    run->last_examined = node;
    plr_run_kick(run);
}

/* Dependents of each step, as runs of one array. */
static int make_dependents(plr_run *run, plr_error *err)
{
    size_t n_edges = 0, n = run->document->n_tasks;
    for (size_t i = 0; i < n; i++)
        n_edges += run->document->tasks[i]->n_dependencies;
    size_t *edges = plr_arena_array(&run->arena, n_edges, sizeof *edges);
    size_t *filled = plr_arena_array(&run->arena, n, sizeof *filled);
    if (edges == NULL || filled == NULL)
        return plr_error_nomem(err);
    for (size_t i = 0; i < n; i++)
        for (size_t d = 0; d < run->document->tasks[i]->n_dependencies; d++)
            run->nodes[run->document->tasks[i]->dependencies[d]].n_dependents++;
    for (size_t i = 0, at = 0; i < n; at += run->nodes[i].n_dependents, i++)
        run->nodes[i].dependents = edges + at;
    for (size_t i = 0; i < n; i++)
        for (size_t d = 0; d < run->document->tasks[i]->n_dependencies; d++) {
            size_t above = run->document->tasks[i]->dependencies[d];
            edges[(size_t)(run->nodes[above].dependents - edges) + filled[above]++] = i;
        }
    return 0;
}

static int make_rules(plr_run *run, plr_error *err)
{
    const plr_document *document = run->document;
    plr_rule_step *steps = plr_arena_array(&run->arena, document->n_tasks, sizeof *steps);
    if (steps == NULL)
        return plr_error_nomem(err);
    for (size_t i = 0; i < document->n_tasks; i++) {
        const plr_step *step = document->tasks[i];
        steps[i].kind = step->kind == PLR_STEP_SERVICE ? PLR_RULE_SERVICE
                        : step->kind == PLR_STEP_STEP  ? PLR_RULE_STEP
                                                       : PLR_RULE_HOOK;
        steps[i].policy = (plr_rule_policy)step->run_policy;
        steps[i].detach = step->detach;
        steps[i].ignore_err = step->ignore_err;
        steps[i].above = step->dependencies;
        steps[i].n_above = step->n_dependencies;
        run->nodes[i].rule = &steps[i];
    }
    run->rules =
            (plr_rule_graph){ .steps = steps, .n = document->n_tasks, .serial = document->serial };
    if (!plr_rule_graph_init(&run->rules))
        return plr_error_set(err, PLR_ERR_DOCUMENT, "steps wait for each other");
    return 0;
}

static size_t find_step(const plr_run *run, const char *name)
{
    for (size_t i = 0; i < run->document->n_tasks; i++) {
        const plr_step *step = run->document->tasks[i];
        if (step->kind == PLR_STEP_STEP && strcmp(step->metadata.name, name) == 0)
            return i;
    }
    return PLR_NONE;
}

/* --from: the step and all that follow it in the plan, the end phase too; --only: the steps named.
 */
static int select_steps(plr_run *run, size_t *stack, plr_error *err)
{
    const plr_run_options *options = &run->options;
    bool all = options->from == NULL && options->n_only == 0;
    for (size_t i = 0; i < run->document->n_tasks; i++)
        run->nodes[i].selected = all || run->document->tasks[i]->kind != PLR_STEP_STEP;
    for (size_t i = 0; i < options->n_only; i++) {
        size_t index = find_step(run, options->only[i]);
        if (index == PLR_NONE)
            return plr_error_set(
                    err, PLR_ERR_USAGE, "there is no step \"%s\" to run", options->only[i]);
        run->nodes[index].selected = true;
    }
    if (options->from == NULL)
        return 0;
    size_t depth = 0;
    stack[depth] = find_step(run, options->from);
    if (stack[depth++] == PLR_NONE)
        return plr_error_set(
                err, PLR_ERR_USAGE, "there is no step \"%s\" to begin from", options->from);
    bool from_end_phase = run->nodes[stack[0]].rule->end_phase;
    while (depth > 0) {
        plr_run_node *node = &run->nodes[stack[--depth]];
        if (node->selected)
            continue;
        node->selected = true;
        for (size_t d = 0; d < node->n_dependents; d++)
            if (!run->nodes[node->dependents[d]].selected)
                stack[depth++] = node->dependents[d];
    }
    for (size_t i = 0; i < run->document->n_tasks; i++)
        run->nodes[i].selected |= run->nodes[i].rule->end_phase && !from_end_phase;
    return 0;
}

static int list_tasks(plr_run *run, plr_error *err)
{
    run->tasks = plr_arena_array(&run->arena, run->document->n_tasks, sizeof(plr_task *));
    if (run->tasks == NULL)
        return plr_error_nomem(err);
    for (size_t i = 0; i < run->document->n_tasks; i++)
        if (run->nodes[i].selected && run->nodes[i].rule->policy != PLR_RULE_NEVER)
            run->tasks[run->n_tasks++] = &run->nodes[i].task;
    return 0;
}

static size_t count_edges(const plr_document *document)
{
    size_t n = 0;
    for (size_t i = 0; i < document->n_tasks; i++)
        n += document->tasks[i]->n_dependencies;
    return n;
}

int plr_schedule_init(plr_run *run, plr_error *err)
{
    const plr_document *document = run->document;
    int r = make_dependents(run, err);
    if (r < 0)
        return r;
    /* A step may wait on the stack once for each edge to it. */
    _cleanup_free_ size_t *stack =
            calloc(document->n_tasks + count_edges(document) + 1, sizeof *stack);
    if (stack == NULL)
        return plr_error_nomem(err);
    r = make_rules(run, err);
    if (r == 0)
        r = select_steps(run, stack, err);
    if (r == 0)
        r = list_tasks(run, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < document->n_tasks; i++) {
        plr_run_node *node = &run->nodes[i];
        const plr_step *step = node->task.step;
        node->reaches_outside = plr_hold_reaches_outside(node);
        run->n_reaching_outside += node->reaches_outside;
        node->n_unknown = node->n_dormant = step->n_dependencies;
        if (step->kind == PLR_STEP_SERVICE)
            run->n_services_unmet++;
        if (step->kind != PLR_STEP_STEP)
            continue;
        *(step->detach ? &run->n_undecided_detached : &run->n_open) += 1;
        run->n_main_open += !node->rule->end_phase;
        run->has_end_phase |= node->rule->end_phase;
    }
    return 0;
}

void plr_schedule_examine_all(plr_run *run)
{
    for (size_t i = 0; i < run->n_services + run->n_steps; i++)
        examine(&run->nodes[i]);
}

void plr_schedule_begin(plr_run *run)
{
    run->known.services_known = run->n_services_unmet == 0;
    run->known.main_ended = run->n_main_open == 0;
    plr_schedule_examine_all(run);
}

void plr_schedule_awake(plr_run_node *node)
{
    if (node->awake)
        return;
    node->awake = true;
    for (size_t i = 0; i < node->n_dependents; i++) {
        plr_run_node *below = &node->run->nodes[node->dependents[i]];
        if (--below->n_dormant == 0)
            examine(below);
    }
}

static void spread(plr_run_node *node, plr_rule_summary above)
{
    if (!plr_rule_graph_spread(node->rule, above))
        return;
    for (size_t i = 0; i < node->n_dependents; i++) {
        plr_run_node *below = &node->run->nodes[node->dependents[i]];
        if (--below->n_unknown == 0)
            examine(below);
    }
}

static void count_decided(plr_run_node *node, plr_rule_outcome outcome)
{
    plr_run *run = node->run;
    const plr_step *step = node->task.step;
    if (step->kind == PLR_STEP_SERVICE) {
        run->n_services_unmet--;
        run->known.services_failed |= outcome == PLR_RULE_FAILED;
        run->known.services_known = run->n_services_unmet == 0;
    } else if (step->kind == PLR_STEP_STEP && step->detach) {
        run->n_undecided_detached--;
        run->n_main_open -= !node->rule->end_phase;
    }
}

void plr_schedule_decided(plr_run_node *node, plr_rule_outcome outcome)
{
    if (node->rule->outcome != PLR_RULE_UNKNOWN)
        return;
    node->rule->outcome = outcome;
    plr_tell_outcome(node);
    count_decided(node, outcome);
    plr_schedule_awake(node);
    examine(node);
}

void plr_schedule_release_slot(plr_run_node *node)
{
    if (!node->has_slot)
        return;
    node->has_slot = false;
    node->run->n_slots_used--;
    plr_run_kick(node->run);
}

/* Services and detached steps live long and would starve the others: they take no slot. */
static bool needs_slot(const plr_run_node *node)
{
    return node->run->options.max_parallel > 0 && !node->task.step->detach;
}

static void wait_for_slot(plr_run_node *node)
{
    plr_run *run = node->run;
    node->waits_slot = true;
    node->next_waiting = NULL;
    if (run->last_waiting != NULL)
        run->last_waiting->next_waiting = node;
    else
        run->first_waiting = node;
    run->last_waiting = node;
}

static void give_turn(plr_run_node *node)
{
    plr_run *run = node->run;
    node->has_turn = true;
    if (needs_slot(node)) {
        if (run->n_slots_used >= run->options.max_parallel) {
            wait_for_slot(node);
            return;
        }
        node->has_slot = true;
        run->n_slots_used++;
    }
    plr_attempt_turn(node);
}

static void hand_out_slots(plr_run *run)
{
    while (run->first_waiting != NULL && run->n_slots_used < run->options.max_parallel) {
        plr_run_node *node = run->first_waiting;
        run->first_waiting = node->next_waiting;
        if (run->first_waiting == NULL)
            run->last_waiting = NULL;
        node->waits_slot = false;
        if (node->state == PLR_STATE_ENDED)
            continue; /* cancelled meanwhile */
        node->has_slot = true;
        run->n_slots_used++;
        plr_attempt_turn(node);
    }
}

plr_skip plr_schedule_skip_reason(const plr_run *run, plr_rule_answer answer)
{
    switch (answer) {
    case PLR_RULE_SKIP_FAILED_BEFORE:
        return PLR_SKIP_FAILED_BEFORE;
    case PLR_RULE_SKIP_NOTHING_FAILED:
        return PLR_SKIP_NOTHING_FAILED;
    case PLR_RULE_SKIP_NEVER:
        return PLR_SKIP_NEVER;
    case PLR_RULE_SKIP_HALTED:
        return PLR_SKIP_EXIT_78;
    case PLR_RULE_SKIP_CANCELLED:
        return run->timed_out ? PLR_SKIP_TIMEOUT : PLR_SKIP_CANCELLED;
    default:
        return PLR_SKIP_NONE;
    }
}

static void want_ahead(plr_run_node *node)
{
    plr_run *run = node->run;
    if (node->wants_ahead)
        return;
    node->wants_ahead = true;
    node->next_wanting = NULL;
    *(run->last_wanting != NULL ? &run->last_wanting->next_wanting : &run->first_wanting) = node;
    run->last_wanting = node;
}

void plr_schedule_leave_ahead(plr_run_node *node)
{
    plr_run *run = node->run;
    if (!node->ahead)
        return;
    node->ahead = false;
    run->n_ahead--;
    for (plr_run_node *next; (next = run->first_wanting) != NULL; examine(next)) {
        run->first_wanting = next->next_wanting;
        if (run->first_wanting == NULL)
            run->last_wanting = NULL;
        next->wants_ahead = false;
    }
}

/* Prepares a step ahead of its turn, if it will probably have one and all it waits for runs or is
 * prepared ahead itself: of a row of short steps the next two are ready. */
static void consider_ahead(plr_run_node *node, plr_rule_summary above)
{
    plr_run *run = node->run;
    if (node->state != PLR_STATE_PENDING || node->began_ahead || node->n_dormant > 0 ||
            node->op.active || run->known.cancelled ||
            (node->task.step->n_dependencies == 0 && !run->known.services_known) ||
            node->rule->end_phase)
        return;
    if (!plr_rule_is_likely(node->rule->policy, above, &run->known) || !plr_hold_may_prepare(node))
        return;
    if (run->n_ahead >= AHEAD_AT_MOST) {
        want_ahead(node);
        return;
    }
    plr_attempt_prepare(node, true);
    plr_schedule_awake(node);
}

static void decide(plr_run_node *node, plr_rule_summary above)
{
    plr_run *run = node->run;
    if (!node->selected) {
        plr_attempt_skip(node, PLR_SKIP_NOT_SELECTED);
        return;
    }
    plr_rule_answer answer = run->cancel_wanted >= PLR_CANCEL_NOW
                                     ? PLR_RULE_SKIP_CANCELLED
                                     : plr_rule_decide(node->rule->policy, above, &run->known);
    if (answer == PLR_RULE_RUN)
        give_turn(node);
    else if (answer != PLR_RULE_WAIT)
        plr_attempt_skip(node, plr_schedule_skip_reason(run, answer));
    else
        consider_ahead(node, above);
}

static void wake_roots(plr_run *run)
{
    bool services = run->known.services_known && !run->roots_woken;
    run->known.main_ended = run->n_main_open == 0;
    bool end_phase = run->known.main_ended && !run->end_phase_woken;
    if (!services && !end_phase)
        return;
    if (services)
        plr_tell_services(run);
    if (end_phase)
        plr_tell_main_ended(run);
    run->roots_woken |= services;
    run->end_phase_woken |= end_phase;
    for (size_t i = run->n_services; i < run->n_services + run->n_steps; i++)
        if (run->nodes[i].task.step->n_dependencies == 0)
            examine(&run->nodes[i]);
}

void plr_schedule_step(plr_run *run)
{
    do {
        wake_roots(run);
        while (run->first_examined != NULL) {
            plr_run_node *node = run->first_examined;
            run->first_examined = node->next_examined;
            if (run->first_examined == NULL)
                run->last_examined = NULL;
            node->to_examine = false;
            plr_rule_summary above =
                    plr_rule_graph_above(&run->rules, node->task.index, &run->known);
            if (node->rule->outcome == PLR_RULE_UNKNOWN && !node->has_turn &&
                    node->skip_asked == PLR_SKIP_NONE && node->state != PLR_STATE_ENDED)
                decide(node, above);
            spread(node, above);
        }
        hand_out_slots(run);
        wake_roots(run);
    } while (run->first_examined != NULL);
}
