/* SPDX-License-Identifier: MIT */
/*
 * plr-init's end of its line to the engine: a socket, or lines on stdout, or nobody to talk to.
 * words.h says what is said.
 */
#ifndef PLR_INIT_CHANNEL_H
#define PLR_INIT_CHANNEL_H

#include "init/options.h"
#include "init/relay.h"
#include "init/words.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct plr_channel {
    int fd;            /* the socket, or -1 */
    const char *nonce; /* for lines on stdout, or NULL */
    plr_relay *relay;  /* through which they go, or NULL */
    size_t received;   /* of the word that is coming in */
    plr_init_header header;
    char payload[PLR_INIT_ENVIRONMENT_MAX]; /* untouched pages cost nothing */
} plr_channel;

/* Connects, if there is a socket; in a pod what is said goes through `relay`. Returns a negative
 * errno on failure. */
int plr_channel_open(plr_channel *channel, const plr_init_options *options, plr_relay *relay);

void plr_channel_close(plr_channel *channel);

/* HELD or RUNNING. Whether an engine still listens is not looked at: its end shows when reading. */
void plr_channel_say(const plr_channel *channel, plr_init_word word);
void plr_channel_say_failure(const plr_channel *channel, plr_init_stage stage, int error);
/* `word`: EXITED or STOPPED. In a pod the count of the output follows. */
void plr_channel_say_exit(const plr_channel *channel, plr_init_word word, const plr_init_exit *end);
void plr_channel_say_skipped(const plr_channel *channel, const char *why);

/* The begin of a line that says `word`. */
plr_line plr_channel_line(const char *nonce, plr_init_word word);

/*
 * Takes in what has arrived, without waiting. Returns 0 while there is no whole word; GO or KILL
 * once `header` and `payload` hold it; -PLR_E2BIG for a GO that is too long; any other negative
 * value if nothing sensible will come any more.
 */
int plr_channel_receive(plr_channel *channel);

/*
 * Reads what a GO by socket would have carried from a file into `payload`. Returns its size or a
 * negative errno, -PLR_E2BIG for more than a GO may carry.
 */
long plr_channel_read_late(plr_channel *channel, const char *path);

#endif
