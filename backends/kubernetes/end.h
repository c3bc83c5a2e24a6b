/* SPDX-License-Identifier: MIT */
/* Where a container stands and how it ended, from what the API, its plr-init and we ourselves know
 * of it. Pure: no I/O, no clock. */
#ifndef PLR_KUBE_END_H
#define PLR_KUBE_END_H

#include <stdbool.h>

#include <json-c/json.h>
#include <pipeline/event.h>

#include "init/words.h"

/* WAITING: it is not running, and nothing is wrong; both may become old news, of a node that is
 * gone, where `patience` says so. TROUBLED: it will not run, or has ended without
 * saying how, unless something else is seen within the time that `patience` names. */
typedef enum plr_kube_standing {
    PLR_KUBE_WAITING,
    PLR_KUBE_RUNNING,
    PLR_KUBE_TROUBLED,
    PLR_KUBE_ENDED,
} plr_kube_standing;

/* How long to bear trouble, or silence: whose clock it is, is the caller's.
 *   IMAGE     cannot be pulled: settings.image_grace_ns from the step's turn
 *   SCHEDULE  no node takes the pod: settings.unschedulable_ns from the pod's creation; shown as
 *             progress meanwhile
 *   STATUS    the API is about to say more, or the kubelet to try again: PLR_KUBE_STATUS_GRACE_NS
 *             from when it was first seen
 *   DELETION  the pod is to go, so its node should say how the container ended: deletion_grace_ns
 *             and PLR_KUBE_DELETION_GRACE_NS from when that was first seen */
typedef enum plr_kube_patience {
    PLR_KUBE_PATIENCE_NONE,
    PLR_KUBE_PATIENCE_IMAGE,
    PLR_KUBE_PATIENCE_SCHEDULE,
    PLR_KUBE_PATIENCE_STATUS,
    PLR_KUBE_PATIENCE_DELETION,
} plr_kube_patience;

#define PLR_KUBE_STATUS_GRACE_NS (UINT64_C(10) * 1000000000)
/* What a node that lives may take to end containers and to say so, beside the pod's own grace. */
#define PLR_KUBE_DELETION_GRACE_NS (UINT64_C(30) * 1000000000)

/* What ends a container from outside of it. */
typedef enum plr_kube_disruption {
    PLR_KUBE_UNDISTURBED,
    PLR_KUBE_DELETED, /* by somebody else */
    PLR_KUBE_EVICTED, /* or preempted, or its node is shut down */
    PLR_KUBE_NODE_LOST,
    PLR_KUBE_DEADLINE, /* activeDeadlineSeconds */
    PLR_KUBE_REJECTED, /* the node would not take the pod */
} plr_kube_disruption;

/* All zero at first. What plr-init said and what we did is the caller's to fill in, the rest is
 * plr_kube_end_look's. */
typedef struct plr_kube_evidence {
    /* Of plr-init. */
    bool is_init; /* it is the container's command */
    bool lost;    /* its pod's lease had run out */
    bool ran;     /* the user's command was executed */
    bool has_record;
    plr_init_exit record;
    bool has_failure;
    plr_init_failure failure;

    /* Of our own. */
    int restarts;        /* how often we changed its image: each starts it again */
    int stopped;         /* the last signal that we had sent; 0: none */
    bool deleting;       /* we have asked for the pod's deletion */
    const char *command; /* what was to be executed, for messages; borrowed */

    /* Of the API. */
    plr_kube_standing standing;
    plr_kube_patience patience;
    plr_kube_disruption disruption;
    uint64_t deletion_grace_ns; /* the pod's, once it is to go */
    char why[256];              /* of the disruption, in words */
    char id[128];               /* of the container that runs the step; "": not yet */
    plr_reason trouble;         /* without a status: what it is an end by */
    char reason[64];            /* as the API has it: of the trouble, or of the status */
    char text[1024]; /* the same in words: the registry's, the scheduler's, the kubelet's */
    bool has_status; /* it has terminated, with: */
    int exit_code;
    int signal;
    bool ready;     /* the kubelet's probe says so */
    bool gone;      /* the pod does not exist any more */
    bool restarted; /* by nobody of ours */
} plr_kube_evidence;

/* Takes in a pod as it is now. What has been seen to have ended stays so. */
void plr_kube_end_look(plr_kube_evidence *evidence, json_object *pod, const char *container);

/* The pod is gone; `last` as plr_kube_watch_calls.on_gone has it. */
void plr_kube_end_gone(plr_kube_evidence *evidence, json_object *last, const char *container);

/* The end as plr-init tells it (has_record), before the API does. */
void plr_kube_end_early(const plr_kube_evidence *evidence, plr_end *ret_end);

/* The end of what stands at ENDED, or at TROUBLED when patience has run out. `message` has room for
 * the words that ret_end->message points to. Never a success without a status that says so. */
void plr_kube_end_decide(
        const plr_kube_evidence *evidence, plr_end *ret_end, char *message, size_t size);

#endif
