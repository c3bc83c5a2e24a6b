/* SPDX-License-Identifier: MIT */
/*
 * Namespaces: what a room has in its own, and how a task gets one. A task does it all itself, with
 * a socket that it opened while it was in the room, so tasks neither wait for the inner process nor
 * for each other.
 */
#include "backends/local/sandbox/net.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/local/sandbox/net_link.h"
#include "backends/local/sandbox/net_plan.h"
#include "engine/base/cleanup.h"

/* The bridge has an address of its own: otherwise it takes over the smallest of its ports, so it
 * changes as tasks come and go, and what others remember of it is wrong for minutes. */
static const unsigned char bridge_mac[6] = { 0x02, 'p', 'l', 'r', 0, 1 };

static int make_bridge(int fd, const char *subnet, plr_error *err)
{
    plr_link_request request = { 0 };
    struct ifinfomsg link = { .ifi_index = PLR_NET_SECOND };
    uint32_t address;
    unsigned prefix;
    int r = plr_link_parse(subnet, &address, &prefix, err);
    if (r != 0)
        return r;
    plr_link_begin(
            &request, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &link, sizeof(link));
    plr_link_put_text(&request, IFLA_IFNAME, "bridge");
    plr_link_put(&request, IFLA_ADDRESS, bridge_mac, sizeof(bridge_mac));
    plr_link_put_u32(&request, IFLA_MTU, PLR_NET_MTU);
    size_t info = plr_link_nest(&request, IFLA_LINKINFO);
    plr_link_put_text(&request, IFLA_INFO_KIND, "bridge");
    plr_link_nest_end(&request, info);
    r = plr_link_send(fd, &request, "make the bridge of the run", err);
    if (r == 0)
        r = plr_link_no_ipv6(fd, PLR_NET_SECOND, err);
    if (r == 0)
        r = plr_link_up(fd, PLR_NET_SECOND, err);
    if (r == 0)
        r = plr_link_address(
                fd, PLR_NET_SECOND, plr_net_nth(address, prefix, PLR_NET_ROOM), prefix, err);
    return r;
}

int plr_net_room_make(const plr_net_request *request, plr_error *err)
{
    _cleanup_close_ int fd = -1;
    int r = plr_link_open(NETLINK_ROUTE, 0, &fd, err);
    if (r == 0)
        r = plr_link_up(fd, PLR_NET_LO, err);
    if (r == 0 && request->bridge)
        r = make_bridge(fd, request->subnet, err);
    return r;
}

/* The number of a task's end in the room. */
static int port_of(uint32_t place)
{
    return PLR_NET_PORT_BASE + (int)place;
}

/* The pair: one end in the room, where `fd` is, as a port of the bridge; the other, eth0, here. Its
 * hardware address follows from its place, so what others remember of a step holds for its next
 * attempt. */
static int make_pair(int fd, uint32_t place, plr_error *err)
{
    plr_link_request request = { 0 };
    struct ifinfomsg link = { .ifi_index = port_of(place) };
    struct ifinfomsg peer = { .ifi_index = PLR_NET_SECOND };
    unsigned char mac[6] = { 0x02, 'p', 'l', (unsigned char)(place >> 16),
        (unsigned char)(place >> 8), (unsigned char)place };
    char name[IFNAMSIZ];
    snprintf(name, sizeof(name), "task%u", place);
    plr_link_begin(
            &request, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &link, sizeof(link));
    plr_link_put_text(&request, IFLA_IFNAME, name);
    plr_link_put_u32(&request, IFLA_MTU, PLR_NET_MTU);
    plr_link_put_u32(&request, IFLA_MASTER, PLR_NET_SECOND);
    size_t info = plr_link_nest(&request, IFLA_LINKINFO);
    plr_link_put_text(&request, IFLA_INFO_KIND, "veth");
    size_t data = plr_link_nest(&request, IFLA_INFO_DATA);
    size_t other = plr_link_nest(&request, VETH_INFO_PEER);
    plr_link_put_raw(&request, &peer, sizeof(peer));
    plr_link_put_text(&request, IFLA_IFNAME, "eth0");
    plr_link_put(&request, IFLA_ADDRESS, mac, sizeof(mac));
    plr_link_put_u32(&request, IFLA_MTU, PLR_NET_MTU);
    plr_link_put_u32(&request, IFLA_NET_NS_PID, (uint32_t)getpid());
    plr_link_nest_end(&request, other);
    plr_link_nest_end(&request, data);
    plr_link_nest_end(&request, info);
    return plr_link_send(fd, &request, "join the step to the run's network", err);
}

/* The pair of an attempt that has ended goes with its namespace, which the kernel takes apart some
 * time after the last process; the next attempt has the same address and may come earlier. */
static void remove_old(int fd, int port)
{
    plr_link_request request = { 0 };
    struct ifinfomsg link = { .ifi_index = port };
    plr_link_begin(&request, RTM_DELLINK, NLM_F_ACK, &link, sizeof(link));
    (void)plr_link_send(fd, &request, "remove a link", NULL);
}

static int join(int fd, uint32_t place, plr_error *err)
{
    int port = port_of(place), r = make_pair(fd, place, NULL);
    if (r != 0) {
        remove_old(fd, port);
        r = make_pair(fd, place, err);
    }
    if (r == 0)
        r = plr_link_no_ipv6(fd, port, err);
    if (r == 0)
        r = plr_link_up(fd, port, err);
    return r;
}

static int leave(plr_error *err)
{
    if (unshare(CLONE_NEWNET) == 0)
        return 0;
    return plr_error_set(err,
            errno == ENOSPC || errno == EPERM ? PLR_ERR_UNSUPPORTED : PLR_ERR_SYSTEM,
            "make a network namespace: %s%s", strerror(errno),
            errno == ENOSPC ? " (see /proc/sys/user/max_net_namespaces)" : "");
}

int plr_net_task_join(int room, const char *address, const char *address6, plr_error *err)
{
    _cleanup_close_ int there = -1, here = -1;
    uint32_t own;
    unsigned prefix;
    int r = plr_link_parse(address, &own, &prefix, err);
    if (r != 0)
        return r;
    if (setns(room, CLONE_NEWNET) != 0)
        return plr_error_set(
                err, PLR_ERR_SYSTEM, "enter the network of the run: %s", strerror(errno));
    r = plr_link_open(NETLINK_ROUTE, 0, &there, err);
    if (r == 0)
        r = leave(err);
    if (r == 0)
        r = join(there, plr_net_place(own, prefix), err);
    if (r == 0)
        r = plr_link_open(NETLINK_ROUTE, 0, &here, err);
    if (r == 0)
        r = plr_link_up(here, PLR_NET_LO, err);
    if (r == 0)
        r = plr_link_no_ipv6(here, PLR_NET_SECOND, err);
    if (r == 0)
        r = plr_link_up(here, PLR_NET_SECOND, err);
    if (r == 0)
        r = plr_link_address(here, PLR_NET_SECOND, own, prefix, err);
    if (r == 0)
        r = plr_link_route(
                here, PLR_NET_SECOND, 0, 0, plr_net_nth(own, prefix, PLR_NET_GATEWAY), err);
    if (r == 0 && address6 != NULL)
        r = plr_link_address6(here, PLR_NET_SECOND, address6, err);
    return r;
}

int plr_net_task_alone(plr_error *err)
{
    _cleanup_close_ int fd = -1;
    int r = leave(err);
    if (r == 0)
        r = plr_link_open(NETLINK_ROUTE, 0, &fd, err);
    if (r == 0)
        r = plr_link_up(fd, PLR_NET_LO, err);
    return r;
}
