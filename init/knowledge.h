/* SPDX-License-Identifier: MIT */
/*
 * What one step of a pod knows of its run, from the plan, the records of others and the host's
 * words, and what it does with that: wait, run or skip, by the rules of the engine. No I/O.
 * The first that is known of a step stays; a text may be given as often as it is read.
 */
#ifndef PLR_INIT_KNOWLEDGE_H
#define PLR_INIT_KNOWLEDGE_H

#include "init/plan.h"

typedef struct plr_knowledge {
    plr_init_plan plan;
    size_t self; /* the step whose init this is */
    uint32_t attempt;
    plr_rule_run run;
    bool nothing_begins; /* cancelled, now */
    bool go, stop;       /* said to this attempt */
    bool image;          /* it is in its own image already, said likewise */
    size_t n_stops;      /* taken */
} plr_knowledge;

typedef enum plr_turn {
    PLR_TURN_WAIT,
    PLR_TURN_RUN,
    PLR_TURN_SKIP,
    PLR_TURN_NONE, /* the step has an outcome already: this attempt is not needed */
} plr_turn;

/* All zero but for `plan`, `self` and `attempt`, which must be in the plan. */
void plr_knowledge_init(plr_knowledge *knowledge);

/* The host's text as it is now. */
void plr_knowledge_hear(plr_knowledge *knowledge, const char *text, size_t size);

/* The signal of the next `stop` in the host's text that was not taken yet; 0: there is none. */
unsigned int plr_knowledge_take_stop(plr_knowledge *knowledge, const char *text, size_t size);

/*
 * The late environment in the host's text, as a GO would carry it. Returns its size, -PLR_E2BIG if
 * there is not enough room, or -PLR_EINVAL if something of it cannot be read.
 */
long plr_knowledge_late(
        const plr_knowledge *knowledge, const char *text, size_t size, char *to, size_t to_size);

/* Finds out, for plr_knowledge_wants, whose records can matter as things stand. */
void plr_knowledge_update(plr_knowledge *knowledge);
bool plr_knowledge_wants(const plr_knowledge *knowledge, size_t step, uint32_t attempt);

/* The record of a step's attempt as it is now. Returns whether anything was learned from it. */
bool plr_knowledge_see(
        plr_knowledge *knowledge, size_t step, uint32_t attempt, const char *text, size_t size);

/* What to do now. `ret_why`: of a skip. */
plr_turn plr_knowledge_turn(plr_knowledge *knowledge, plr_rule_answer *ret_why);

#endif
