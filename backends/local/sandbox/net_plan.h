/* SPDX-License-Identifier: MIT */
/*
 * Where what is in a room's network: interfaces have fixed numbers, since we make them all, and
 * addresses follow from the room's range. So nobody has to look anything up.
 */
#ifndef PLR_SANDBOX_NET_PLAN_H
#define PLR_SANDBOX_NET_PLAN_H

#include <arpa/inet.h>
#include <stdint.h>

/* Of every namespace of ours; the second one is a room's bridge, and a task's eth0. */
#define PLR_NET_LO 1
#define PLR_NET_SECOND 2
/* A task's end in the room: this and its place in the range. */
#define PLR_NET_PORT_BASE 16

#define PLR_NET_ROOM 1u
#define PLR_NET_GATEWAY 2u
#define PLR_NET_NAME_SERVER 3u
#define PLR_NET_PASTA 4u

/* The n-th address of the range that `address` is in; in network order, as all are here. */
static inline uint32_t plr_net_nth(uint32_t address, unsigned prefix, uint32_t n)
{
    uint32_t mask = UINT32_MAX << (32 - prefix);
    return htonl((ntohl(address) & mask) + n);
}

static inline uint32_t plr_net_place(uint32_t address, unsigned prefix)
{
    return ntohl(address) & ~(UINT32_MAX << (32 - prefix));
}

#endif
