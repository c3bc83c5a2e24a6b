/* SPDX-License-Identifier: MIT */
/*
 * The way out of a room, by slirp4netns or pasta. slirp4netns is taken where both are there: it is
 * up in 4 ms and 3 MB (pasta: 11 and 21), and knows many addresses at its end, so that the bridge's
 * tasks reach it as they are; behind pasta, which knows one, the room has to translate addresses.
 */
#include "backends/local/sandbox/net_outbound.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/local/sandbox/net_link.h"
#include "backends/local/sandbox/net_nat.h"
#include "backends/local/sandbox/net_plan.h"
#include "engine/base/cleanup.h"

#define TUN "/dev/net/tun"
#define TAP "eth0"
#define WAIT_MS 10000

static bool find_program(const char *name, char ret_path[static PATH_MAX])
{
    const char *path = getenv("PATH");
    if (path == NULL || path[0] == '\0')
        path = "/usr/local/bin:/usr/bin:/bin";
    for (;;) {
        size_t length = strcspn(path, ":");
        int n = snprintf(ret_path, PATH_MAX, "%.*s/%s", (int)length, path, name);
        if (length > 0 && n > 0 && n < PATH_MAX && access(ret_path, X_OK) == 0)
            return true;
        if (path[length] == '\0')
            return false;
        path += length + 1;
    }
}

int plr_outbound_find(plr_outbound *ret_outbound, plr_error *err)
{
    plr_outbound found = { .pid = 0, .words = -1 };
    found.slirp = find_program("slirp4netns", found.path);
    if (!found.slirp && !find_program("pasta", found.path))
        return plr_error_set(err, PLR_ERR_UNSUPPORTED,
                "neither slirp4netns nor pasta is installed, which connect a network namespace "
                "with the world");
    _cleanup_close_ int fd = open(TUN, O_RDWR | O_CLOEXEC);
    if (fd < 0 && (errno == EACCES || errno == EPERM))
        return plr_error_set(err, PLR_ERR_UNSUPPORTED,
                TUN " may not be opened: %s (its rights are 0666 on most systems: chmod 666 " TUN
                    ")",
                strerror(errno));
    if (fd < 0)
        return plr_error_set(err, PLR_ERR_UNSUPPORTED, TUN " cannot be opened: %s (modprobe tun)",
                strerror(errno));
    *ret_outbound = found;
    return 0;
}

/* Where the program finds the namespace. A link below /proc will not do: pasta drops the right to
 * look into other processes first, and newer ones close descriptors that they inherit. So it gets
 * mounts of its own, and there the namespace as a file, where it has nothing else to look for. */
#define PLACE "/sys/room"

static bool show_room(int room)
{
    char link[64];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", room);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("room", "/sys", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755") != 0)
        return false;
    int file = open(PLACE, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444);
    return file >= 0 && close(file) == 0 && mount(link, PLACE, NULL, MS_BIND, NULL) == 0;
}

static void exec_program(const plr_outbound *outbound, int room, int words, uint32_t address,
        unsigned prefix, bool bridge)
{
    char range[32], own[INET_ADDRSTRLEN], gateway[INET_ADDRSTRLEN], server[INET_ADDRSTRLEN];
    char mtu[16], bits[16], mtu_option[32];
    uint32_t numbers[4] = { plr_net_nth(address, prefix, 0),
        plr_net_nth(address, prefix, bridge ? PLR_NET_PASTA : PLR_NET_ROOM),
        plr_net_nth(address, prefix, PLR_NET_GATEWAY),
        plr_net_nth(address, prefix, PLR_NET_NAME_SERVER) };
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)inet_ntop(AF_INET, &numbers[0], own, sizeof(own));
    snprintf(range, sizeof(range), "%s/%u", own, prefix);
    (void)inet_ntop(AF_INET, &numbers[1], own, sizeof(own));
    (void)inet_ntop(AF_INET, &numbers[2], gateway, sizeof(gateway));
    (void)inet_ntop(AF_INET, &numbers[3], server, sizeof(server));
    snprintf(mtu, sizeof(mtu), "%u", PLR_NET_MTU);
    snprintf(mtu_option, sizeof(mtu_option), "--mtu=%u", PLR_NET_MTU);
    snprintf(bits, sizeof(bits), "%u", prefix);
    if (!show_room(room)) {
        dprintf(words, "show the namespace to %s: %s", outbound->path, strerror(errno));
        _exit(127);
    }
    if (dup2(words, STDERR_FILENO) < 0)
        _exit(127);
    /* None of the machine's loopback is to be reached, and no port that we did not ask for. */
    if (outbound->slirp)
        execl(outbound->path, "slirp4netns", "--disable-host-loopback", mtu_option, "--cidr", range,
                "--netns-type=path", PLACE, TAP, (char *)NULL);
    else
        execl(outbound->path, "pasta", "--foreground", "--quiet", "--ipv4-only", "--no-map-gw",
                "--no-dhcp", "--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none",
                "--udp-ns", "none", "--ns-ifname", TAP, "--mtu", mtu, "--address", own, "--netmask",
                bits, "--gateway", gateway, "--dns-forward", server, "--runas", "0", "--netns-only",
                "--netns", PLACE, (char *)NULL);
    dprintf(words, "%s", strerror(errno));
    _exit(127);
}

int plr_outbound_spawn(
        plr_outbound *outbound, int room, const char *subnet, bool bridge, plr_error *err)
{
    uint32_t address;
    unsigned prefix;
    int words[2];
    int r = plr_link_parse(subnet, &address, &prefix, err);
    if (r != 0)
        return r;
    if (pipe2(words, O_CLOEXEC) != 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "make a pipe: %s", strerror(errno));
    outbound->pid = fork();
    if (outbound->pid == 0)
        exec_program(outbound, room, words[1], address, prefix, bridge);
    close(words[1]);
    if (outbound->pid < 0) {
        close(words[0]);
        return plr_error_set(err, PLR_ERR_SYSTEM, "fork: %s", strerror(errno));
    }
    outbound->words = words[0];
    return 0;
}

bool plr_outbound_listen(plr_outbound *outbound)
{
    char text[256];
    ssize_t n = read(outbound->words, text, sizeof(text) - 1);
    if (n <= 0)
        return n < 0 && errno == EINTR;
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
        n--;
    text[n] = '\0';
    const char *line = strrchr(text, '\n');
    snprintf(outbound->last, sizeof(outbound->last), "%s", line != NULL ? line + 1 : text);
    return true;
}

int plr_outbound_failed(const plr_outbound *outbound, plr_error *err)
{
    const char *name = strrchr(outbound->path, '/') + 1;
    int status = 0;
    if (waitpid(outbound->pid, &status, 0) == outbound->pid && WIFSIGNALED(status))
        return plr_error_set(
                err, PLR_ERR_UNSUPPORTED, "%s was killed by signal %d", name, WTERMSIG(status));
    return plr_error_set(err, PLR_ERR_UNSUPPORTED, "%s ended%s%s", name,
            outbound->last[0] != '\0' ? ": " : "", outbound->last);
}

/* The number of the tap device, if this message tells of it. */
static int tap_in(const struct nlmsghdr *header)
{
    const struct ifinfomsg *link = NLMSG_DATA(header);
    size_t left = header->nlmsg_len - NLMSG_LENGTH(sizeof(*link));
    if (header->nlmsg_type != RTM_NEWLINK || header->nlmsg_len < NLMSG_LENGTH(sizeof(*link)))
        return 0;
    for (const struct rtattr *attribute = IFLA_RTA(link); RTA_OK(attribute, left);
            attribute = RTA_NEXT(attribute, left))
        if (attribute->rta_type == IFLA_IFNAME && strcmp(RTA_DATA(attribute), TAP) == 0)
            return link->ifi_index;
    return 0;
}

/* It may be there already, or will be announced: first listen, then ask, so it is not missed. */
static int listen_links(int *ret_fd, plr_error *err)
{
    plr_link_request request = { 0 };
    struct ifinfomsg link = { 0 };
    _cleanup_close_ int fd = -1;
    int r = plr_link_open(NETLINK_ROUTE, RTMGRP_LINK, &fd, err);
    if (r != 0)
        return r;
    plr_link_begin(&request, RTM_GETLINK, 0, &link, sizeof(link));
    plr_link_put_text(&request, IFLA_IFNAME, TAP);
    if (send(fd, request.data, request.size, 0) < 0)
        return plr_error_set(
                err, PLR_ERR_SYSTEM, "ask for the link to the world: %s", strerror(errno));
    *ret_fd = steal_fd(&fd);
    return 0;
}

static int wait_tap(plr_outbound *outbound, int *ret_index, plr_error *err)
{
    _Alignas(struct nlmsghdr) char data[16384];
    _cleanup_close_ int events = -1;
    int r = listen_links(&events, err);
    if (r != 0)
        return r;
    struct pollfd fds[2] = { { .fd = events, .events = POLLIN },
        { .fd = outbound->words, .events = POLLIN } };
    for (;;) {
        int n = poll(fds, 2, WAIT_MS);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return plr_error_set(err, PLR_ERR_UNSUPPORTED, "%s made no network device in %d s",
                    outbound->path, WAIT_MS / 1000);
        if (fds[0].revents != 0) {
            ssize_t size = recv(events, data, sizeof(data), 0);
            size_t left = size > 0 ? (size_t)size : 0;
            for (struct nlmsghdr *header = (struct nlmsghdr *)(void *)data; NLMSG_OK(header, left);
                    header = NLMSG_NEXT(header, left))
                if ((*ret_index = tap_in(header)) != 0)
                    return 0;
        } else if (!plr_outbound_listen(outbound)) {
            return plr_outbound_failed(outbound, err);
        }
    }
}

static int set_link(int fd, int index, int master, plr_error *err)
{
    plr_link_request request = { 0 };
    struct ifinfomsg link = { .ifi_index = index };
    plr_link_begin(&request, RTM_NEWLINK, NLM_F_ACK, &link, sizeof(link));
    plr_link_put_u32(&request, IFLA_MTU, PLR_NET_MTU);
    if (master != 0)
        plr_link_put_u32(&request, IFLA_MASTER, (uint32_t)master);
    return plr_link_send(fd, &request, "set the link to the world", err);
}

int plr_outbound_join(plr_outbound *outbound, const char *subnet, bool bridge, plr_error *err)
{
    _cleanup_close_ int fd = -1;
    uint32_t address;
    unsigned prefix;
    int tap, r = plr_link_parse(subnet, &address, &prefix, err);
    bool port = bridge && outbound->slirp, nat = bridge && !outbound->slirp;
    if (r == 0)
        r = wait_tap(outbound, &tap, err);
    if (r == 0)
        r = plr_link_open(NETLINK_ROUTE, 0, &fd, err);
    if (r != 0)
        return r;
    uint32_t gateway = plr_net_nth(address, prefix, PLR_NET_GATEWAY);
    uint32_t room = plr_net_nth(address, prefix, PLR_NET_ROOM);
    r = set_link(fd, tap, port ? PLR_NET_SECOND : 0, err);
    if (r == 0)
        r = plr_link_no_ipv6(fd, tap, err);
    if (r == 0)
        r = plr_link_up(fd, tap, err);
    if (r == 0 && nat)
        return plr_net_nat(fd, tap, address, prefix, err);
    if (r == 0 && !port)
        r = plr_link_address(fd, tap, room, prefix, err);
    if (r == 0)
        r = plr_link_route(fd, port ? PLR_NET_SECOND : tap, 0, 0, gateway, err);
    return r;
}
