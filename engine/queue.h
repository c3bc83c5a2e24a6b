/* SPDX-License-Identifier: MIT */
/* The events of a run that wait until its host takes them, as copies with all they point to. */
#ifndef PLR_QUEUE_H
#define PLR_QUEUE_H

#include "engine/run.h"

struct plr_queued_event {
    plr_queued_event *next; /* first; tests count by it */
    plr_event event;
    plr_end end;
    unsigned masked_again; /* compared with run->n_masked_again */
    bool dead;             /* others stand in its place: not given out */
    char text[];
};

/* The strings of an event that are not constant for the life of the run. */
enum { PLR_QUEUE_STRINGS = 3 };

/* What stands in the place of an event's strings while their masked form is used. */
typedef struct plr_queue_strings {
    plr_end end;
    plr_buf masked[PLR_QUEUE_STRINGS];
} plr_queue_strings;

int plr_queue_init(plr_run *run, plr_error *err);
void plr_queue_clear(plr_run *run);

/* Copies it to the end. Without memory for that the run breaks: it must not look whole. */
void plr_queue_add(plr_run *run, const plr_event *event);

/* The first one, for free(). */
plr_queued_event *plr_queue_take(plr_run *run);

/* Points the strings of `event` to masked ones in `strings`, which is zero before. Without memory
 * for that they are left out, never shown. */
void plr_queue_mask_strings(plr_run *run, plr_event *event, plr_queue_strings *strings);
void plr_queue_strings_clear(plr_queue_strings *strings);

/* Secrets were added: all that waits passes the mask again. Streams that still run have begun to
 * (plr_mask_row_begin_again). */
void plr_queue_mask_again(plr_run *run);

#endif
