/* SPDX-License-Identifier: MIT */
/* A server that follows a script, in a child process on a Unix socket of its own, and a client with
 * its loop to try against it. */
#ifndef PLR_TESTS_UNIT_HTTP_PEER_H
#define PLR_TESTS_UNIT_HTTP_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include "engine/base/buf.h"
#include "net/http.h"

/* What the child does; `listener` accepts the client's connections. */
typedef void plr_peer_script(int listener);

/* For scripts: none of them returns after a failure. */
int peer_accept(int listener);
/* One request with its body; false if the client closed instead. `request` may be NULL. */
bool peer_read(int fd, plr_buf *request);
void peer_write(int fd, const void *data, size_t size);
void peer_say(int fd, const char *text);
/* Until the client has closed the connection. */
void peer_await_close(int fd);

/* One call as the test sees it. */
typedef struct http_probe {
    plr_http_call *call; /* NULL once it is done */
    int n_headers, n_done;
    int status;
    plr_buf data;  /* what on_data got */
    size_t n_data; /* how often */
    plr_buf body;  /* what was collected */
    plr_error err;
    bool unsent;
    int os_error;
    char *header; /* the reply's X-Test, from on_done */
    /* What to do inside on_data and on_done, if anything. */
    void (*in_headers)(struct http_probe *probe);
    void (*in_data)(struct http_probe *probe);
    void (*in_done)(struct http_probe *probe);
    struct http_bench *bench;
} http_probe;

typedef struct http_bench {
    plr_loop *loop;
    plr_http_client *client;
    pid_t peer;
    char folder[32], base[64];
} http_bench;

/* NULL as a script: there is a socket, but nobody listens any more. */
void bench_open(http_bench *bench, plr_peer_script *script);
void bench_open_with(http_bench *bench, plr_peer_script *script, plr_http_options options);
void bench_close(http_bench *bench);

/* Fills callbacks and userdata of the request and starts it; on_data only if it was set. */
void bench_start(http_bench *bench, http_probe *probe, plr_http_request request);
/* Dispatches until the call is done; false after a minute. */
bool bench_run(http_bench *bench, http_probe *probe);
/* Dispatches until on_data was called so often. */
void bench_await_data(http_bench *bench, http_probe *probe, size_t n);
/* Dispatches what is due, and waits for nothing. */
void bench_settle(http_bench *bench);
/* Dispatches for about so long: for what must not come. */
void bench_idle(http_bench *bench, int ms);
/* For limits of a test: what clock.h does to the loop's time is not done to this. */
int64_t bench_now_ms(void);

void probe_clear(http_probe *probe);

/* Any function: "on_data, please" in a request for bench_start. */
void bench_wants_data(plr_http_call *call, const void *data, size_t size, void *userdata);

/* A GET of /x, collected. */
void bench_get(http_bench *bench, http_probe *probe);

bool probe_says(const http_probe *probe, const char *word);

#endif
