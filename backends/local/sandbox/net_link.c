/* SPDX-License-Identifier: MIT */
/* Netlink by hand: how a request is laid out, and the few requests that several places make. What
 * the kernel says to a failure (its extended acknowledgement) is passed on in words. */
#include "backends/local/sandbox/net_link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/cleanup.h"

int plr_link_open(int protocol, unsigned groups, int *ret_fd, plr_error *err)
{
    _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = groups };
    int on = 1;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "open a netlink socket: %s", strerror(errno));
    /* Not known to old kernels, which then say the number of the error only. */
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    *ret_fd = steal_fd(&fd);
    return 0;
}

static void add(plr_link_request *request, const void *data, size_t size)
{
    if (request->too_long || size > sizeof(request->data) - request->size) {
        request->too_long = true;
        return;
    }
    if (size > 0)
        memcpy(request->data + request->size, data, size);
    request->size += size;
}

/* The kernel looks at lengths only where a message or attribute begins; all begin at a multiple of
 * four. */
static void pad(plr_link_request *request)
{
    static const char zeros[NLMSG_ALIGNTO];
    add(request, zeros, (size_t)NLMSG_ALIGN(request->size) - request->size);
}

static void measure(plr_link_request *request)
{
    struct nlmsghdr header;
    if (request->too_long)
        return;
    memcpy(&header, request->data + request->last, sizeof(header));
    header.nlmsg_len = (uint32_t)(request->size - request->last);
    memcpy(request->data + request->last, &header, sizeof(header));
}

void plr_link_begin(
        plr_link_request *request, uint16_t type, uint16_t flags, const void *header, size_t size)
{
    struct nlmsghdr message = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags };
    request->last = request->size;
    message.nlmsg_seq = (uint32_t)request->last + 1;
    add(request, &message, sizeof(message));
    add(request, header, size);
    pad(request);
    measure(request);
}

void plr_link_put(plr_link_request *request, uint16_t attribute, const void *data, size_t size)
{
    struct rtattr header = { .rta_len = (uint16_t)RTA_LENGTH(size), .rta_type = attribute };
    add(request, &header, sizeof(header));
    add(request, data, size);
    pad(request);
    measure(request);
}

void plr_link_put_raw(plr_link_request *request, const void *data, size_t size)
{
    add(request, data, size);
    pad(request);
    measure(request);
}

void plr_link_put_text(plr_link_request *request, uint16_t attribute, const char *text)
{
    plr_link_put(request, attribute, text, strlen(text) + 1);
}

void plr_link_put_u32(plr_link_request *request, uint16_t attribute, uint32_t number)
{
    plr_link_put(request, attribute, &number, sizeof(number));
}

size_t plr_link_nest(plr_link_request *request, uint16_t attribute)
{
    size_t nest = request->size;
    plr_link_put(request, attribute, NULL, 0);
    return nest;
}

void plr_link_nest_end(plr_link_request *request, size_t nest)
{
    struct rtattr header;
    if (request->too_long)
        return;
    memcpy(&header, request->data + nest, sizeof(header));
    header.rta_len = (uint16_t)(request->size - nest);
    memcpy(request->data + nest, &header, sizeof(header));
}

/* The kernel's own words in an acknowledgement; "" if it has none. */
static const char *kernel_says(const struct nlmsghdr *header)
{
    size_t at = NLMSG_LENGTH(sizeof(struct nlmsgerr));
    if ((header->nlmsg_flags & NLM_F_ACK_TLVS) == 0)
        return "";
    while (at + sizeof(struct nlattr) <= header->nlmsg_len) {
        const struct nlattr *attribute =
                (const struct nlattr *)(const void *)((const char *)header + at);
        if (attribute->nla_len < sizeof(*attribute) || at + attribute->nla_len > header->nlmsg_len)
            return "";
        if (attribute->nla_type == NLMSGERR_ATTR_MSG)
            return (const char *)attribute + sizeof(*attribute);
        at += (size_t)NLA_ALIGN(attribute->nla_len);
    }
    return "";
}

int plr_link_send(int fd, const plr_link_request *request, const char *what, plr_error *err)
{
    _Alignas(struct nlmsghdr) char reply[4096];
    if (request->too_long)
        return plr_error_set(err, PLR_ERR_SYSTEM, "%s: the request is too long", what);
    if (send(fd, request->data, request->size, 0) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "%s: %s", what, strerror(errno));
    for (;;) {
        ssize_t n = recv(fd, reply, sizeof(reply), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return plr_error_set(err, PLR_ERR_SYSTEM, "%s: %s", what, strerror(errno));
        size_t left = (size_t)n;
        for (struct nlmsghdr *header = (struct nlmsghdr *)(void *)reply; NLMSG_OK(header, left);
                header = NLMSG_NEXT(header, left)) {
            const struct nlmsgerr *answer = NLMSG_DATA(header);
            if (header->nlmsg_type != NLMSG_ERROR ||
                    header->nlmsg_len < NLMSG_LENGTH(sizeof(*answer)))
                continue;
            if (answer->error != 0) {
                const char *words = kernel_says(header);
                return plr_error_set(err, PLR_ERR_SYSTEM, "%s: %s%s%s%s", what,
                        strerror(-answer->error), words[0] != '\0' ? " (" : "", words,
                        words[0] != '\0' ? ")" : "");
            }
            return 0;
        }
    }
}

int plr_link_up(int fd, int index, plr_error *err)
{
    plr_link_request request = { 0 };
    struct ifinfomsg link = { .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
    plr_link_begin(&request, RTM_NEWLINK, NLM_F_ACK, &link, sizeof(link));
    return plr_link_send(fd, &request, "bring a network link up", err);
}

int plr_link_address(int fd, int index, uint32_t address, unsigned prefix, plr_error *err)
{
    plr_link_request request = { 0 };
    struct ifaddrmsg header = {
        .ifa_family = AF_INET,
        .ifa_prefixlen = (uint8_t)prefix,
        .ifa_index = (uint32_t)index,
    };
    plr_link_begin(
            &request, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));
    plr_link_put_u32(&request, IFA_LOCAL, address);
    plr_link_put_u32(&request, IFA_ADDRESS, address);
    return plr_link_send(fd, &request, "give a network link its address", err);
}

int plr_link_address6(int fd, int index, const char *address, plr_error *err)
{
    plr_link_request request = { 0 };
    struct in6_addr parsed;
    char text[INET6_ADDRSTRLEN];
    unsigned prefix;
    const char *slash = strchr(address, '/');
    if (slash == NULL || (size_t)(slash - address) >= sizeof(text) ||
            sscanf(slash + 1, "%3u", &prefix) != 1 || prefix > 128)
        return plr_error_set(
                err, PLR_ERR_PROTOCOL, "not an address of IPv6 with a prefix: %s", address);
    snprintf(text, sizeof(text), "%.*s", (int)(slash - address), address);
    if (inet_pton(AF_INET6, text, &parsed) != 1)
        return plr_error_set(err, PLR_ERR_PROTOCOL, "not an address of IPv6: %s", text);
    struct ifaddrmsg header = {
        .ifa_family = AF_INET6,
        .ifa_prefixlen = (uint8_t)prefix,
        .ifa_flags = IFA_F_NODAD,
        .ifa_index = (uint32_t)index,
    };
    plr_link_begin(
            &request, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));
    plr_link_put(&request, IFA_LOCAL, &parsed, sizeof(parsed));
    plr_link_put(&request, IFA_ADDRESS, &parsed, sizeof(parsed));
    return plr_link_send(fd, &request, "give a network link its address of IPv6", err);
}

int plr_link_route(
        int fd, int index, uint32_t destination, unsigned prefix, uint32_t gateway, plr_error *err)
{
    plr_link_request request = { 0 };
    struct rtmsg route = {
        .rtm_family = AF_INET,
        .rtm_dst_len = (uint8_t)prefix,
        .rtm_table = RT_TABLE_MAIN,
        .rtm_protocol = RTPROT_BOOT,
        .rtm_scope = gateway != 0 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
        .rtm_type = RTN_UNICAST,
    };
    plr_link_begin(
            &request, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &route, sizeof(route));
    if (prefix > 0)
        plr_link_put_u32(&request, RTA_DST, destination);
    if (gateway != 0)
        plr_link_put_u32(&request, RTA_GATEWAY, gateway);
    plr_link_put_u32(&request, RTA_OIF, (uint32_t)index);
    return plr_link_send(fd, &request, "set a network route", err);
}

int plr_link_no_ipv6(int fd, int index, plr_error *err)
{
    plr_link_request request = { 0 };
    struct ifinfomsg link = { .ifi_index = index };
    uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
    /* A machine without IPv6 has nothing to switch off, and does not know the request. */
    if (access("/proc/sys/net/ipv6", F_OK) != 0)
        return 0;
    plr_link_begin(&request, RTM_NEWLINK, NLM_F_ACK, &link, sizeof(link));
    size_t all = plr_link_nest(&request, IFLA_AF_SPEC);
    size_t inet6 = plr_link_nest(&request, AF_INET6);
    plr_link_put(&request, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
    plr_link_nest_end(&request, inet6);
    plr_link_nest_end(&request, all);
    return plr_link_send(fd, &request, "keep IPv6 from a network link", err);
}

int plr_link_parse(const char *text, uint32_t *ret_address, unsigned *ret_prefix, plr_error *err)
{
    char address[INET_ADDRSTRLEN];
    unsigned prefix;
    char more;
    const char *slash = strchr(text, '/');
    struct in_addr parsed;
    if (slash == NULL || (size_t)(slash - text) >= sizeof(address) ||
            sscanf(slash + 1, "%2u%c", &prefix, &more) != 1 || prefix < 8 || prefix > 24)
        return plr_error_set(
                err, PLR_ERR_PROTOCOL, "not an address with a prefix from 8 to 24: %s", text);
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    if (inet_pton(AF_INET, address, &parsed) != 1)
        return plr_error_set(err, PLR_ERR_PROTOCOL, "not an address: %s", text);
    *ret_address = parsed.s_addr;
    *ret_prefix = prefix;
    return 0;
}
