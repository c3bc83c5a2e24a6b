/* SPDX-License-Identifier: MIT */
/* Plays a document on the fake backend with virtual time and writes down what was seen, in short
 * lines, so that a test can say what it expects as text. */
#ifndef PLR_TESTS_UNIT_PLAY_H
#define PLR_TESTS_UNIT_PLAY_H

#include <pipeline/pipeline.h>

#include "engine/base/buf.h"
#include "engine/io/loop.h"

typedef struct plr_play plr_play;

struct plr_play {
    /* In. */
    plr_run_options options;
    const char *seed, *jitter; /* of the fake backend, or NULL */
    const char
            *release; /* tasks release each other, and a word to them takes up to this; or NULL */
    uint64_t cancel_at_ns[3]; /* a cancel, each stronger than the one before; 0: none */
    plr_cause cause;
    uint64_t later_ns; /* output is answered LATER, and goes on after this; UINT64_MAX: never */
    plr_event_fn *on_event; /* sees each event too, or NULL */
    void *userdata;
    /* Out. */
    plr_run *run; /* while it is played */
    plr_timer *go_on;
    plr_result result;
    plr_buf trace;  /* "a running\n" ..., times left out */
    plr_buf ends;   /* "a exit 0\n", one for each attempt, in order */
    plr_buf output; /* "a|text\n" */
    plr_buf texts;  /* warnings and notices */
    uint64_t duration_ns;
    size_t n_events;
    plr_error err;
};

/* Plays `json`; single quotes in it stand for double ones. Returns 0, or what refused it (in
 * play->err). An assertion fails if the engine leaves something open. */
int plr_play_json(plr_play *play, const char *json);
void plr_play_clear(plr_play *play);

/* One line of a table of documents: what each attempt's end is, in order, and the run's. */
typedef struct plr_play_case {
    const char *name, *json, *ends;
    plr_outcome outcome;
    int exit_code;
    double lasts;        /* seconds; 0: however long */
    double cancel_at[3]; /* seconds */
    unsigned max_parallel;
} plr_play_case;

/* Plays each and asserts that it goes as told; says on stderr what did not. */
void plr_play_cases(const plr_play_case *cases, size_t n);

/* A step: name, what it does, more fields. */
#define STEP(name, fake, more)                                                                     \
    "{'metadata':{'name':'" name "'},'docker':{'image':'i:1'},'environment':{'FAKE':'" fake        \
    "'}" more "}"
#define STEPS(list) "{'steps':[" list "]}"
#define DEPENDS(list) ",'depends_on':[" list "]"
#define POLICY(word) ",'run_policy':'" word "'"

#endif
