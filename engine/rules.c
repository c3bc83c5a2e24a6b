/* SPDX-License-Identifier: MIT */
/* When a step runs, waits or is skipped. Pure and freestanding: no I/O, no memory, no libc; the one
 * scheduler of the engine and of plr-init. */
#include "engine/rules.h"

plr_rule_summary plr_rule_root(bool end_phase, const plr_rule_run *run)
{
    plr_rule_summary root = {
        .known = run->services_known,
        .failed = run->services_failed,
    };
    if (end_phase) {
        /* All of the run stands above the end phase; a cancel counts as a failure, as for hooks. */
        root.known = root.known && run->main_ended;
        root.failed = root.failed || (run->main_ended && (run->failed || run->cancelled));
    }
    return root;
}

plr_rule_summary plr_rule_join(plr_rule_summary a, plr_rule_summary b)
{
    return (plr_rule_summary){
        .known = a.known && b.known,
        .failed = a.failed || b.failed,
        .halted = a.halted || b.halted,
    };
}

plr_rule_summary plr_rule_below(plr_rule_summary above, plr_rule_outcome outcome)
{
    /* A skipped step adds nothing: it is transparent. One that passes heals nothing. */
    above.known = above.known && outcome != PLR_RULE_UNKNOWN;
    above.failed = above.failed || outcome == PLR_RULE_FAILED;
    above.halted = above.halted || outcome == PLR_RULE_HALTED;
    return above;
}

plr_rule_answer plr_rule_decide(
        plr_rule_policy policy, plr_rule_summary above, const plr_rule_run *run)
{
    if (policy == PLR_RULE_NEVER)
        return PLR_RULE_SKIP_NEVER;
    if (run->cancelled && (!run->started || policy == PLR_RULE_ON_SUCCESS))
        return PLR_RULE_SKIP_CANCELLED;
    if (!above.known)
        return PLR_RULE_WAIT;
    if (policy == PLR_RULE_ALWAYS)
        return PLR_RULE_RUN;
    if (above.halted)
        return PLR_RULE_SKIP_HALTED;
    if (policy == PLR_RULE_ON_FAILURE)
        return above.failed ? PLR_RULE_RUN : PLR_RULE_SKIP_NOTHING_FAILED;
    return above.failed ? PLR_RULE_SKIP_FAILED_BEFORE : PLR_RULE_RUN;
}

bool plr_rule_is_likely(plr_rule_policy policy, plr_rule_summary above, const plr_rule_run *run)
{
    above.known = true;
    return plr_rule_decide(policy, above, run) == PLR_RULE_RUN;
}

plr_rule_answer plr_rule_decide_hook(plr_rule_hook kind, const plr_rule_run *run)
{
    bool failed = run->failed || run->cancelled;
    if (run->cancelled && !run->started)
        return PLR_RULE_SKIP_CANCELLED;
    if (kind == PLR_RULE_HOOK_SUCCESS && failed)
        return PLR_RULE_SKIP_FAILED_BEFORE;
    if (kind == PLR_RULE_HOOK_FAILURE && !failed)
        return PLR_RULE_SKIP_NOTHING_FAILED;
    return PLR_RULE_RUN;
}
