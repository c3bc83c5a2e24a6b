/* SPDX-License-Identifier: MIT */
/* The plan of a document as its formats share it: in which phase and stage each task stands. */
#ifndef PLR_GRAPH_H
#define PLR_GRAPH_H

#include <stddef.h>

#include <pipeline/spec.h>

#include "engine/base/buf.h"

typedef enum plr_phase {
    PLR_PHASE_SERVICES,
    PLR_PHASE_STEPS,
    PLR_PHASE_END, /* on-failure steps without dependencies, and all that hang on them */
    PLR_PHASE_HOOKS,
    PLR_PHASES,
} plr_phase;

typedef struct plr_place {
    size_t task;
    size_t stage; /* from 1: a step is one behind the latest that it waits for */
    plr_phase phase;
} plr_place;

typedef struct plr_plan {
    const plr_document *document;
    plr_place *places; /* by task */
    plr_place *sorted; /* by phase, stage, task */
} plr_plan;

const char *plr_phase_name(plr_phase phase);

/* Whether a phase begins at this place of `sorted`. */
bool plr_plan_begins(const plr_plan *plan, size_t at);

/* Text for people, without what would move their terminal's cursor. */
void plr_plan_text(const plr_plan *plan, plr_buf *out);

/* For Graphviz, and for Mermaid. */
void plr_plan_dot(const plr_plan *plan, plr_buf *out);
void plr_plan_mermaid(const plr_plan *plan, plr_buf *out);

/* For tools; docs/graph.md describes it. */
void plr_plan_json(const plr_plan *plan, plr_buf *out);

#endif
