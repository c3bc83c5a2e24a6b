/* SPDX-License-Identifier: MIT */
/* The steps of a run as the rules see them: who waits for whom, what is known of each, and what
 * stands above it. Freestanding and without memory of its own, like the rules: the engine and
 * plr-init fill in the same struct and walk it by the same code. */
#ifndef PLR_RULES_GRAPH_H
#define PLR_RULES_GRAPH_H

#include "engine/rules.h"

typedef enum plr_rule_kind {
    PLR_RULE_SERVICE,
    PLR_RULE_STEP,
    PLR_RULE_HOOK,
} plr_rule_kind;

typedef struct plr_rule_step {
    /* Filled in before plr_rule_graph_init. */
    plr_rule_kind kind;
    plr_rule_policy policy;
    bool detach;
    bool ignore_err;
    const size_t *above; /* the steps it depends on; in a serial document the one before */
    size_t n_above;

    /* By plr_rule_graph_init. */
    bool end_phase; /* rule 3 */
    size_t nth;     /* of the n-th: which step comes n-th, if each comes after all above it */

    /* What is known. */
    plr_rule_outcome outcome;
    plr_rule_summary summary; /* of it and all above it */

    size_t walked, back; /* of the search for an order */
    bool reached, placed;
} plr_rule_step;

typedef struct plr_rule_graph {
    plr_rule_step *steps; /* borrowed, all zero but for what is filled in */
    size_t n;
    bool serial;
} plr_rule_graph;

/* Finds the order and the end phase. False if steps wait for each other or for one that there is
 * not: then nothing else may be asked. */
bool plr_rule_graph_init(plr_rule_graph *graph);

/* What stands above a step, as far as it is known. */
plr_rule_summary plr_rule_graph_above(
        const plr_rule_graph *graph, size_t step, const plr_rule_run *run);

/* Takes a step's outcome and what stands above it into its summary. Returns whether that has
 * become known by it. */
bool plr_rule_graph_spread(plr_rule_step *step, plr_rule_summary above);

/* Rule 6: the exit code that ends what comes after. */
#define PLR_RULE_EXIT_HALT 78

/* Whether it has its meaning from this step. */
bool plr_rule_halts(const plr_rule_step *step);

/* What the exit code of a step's last attempt, not detached, means to those that depend on it. */
plr_rule_outcome plr_rule_of_exit(const plr_rule_step *step, int code);

#endif
