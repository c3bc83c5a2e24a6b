/* SPDX-License-Identifier: MIT */
/* When a step runs, waits or is skipped: pure functions of the graph and of what is known.
 * Freestanding, so that plr-init can decide in a pod by the same rules. More knowledge turns a wait
 * into an answer, never an answer into another. The numbers name the rules of docs/document.md. */
#ifndef PLR_RULES_H
#define PLR_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum plr_rule_policy {
    PLR_RULE_ON_SUCCESS,
    PLR_RULE_ON_FAILURE,
    PLR_RULE_ALWAYS,
    PLR_RULE_NEVER,
} plr_rule_policy;

/* What is known of a step itself. */
typedef enum plr_rule_outcome {
    PLR_RULE_UNKNOWN, /* not decided, or running */
    PLR_RULE_PASSED,  /* ended well, or with a failure that is ignored; a detached one: it is met */
    PLR_RULE_FAILED,
    PLR_RULE_HALTED, /* exit 78 where it has its meaning */
    PLR_RULE_SKIPPED,
} plr_rule_outcome;

/* What is known of a step and of all above it: what its dependents look at. */
typedef struct plr_rule_summary {
    bool known;  /* the step and all above it are decided */
    bool failed; /* one of them failed */
    bool halted; /* one of them ended the rest by exit 78 */
} plr_rule_summary;

/* What is known of a run as a whole. */
typedef struct plr_rule_run {
    bool cancelled;  /* or its time is over (rule 10) */
    bool started;    /* something of the user's has run */
    bool main_ended; /* every non-detached step outside the end phase has ended (rule 3) */
    bool failed;     /* something failed so far, unignored; final when main_ended */
    bool services_known, services_failed; /* all services are met, or one ended before (rule 5) */
} plr_rule_run;

typedef enum plr_rule_answer {
    PLR_RULE_WAIT,
    PLR_RULE_RUN,
    PLR_RULE_SKIP_FAILED_BEFORE,
    PLR_RULE_SKIP_NOTHING_FAILED,
    PLR_RULE_SKIP_NEVER,
    PLR_RULE_SKIP_HALTED,
    PLR_RULE_SKIP_CANCELLED,
} plr_rule_answer;

/* What a step without dependencies has above it: the services, and in the end phase the whole run.
 */
plr_rule_summary plr_rule_root(bool end_phase, const plr_rule_run *run);

/* Two summaries side by side. */
plr_rule_summary plr_rule_join(plr_rule_summary a, plr_rule_summary b);

/* What dependents see of a step with this outcome below `above`. */
plr_rule_summary plr_rule_below(plr_rule_summary above, plr_rule_outcome outcome);

/* Rules 2, 3, 6 and 10: `above` is the join of all it depends on, or the root. */
plr_rule_answer plr_rule_decide(
        plr_rule_policy policy, plr_rule_summary above, const plr_rule_run *run);

/* Whether a step may still run, as far as is known: what it would do if nothing more fails. */
bool plr_rule_is_likely(plr_rule_policy policy, plr_rule_summary above, const plr_rule_run *run);

typedef enum plr_rule_hook {
    PLR_RULE_HOOK_SUCCESS,
    PLR_RULE_HOOK_FAILURE,
    PLR_RULE_HOOK_ALWAYS,
} plr_rule_hook;

/* Rule 8, once all else has ended. */
plr_rule_answer plr_rule_decide_hook(plr_rule_hook kind, const plr_rule_run *run);

#endif
