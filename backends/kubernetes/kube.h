/* SPDX-License-Identifier: MIT */
/* What the files of this backend share: the backend object, its runs and their attempts, and what
 * each file that ties the others together does. */
#ifndef PLR_KUBE_H
#define PLR_KUBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/backend.h>

#include "backends/kubernetes/client.h"
#include "backends/kubernetes/end.h"
#include "backends/kubernetes/log.h"
#include "backends/kubernetes/pod.h"
#include "backends/kubernetes/settings.h"
#include "backends/kubernetes/watch.h"
#include "engine/base/buf.h"
#include "engine/base/cleanup.h"
#include "net/jsonc.h"

#define PLR_SECOND UINT64_C(1000000000)
#define PLR_MILLISECOND UINT64_C(1000000)

typedef struct plr_kube_run plr_kube_run;
typedef struct plr_kube_pod plr_kube_pod;
typedef struct plr_kube_attempt plr_kube_attempt;

typedef void plr_kube_created_fn(plr_kube_pod *pod, const plr_error *err);

typedef struct plr_kube {
    const plr_host *host;
    plr_loop *loop;
    plr_kube_settings settings;
    plr_kube_client *client; /* NULL: not open */
    struct plr_kube_preflight *preflight;
    plr_op *open; /* while that goes on */
    json_object *pod_template;
    json_object *registry_auths; /* of --config, or NULL */
    bool warned;                 /* of what plr_kube_client_warning says */
    plr_kube_run *runs;
    struct plr_kube_errand *errands;
} plr_kube;

/* A run that was set up, or is about to be. */
struct plr_kube_run {
    plr_kube *kube;
    plr_kube_run *next;
    plr_run_view *view;
    plr_task *const *tasks;
    size_t n_tasks;
    plr_kube_layout layout; /* never AUTO */
    const char *why_layout; /* where one pod cannot do it, or NULL */
    char nonce[33];         /* of the marks of its plr-inits */
    char *node;             /* that the first pod came to, or NULL */
    bool has_claims;        /* they were asked for */
    bool has_service;       /* the same */
    plr_kube_watch *watch;
    plr_timer *turn; /* what is left to do in this turn of the loop */
    plr_kube_pod *pods;
    plr_kube_attempt *attempts;

    /* setup.c */
    plr_op *setup;
    struct plr_kube_images *images;
    plr_kube_call *creation; /* of the Secret with plr-init, and later of its Service */
    bool cut;                /* the run was cancelled meanwhile: nothing more is made */

    /* stop.c */
    bool winding_down;
    bool cancelled, cancelled_now;
    bool stops;                      /* attempts are to be stopped in this turn of the loop */
    void (*on_gone)(void *userdata); /* the teardown that waits for pods to go */
    void *gone_userdata;
};

/* A pod of a run, which all its attempts live in, or the one that has it for itself. */
struct plr_kube_pod {
    plr_kube_run *run;
    plr_kube_pod *next; /* of the run */
    char name[PLR_KUBE_NAME_SIZE];
    char *uid;                      /* NULL: it is not created yet */
    plr_kube_call *creation;        /* of the pod, and then its release */
    json_object *parts;             /* what belongs to it, an array, or NULL */
    plr_kube_call **part_creations; /* one for each, or NULL */
    plr_error creation_error;
    bool gated; /* nobody runs it before its parts are there */
    plr_kube_created_fn *on_created;
    uint64_t created_at;
    char *seen;    /* as the watch had it last, for attempts to come, or NULL: JSON as text takes a
                    * tenth of it */
    char *address; /* NULL: none yet */
    bool gone;     /* it does not exist any more */
    bool left;     /* the attempt that had it for itself is over: nobody listens in it */
    bool held;     /* whose plr-init waits for its turn, or did */
    bool owns;     /* claims or the Service of the run, which go when it does */
    bool waits_node; /* that it has none was told */

    /* stop.c */
    plr_kube_call *deletion;
    bool deleting; /* its deletion was asked for */

    /* words.c: what the host has to say, as the annotation has it or is about to. */
    plr_buf words;
    plr_kube_call *words_call;
    bool words_changed;  /* since words_call left */
    plr_timer *lease;    /* when something is to be said, new or not */
    uint64_t reached_at; /* when it was reached last */
};

/* One attempt of a step: a container of a pod. */
struct plr_kube_attempt {
    plr_kube_run *run;
    plr_task *task;
    plr_kube_attempt *next; /* of the run */
    plr_kube_pod *pod;
    char container[PLR_KUBE_NAME_SIZE];
    size_t index; /* by which its plr-init is called */
    plr_kube_hold hold;
    plr_kube_evidence evidence;
    plr_kube_log *log;
    bool log_over; /* it has said on_end */

    plr_op *op; /* of its start or its discard */
    bool discards;
    bool cancelled;               /* the op in hand */
    bool swapped;                 /* PAUSED, RENEWED: its own image was patched in */
    bool turn;                    /* the engine has asked for its start */
    int to_stop;                  /* a signal that is to be sent in this turn of the loop, or 0 */
    bool stopped;                 /* one was */
    plr_kube_call *patch;         /* of its image */
    plr_timer *timer;             /* of its patience, and of what it was asked */
    uint64_t turn_at;             /* when its turn came */
    uint64_t troubled_at;         /* when trouble was seen first; 0: there is none */
    bool started, skipped, ended; /* what was reported */
};

/* run.c */
int plr_kube_run_new(plr_kube_run **ret_run, plr_kube *kube, plr_run_view *view,
        plr_task *const *tasks, size_t n_tasks, plr_error *err);
void plr_kube_run_free(plr_kube_run *run);
/* What is known besides the document: of any run (its nonce stands for a real one), and of one that
 * is set up, from which it borrows. */
plr_kube_place plr_kube_place_of(const plr_kube *kube);
plr_kube_place plr_kube_run_place(const plr_kube_run *run);
/* Watches it from now on. */
int plr_kube_run_watch(plr_kube_run *run, plr_error *err);
/* At the end of this turn of the loop: what was said is sent, what is to stop stops. */
void plr_kube_run_soon(plr_kube_run *run);
int64_t plr_kube_wall_s(const plr_kube *kube);

/* setup.c: looks up what images run, creates the objects, and lets the op go. */
void plr_kube_setup(plr_kube_run *run, plr_op *op);
void plr_kube_setup_clear(plr_kube_run *run);
/* PLR_ERR_CANCELLED if the run was cancelled while its pod was not complete: then nothing more is
 * made, nor does the pod get a node. */
int plr_kube_setup_check(const plr_kube_run *run, plr_error *err);

/* run_pod.c, and run_pod_create.c */
/* `only`: the attempt that has it for itself; NULL: it is for all. */
int plr_kube_pod_new(
        plr_kube_pod **ret_pod, plr_kube_run *run, const plr_task *only, plr_error *err);
void plr_kube_pod_free(plr_kube_pod *pod);
/* Asks for its creation, and for that of its parts: its Secrets and claims. They
 * belong to it from the first moment, so they come after it, and no node gets it before they are
 * there. The objects are referenced, and changed. The end of it all is told to `on_created`, with
 * NULL when the pod may run; it is watched from the first on. */
int plr_kube_pod_create(plr_kube_pod *pod, const plr_kube_objects *objects,
        plr_kube_created_fn *on_created, plr_error *err);
/* The object is to belong to it. False: no memory. */
bool plr_kube_pod_own(const plr_kube_pod *pod, json_object *object);
/* Drops what is still to be created. */
void plr_kube_pod_creation_cancel(plr_kube_pod *pod);
/* The run's pod as it is, or was when it went (`last`, or NULL), is handed to its attempts. */
void plr_kube_pod_seen(plr_kube_pod *pod, json_object *object);
/* And to one that has only just come: what was seen before. */
void plr_kube_pod_tell(const plr_kube_pod *pod, plr_kube_attempt *attempt);
void plr_kube_pod_gone(plr_kube_pod *pod, json_object *last);
/* Somebody's command may be running in it. */
bool plr_kube_pod_is_busy(const plr_kube_pod *pod);
/* What stands in the way of a creation, in words of ours. */
void plr_kube_creation_error(
        plr_error *ret_err, const char *what, int status, const plr_error *err);

/* attempt.c: its life, and what it is asked. */
int plr_kube_attempt_of(plr_kube_attempt **ret_attempt, plr_task *task, plr_error *err);
void plr_kube_attempt_free(plr_kube_attempt *attempt);
void plr_kube_attempt_start(
        plr_kube_attempt *attempt, const plr_pair *late, size_t n_late, plr_op *op);
void plr_kube_attempt_discard(plr_kube_attempt *attempt, plr_op *op);
/* Its plr-init decides about its turn by itself. */
bool plr_kube_attempt_decides(const plr_kube_attempt *attempt);
void plr_kube_attempt_flow(plr_kube_attempt *attempt, bool paused);
/* Lets go the op in hand; of a discard, the attempt with it. */
void plr_kube_attempt_complete(plr_kube_attempt *attempt, const plr_error *err);

/* attempt_look.c: the pod as it is now may tell something new of it. */
void plr_kube_attempt_look(plr_kube_attempt *attempt);

/* attempt_report.c: what the engine is told, and the log, from which most of it comes. */
int plr_kube_attempt_follow(plr_kube_attempt *attempt, plr_error *err);
void plr_kube_attempt_report_started(plr_kube_attempt *attempt);
void plr_kube_attempt_report_end(plr_kube_attempt *attempt, const plr_end *end);
/* Output of it may be missing here. */
void plr_kube_attempt_report_gap(plr_kube_attempt *attempt);
void plr_kube_attempt_warn(plr_kube_attempt *attempt, const char *text);

/* words.c: a line of what the host says; sent as soon as what was said before has arrived. */
void plr_kube_say(plr_kube_pod *pod, const char *format, ...) PLR_PRINTF(2, 3);
void plr_kube_tell(plr_kube_run *run, const plr_fact *fact);
void plr_kube_words_send(plr_kube_pod *pod);
/* Its lease is renewed from now on, by a timer that calls this. */
void plr_kube_on_lease(plr_timer *timer, void *userdata);
void plr_kube_lease_begin(plr_kube_pod *pod);
/* The pod cannot have heard of us for so long that what is in it has ended itself. */
bool plr_kube_lease_is_over(const plr_kube_pod *pod);

/* layout_run.c: where each attempt has a pod. One that owns something of the run stays until the
 * run's end. Whether `op`, of a prepare, is taken: it ends when
 * the pod is there, held. */
bool plr_kube_layout_prepare(plr_kube_attempt *attempt, plr_op *op);
/* Its turn: there is to be a pod. */
int plr_kube_layout_start(plr_kube_attempt *attempt, plr_error *err);
/* The attempt goes; a pod in which nothing of the user's has run goes with it. */
void plr_kube_layout_leave(plr_kube_attempt *attempt);

/* stop.c */
/* The pod is to end, with this many seconds between TERM and KILL. */
void plr_kube_delete(plr_kube_pod *pod, int64_t grace_s);
void plr_kube_stop(plr_kube_attempt *attempt, int signal, plr_op *op);
void plr_kube_stop_soon(plr_kube_run *run);
/* Its container runs another image from now on. */
int plr_kube_patch_image(plr_kube_attempt *attempt, const char *image, plr_error *err);

/* check_rights.c: completes a check, after asking for the rights that only this run needs. */
void plr_kube_check_rights(
        plr_kube *kube, const plr_run_view *view, const plr_kube_place *place, plr_op *op);

/* probe.c, plan.c, teardown.c, sweep.c */
void plr_kube_probe(plr_kube_attempt *attempt, const plr_probe *probe, plr_op *op);
void plr_kube_plan(plr_kube *kube, const plr_run_view *view, plr_task *const *tasks, size_t n_tasks,
        plr_op *op);
void plr_kube_teardown(plr_kube *kube, const char *run_id, plr_run_view *view, plr_op *op);
void plr_kube_sweep(plr_kube *kube, const plr_sweep_options *options, plr_op *op);
/* Pods that run no more and whose deadline is over go, in passing: nobody waits for it. */
void plr_kube_sweep_expired(plr_kube *kube);

#endif
