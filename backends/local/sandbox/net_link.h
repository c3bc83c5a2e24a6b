/* SPDX-License-Identifier: MIT */
/*
 * Netlink by hand: a request is built in one buffer, sent, and answered by one acknowledgement.
 * What this program asks of the kernel is a dozen requests, so a library is more than it needs.
 */
#ifndef PLR_SANDBOX_NET_LINK_H
#define PLR_SANDBOX_NET_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/error.h>

/* As large as a loopback's, less what pasta and slirp4netns add: what leaves the machine is cut by
 * them, and a packet costs them the same whatever its size. */
#define PLR_NET_MTU 65520u

/* Every request of ours is far below; one that is not is a mistake of ours and fails. */
#define PLR_LINK_REQUEST_MAX 1024

typedef struct plr_link_request {
    _Alignas(8) char data[PLR_LINK_REQUEST_MAX];
    size_t size;
    size_t last; /* where the message in progress begins: a batch has several */
    bool too_long;
} plr_link_request;

/* A socket of the network namespace that the caller is in; it stays there. `groups`: what it hears
 * without having asked. */
int plr_link_open(int protocol, unsigned groups, int *ret_fd, plr_error *err);

/* A message of `type` behind those that are in the request (size 0: none), with its own header. */
void plr_link_begin(
        plr_link_request *request, uint16_t type, uint16_t flags, const void *header, size_t size);
void plr_link_put(plr_link_request *request, uint16_t attribute, const void *data, size_t size);
void plr_link_put_text(plr_link_request *request, uint16_t attribute, const char *text);
void plr_link_put_u32(plr_link_request *request, uint16_t attribute, uint32_t number);
/* Bytes without an attribute around them: a header within an attribute. */
void plr_link_put_raw(plr_link_request *request, const void *data, size_t size);
/* An attribute that holds those up to its end. */
size_t plr_link_nest(plr_link_request *request, uint16_t attribute);
void plr_link_nest_end(plr_link_request *request, size_t nest);

/* Sends it and waits for the answer to its last message that was begun with NLM_F_ACK, or to the
 * first that failed. `what` was to be done, for the message: "make the bridge". */
int plr_link_send(int fd, const plr_link_request *request, const char *what, plr_error *err);

/* Addresses are in network order. */
int plr_link_up(int fd, int index, plr_error *err);
int plr_link_address(int fd, int index, uint32_t address, unsigned prefix, plr_error *err);
/* "fd70:6c72::ad5:107/64". It is used at once, without asking the others whether it is theirs. */
int plr_link_address6(int fd, int index, const char *address, plr_error *err);
/* To `destination`/`prefix`, through `gateway` (0: it is at the link itself). */
int plr_link_route(
        int fd, int index, uint32_t destination, unsigned prefix, uint32_t gateway, plr_error *err);
/* No address of IPv6 is made up for a link: there is none that leads anywhere, and what 500 tasks
 * say to all about theirs is much. Before it is up. */
int plr_link_no_ipv6(int fd, int index, plr_error *err);

/* "10.213.1.7/16" */
int plr_link_parse(const char *text, uint32_t *ret_address, unsigned *ret_prefix, plr_error *err);

#endif
