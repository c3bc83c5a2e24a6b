/* SPDX-License-Identifier: MIT */
/* What tasks that release each other cannot know is told to their backend, once it is known. */
#include "engine/engine.h"
#include "engine/run.h"

static void tell(plr_run *run, plr_fact *fact)
{
    if (!run->view.self_release || !run->set_up || run->phase > PLR_PHASE_STOPPING)
        return;
    fact->size = sizeof *fact;
    run->backend->module->tell(run->backend->self, &run->view, fact);
}

void plr_tell_cancelled(plr_run *run)
{
    plr_fact fact = { .type = PLR_FACT_CANCELLED };
    fact.u.cancelled.mode = run->cancel_wanted;
    fact.u.cancelled.started = run->known.started;
    tell(run, &fact);
}

void plr_tell_services(plr_run *run)
{
    plr_fact fact = { .type = PLR_FACT_SERVICES, .u.failed = run->known.services_failed };
    if (run->n_services > 0)
        tell(run, &fact);
}

void plr_tell_main_ended(plr_run *run)
{
    plr_fact fact = { .type = PLR_FACT_MAIN_ENDED, .u.failed = run->known.failed };
    if (run->has_end_phase)
        tell(run, &fact);
}

static plr_fact_outcome fact_of(plr_rule_outcome outcome)
{
    switch (outcome) {
    case PLR_RULE_FAILED:
        return PLR_FACT_FAILED;
    case PLR_RULE_HALTED:
        return PLR_FACT_HALTED;
    case PLR_RULE_SKIPPED:
        return PLR_FACT_SKIPPED;
    default:
        return PLR_FACT_PASSED;
    }
}

void plr_tell_outcome(plr_run_node *node)
{
    plr_fact fact = { .type = PLR_FACT_OUTCOME };
    bool left_out =
            !node->selected || node->rule->policy == PLR_RULE_NEVER; /* from the beginning */
    if (node->rule->kind != PLR_RULE_STEP || node->recorded || left_out)
        return;
    fact.u.outcome.task = &node->task;
    fact.u.outcome.is = fact_of(node->rule->outcome);
    tell(node->run, &fact);
}
