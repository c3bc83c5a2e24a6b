/* SPDX-License-Identifier: MIT */
/* HTTP/1.1 for backends that speak REST: calls to one server, over a Unix socket or TCP (with TLS),
 * driven by the engine's loop. Proxies, certificates, limits and time limits are settled here once.
 */
#ifndef PLR_NET_HTTP_H
#define PLR_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/backend.h>

#include "engine/base/buf.h"
#include "engine/base/cleanup.h"

typedef struct plr_http_client plr_http_client;

/* One exchange. It belongs to the client and is gone when its on_done has returned. */
typedef struct plr_http_call plr_http_call;

typedef struct plr_http_options {
    /* "unix:///path/of/socket", "tcp://host:port" (TLS if any of the files below is given),
     * "http://…" or "https://…", the last three with an optional path before each request's. */
    const char *base;
    const char *ca_file;              /* PEM, instead of the system's; NULL: the system's */
    const char *cert_file, *key_file; /* PEM, the client's own; NULL: none */
    /* The same as text, instead of the files. */
    const char *ca_pem, *cert_pem, *key_pem;
    const char *tls_server_name; /* what the server's certificate must say; NULL: as in `base` */
    bool tls_insecure;           /* the server's certificate is not looked at */
    const char *proxy; /* "http://…", "https://…", "socks5://…"; NULL: the environment's */
    const char *user_agent;      /* NULL: none is sent */
    uint64_t connect_timeout_ns; /* 0: 10 s */
    unsigned max_connections;    /* for calls that are not long-lived; more wait. 0: 32 */
} plr_http_options;

/* Copies what it needs of the options. PLR_ERR_CONFIGURATION for a base it does not understand. */
int plr_http_client_new(plr_http_client **ret_client, const plr_host *host, plr_loop *loop,
        const plr_http_options *options, plr_error *err);

/* The client's own certificate, PEM text, for connections from now on. */
int plr_http_client_set_certificate(
        plr_http_client *client, const char *cert_pem, const char *key_pem, plr_error *err);

/* Calls still open are forgotten: their on_done does not come. May be called in a callback. */
void plr_http_client_free(plr_http_client *client);

PLR_DEFINE_CLEANUP(plr_http_client, plr_http_client_free)
#define _cleanup_http_client_ _cleanup_(cleanup_plr_http_client_free)

/* What came back. */
typedef struct plr_http_reply {
    int status;               /* 0: no answer came */
    const char *content_type; /* as sent, with parameters; NULL: none */
    plr_buf body; /* collected; its text is NUL-terminated once it has any. May be stolen */
    bool unsent;  /* a failure before the request left: any request may be sent again. A failed
                   * one that left may have been carried out: repeat it only if idempotent */
    int os_error; /* errno of a connection that was refused us (ENOENT, EACCES, ...), or 0 */
} plr_http_reply;

/* The final status and headers are there. Not called if the call fails before. */
typedef void plr_http_headers_fn(plr_http_call *call, const plr_http_reply *reply, void *userdata);

/* A piece of the body, at most a few ten KiB, straight from the receive buffer. */
typedef void plr_http_data_fn(plr_http_call *call, const void *data, size_t size, void *userdata);

/* The end, exactly once. `err` is NULL if a whole reply came, whatever its status.
 *   PLR_ERR_INFRASTRUCTURE  cannot connect, or the connection broke (without an answer, or in the
 *                           middle of one)
 *   PLR_ERR_TIMEOUT         a time limit ran out; the message says which
 *   PLR_ERR_PROTOCOL        the answer is not HTTP, is malformed, too large, or a redirect (none is
 *                           ever followed; 304 is no redirect) that was not asked for
 *   PLR_ERR_CONFIGURATION   TLS: a certificate that cannot be read, or a peer that is not trusted
 *   PLR_ERR_CANCELLED, PLR_ERR_NOMEM
 * A body that ends by the connection's close is whole for HTTP: for such streams the end proves
 * nothing. */
typedef void plr_http_done_fn(
        plr_http_call *call, plr_http_reply *reply, const plr_error *err, void *userdata);

typedef struct plr_http_request {
    const char *method;         /* "GET", "HEAD", "POST", "PUT", "DELETE", ... */
    const char *path;           /* from "/", escaped, with the query */
    const char *const *headers; /* "Name: value", NULL-terminated; NULL: none */
    plr_buf *body;              /* taken over if the start succeeds; NULL: none */
    size_t max_body;            /* of a collected reply; 0: 16 MiB */
    bool long_lived;            /* a stream or a wait: max_connections does not count it */
    bool redirects;             /* one is a reply like any other, for callers who go there */
    /* Time limits, 0: none. `first_byte` is from the sending of the request to the end of the
     * reply's headers, `idle` between two pieces of the body (not while paused), `total` from the
     * start of the call. */
    uint64_t first_byte_ns, idle_ns, total_ns;
    plr_http_headers_fn *on_headers; /* or NULL */
    /* Given: the body of a reply with a status of 2xx is passed here instead of being collected;
     * that of another status is still collected, up to max_body. */
    plr_http_data_fn *on_data;
    plr_http_done_fn *on_done;
    void *userdata;
} plr_http_request;

/* Starts a call. Callbacks come from the loop, never inside this function; all of the request but
 * the body is copied. `ret_call` may be NULL. */
int plr_http_start(plr_http_client *client, plr_http_call **ret_call,
        const plr_http_request *request, plr_error *err);

/* Back-pressure: no on_data after a pause (one called inside on_data lets that piece be the last)
 * until the resume; the sender is held by its full socket. Immediate and idempotent. */
void plr_http_pause(plr_http_call *call);
void plr_http_resume(plr_http_call *call);

/* No callback comes any more but on_done, from the loop, with PLR_ERR_CANCELLED (or what ended the
 * call before). Idempotent. */
void plr_http_cancel(plr_http_call *call);

/* A header of the reply by its name, without case; NULL if it was not sent. In callbacks, from
 * on_headers on; the text is borrowed until the callback returns. */
const char *plr_http_header(const plr_http_call *call, const char *name);

/* Appends the text with all but the unreserved characters percent-encoded, for paths and queries.
 * A failure is remembered by the buffer. */
void plr_http_escape(plr_buf *out, const char *text);

#endif
