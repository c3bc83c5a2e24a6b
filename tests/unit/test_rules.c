/* SPDX-License-Identifier: MIT */
/* The rules as pure functions: they are confluent (more knowledge turns a wait into an answer and
 * never an answer into another), for every combination of policy and knowledge there is. */
#include <stdio.h>

#include "engine/rules.h"
#include "tests/unit/harness.h"

enum { N_RUNS = 1 << 6, N_SUMMARIES = 1 << 3, N_POLICIES = 4 };

static plr_rule_run run_of(unsigned bits)
{
    return (plr_rule_run){
        .cancelled = bits & 1,
        .started = bits & 2,
        .main_ended = bits & 4,
        .failed = bits & 8,
        .services_known = bits & 16,
        .services_failed = bits & 32,
    };
}

static plr_rule_summary summary_of(unsigned bits)
{
    return (plr_rule_summary){ .known = bits & 1, .failed = bits & 2, .halted = bits & 4 };
}

/* Whether `later` may be what is known after `now`: flags are only ever set, and a summary that is
 * known does not change. */
static bool may_follow(plr_rule_summary now, plr_rule_summary later)
{
    if (now.known)
        return later.known && now.failed == later.failed && now.halted == later.halted;
    return (!now.failed || later.failed) && (!now.halted || later.halted);
}

static void answers_never_change(void)
{
    for (unsigned policy = 0; policy < N_POLICIES; policy++)
        for (unsigned r = 0; r < N_RUNS; r++)
            for (unsigned s = 0; s < N_SUMMARIES; s++)
                for (unsigned later = 0; later < N_SUMMARIES; later++) {
                    plr_rule_run run = run_of(r);
                    if (!may_follow(summary_of(s), summary_of(later)))
                        continue;
                    plr_rule_answer now =
                            plr_rule_decide((plr_rule_policy)policy, summary_of(s), &run);
                    plr_rule_answer then =
                            plr_rule_decide((plr_rule_policy)policy, summary_of(later), &run);
                    CU_ASSERT_TRUE(now == PLR_RULE_WAIT || now == then);
                }
}

/* A summary is built from below: what is known of each part can only grow into what is known of
 * all. */
static void summaries_only_grow(void)
{
    for (unsigned a = 0; a < N_SUMMARIES; a++)
        for (unsigned b = 0; b < N_SUMMARIES; b++)
            for (unsigned a2 = 0; a2 < N_SUMMARIES; a2++) {
                if (!may_follow(summary_of(a), summary_of(a2)))
                    continue;
                CU_ASSERT_TRUE(may_follow(plr_rule_join(summary_of(a), summary_of(b)),
                        plr_rule_join(summary_of(a2), summary_of(b))));
                for (int outcome = PLR_RULE_UNKNOWN; outcome <= PLR_RULE_SKIPPED; outcome++) {
                    plr_rule_summary now = plr_rule_below(summary_of(a), PLR_RULE_UNKNOWN);
                    plr_rule_summary then =
                            plr_rule_below(summary_of(a2), (plr_rule_outcome)outcome);
                    CU_ASSERT_TRUE(may_follow(now, then));
                    CU_ASSERT_FALSE(now.known);
                }
            }
}

static void roots_wait_for_services_and_the_main_phase(void)
{
    for (unsigned r = 0; r < N_RUNS; r++) {
        plr_rule_run run = run_of(r);
        CU_ASSERT_EQUAL(plr_rule_root(false, &run).known, run.services_known);
        CU_ASSERT_EQUAL(plr_rule_root(true, &run).known, run.services_known && run.main_ended);
    }
}

static void skipped_is_transparent_and_passing_heals_nothing(void)
{
    for (unsigned s = 0; s < N_SUMMARIES; s++) {
        plr_rule_summary above = summary_of(s), skipped = plr_rule_below(above, PLR_RULE_SKIPPED),
                         passed = plr_rule_below(above, PLR_RULE_PASSED);
        CU_ASSERT_TRUE(skipped.failed == above.failed && skipped.halted == above.halted);
        CU_ASSERT_TRUE(passed.failed == above.failed && passed.known == above.known);
    }
}

static const plr_test tests[] = {
    { "an answer never changes into another", answers_never_change },
    { "summaries only grow", summaries_only_grow },
    { "roots wait for services, in the end phase for all else",
            roots_wait_for_services_and_the_main_phase },
    { "skipped is transparent, passing heals nothing",
            skipped_is_transparent_and_passing_heals_nothing },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("rules", tests);
}
