/* SPDX-License-Identifier: MIT */
/* The two halves of the HTTP client share this: http_call.c knows what one call is to libcurl,
 * http.c brings calls and the loop together. */
#ifndef PLR_NET_HTTP_CALL_H
#define PLR_NET_HTTP_CALL_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "net/http.h"
#include "net/http_base.h"

#define PLR_NS_PER_MS 1000000u /* nanoseconds, as libcurl counts */

struct plr_http_call {
    TAILQ_ENTRY(plr_http_call) link;
    plr_http_client *client;
    char *method, *path;
    CURL *easy;
    struct curl_slist *headers, *connect_to;
    plr_buf body;
    char curl_message[CURL_ERROR_SIZE];
    plr_timer *timer; /* NULL: no time limits */
    uint64_t total_ns, first_byte_ns, idle_ns;
    uint64_t started_at, sent_at, received_at;
    uint64_t heard_at; /* the first line of the answer; 0: nothing yet */
    size_t max_body, headers_bytes;
    unsigned headers_lines;
    bool long_lived;
    bool redirects;
    bool waiting;     /* for a connection, in `waiting` */
    bool running;     /* added to the multi handle */
    bool sent;        /* the request left, or part of it */
    bool answered;    /* the final headers are there */
    bool streams;     /* the body goes to on_data */
    bool paused;      /* as the caller wants it */
    bool curl_paused; /* libcurl keeps a piece for us */
    bool over;        /* on_done is due; `error` says why unless it went well */
    plr_error error;
    plr_http_reply reply;
    plr_http_headers_fn *on_headers;
    plr_http_data_fn *on_data;
    plr_http_done_fn *on_done;
    void *userdata;
};

/* A socket of libcurl's that the loop watches for it. */
typedef struct watched {
    LIST_ENTRY(watched) link;
    plr_http_client *client;
    curl_socket_t fd;
    plr_watch *watch;
} watched;

struct plr_http_client {
    const plr_host *host;
    plr_loop *loop;
    plr_http_base base;
    char *ca_file, *cert_file, *key_file, *user_agent;
    char *ca_pem, *cert_pem, *key_pem, *proxy;
    bool tls_insecure;
    uint64_t connect_timeout_ns;
    unsigned max_connections, n_counted;
    bool curl_ready;
    CURLM *multi;
    plr_timer *curl_timer;               /* set by libcurl */
    plr_timer *turn_timer;               /* set to "now" by whoever leaves work for the loop */
    TAILQ_HEAD(, plr_http_call) waiting; /* not yet launched */
    TAILQ_HEAD(, plr_http_call) calls;   /* all others */
    LIST_HEAD(, watched) watched;
    bool attention;   /* a call wants to be tended */
    bool entered;     /* callbacks may be on the stack: free later */
    bool doomed;      /* freed meanwhile */
    plr_error broken; /* the loop could not watch a socket: no call can go on */
};

/* Tells libcurl all about a call whose fields are filled; PLR_ERR_USAGE, PLR_ERR_NOMEM. */
int plr_http_call_prepare(plr_http_call *call, const char *const *headers, plr_error *err);

/* Frees what the call holds; it is in no list and not in the multi handle. */
void plr_http_call_free(plr_http_call *call);

/* Notes why a call fails, if nothing has ended it before, and ends it. Inside libcurl's callbacks
 * the caller then makes libcurl stop. */
void plr_http_call_fail(plr_http_call *call, int code, const char *format, ...) PLR_PRINTF(3, 4);
void plr_http_call_fail_by_result(plr_http_call *call, CURLcode code);

/* Fails the call if a time limit ran out, else sets its timer to the next one. */
void plr_http_call_check_time(plr_http_call *call);

/* In http.c: the end of a call is decided, its on_done comes with the next turn. */
void plr_http_call_over(plr_http_call *call);

#endif
