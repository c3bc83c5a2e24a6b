/* SPDX-License-Identifier: MIT */
/*
 * The network of a room, in three places: the outer process connects it with the world, the room's
 * namespace gets its loopback and bridge, and each task in a namespace of its own its address.
 * Implemented in net_*.c. (plr-sandbox is single-threaded; none of these may leave a thread, nor a
 * child but the ones of plr_net_outbound.)
 */
#ifndef PLR_SANDBOX_NET_H
#define PLR_SANDBOX_NET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <pipeline/error.h>

typedef struct plr_net_port {
    uint16_t host_port, port;
    bool udp;
    const char *address; /* of the task, without its prefix length; NULL: the room itself */
} plr_net_port;

typedef struct plr_net_request {
    const char *run_id; /* for names of what is made on the machine */
    const char *subnet; /* "10.88.0.1/16", the bridge's address; NULL: no bridge */
    bool outbound;
    const plr_net_port *ports;
    size_t n_ports;
} plr_net_request;

/*
 * Outer process, before anything is made: can a room be connected with the world here? 0, or
 * PLR_ERR_UNSUPPORTED with one sentence that names what is missing and what helps (a program, the
 * rights on /dev/net/tun, a setting). Costs little: it is asked in each run.
 */
int plr_net_outbound_check(plr_error *err);

/*
 * What connects one room with the world: a helper program, or rules and a pair of devices of the
 * machine's. Lives in the outer process.
 */
typedef struct plr_net_outbound {
    pid_t helper;    /* 0: none. Its end is the outer process's to reap: it waits for any child */
    char device[16]; /* of the machine's, for root's NAT; "": none */
} plr_net_outbound;

/*
 * Outer process: connects the room, whose namespace has a loopback (and a bridge) already, and
 * publishes its ports; done means that connections work. `inner` is the inner process's id here;
 * its user namespace is /proc/INNER/ns/user (root: the machine's own). The room's network namespace
 * is `netns`, a descriptor (it is not the inner's own: that stays in the machine's). Helpers die
 * with the outer process (PR_SET_PDEATHSIG is safe here: it has one thread).
 */
int plr_net_outbound_start(plr_net_outbound *ret_outbound, pid_t inner, int netns,
        const plr_net_request *request, plr_error *err);

/* Outer process, at the end, or after a failed start: nothing of it is left on the machine. */
void plr_net_outbound_stop(plr_net_outbound *outbound);

/* Called by a process inside the room's namespace, once: loopback up, the bridge if asked for. */
int plr_net_room_make(const plr_net_request *request, plr_error *err);

/*
 * Called by the task's own process, which has all capabilities over both namespaces and, when this
 * returns, is in a network namespace of its own: it joins `room` (to open a netlink socket there),
 * leaves into a new one, and joins the two by a pair whose other end is a port of the bridge;
 * loopback up, `address` ("10.88.0.7/16") on its end, default route through `gateway`.
 */
int plr_net_task_join(int room, const char *address, const char *gateway, plr_error *err);

/* Called by the task's own process: it leaves into a new namespace with a loopback, which is up. */
int plr_net_task_alone(plr_error *err);

#endif
