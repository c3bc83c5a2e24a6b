/* SPDX-License-Identifier: MIT */
/* A scripted server in a child process, and what tests of the HTTP client have in common. */
#include "tests/unit/http_peer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "engine/host.h"
#include "engine/io/loop.h"
#include "tests/unit/harness.h"

static void die(const char *what)
{
    fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
    _exit(1);
}

int peer_accept(int listener)
{
    int fd = accept(listener, NULL, NULL);
    if (fd < 0)
        die("accept");
    return fd;
}

bool peer_read(int fd, plr_buf *request)
{
    plr_buf text = { 0 };
    char c;
    size_t body = 0;
    while (text.size < 4 || memcmp(text.data + text.size - 4, "\r\n\r\n", 4) != 0) {
        if (read(fd, &c, 1) != 1) {
            plr_buf_clear(&text);
            return false;
        }
        plr_buf_putc(&text, c);
    }
    const char *length = strcasestr(text.data, "\r\nContent-Length:");
    if (length != NULL)
        body = strtoul(length + 17, NULL, 10);
    while (body > 0) {
        if (read(fd, &c, 1) != 1)
            die("read");
        plr_buf_putc(&text, c);
        body--;
    }
    if (request != NULL) {
        plr_buf_clear(request);
        *request = text;
    } else {
        plr_buf_clear(&text);
    }
    return true;
}

void peer_write(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n < 0)
            _exit(0); /* the client has gone, as some tests want */
        at += n;
        size -= (size_t)n;
    }
}

void peer_say(int fd, const char *text)
{
    peer_write(fd, text, strlen(text));
}

void peer_await_close(int fd)
{
    char c;
    while (read(fd, &c, 1) > 0)
        ;
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 64) < 0)
        die(path);
    return fd;
}

void bench_open_with(http_bench *bench, plr_peer_script *script, plr_http_options options)
{
    plr_error err = { 0 };
    *bench = (struct http_bench){ 0 };
    strcpy(bench->folder, "/tmp/test_http-XXXXXX");
    if (mkdtemp(bench->folder) == NULL)
        die("mkdtemp");
    snprintf(bench->base, sizeof bench->base, "unix://%s/socket", bench->folder);
    int listener = listen_at(bench->base + 7);
    if (script != NULL) {
        bench->peer = fork();
        if (bench->peer < 0)
            die("fork");
        if (bench->peer == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            script(listener);
            _exit(0);
        }
    }
    close(listener);
    options.base = bench->base;
    CU_ASSERT_EQUAL(plr_loop_new(&bench->loop, PLR_CLOCK_MONOTONIC, &err), 0);
    CU_ASSERT_EQUAL(
            plr_http_client_new(&bench->client, &plr_host_table, bench->loop, &options, &err), 0);
}

void bench_open(http_bench *bench, plr_peer_script *script)
{
    bench_open_with(bench, script, (plr_http_options){ .user_agent = "test/1" });
}

void bench_close(http_bench *bench)
{
    plr_http_client_free(bench->client);
    plr_loop_free(bench->loop);
    if (bench->peer > 0) {
        kill(bench->peer, SIGKILL);
        waitpid(bench->peer, NULL, 0);
    }
    unlink(bench->base + 7);
    rmdir(bench->folder);
}

static void on_headers(plr_http_call *call, const plr_http_reply *reply, void *userdata)
{
    http_probe *probe = userdata;
    CU_ASSERT_EQUAL(probe->n_headers, 0);
    CU_ASSERT_EQUAL(probe->n_data, 0);
    CU_ASSERT_PTR_EQUAL(call, probe->call);
    probe->n_headers++;
    probe->status = reply->status;
    if (probe->in_headers != NULL)
        probe->in_headers(probe);
}

static void on_data(plr_http_call *call, const void *data, size_t size, void *userdata)
{
    http_probe *probe = userdata;
    CU_ASSERT(size > 0);
    CU_ASSERT_EQUAL(probe->n_done, 0);
    CU_ASSERT_PTR_EQUAL(call, probe->call);
    plr_buf_put(&probe->data, data, size);
    probe->n_data++;
    if (probe->in_data != NULL)
        probe->in_data(probe);
}

static void on_done(
        plr_http_call *call, plr_http_reply *reply, const plr_error *err, void *userdata)
{
    http_probe *probe = userdata;
    CU_ASSERT_PTR_EQUAL(call, probe->call);
    CU_ASSERT_EQUAL(probe->n_done, 0);
    const char *header = reply->status != 0 ? plr_http_header(call, "x-test") : NULL;
    probe->header = header != NULL ? strdup(header) : NULL;
    probe->n_done++;
    probe->call = NULL;
    probe->status = reply->status;
    probe->unsent = reply->unsent;
    probe->os_error = reply->os_error;
    probe->body = reply->body;
    plr_buf_init(&reply->body);
    if (err != NULL)
        probe->err = *err;
    if (probe->in_done != NULL)
        probe->in_done(probe);
}

void bench_wants_data(plr_http_call *call, const void *data, size_t size, void *userdata)
{
    on_data(call, data, size, userdata);
}

void bench_start(http_bench *bench, http_probe *probe, plr_http_request request)
{
    plr_error err = { 0 };
    request.on_headers = on_headers;
    request.on_done = on_done;
    request.userdata = probe;
    probe->bench = bench;
    CU_ASSERT_EQUAL(plr_http_start(bench->client, &probe->call, &request, &err), 0);
    CU_ASSERT_EQUAL(probe->n_done, 0);
}

void bench_get(http_bench *bench, http_probe *probe)
{
    bench_start(bench, probe, (plr_http_request){ .method = "GET", .path = "/x" });
}

int64_t bench_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool bench_run(http_bench *bench, http_probe *probe)
{
    int64_t until = bench_now_ms() + 60000;
    while (probe->n_done == 0 && bench_now_ms() < until)
        CU_ASSERT(plr_loop_dispatch(bench->loop, 1000, NULL) >= 0);
    CU_ASSERT_EQUAL(probe->n_done, 1);
    return probe->n_done == 1;
}

void bench_idle(http_bench *bench, int ms)
{
    int64_t until = bench_now_ms() + ms;
    for (int64_t left; (left = until - bench_now_ms()) > 0;)
        CU_ASSERT(plr_loop_dispatch(bench->loop, (int)left, NULL) >= 0);
}

void bench_settle(http_bench *bench)
{
    int r;
    while ((r = plr_loop_dispatch(bench->loop, 0, NULL)) > 0)
        ;
    CU_ASSERT_EQUAL(r, 0);
}

void bench_await_data(http_bench *bench, http_probe *probe, size_t n)
{
    int64_t until = bench_now_ms() + 60000;
    while (probe->n_data < n && probe->n_done == 0 && bench_now_ms() < until)
        CU_ASSERT(plr_loop_dispatch(bench->loop, 1000, NULL) >= 0);
    CU_ASSERT(probe->n_data >= n);
}

void probe_clear(http_probe *probe)
{
    plr_buf_clear(&probe->data);
    plr_buf_clear(&probe->body);
    free(probe->header);
    *probe = (struct http_probe){ 0 };
}

bool probe_says(const http_probe *probe, const char *word)
{
    bool says = strstr(probe->err.message, word) != NULL;
    if (!says)
        fprintf(stderr, "[%s] %s\n", plr_error_name(probe->err.code), probe->err.message);
    return says;
}
