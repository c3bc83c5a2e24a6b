/* SPDX-License-Identifier: MIT */
/* What the files of this backend share: the backend object, its runs and their attempts, and what
 * each file does for the others. */
#ifndef PLR_DOCKER_H
#define PLR_DOCKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/backend.h>

#include "backends/docker/end.h"
#include "backends/docker/resume.h"
#include "backends/docker/rest.h"
#include "backends/docker/where.h"
#include "engine/base/buf.h"
#include "engine/base/cleanup.h"
#include "init/words.h"
#include "net/frames.h"
#include "net/http.h"
#include "net/init_lines.h"
#include "net/jsonc.h"

/* All that is created carries these: run, step, attempt, version, deadline, owner. */
#define PLR_DOCKER_LABEL "io.pipeline-runtime."

/* Where a container finds plr-init and its socket. */
#define PLR_DOCKER_SHARE "/.pipeline-runtime"
#define PLR_DOCKER_INIT PLR_DOCKER_SHARE "/init"
/* Where plr-init is copied in: the late environment. */
#define PLR_DOCKER_LATE PLR_DOCKER_SHARE "/late"

/* The versions of the API that are spoken: Docker 20.10 to those of today. */
#define PLR_DOCKER_API_MIN 41u
#define PLR_DOCKER_API_MAX 56u

#define PLR_SECOND UINT64_C(1000000000)
#define PLR_MILLISECOND UINT64_C(1000000)

typedef struct plr_docker_run plr_docker_run;
typedef struct plr_docker_attempt plr_docker_attempt;
typedef struct plr_docker_events plr_docker_events;
typedef struct plr_docker_channel plr_docker_channel;
typedef struct plr_docker_pull plr_docker_pull;
typedef struct plr_docker_attach plr_docker_attach;

/* Whether a folder of ours can be bound into a container. The first container of a daemon tells. */
typedef enum plr_docker_sharing {
    PLR_DOCKER_SHARING_UNKNOWN,
    PLR_DOCKER_SHARING_WORKS,
    PLR_DOCKER_SHARING_FAILS,
} plr_docker_sharing;

struct plr_docker {
    const plr_host *host;
    plr_loop *loop;
    plr_docker_settings settings;
    plr_docker_where where;
    plr_http_client *client;
    unsigned api; /* 1.<api>; 0: not open */
    bool podman;
    plr_docker_call *calls;
    plr_docker_run *runs;
    plr_docker_pull *pulls;
    plr_docker_attach *attaches;
    struct plr_docker_errand *errands;
    struct plr_docker_ping *ping; /* the one that is under way */
    plr_docker_events *events;
    /* start.c: starts in flight, and the attempts that wait for one of them to be answered. */
    unsigned starts, starts_max;
    plr_docker_attempt *first_waiting, *last_waiting;
    /* share.c: the folder with plr-init and the folders of the containers. */
    plr_docker_sharing sharing;
    char *folder;
    unsigned n_folders;
};

typedef enum plr_docker_pause {
    PLR_DOCKER_PAUSE_NONE, /* not needed, or not yet */
    PLR_DOCKER_PAUSE_STARTING,
    PLR_DOCKER_PAUSE_STARTED, /* its plr-init has not said a word yet */
    PLR_DOCKER_PAUSE_RUNS,
    PLR_DOCKER_PAUSE_GOES,   /* it is being removed */
    PLR_DOCKER_PAUSE_FAILED, /* for the rest of the run: pause_error */
} plr_docker_pause;

/* What of the pause container is enough: to be created, it has to exist; to start, it has to run.
 */
typedef enum plr_docker_wish {
    PLR_DOCKER_WISH_NOTHING,
    PLR_DOCKER_WISH_EXISTS,
    PLR_DOCKER_WISH_RUNS,
} plr_docker_wish;

struct plr_docker_run {
    plr_docker *docker;
    plr_docker_run *next;
    plr_run_view *view;
    plr_network_mode network; /* never AUTO */
    char *network_id;         /* ISOLATED: of the network made for it */
    bool needs_pause;
    plr_docker_pause pause;
    char *pause_id;
    unsigned pause_number; /* of the one that is made, among those given up */
    char pause_arch[16];
    bool pause_held; /* its plr-init is in place */
    plr_error pause_error;
    plr_docker_channel *pause_channel;
    bool winding_down; /* nothing more is to start: the pause goes with the last that needs it */
    bool tearing_down;
    /* The teardown that waits for the pause's own request, and what goes on with it. */
    void (*on_pause_settled)(void *teardown);
    void *teardown;
    plr_op *setup;
    unsigned n_setup; /* parts of setup that are not done */
    bool waits_events;
    bool swept; /* for an address pool that was exhausted */
    plr_error setup_error;
    plr_docker_attempt *attempts;
};

/* One step of an attempt on its way to its goal; it ends by ..._next or ..._fail. Also what a timer
 * does. */
typedef void plr_docker_stage(plr_docker_attempt *attempt);

struct plr_docker_attempt {
    plr_docker_run *run;
    plr_task *task;
    plr_docker_attempt *next; /* of the run */
    char *name, *id;          /* the container's; id is NULL while there is none */
    plr_timer *timer;
    plr_docker_stage *on_timer;

    /* attempt.c: the way from nothing to running, see there. */
    plr_op *op;
    plr_docker_stage *const *route;
    unsigned at, goal;
    bool unheld;       /* plr-init cannot be used in it */
    bool cancelled;    /* the op in hand */
    bool created;      /* the container was asked for: it may be there */
    bool stale;        /* it ended before its turn */
    bool bind_missing; /* a host path was not there: the daemon is to make it */
    bool replaced;     /* an earlier container of this name was removed */
    plr_error failure; /* what the op completes with once the container is gone; 0: begin anew */
    plr_buf late;      /* environment of its start: NAME=value strings, NUL after each */

    /* image.c, pull.c */
    json_object *image; /* inspect of its image */
    uint64_t resolved_at;
    bool pulled;            /* for this turn */
    plr_error pull_failure; /* a registry that was not to be reached */
    plr_docker_pull *pull;
    plr_docker_attempt *next_puller;

    /* network.c, start.c: queues */
    plr_docker_wish wish;  /* what it waits for of the run's pause container */
    unsigned pause_number; /* which of them it was made for */
    bool waits_start, holds_start;
    plr_docker_attempt *next_waiting;
    unsigned networks_joined;

    plr_docker_channel *channel; /* held.c: to its plr-init, or NULL */

    /* signals.c: the init is asked by signals, and answers by lines with this word; "": it is not
     */
    char nonce[33];
    bool asking; /* a question is on its way */
    bool told;   /* to go */
    uint64_t asked_since, ask_delay_ns;

    /* attach.c */
    plr_docker_attach *attach; /* the stream that is open, or NULL */
    plr_docker_resume resume;
    bool paused;
    bool cut; /* the stream broke before the container ended: the log has the rest */
    bool eof; /* all output there is has been given out */

    /* ending.c */
    bool started;       /* STARTED was reported */
    bool died;          /* the daemon's die event came */
    bool ended;         /* ENDED was */
    bool looking;       /* an inspect is on its way */
    unsigned odd_looks; /* at an end that nothing explains */
    plr_docker_evidence evidence;
};

/* run.c */
void plr_docker_setup(plr_docker *docker, plr_run_view *view, plr_op *op);
plr_network_mode plr_docker_network_mode(const plr_docker *docker, const plr_run_view *view);
json_object *plr_docker_network_body(
        const plr_docker_settings *settings, const plr_run_view *view, int64_t now_s);
void plr_docker_setup_part(plr_docker_run *run, const plr_error *err);
void plr_docker_run_free(plr_docker_run *run);
int64_t plr_docker_wall_s(const plr_docker *docker);

/* attempt.c */
int plr_docker_attempt_of(plr_docker_attempt **ret_attempt, plr_task *task, plr_error *err);
void plr_docker_attempt_free(plr_docker_attempt *attempt);
void plr_docker_attempt_prepare(plr_docker_attempt *attempt, plr_op *op);
void plr_docker_attempt_start(
        plr_docker_attempt *attempt, const plr_pair *late, size_t n_late, plr_op *op);
void plr_docker_attempt_next(plr_docker_attempt *attempt);
void plr_docker_attempt_fail(plr_docker_attempt *attempt, const plr_error *err);
/* plr-init cannot be bound into containers of this daemon; said once. */
void plr_docker_note_unshared(plr_docker_run *run, const char *why);
/* The same for this container's sake: plr-init is copied in, here and in all others after it. */
void plr_docker_attempt_unshared(plr_docker_attempt *attempt, const char *why);
/* plr-init cannot be used in this container at all. */
void plr_docker_attempt_unheld(plr_docker_attempt *attempt, const char *why);
/* Its container is of no use, and nothing of the user's has run: another one is made. */
void plr_docker_attempt_again(plr_docker_attempt *attempt);
/* It is held and was not asked to start: what it held is lost. */
void plr_docker_attempt_spoil(plr_docker_attempt *attempt);
/* The op has succeeded: STARTED is reported. */
void plr_docker_attempt_runs(plr_docker_attempt *attempt);
bool plr_docker_attempt_has_init(const plr_docker_attempt *attempt);
/* Its init is not bound in but copied, and has no socket. */
bool plr_docker_attempt_by_signal(const plr_docker_attempt *attempt);
bool plr_docker_attempt_is_at(const plr_docker_attempt *attempt, plr_docker_stage *stage);
/* One timer for each attempt: a later call replaces an earlier one. 0 disarms. */
void plr_docker_attempt_timer(
        plr_docker_attempt *attempt, plr_docker_stage *on_timer, uint64_t delay_ns);
plr_docker_attempt *plr_docker_attempt_find(plr_docker *docker, const char *id);

/* Stages, each in the file of its name (network and pause: pause.c; held and go: held.c). */
plr_docker_stage plr_docker_stage_image, plr_docker_stage_network, plr_docker_stage_create,
        plr_docker_stage_files, plr_docker_stage_pause, plr_docker_stage_start,
        plr_docker_stage_held, plr_docker_stage_attach, plr_docker_stage_go;

/* held.c: what an init said, by whatever way; 0: nothing comes from there any more. */
void plr_docker_take_word(plr_docker_attempt *attempt, unsigned word, const void *payload);
void plr_docker_no_word(plr_docker_attempt *attempt);

/* How long an init may take to say what it has to. A container that was started has its first
 * process within milliseconds; on a machine that is short of memory it may take a while. */
#define PLR_DOCKER_WORD_NS (20 * PLR_SECOND)

/* signals.c */
int plr_docker_signals_nonce(plr_docker_attempt *attempt, plr_error *err);
void plr_docker_signals_ask(plr_docker_attempt *attempt);
void plr_docker_signals_go(plr_docker_attempt *attempt);

/* pull.c, start.c */
void plr_docker_pull_leave(plr_docker_attempt *attempt);
void plr_docker_pulls_clear(plr_docker *docker);
void plr_docker_start_leave(plr_docker_attempt *attempt);

/* attach.c */
void plr_docker_attach_close(plr_docker_attempt *attempt);
void plr_docker_attach_resume(plr_docker_attempt *attempt);
void plr_docker_attach_flow(plr_docker_attempt *attempt, bool paused);
void plr_docker_attaches_clear(plr_docker *docker);
/* Something may be missing here, in each stream that has had anything. */
void plr_docker_report_gaps(plr_docker_attempt *attempt);

/* ending.c */
void plr_docker_record(plr_docker_attempt *attempt, const plr_init_exit *record);
void plr_docker_died(plr_docker_attempt *attempt, int exit_code);
void plr_docker_look(plr_docker_attempt *attempt);
void plr_docker_look_later(plr_docker_attempt *attempt, uint64_t delay_ns);
void plr_docker_maybe_end(plr_docker_attempt *attempt);
void plr_docker_end(plr_docker_attempt *attempt, plr_reason reason, const char *message);
void plr_docker_warn(plr_docker_attempt *attempt, const char *format, ...) PLR_PRINTF(2, 3);

/* open.c: asks an unversioned ping and settles the version of the API. The callback comes from the
 * loop; `err` NULL: it answers. */
typedef void plr_docker_pinged_fn(plr_docker *docker, const plr_error *err, void *userdata);
int plr_docker_ping(
        plr_docker *docker, plr_docker_pinged_fn *on_pinged, void *userdata, plr_error *err);
void plr_docker_open(plr_docker *docker, plr_op *op);

/* events.c */
int plr_docker_events_start(plr_docker *docker, const char *owner, plr_error *err);
bool plr_docker_events_is_up(const plr_docker *docker);
void plr_docker_events_free(plr_docker *docker);

/* pause.c: the container has ended, or it has to be asked whether it has. */
void plr_docker_pause_look(plr_docker_run *run);
void plr_docker_pause_died(plr_docker_run *run);
/* Removed ahead of the teardown, if the run winds down and nobody is left who needs it. */
void plr_docker_pause_let_go(plr_docker_run *run);
/* Whether a request of its own is on its way: teardown waits for that. */
bool plr_docker_pause_is_busy(const plr_docker_run *run);

/* stop.c */
void plr_docker_stop(plr_docker_attempt *attempt, int signal, plr_op *op);
void plr_docker_discard(plr_docker_attempt *attempt, plr_op *op);

/* check.c, plan.c, probe.c, teardown.c, sweep.c */
void plr_docker_check(plr_docker *docker, const plr_run_view *view, plr_op *op);
void plr_docker_plan(plr_docker *docker, const plr_run_view *view, plr_task *const *tasks,
        size_t n_tasks, plr_op *op);
void plr_docker_probe(plr_docker_attempt *attempt, const plr_probe *probe, plr_op *op);
void plr_docker_teardown(plr_docker *docker, const char *run_id, plr_run_view *view, plr_op *op);
void plr_docker_sweep(plr_docker *docker, const plr_sweep_options *options, plr_op *op);
/* Networks of dead runs, with what holds them; for an address pool that is exhausted. */
void plr_docker_sweep_networks(
        plr_docker *docker, void (*on_done)(plr_docker *docker, void *userdata), void *userdata);

#endif
