/* SPDX-License-Identifier: MIT */
/* What the files of this backend share: the backend object, its runs and their attempts, and what
 * each file does for the others. */
#ifndef PLR_LOCAL_H
#define PLR_LOCAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/backend.h>

#include "backends/local/end.h"
#include "backends/local/protocol.h"
#include "backends/local/settings.h"
#include "backends/local/store.h"
#include "engine/base/buf.h"
#include "engine/base/cleanup.h"
#include "init/words.h"

#define PLR_SECOND UINT64_C(1000000000)
#define PLR_MILLISECOND UINT64_C(1000000)

typedef struct plr_local plr_local;
typedef struct plr_local_run plr_local_run;
typedef struct plr_local_attempt plr_local_attempt;
typedef struct plr_local_pull plr_local_pull;
typedef struct plr_local_letter plr_local_letter;
typedef struct plr_local_question plr_local_question;
typedef struct plr_local_errand plr_local_errand;

struct plr_local {
    const plr_host *host;
    plr_loop *loop;
    plr_local_settings settings;
    char *sandbox, *puller; /* the programs of libexec */
    plr_local_run *runs;
    plr_local_pull *pulls;
    plr_local_errand *errands;
};

struct plr_local_run {
    plr_local *local;
    plr_local_run *next;
    plr_run_view *view;
    char *folder;
    char *resolv;             /* the machine's /etc/resolv.conf */
    int lock;                 /* of the store */
    plr_network_mode network; /* what the document asks for; never AUTO */
    bool else_host;           /* it may become HOST where the world cannot be reached otherwise */
    bool room_is_host;        /* the room is in the machine's network */
    bool outbound;            /* a room of its own reaches the world */
    uint32_t subnet;          /* of ISOLATED and SHARED, in host order */
    plr_op *setup;            /* until the room is ready */
    bool is_ready;
    plr_error lost;                               /* why the sandbox is gone; code 0: it is there */
    plr_child *child;                             /* plr-sandbox */
    int fd;                                       /* to it; -1: closed */
    plr_watch *watch;                             /* of fd */
    plr_local_letter *first_letter, *last_letter; /* what the socket had no room for */
    uint32_t last_number, last_id;
    plr_local_attempt *attempts;
    plr_local_question *questions;
    plr_op *teardown;
    plr_timer *timer;
    bool warned_of_view;
};

/* From nothing to an end. */
typedef enum plr_local_state {
    PLR_LOCAL_NEW,      /* or its image is being pulled */
    PLR_LOCAL_RESOLVED, /* what its root is made of is known */
    PLR_LOCAL_BUILDING, /* the sandbox was asked for it */
    PLR_LOCAL_HELD,     /* plr-init waits for its word */
    PLR_LOCAL_GOING,    /* and has it */
    PLR_LOCAL_RUNNING,  /* STARTED was reported */
    PLR_LOCAL_ENDED,    /* ENDED was */
} plr_local_state;

typedef struct plr_local_pipe {
    plr_local_attempt *attempt;
    plr_stream stream;
    int fd; /* -1: closed, or not open yet */
    plr_watch *watch;
} plr_local_pipe;

struct plr_local_attempt {
    plr_local_run *run;
    plr_task *task;
    plr_local_attempt *next;
    plr_local_state state;
    plr_op *op; /* prepare or start */
    plr_local_state goal;
    bool rebuild; /* it ended while it was held */
    plr_buf late; /* environment of its start: NAME=value strings, NUL after each */

    /* image.c, pull.c */
    plr_store_image *image; /* NULL: the view of the machine, or not resolved */
    plr_local_pull *pull;
    plr_local_attempt *next_puller;

    /* task.c */
    uint32_t number; /* in the sandbox; 0: none */

    /* channel.c */
    int channel; /* to its plr-init, or -1 */
    plr_watch *channel_watch;
    plr_buf words; /* what the socket had no room for */
    unsigned char in[sizeof(plr_init_header) + sizeof(plr_init_exit)];
    size_t n_in;

    /* output.c */
    plr_local_pipe pipes[2];
    bool paused;

    plr_local_evidence evidence;
};

/* run.c */
void plr_local_setup(plr_local *local, plr_run_view *view, plr_op *op);
void plr_local_run_free(plr_local_run *run);
/* From the loop: gives out what a pause held back of steps that have ended. */
void plr_local_run_soon(plr_local_run *run);

/* room.c: plr-sandbox of a run, and what it says. */
int plr_local_room_start(plr_local_run *run, plr_error *err);
/* What room it is to make, in the run's folder. */
int plr_local_room_tell(plr_local_run *run, plr_error *err);
/* Descriptors are taken over. What does not go out now goes later; a lost sandbox is told by its
 * end. */
int plr_local_room_send(plr_local_run *run, plr_sandbox_word word, uint32_t task, uint32_t id,
        const int *fds, size_t n_fds, plr_error *err);
void plr_local_room_close(plr_local_run *run);
int plr_local_room_fields(const plr_local_run *run, int *ret_fd, plr_error *err);

/* attempt.c */
int plr_local_attempt_of(plr_local_attempt **ret_attempt, plr_task *task, plr_error *err);
void plr_local_attempt_free(plr_local_attempt *attempt);
void plr_local_attempt_prepare(plr_local_attempt *attempt, plr_op *op);
void plr_local_attempt_start(
        plr_local_attempt *attempt, const plr_pair *late, size_t n_late, plr_op *op);
void plr_local_attempt_stop(plr_local_attempt *attempt, int signal, plr_op *op);
/* It has come to a state, and goes on from there. */
void plr_local_attempt_reach(plr_local_attempt *attempt, plr_local_state state);
/* The op in hand fails; what was built of it goes. */
void plr_local_attempt_fail(plr_local_attempt *attempt, const plr_error *err);
/* Words of the sandbox about it. */
void plr_local_attempt_refused(plr_local_attempt *attempt, const plr_error *err);
void plr_local_attempt_ended(plr_local_attempt *attempt, const plr_sandbox_end *end);
/* All its output is out. */
void plr_local_attempt_eof(plr_local_attempt *attempt);
/* The sandbox is gone. */
void plr_local_attempt_lost(plr_local_attempt *attempt, const plr_error *err);
/* Sets PLR_ERR_SYSTEM with errno's text, for a descriptor of a step's that is not to be had. */
int plr_local_no_descriptor(plr_error *err, const char *what);
void plr_local_warn(plr_local_attempt *attempt, const char *format, ...) PLR_PRINTF(2, 3);

/* task.c: asks the sandbox for it. */
int plr_local_task_build(plr_local_attempt *attempt, plr_error *err);
int plr_local_task_fields(const plr_local_attempt *attempt, int *ret_fd, plr_error *err);

/* image.c: ends in plr_local_attempt_reach(RESOLVED) or ..._fail. */
void plr_local_resolve(plr_local_attempt *attempt);
void plr_local_pulled(plr_local_attempt *attempt, const plr_error *err);

/* pull.c */
int plr_local_pull_join(plr_local_attempt *attempt, plr_error *err);
void plr_local_pull_leave(plr_local_attempt *attempt);
void plr_local_pulls_clear(plr_local *local);

/* channel.c */
int plr_local_channel_open(plr_local_attempt *attempt, int *ret_peer, plr_error *err);
void plr_local_channel_close(plr_local_attempt *attempt);
/* Reads what there is. */
void plr_local_channel_drain(plr_local_attempt *attempt);
int plr_local_channel_say(plr_local_attempt *attempt, plr_init_word word, const void *payload,
        size_t size, plr_error *err);
/* What it calls: word 0 is the end of the channel. */
void plr_local_attempt_word(plr_local_attempt *attempt, unsigned word, const void *payload);

/* output.c */
int plr_local_output_open(
        plr_local_attempt *attempt, int *ret_stdout, int *ret_stderr, plr_error *err);
void plr_local_output_close(plr_local_attempt *attempt);
void plr_local_output_flow(plr_local_attempt *attempt, bool paused);
/* No process of it is left: all that it wrote is in the pipes. */
void plr_local_output_drain(plr_local_attempt *attempt);

/* check.c, plan.c */
void plr_local_check(plr_local *local, const plr_run_view *view, plr_op *op);
void plr_local_plan(plr_local *local, const plr_run_view *view, plr_task *const *tasks,
        size_t n_tasks, plr_op *op);

/* probe.c */
void plr_local_probe(plr_local_attempt *attempt, const plr_probe *probe, plr_op *op);
void plr_local_probed(plr_local_run *run, uint32_t id, const plr_sandbox_answer *answer);
void plr_local_questions_clear(plr_local_run *run, const plr_error *err);

/* keep.c: leaves a run for a look. The sandbox is killed, and what it would have removed stays. */
void plr_local_forget(plr_local_run *run);
/* How to look at what is in the folder of a run, and to remove it: lines for people. */
void plr_local_kept(plr_buf *out, const plr_local *local, const char *folder, const char *id);

/* sweep.c */
void plr_local_teardown(plr_local *local, const char *run_id, plr_run_view *view, plr_op *op);
void plr_local_teardown_ended(plr_local_run *run);
void plr_local_sweep(plr_local *local, const plr_sweep_options *options, plr_op *op);
void plr_local_errands_clear(plr_local *local);

#endif
