/* SPDX-License-Identifier: MIT */
/* The fake backend: runs nothing, and does what the scripts of its steps say, on the loop's clock.
 * With a virtual clock it plays pipelines of hours in microseconds, the same way for the same seed.
 */
#ifndef PLR_FAKE_H
#define PLR_FAKE_H

#include <pipeline/backend.h>

#include "backends/fake/script.h"
#include "engine/base/settings.h"
#include "engine/rules_graph.h"

typedef struct fake_attempt fake_attempt;
typedef struct fake_answer fake_answer;
typedef struct fake_room fake_room;

typedef struct fake_settings {
    int64_t seed;
    int64_t jitter_ns; /* up to this is added to each delay */
    /* Tasks release each other, where the run lets them, and up to this is what a word to them
     * takes; -1: they do not. */
    int64_t word_ns;
} fake_settings;

typedef struct fake {
    const plr_host *host;
    plr_loop *loop;
    fake_settings settings;
    uint64_t random; /* state of the generator */
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
    plr_op *op;         /* a prepare or start that is under way */
    plr_op *discard_op; /* that waits for what the task decides */
    uint64_t ready_at;
    bool prepared, started, paused, ended;
    bool decides, decided;  /* by itself whether it runs */
    bool stopped;           /* by the host: what it says of its end counts for nobody */
    bool said;              /* EXITED */
    plr_rule_answer answer; /* what it has decided */
    plr_end end;
    const plr_pair *late;
    size_t n_late;
    char *late_copy;
};

/* The tasks of a run that release each other: as plr-init does it in a pod. */
int fake_room_new(fake *self, plr_run_view *run, plr_error *err);
void fake_room_free(fake_room *room);

/* All tasks are there: those that decide by themselves begin to, in `ns` nanoseconds. */
void fake_room_begin(fake_room *room, int64_t ns);

/* What a task writes into its record, for all others: that it runs, how it has ended. */
void fake_room_started(fake_attempt *attempt);
void fake_room_ended(fake_attempt *attempt);

/* A word to one task: a signal, which keeps it from running if it has not begun. */
void fake_room_stop(fake_attempt *attempt, int signal);

/* One more, which decides by itself or not; one less. */
void fake_room_enter(fake_attempt *attempt);
void fake_room_leave(const fake_attempt *attempt);

void fake_tell(void *self, plr_run_view *run, const plr_fact *fact);

/* Up to `most` nanoseconds, from the seed. */
uint64_t fake_random(fake *self, int64_t most);

/* Prepared by the set-up. */
int fake_take(fake *self, plr_task *task, plr_error *err);

/* Begins, or is left out, as it has decided, after a delay. */
void fake_decide(fake_attempt *attempt, plr_rule_answer answer);

/* A signal has come. */
void fake_signalled(fake_attempt *attempt, int signal);

void fake_prepare(void *self, plr_task *task, plr_op *op);
void fake_start(void *self, plr_task *task, const plr_pair *late, size_t n_late, plr_op *op);
void fake_stop(void *self, plr_task *task, int signal, plr_op *op);
void fake_probe(void *self, plr_task *task, const plr_probe *probe, plr_op *op);
void fake_flow(void *self, plr_task *task, bool paused);
void fake_discard(void *self, plr_task *task, plr_op *op);

/* Completes `op` in `ns` nanoseconds, with `err` unless its code is 0; sooner if it is cancelled.
 */
void fake_answer_in(fake *self, const plr_run_view *run, plr_op *op, int64_t ns, plr_error *err);

/* Completes `op` as a variable of the host's environment says: "sleep 5s;fail lost why". Returns in
 * how many nanoseconds it succeeds, or -1 if it fails. */
int64_t fake_answer_as_told(fake *self, const plr_run_view *run, plr_op *op, const char *variable);

/* Forgets the operations of a run (NULL: all) without completing them. */
void fake_answers_drop(fake *self, const plr_run_view *run);

/* Removes the tasks of a run (NULL: all) and what they share. */
void fake_drop(fake *self, plr_run_view *run);

#endif
