/* SPDX-License-Identifier: MIT */
/*
 * The plan of a run in a pod: all its steps, as the init of each one needs them to know when it is
 * its turn. A backend writes it, once, into the file `plan` of the words folder (words.h).
 *
 *     plan      = "plan 1 " ("serial" | "graph") "\n" step*
 *     step      = kind " " policy " " attempts " " flags (" " dependency)* "\n"
 *     kind      = "service" | "step" | "hook"
 *     policy    = "on-success" | "on-failure" | "always" | "never"
 *     attempts  = decimal, from 1 to 999
 *     flags     = "-" | ("d" | "r" | "i" | "a" | "h")+
 *     dependency = decimal
 *
 * The n-th line after the first is the step with index n - 1 in the document's tasks; dependencies
 * are such indices, before or behind. Flags: d detached; r met only when it is ready; i its errors
 * are ignored; a absent: it does not run, and counts as skipped; h held until the host says go.
 * Freestanding: the writer and the reader need no libc.
 */
#ifndef PLR_INIT_PLAN_H
#define PLR_INIT_PLAN_H

#include "engine/rules_graph.h"

/* The most that an annotation may hold, all of an object's together. */
#define PLR_INIT_PLAN_MAX (256 * 1024)

/* Each has a container of its own in the pod. */
#define PLR_INIT_PLAN_ATTEMPTS_MAX 999

/* What the rules do not ask for. */
typedef struct plr_init_plan_step {
    uint32_t attempts; /* all there may be: 1 to PLR_INIT_PLAN_ATTEMPTS_MAX */
    bool ready;        /* a detached one that is met by the host's word only */
    bool absent;       /* not among the tasks of the run's setup: not selected, or never */
    bool host;         /* its first attempt too waits for the host's go, and for nothing else */
    bool wanted;       /* for plr-init alone: what its record says can matter */
} plr_init_plan_step;

typedef struct plr_init_plan {
    plr_rule_graph graph;
    plr_init_plan_step *steps; /* graph.n of them; borrowed, like graph.steps */
} plr_init_plan;

/* The words of the grammar, for both who know it: by plr_rule_kind, by plr_rule_policy, and the
 * flags as FLAG(letter, value). */
#define PLR_INIT_PLAN_KINDS "service", "step", "hook"
#define PLR_INIT_PLAN_POLICIES "on-success", "on-failure", "always", "never"
#define PLR_INIT_PLAN_FLAGS(FLAG, rule, step)                                                      \
    FLAG('d', (rule)->detach)                                                                      \
    FLAG('r', (step)->ready)                                                                       \
    FLAG('i', (rule)->ignore_err)                                                                  \
    FLAG('a', (step)->absent)                                                                      \
    FLAG('h', (step)->host)

/*
 * Writes a plan as text, without a NUL. Of graph.steps it looks at kind, policy, detach, ignore_err
 * and above (plr_step.dependencies is of the same type). Returns the size of the whole text; what
 * is longer than `size` was cut, so a first call with size 0 tells how much memory it takes. One of
 * more than PLR_INIT_PLAN_MAX can be given to nobody.
 */
size_t plr_init_plan_write(const plr_init_plan *plan, char *to, size_t size);

/*
 * Reads a plan and initialises its graph, with the outcome of absent steps. All that it takes lies
 * in `room`, which must be aligned for pointers, zero, and outlive the plan. Returns 0; -E2BIG if
 * the room is too small; -EINVAL for a text that is no plan, in which steps wait for each other or
 * for one that there is not.
 */
int plr_init_plan_read(
        plr_init_plan *ret_plan, const char *text, size_t size, void *room, size_t room_size);

/* Room for any plan of this size of text: a line of a step is never shorter than the first term
 * counts, a dependency never shorter than the second. */
#define PLR_INIT_PLAN_ROOM(text_size)                                                              \
    ((text_size) / 14 * (sizeof(plr_rule_step) + sizeof(plr_init_plan_step)) +                     \
            (text_size) / 2 * sizeof(size_t) + 64)

#endif
