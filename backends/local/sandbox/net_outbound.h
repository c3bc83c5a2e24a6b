/* SPDX-License-Identifier: MIT */
/*
 * The way out of a room: a program of the machine's, pasta or slirp4netns, that speaks TCP/IP with
 * the room at one end of a tap device and ordinary sockets with the world.
 */
#ifndef PLR_SANDBOX_NET_OUTBOUND_H
#define PLR_SANDBOX_NET_OUTBOUND_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <pipeline/error.h>

typedef struct plr_outbound {
    bool slirp; /* slirp4netns, else pasta */
    char path[PATH_MAX];
    pid_t pid;
    int words;      /* what it complains about; its end is the end of the program */
    char last[256]; /* of that, the last line */
} plr_outbound;

/* Which program there is; PLR_ERR_UNSUPPORTED names what is missing. */
int plr_outbound_find(plr_outbound *ret_outbound, plr_error *err);

/* In the machine's network, in a process with room to fork: starts the program on the network
 * namespace `room`. */
int plr_outbound_spawn(
        plr_outbound *outbound, int room, const char *subnet, bool bridge, plr_error *err);

/* In the room's network: waits for the tap device and joins it to the bridge, or gives it the
 * room's address. */
int plr_outbound_join(plr_outbound *outbound, const char *subnet, bool bridge, plr_error *err);

/* Call it when `words` is readable: false when the program has ended. */
bool plr_outbound_listen(plr_outbound *outbound);

/* Of one that has ended: how, and its last words. Always an error. */
int plr_outbound_failed(const plr_outbound *outbound, plr_error *err);

#endif
