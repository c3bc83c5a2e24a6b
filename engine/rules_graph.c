/* SPDX-License-Identifier: MIT */
/* The walk over the steps of a run around the rules: an order in which each step comes after all
 * that it waits for, the end phase, and the summaries. No recursion: ten thousand steps in a row
 * are a common document. */
#include "engine/rules_graph.h"

/* Depth first: places `start` after all above it. False at a cycle. */
static bool place(plr_rule_graph *graph, size_t start, size_t *n)
{
    plr_rule_step *steps = graph->steps;
    size_t at = start;
    steps[start].reached = true;
    for (;;) {
        plr_rule_step *step = &steps[at];
        if (step->walked < step->n_above) {
            size_t next = step->above[step->walked++];
            if (next >= graph->n || (steps[next].reached && !steps[next].placed))
                return false;
            if (steps[next].placed)
                continue;
            steps[next].reached = true;
            steps[next].back = at;
            at = next;
        } else {
            step->placed = true;
            steps[(*n)++].nth = at;
            if (at == start)
                return true;
            at = step->back;
        }
    }
}

/* Rule 3: an on-failure step without dependencies in a graph, and all that hang on it. */
static bool is_end_phase(const plr_rule_graph *graph, const plr_rule_step *step)
{
    if (graph->serial || step->kind != PLR_RULE_STEP)
        return false;
    for (size_t i = 0; i < step->n_above; i++)
        if (graph->steps[step->above[i]].end_phase)
            return true;
    return step->n_above == 0 && step->policy == PLR_RULE_ON_FAILURE;
}

bool plr_rule_graph_init(plr_rule_graph *graph)
{
    size_t n = 0;
    for (size_t i = 0; i < graph->n; i++)
        if (!graph->steps[i].placed && !place(graph, i, &n))
            return false;
    for (size_t i = 0; i < graph->n; i++) {
        plr_rule_step *step = &graph->steps[graph->steps[i].nth];
        step->end_phase = is_end_phase(graph, step);
    }
    return true;
}

plr_rule_summary plr_rule_graph_above(
        const plr_rule_graph *graph, size_t step, const plr_rule_run *run)
{
    const plr_rule_step *self = &graph->steps[step];
    plr_rule_summary above = { .known = true };
    if (self->kind == PLR_RULE_SERVICE)
        return above;
    if (self->n_above == 0)
        return plr_rule_root(self->end_phase, run);
    /* In the end phase the run stands above each step, through its root. */
    for (size_t i = 0; i < self->n_above; i++)
        above = plr_rule_join(above, graph->steps[self->above[i]].summary);
    return above;
}

bool plr_rule_graph_spread(plr_rule_step *step, plr_rule_summary above)
{
    if (step->outcome == PLR_RULE_UNKNOWN || step->summary.known)
        return false;
    step->summary = plr_rule_below(above, step->outcome);
    return step->summary.known;
}

bool plr_rule_halts(const plr_rule_step *step)
{
    return step->kind == PLR_RULE_STEP && !step->detach && !step->end_phase;
}

plr_rule_outcome plr_rule_of_exit(const plr_rule_step *step, int code)
{
    if (code == PLR_RULE_EXIT_HALT && plr_rule_halts(step))
        return PLR_RULE_HALTED;
    return code == 0 || step->ignore_err ? PLR_RULE_PASSED : PLR_RULE_FAILED;
}
