/* SPDX-License-Identifier: MIT */
/* Where a server is: the text that users and environments give (unix:///…, tcp://…, https://…) as
 * what an HTTP client needs to know. */
#ifndef PLR_NET_HTTP_BASE_H
#define PLR_NET_HTTP_BASE_H

#include <stdbool.h>

#include <pipeline/error.h>

#include "engine/base/cleanup.h"

typedef struct plr_http_base {
    char *socket; /* path of a Unix socket; NULL: TCP */
    char *url;    /* what each request's path is appended to: no slash at its end */
    char *name;   /* for messages: the text without what may be secret in it */
    /* After plr_http_base_rename; else NULL. */
    char *connect_to;  /* "::host:port", where to connect in truth */
    char *host_header; /* "Host: host:port", what the server is called */
} plr_http_base;

void plr_http_base_clear(plr_http_base *base);
#define _cleanup_http_base_ _cleanup_(plr_http_base_clear)

/* `tls` decides what tcp:// means. PLR_ERR_CONFIGURATION says what is wrong with the text. */
int plr_http_base_parse(plr_http_base *ret_base, const char *text, bool tls, plr_error *err);

/* Makes `url` carry another host name, which TLS then asks the certificate for, while connections
 * and the Host header stay as they are. PLR_ERR_CONFIGURATION if `name` is no host name, or the
 * base is not https. */
int plr_http_base_rename(plr_http_base *base, const char *name, plr_error *err);

#endif
