/* SPDX-License-Identifier: MIT */
/* The bridge of a room behind pasta: forwarding between its two links, answers for the two
 * addresses that are behind the tap, and one rule of nftables, all of the room's own namespace. */
#include "backends/local/sandbox/net_nat.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/neighbour.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "backends/local/sandbox/net_link.h"
#include "backends/local/sandbox/net_plan.h"
#include "engine/base/cleanup.h"

/* Its name in the namespace; nobody else makes one there. */
#define TABLE "plr"
#define CHAIN "out"

static int forward(int fd, int index, plr_error *err)
{
    plr_link_request request = { 0 };
    struct ifinfomsg link = { .ifi_index = index };
    plr_link_begin(&request, RTM_NEWLINK, NLM_F_ACK, &link, sizeof(link));
    size_t all = plr_link_nest(&request, IFLA_AF_SPEC);
    size_t inet = plr_link_nest(&request, AF_INET);
    size_t settings = plr_link_nest(&request, IFLA_INET_CONF);
    plr_link_put_u32(&request, IPV4_DEVCONF_FORWARDING, 1);
    plr_link_nest_end(&request, settings);
    plr_link_nest_end(&request, inet);
    plr_link_nest_end(&request, all);
    return plr_link_send(fd, &request, "let the run's network forward", err);
}

/* Who asks on the bridge for an address that is behind the tap is told that it is here. */
static int answer_for(int fd, uint32_t address, plr_error *err)
{
    plr_link_request request = { 0 };
    struct ndmsg neighbour = {
        .ndm_family = AF_INET,
        .ndm_ifindex = PLR_NET_SECOND,
        .ndm_flags = NTF_PROXY,
        .ndm_state = NUD_PERMANENT,
    };
    plr_link_begin(&request, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE, &neighbour, sizeof(neighbour));
    plr_link_put_u32(&request, NDA_DST, address);
    return plr_link_send(fd, &request, "answer for the gateway", err);
}

static void begin(plr_link_request *request, unsigned type, uint16_t flags, const char *table)
{
    struct nfgenmsg header = { .nfgen_family = NFPROTO_IPV4, .version = NFNETLINK_V0 };
    plr_link_begin(
            request, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, &header, sizeof(header));
    plr_link_put_text(request, NFTA_TABLE_NAME, table); /* the first attribute of all three */
}

static void frame(plr_link_request *request, uint16_t type)
{
    struct nfgenmsg header = { .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES) };
    plr_link_begin(request, type, 0, &header, sizeof(header));
}

static void put_be32(plr_link_request *request, uint16_t attribute, uint32_t number)
{
    plr_link_put_u32(request, attribute, htonl(number));
}

/* One expression of a rule: its name, and room for its data, which `data_end` ends. */
static size_t expression(plr_link_request *request, const char *name, size_t *ret_data)
{
    size_t nest = plr_link_nest(request, NFTA_LIST_ELEM);
    plr_link_put_text(request, NFTA_EXPR_NAME, name);
    *ret_data = plr_link_nest(request, NFTA_EXPR_DATA);
    return nest;
}

static void expression_end(plr_link_request *request, size_t nest, size_t data)
{
    plr_link_nest_end(request, data);
    plr_link_nest_end(request, nest);
}

/* "oif == tap: masquerade" */
static void put_rule(plr_link_request *request, int tap)
{
    size_t data, list = plr_link_nest(request, NFTA_RULE_EXPRESSIONS);
    size_t nest = expression(request, "meta", &data);
    put_be32(request, NFTA_META_DREG, NFT_REG_1);
    put_be32(request, NFTA_META_KEY, NFT_META_OIF);
    expression_end(request, nest, data);
    nest = expression(request, "cmp", &data);
    put_be32(request, NFTA_CMP_SREG, NFT_REG_1);
    put_be32(request, NFTA_CMP_OP, NFT_CMP_EQ);
    size_t value = plr_link_nest(request, NFTA_CMP_DATA);
    plr_link_put_u32(request, NFTA_DATA_VALUE, (uint32_t)tap);
    plr_link_nest_end(request, value);
    expression_end(request, nest, data);
    nest = expression(request, "masq", &data);
    expression_end(request, nest, data);
    plr_link_nest_end(request, list);
}

static int masquerade(int tap, plr_error *err)
{
    _cleanup_close_ int fd = -1;
    plr_link_request request = { 0 };
    int r = plr_link_open(NETLINK_NETFILTER, 0, &fd, err);
    if (r != 0)
        return r;
    frame(&request, NFNL_MSG_BATCH_BEGIN);
    begin(&request, NFT_MSG_NEWTABLE, NLM_F_CREATE, TABLE);
    begin(&request, NFT_MSG_NEWCHAIN, NLM_F_CREATE, TABLE);
    plr_link_put_text(&request, NFTA_CHAIN_NAME, CHAIN);
    size_t hook = plr_link_nest(&request, NFTA_CHAIN_HOOK);
    put_be32(&request, NFTA_HOOK_HOOKNUM, NF_INET_POST_ROUTING);
    put_be32(&request, NFTA_HOOK_PRIORITY, NF_IP_PRI_NAT_SRC);
    plr_link_nest_end(&request, hook);
    plr_link_put_text(&request, NFTA_CHAIN_TYPE, "nat");
    begin(&request, NFT_MSG_NEWRULE, NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND, TABLE);
    plr_link_put_text(&request, NFTA_RULE_CHAIN, CHAIN);
    put_rule(&request, tap);
    frame(&request, NFNL_MSG_BATCH_END);
    return plr_link_send(fd, &request, "translate the addresses of the run by nftables", err);
}

int plr_net_nat(int fd, int tap, uint32_t address, unsigned prefix, plr_error *err)
{
    uint32_t gateway = plr_net_nth(address, prefix, PLR_NET_GATEWAY);
    uint32_t server = plr_net_nth(address, prefix, PLR_NET_NAME_SERVER);
    int r = plr_link_address(fd, tap, plr_net_nth(address, prefix, PLR_NET_PASTA), 32, err);
    if (r == 0)
        r = plr_link_route(fd, tap, gateway, 32, 0, err);
    if (r == 0)
        r = plr_link_route(fd, tap, server, 32, 0, err);
    if (r == 0)
        r = plr_link_route(fd, tap, 0, 0, gateway, err);
    if (r == 0)
        r = forward(fd, tap, err);
    if (r == 0)
        r = forward(fd, PLR_NET_SECOND, err);
    if (r == 0)
        r = answer_for(fd, gateway, err);
    if (r == 0)
        r = answer_for(fd, server, err);
    if (r == 0)
        r = masquerade(tap, err);
    return r;
}
