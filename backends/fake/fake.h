/* SPDX-License-Identifier: MIT */
/* The fake backend: runs nothing, and does what the scripts of its steps say, on the loop's clock.
 * With a virtual clock it plays pipelines of hours in microseconds, the same way for the same seed.
 */
#ifndef PLR_FAKE_H
#define PLR_FAKE_H

#include <pipeline/backend.h>

#include "backends/fake/script.h"

typedef struct fake_attempt fake_attempt;
typedef struct fake_answer fake_answer;

typedef struct fake {
    const plr_host *host;
    plr_loop *loop;
    uint64_t random;   /* state of the generator */
    int64_t jitter_ns; /* up to this is added to each delay */
    fake_attempt *attempts;
    fake_answer *answers; /* operations that take a while */
} fake;

/* One attempt of a step: what a container would be. */
struct fake_attempt {
    fake *fake;
    fake_attempt *next, *previous;
    plr_task *task;
    fake_script script;
    size_t at; /* the next action */
    plr_timer *timer;
    plr_op *op; /* a prepare or start that is under way */
    uint64_t ready_at;
    bool prepared, started, paused, ended;
    plr_end end;
    const plr_pair *late;
    size_t n_late;
    char *late_copy;
};

void fake_prepare(void *self, plr_task *task, plr_op *op);
void fake_start(void *self, plr_task *task, const plr_pair *late, size_t n_late, plr_op *op);
void fake_stop(void *self, plr_task *task, int signal, plr_op *op);
void fake_probe(void *self, plr_task *task, const plr_probe *probe, plr_op *op);
void fake_flow(void *self, plr_task *task, bool paused);
void fake_discard(void *self, plr_task *task, plr_op *op);

/* Completes `op` in `ns` nanoseconds, with `err` unless its code is 0; sooner if it is cancelled.
 */
void fake_answer_in(fake *self, const plr_run_view *run, plr_op *op, int64_t ns, plr_error *err);

/* Completes `op` as a variable of the host's environment says: "sleep 5s;fail lost why". */
void fake_answer_as_told(fake *self, const plr_run_view *run, plr_op *op, const char *variable);

/* Forgets the operations of a run (NULL: all) without completing them. */
void fake_answers_drop(fake *self, const plr_run_view *run);

/* Removes the tasks of a run (NULL: all). */
void fake_drop(fake *self, const plr_run_view *run);

#endif
