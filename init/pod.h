/* SPDX-License-Identifier: MIT */
/*
 * A step among others in a pod: the files through which it hears of the host and of them, and its
 * own record. words.h says what stands in them, knowledge.h what comes of it.
 */
#ifndef PLR_INIT_POD_H
#define PLR_INIT_POD_H

#include "init/knowledge.h"
#include "init/options.h"

/* The most that the host may say: annotations hold no more. */
#define PLR_POD_TEXT_MAX PLR_INIT_PLAN_MAX

typedef struct plr_pod {
    plr_knowledge knowledge;
    int folder, own;  /* kept open: whatever the command renames, they stay what they are */
    int changes;      /* inotify, or -1 */
    bool blind;       /* something cannot be watched: look more often */
    int64_t stamp_ms; /* of the host's text: when it came, by the node's clock */
    int64_t heard_ms; /* when that was seen to change, by the monotonic one */
    size_t text_size;
    char text[PLR_POD_TEXT_MAX]; /* the plan, then the host's; untouched pages cost nothing */
    char room[PLR_INIT_PLAN_ROOM(PLR_POD_TEXT_MAX)];
} plr_pod;

/* `pod` must be zero. Returns a negative errno on failure: -EEXIST if this container has run
 * before (it must not run again), -EINVAL if the plan is none or does not have this step. */
int plr_pod_open(plr_pod *pod, const plr_init_options *options);

/* 1 if this is the container's first start, of which a trace is left for the second; 0 if it is
 * not; a negative errno if nobody can tell. */
int plr_pod_is_first_start(const plr_pod *pod);

/* Whether the record in this file says that its step has begun and has not ended. */
bool plr_pod_has_begun(const char *record);

/* Reads what has been said and done meanwhile, and tells what to do. `ret_why`: of a skip. */
plr_turn plr_pod_look(plr_pod *pod, const plr_init_options *options, plr_rule_answer *ret_why);

/* Reads what the host has said meanwhile. */
void plr_pod_hear(plr_pod *pod);

/* Whether the lease has run out: nothing new has come from the host for its time. */
bool plr_pod_is_lost(const plr_pod *pod, const plr_init_options *options);
/* The same for whoever has only just come, by the node's clock. */
bool plr_pod_was_lost(const plr_init_options *options);

/* Milliseconds after which to look or hear even if nothing has been seen to change. */
int64_t plr_pod_patience(const plr_pod *pod);

/* Puts this step's record in place: a word of words.h, and the number or name that belongs to it.
 * Returns whether it could. */
bool plr_pod_record(const plr_pod *pod, const char *word, const char *name);
bool plr_pod_record_status(const plr_pod *pod, const char *word, uint32_t status);

/* The name in a record and a mark of why it is skipped. */
const char *plr_pod_why(plr_rule_answer answer);

#endif
