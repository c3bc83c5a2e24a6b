/* SPDX-License-Identifier: MIT */
/*
 * The network of a room, in three places: the room's namespace gets its loopback and bridge, each
 * task in a namespace of its own its address, and one helper process, which the inner process
 * starts, connects the room with the world. Implemented in net_*.c, single-threaded.
 *
 * Of the room's range ("10.213.0.0/16") the first 256 addresses are ours:
 *   +1  the room itself: the address of its bridge, or of its only interface
 *   +2  the gateway of all. Under slirp4netns that is slirp4netns, under pasta the room forwards
 *   +3  a name server, which asks those of the machine (so one on its loopback works too)
 *   +4  the room towards pasta, if it has a bridge
 */
#ifndef PLR_SANDBOX_NET_H
#define PLR_SANDBOX_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <pipeline/error.h>

typedef struct plr_net_port {
    uint16_t host_port, port;
    bool udp;
    const char *address; /* of the task, without its prefix length; NULL: the room itself */
    const char *name;    /* whose it is, for messages */
} plr_net_port;

typedef struct plr_net_request {
    const char *subnet; /* "10.213.0.0/16" */
    bool bridge;        /* tasks with namespaces of their own will be joined */
    bool outbound;
    const plr_net_port *ports;
    size_t n_ports;
} plr_net_request;

/*
 * In the machine's network: can a room be connected with the world here? 0, or PLR_ERR_UNSUPPORTED
 * with one sentence that names what is missing and what helps (a program, the rights on
 * /dev/net/tun). Costs little: it is asked in each run.
 */
int plr_net_outbound_check(plr_error *err);

/* Called by a process inside the room's namespace, once: loopback up, the bridge if asked for. */
int plr_net_room_make(const plr_net_request *request, plr_error *err);

/* The helper process of a room, a child of the inner one. */
typedef struct plr_net_helper {
    pid_t pid;  /* 0: none */
    int report; /* where it says what broke; -1 */
} plr_net_helper;

/*
 * Inner process, which is PID 1 of the run's PID namespace, owns its user namespace and is in the
 * machine's network: publishes the ports and, with `outbound`, connects the room `room` (a
 * descriptor of its network namespace, made already); done means that connections work. All that
 * it starts is in the run's PID namespace, so nothing of it can outlive the run.
 * `room` -1: the run uses the machine's own network; ports that are published under another number
 * are forwarded still.
 * PLR_ERR_CONFIGURATION: a port is in use or may not be had. PLR_ERR_UNSUPPORTED: no way out.
 */
int plr_net_helper_start(
        plr_net_helper *ret_helper, int room, const plr_net_request *request, plr_error *err);

/* The helper has ended by itself, which it never does unless something broke; `status` as from
 * waitpid. Fills `err` with the sentence for the user and clears the helper. */
void plr_net_helper_ended(plr_net_helper *helper, int status, plr_error *err);

/*
 * Called by the task's own process, which has all capabilities over both namespaces and, when this
 * returns, is in a network namespace of its own: it joins `room` (to open a netlink socket there),
 * leaves into a new one, and joins the two by a pair whose other end is a port of the bridge;
 * loopback up, `address` ("10.213.1.7/16") on its end, default route through the gateway; and, if
 * it is not NULL, `address6` ("fd70:6c72::ad5:107/64"), which leads to the other tasks only.
 */
int plr_net_task_join(int room, const char *address, const char *address6, plr_error *err);

/* Called by the task's own process: it leaves into a new namespace with a loopback, which is up. */
int plr_net_task_alone(plr_error *err);

#endif
