/* SPDX-License-Identifier: MIT */
/* What is known of a run from its events so far: the views and the summary read this.
 * Memory is bounded: of each step's output only the end is kept, and only until the step passed. */
#ifndef PLR_CLI_VIEW_MODEL_H
#define PLR_CLI_VIEW_MODEL_H

#include <pipeline/event.h>

#include "cli/text.h"

#define PLR_TAIL_SIZE ((size_t)16 * 1024)
#define PLR_TAIL_LINES 20

typedef struct plr_model_step {
    char *name;
    plr_step_kind kind;
    bool detach;
    plr_state state;
    unsigned attempt;
    uint64_t began_ns; /* monotonic: it runs since; 0: it never ran */
    uint64_t ended_ns; /* 0: not yet */
    plr_end end;       /* valid in state ENDED; its message is `message` */
    char *message;
    char *image, *pull; /* what is pulled, and how far; NULL: nothing */
    uint64_t current, total;
    plr_text tail; /* the last bytes of its output: PLR_TAIL_SIZE to twice as many */
} plr_model_step;

typedef struct plr_model {
    plr_model_step *steps;
    size_t n_steps;
    char *run, *backend, *name;
    uint64_t began_ns, now_ns; /* monotonic, of the first and the last event */
    bool ended;
    plr_result result;
    size_t widest; /* name, in bytes */
} plr_model;

void plr_model_clear(plr_model *model);

/* Takes one event in. Running out of memory costs details, never the run. */
void plr_model_take(plr_model *model, const plr_event *event);

/* The step of an event; NULL if it has none. */
plr_model_step *plr_model_step_of(plr_model *model, const plr_event *event);

/* How long it ran, or runs until `now_ns`; 0 if it never did. */
uint64_t plr_model_time(const plr_model_step *step, uint64_t now_ns);

/* The last lines of what a step wrote, within its tail; NULL if there is nothing. */
const char *plr_model_last_lines(const plr_model_step *step, size_t *ret_size);

#endif
