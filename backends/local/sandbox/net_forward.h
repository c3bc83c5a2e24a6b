/* SPDX-License-Identifier: MIT */
/*
 * Published ports: a socket of the machine's network listens, and what comes there goes on to a
 * port of the room. It needs no right and no device, so it works where there is no way out.
 */
#ifndef PLR_SANDBOX_NET_FORWARD_H
#define PLR_SANDBOX_NET_FORWARD_H

#include <stdbool.h>

#include <pipeline/error.h>

#include "backends/local/sandbox/net.h"

typedef struct plr_forwarder plr_forwarder;

/* In the machine's network: a socket that waits at the port, on all its addresses. */
int plr_forward_listen(const plr_net_port *port, int *ret_fd, plr_error *err);

/* In the room's network from here on; descriptors of `fds` become the forwarder's. */
int plr_forwarder_new(plr_forwarder **ret_forwarder, const plr_net_port *ports, const int *fds,
        size_t n, plr_error *err);

/* Readable when there is something to do. */
int plr_forwarder_fd(const plr_forwarder *forwarder);
void plr_forwarder_dispatch(plr_forwarder *forwarder);

#endif
