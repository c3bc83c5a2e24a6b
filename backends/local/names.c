/* SPDX-License-Identifier: MIT */
/* The addresses and names of a run. Addresses follow from the step's place in the document, so all
 * names of a run are known before its first step. */
#include "backends/local/names.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Private ranges that are seldom used. The bridge is in a namespace of the run's own: runs do not
 * get into each other's way, only into that of what the machine reaches. */
static const uint32_t subnets[] = { 0x0ad50000, 0x0a750000, 0x0a9b0000, 0xac1d0000, 0xac170000,
    0x0a5d0000, 0x0ae90000 };

/* Whether a route of the machine and a range have an address in common. A default route has all,
 * and says nothing. */
static bool overlaps(uint32_t subnet, uint32_t destination, uint32_t mask)
{
    uint32_t ours = UINT32_MAX << (32 - PLR_LOCAL_PREFIX);
    uint32_t common = ours & mask;
    return mask != 0 && (subnet & common) == (destination & common);
}

static bool is_used(uint32_t subnet, const char *routes)
{
    for (const char *line = routes; line != NULL && *line != '\0';) {
        unsigned destination, mask;
        /* Interface, destination, gateway, flags, three counters, mask; in network order. */
        if (sscanf(line, "%*s %x %*x %*x %*d %*d %*d %x", &destination, &mask) == 2 &&
                overlaps(subnet, ntohl(destination), ntohl(mask)))
            return true;
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return false;
}

uint32_t plr_local_subnet_choose(const char *routes)
{
    size_t n = sizeof(subnets) / sizeof(subnets[0]);
    for (size_t i = 0; i < n; i++)
        if (!is_used(subnets[i], routes))
            return subnets[i];
    return subnets[0];
}

bool plr_local_address(uint32_t subnet, size_t task, uint32_t *ret_address)
{
    uint32_t last = (UINT32_C(1) << (32 - PLR_LOCAL_PREFIX)) - 2;
    if (task > last - PLR_LOCAL_FIRST_HOST)
        return false;
    *ret_address = subnet + PLR_LOCAL_FIRST_HOST + (uint32_t)task;
    return true;
}

void plr_local_address_text(uint32_t address, bool prefix, char text[static PLR_LOCAL_ADDRESS_SIZE])
{
    int length = snprintf(text, PLR_LOCAL_ADDRESS_SIZE, "%u.%u.%u.%u", address >> 24 & 0xff,
            address >> 16 & 0xff, address >> 8 & 0xff, address & 0xff);
    if (prefix)
        snprintf(text + length, PLR_LOCAL_ADDRESS_SIZE - (size_t)length, "/%u", PLR_LOCAL_PREFIX);
}

void plr_local_address6_text(
        uint32_t address, bool prefix, char text[static PLR_LOCAL_ADDRESS6_SIZE])
{
    snprintf(text, PLR_LOCAL_ADDRESS6_SIZE, "fd70:6c72::%x:%x%s", address >> 16, address & 0xffff,
            prefix ? "/64" : "");
}

static bool is(const char *text, const char *word)
{
    return text != NULL && strcmp(text, word) == 0;
}

plr_network_mode plr_local_network_of(const plr_step *step, plr_network_mode mode)
{
    const char *own = step->network != NULL && step->network[0] != '\0' ? step->network
                                                                        : step->docker.network;
    if (is(own, "host"))
        return PLR_NETWORK_HOST;
    if (is(own, "none"))
        return PLR_NETWORK_NONE;
    return mode;
}

bool plr_local_is_host_name(const char *name)
{
    static const char allowed[] =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    return name != NULL && name[0] != '\0' && strlen(name) <= 255 &&
           name[strspn(name, allowed)] == '\0';
}

static void put_names(plr_buf *out, const plr_step *step)
{
    if (plr_local_is_host_name(step->metadata.name))
        plr_buf_printf(out, " %s", step->metadata.name);
    for (size_t i = 0; i < step->n_aliases; i++)
        if (plr_local_is_host_name(step->aliases[i]))
            plr_buf_printf(out, " %s", step->aliases[i]);
}

static void put_line(plr_buf *out, const char *address, const plr_step *step)
{
    size_t begin = out->size;
    plr_buf_printf(out, "%s\t", address);
    size_t empty = out->size;
    put_names(out, step);
    if (out->size == empty)
        plr_buf_truncate(out, begin);
    else
        plr_buf_putc(out, '\n');
}

/* "name:address", as Docker has it; an address may hold colons itself. */
static void put_extra(plr_buf *out, const char *entry)
{
    const char *colon = strchr(entry, ':');
    if (colon != NULL)
        plr_buf_printf(out, "%s\t%.*s\n", colon + 1, (int)(colon - entry), entry);
}

void plr_local_hosts(plr_buf *out, const plr_document *document, const plr_step *step,
        plr_network_mode mode, uint32_t subnet, bool ipv6)
{
    char text[PLR_LOCAL_ADDRESS6_SIZE];
    bool own = plr_local_network_of(step, mode) == PLR_NETWORK_ISOLATED;
    plr_buf_puts(out, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    for (size_t i = 0; i < step->docker.n_extra_hosts; i++)
        put_extra(out, step->docker.extra_hosts[i]);
    for (size_t i = 0; i < document->n_tasks; i++) {
        const plr_step *other = document->tasks[i];
        uint32_t address;
        bool has_own = own && plr_local_network_of(other, mode) == PLR_NETWORK_ISOLATED &&
                       plr_local_address(subnet, i, &address);
        if (has_own)
            plr_local_address_text(address, false, text);
        else
            snprintf(text, sizeof(text), "127.0.0.1");
        put_line(out, text, other);
        if (has_own && ipv6) {
            plr_local_address6_text(address, false, text);
            put_line(out, text, other);
        }
    }
}

void plr_local_resolv(plr_buf *out, const plr_step *step, const char *machine, const char *server)
{
    const plr_docker_options *docker = &step->docker;
    if (docker->n_dns == 0 && server != NULL && server[0] != '\0')
        plr_buf_printf(out, "nameserver %s\n", server);
    for (size_t i = 0; i < docker->n_dns; i++)
        plr_buf_printf(out, "nameserver %s\n", docker->dns[i]);
    if (docker->n_dns_search > 0) {
        plr_buf_puts(out, "search");
        for (size_t i = 0; i < docker->n_dns_search; i++)
            plr_buf_printf(out, " %s", docker->dns_search[i]);
        plr_buf_putc(out, '\n');
    }
    for (const char *line = machine; line != NULL && *line != '\0';) {
        size_t length = strcspn(line, "\n");
        bool of_machine = strncmp(line, "nameserver", 10) == 0;
        bool search = strncmp(line, "search", 6) == 0 || strncmp(line, "domain", 6) == 0;
        bool left_out = (of_machine && (docker->n_dns > 0 || server != NULL)) ||
                        (search && docker->n_dns_search > 0);
        if (!left_out)
            plr_buf_printf(out, "%.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
}
