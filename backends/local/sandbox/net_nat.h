/* SPDX-License-Identifier: MIT */
/* The bridge of a room behind pasta, which knows one address at its end only: the room forwards
 * what tasks send out, under its own address, and answers for the gateway and the name server. */
#ifndef PLR_SANDBOX_NET_NAT_H
#define PLR_SANDBOX_NET_NAT_H

#include <stdint.h>

#include <pipeline/error.h>

/* In the room's network; `fd` is of rtnetlink, `tap` is up and has no address yet. */
int plr_net_nat(int fd, int tap, uint32_t address, unsigned prefix, plr_error *err);

#endif
