/* SPDX-License-Identifier: MIT */
/* Addresses and names of a run: the range of its bridge, and what stands in a step's /etc/hosts and
 * /etc/resolv.conf. Pure: no I/O. */
#ifndef PLR_LOCAL_NAMES_H
#define PLR_LOCAL_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include <pipeline/run.h>
#include <pipeline/spec.h>

#include "engine/base/buf.h"

/* How long the network part of a run's addresses is; the first of the rest are the room's own
 * (protocol.h, SUBNET), one of them the name server. */
#define PLR_LOCAL_PREFIX 16u
#define PLR_LOCAL_NAME_SERVER 3u
#define PLR_LOCAL_FIRST_HOST 257u

/* The first of our ranges that none of the machine's routes (the text of /proc/net/route) reaches
 * into; in host order. */
uint32_t plr_local_subnet_choose(const char *routes);

/* Address of a task by its index; tasks beyond the range have none (false). */
bool plr_local_address(uint32_t subnet, size_t task, uint32_t *ret_address);

/* "10.213.0.7", with "/16" if `prefix`. */
#define PLR_LOCAL_ADDRESS_SIZE 20
void plr_local_address_text(
        uint32_t address, bool prefix, char text[static PLR_LOCAL_ADDRESS_SIZE]);

/* "fd70:6c72::ad5:107": the IPv4 address in the range that runs use, all the same one, for nothing
 * leads from one to another. */
#define PLR_LOCAL_ADDRESS6_SIZE 50
void plr_local_address6_text(
        uint32_t address, bool prefix, char text[static PLR_LOCAL_ADDRESS6_SIZE]);

/* A step's own wish wins over the run's mode; SHARED: the room. */
plr_network_mode plr_local_network_of(const plr_step *step, plr_network_mode mode);

/* Names that are no host names (with spaces, say) cannot be resolved by anybody. */
bool plr_local_is_host_name(const char *name);

/* What a step finds in /etc/hosts. All names of the run are in it: where a step has an address of
 * its own (`mode` ISOLATED) those, with `ipv6` both of them, else loopback. */
void plr_local_hosts(plr_buf *out, const plr_document *document, const plr_step *step,
        plr_network_mode mode, uint32_t subnet, bool ipv6);

/* What it finds in /etc/resolv.conf: the step's own wishes over the machine's file (`machine`).
 * The machine's servers are those of its network; in another one stands `server` for them, which
 * is "" where nobody can be asked, and NULL in the machine's. */
void plr_local_resolv(plr_buf *out, const plr_step *step, const char *machine, const char *server);

#endif
