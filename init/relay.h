/* SPDX-License-Identifier: MIT */
/*
 * What a step of a pod says, on its way to the runtime that keeps its log: one pipe is stdout and
 * stderr of the command, and is read here, counted and handed on, with the init's own lines in
 * between. By the counts among them whoever reads the log proves that nothing of it is missing.
 */
#ifndef PLR_INIT_RELAY_H
#define PLR_INIT_RELAY_H

#include "init/syscall.h"
#include "init/text.h"
#include "init/words.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is taken at once. About so much stands between two counts: a gap that they show is that near
 * to what is missing. */
#define PLR_RELAY_SIZE 16384
/* The most of the init's own that is said while that waits to be written. */
#define PLR_RELAY_LINES 4

typedef struct plr_relay {
    const char *nonce; /* of the counts */
    bool takes;        /* the command's pipe is open */
    bool broken;       /* nobody reads stdout any more: nothing is written */
    int from;          /* our end of the pipe */
    plr_init_count count;
    uint64_t said;     /* the bytes of the last count that was said */
    uint64_t written;  /* bytes, to stdout */
    size_t begin, end; /* of what is still to be written */
    char bytes[PLR_RELAY_SIZE + PLR_RELAY_LINES * PLR_INIT_LINE_MAX];
} plr_relay;

/* Makes the pipe. From then on writing to stdout does not block. Returns the command's end, the
 * caller's to close, which closes on exec; or a negative errno. */
int plr_relay_open(plr_relay *relay);

/* What to wait for: nothing is taken while something is still to be written, so that a reader who
 * does not read holds the command back. A relay that was not opened waits for nothing. */
plr_pollfd plr_relay_wants(const plr_relay *relay);
/* That has come. */
void plr_relay_move(plr_relay *relay);

/* A line of the init's own, behind what has been taken. */
void plr_relay_say(plr_relay *relay, const plr_line *line);
/* COUNT, of all that has been taken. */
void plr_relay_say_count(plr_relay *relay);

/* The command has ended: hands on what stands in its pipe, and waits until all is written, but not
 * for the pipe's end, for a process that the command left behind may hold it. Returns false if
 * nobody takes it. May be called again, for lines that were said since. */
bool plr_relay_finish(plr_relay *relay);

#endif
