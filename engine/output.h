/* SPDX-License-Identifier: MIT */
/* What the queue of events needs to know of the streams that fill it. */
#ifndef PLR_OUTPUT_H
#define PLR_OUTPUT_H

#include "engine/mask_row.h"
#include "engine/run.h"

/* The masks of the stream that an event is of; NULL if the stream has ended. */
plr_mask_row *plr_output_row(plr_run *run, const plr_event *event);

/* What is to come of a stream is `by` bytes later than it was (modulo 2^64). */
void plr_output_move(plr_run *run, const plr_event *event, uint64_t by);

#endif
