/* SPDX-License-Identifier: MIT */
/* The HTTP client when all goes well: what is sent, what comes back, streams that are paused, calls
 * that wait for each other, and ends that come exactly once. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/poll.h>

#include "engine/host.h"
#include "engine/io/loop.h"
#include "tests/unit/harness.h"
#include "tests/unit/http_peer.h"

#define LARGE ((size_t)3 << 20)

/* Answers every request on every connection with the request itself, one after another. */
static void echo(int listener)
{
    for (;;) {
        int fd = peer_accept(listener);
        plr_buf request = { 0 }, reply = { 0 };
        while (peer_read(fd, &request)) {
            plr_buf_reset(&reply);
            plr_buf_printf(&reply,
                    "HTTP/1.1 200 OK\r\nX-Test: yes\r\nContent-Type: text/plain; charset=x\r\n"
                    "Content-Length: %zu\r\n\r\n",
                    request.size);
            plr_buf_put(&reply, request.data, request.size);
            peer_write(fd, reply.data, reply.size);
        }
        close(fd);
    }
}

static bool body_has(const http_probe *probe, const char *text)
{
    return probe->body.data != NULL && strstr(probe->body.data, text) != NULL;
}

static void get(void)
{
    http_bench bench;
    http_probe probe = { 0 };
    static const char *const headers[] = { "X-Registry-Auth: e30=", NULL };
    bench_open(&bench, echo);
    bench_start(&bench, &probe,
            (plr_http_request){ .method = "GET", .path = "/a/../b?c=%20d", .headers = headers });
    CU_ASSERT(bench_run(&bench, &probe));
    CU_ASSERT_EQUAL(probe.err.code, 0);
    CU_ASSERT_EQUAL(probe.status, 200);
    CU_ASSERT_EQUAL(probe.n_headers, 1);
    CU_ASSERT(probe.header != NULL && strcmp(probe.header, "yes") == 0);
    CU_ASSERT(probe.body.data != NULL &&
              strncmp(probe.body.data, "GET /a/../b?c=%20d HTTP/1.1\r\n", 29) == 0);
    CU_ASSERT(body_has(&probe, "\r\nX-Registry-Auth: e30=\r\n"));
    CU_ASSERT(body_has(&probe, "\r\nUser-Agent: test/1\r\n"));
    CU_ASSERT(!body_has(&probe, "Content-"));
    probe_clear(&probe);
    bench_close(&bench);
}

/* The body is taken over, whole, without a "100 Continue" and without a type that nobody gave. */
static void post(void)
{
    http_bench bench;
    http_probe probe = { 0 };
    plr_buf body = { 0 };
    for (unsigned i = 0; i < 200000; i++)
        plr_buf_printf(&body, "%u,", i);
    size_t size = body.size;
    bench_open(&bench, echo);
    bench_start(
            &bench, &probe, (plr_http_request){ .method = "POST", .path = "/x", .body = &body });
    CU_ASSERT_PTR_NULL(body.data);
    CU_ASSERT(bench_run(&bench, &probe));
    CU_ASSERT_EQUAL(probe.err.code, 0);
    CU_ASSERT(probe.body.size > size);
    CU_ASSERT(body_has(&probe, "\r\n\r\n0,1,2,") && body_has(&probe, ",199999,"));
    CU_ASSERT(!body_has(&probe, "Expect:") && !body_has(&probe, "Content-Type:"));
    probe_clear(&probe);

    static const char *const headers[] = { "content-type: application/json", NULL };
    plr_buf_puts(&body, "{}");
    bench_start(&bench, &probe,
            (plr_http_request){ .method = "PUT", .path = "/x", .headers = headers, .body = &body });
    CU_ASSERT(bench_run(&bench, &probe));
    CU_ASSERT(body_has(&probe, "PUT /x HTTP/1.1\r\n"));
    CU_ASSERT(body_has(&probe, "\r\ncontent-type: application/json\r\n"));
    CU_ASSERT(body_has(&probe, "\r\nContent-Length: 2\r\n"));
    CU_ASSERT(body_has(&probe, "\r\n\r\n{}"));
    probe_clear(&probe);

    bench_start(&bench, &probe, (plr_http_request){ .method = "POST", .path = "/x" });
    CU_ASSERT(bench_run(&bench, &probe));
    CU_ASSERT(body_has(&probe, "\r\nContent-Length: 0\r\n"));
    probe_clear(&probe);
    bench_close(&bench);
}

static void without_body(int listener)
{
    int fd = peer_accept(listener);
    plr_buf request = { 0 };
    while (peer_read(fd, &request)) {
        if (strncmp(request.data, "HEAD", 4) == 0)
            peer_say(fd, "HTTP/1.1 200 OK\r\nX-Test: head\r\nContent-Length: 77\r\n\r\n");
        else if (strncmp(request.data, "DELETE", 6) == 0)
            peer_say(fd, "HTTP/1.1 204 No Content\r\n\r\n");
        else
            peer_say(fd, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n");
    }
}

/* All on one connection: each reply must be taken for whole. */
static void no_body(void)
{
    http_bench bench;
    static const struct {
        const char *method;
        int status;
    } rows[] = { { "HEAD", 200 }, { "DELETE", 204 }, { "POST", 304 }, { "HEAD", 200 } };
    bench_open(&bench, without_body);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        http_probe probe = { 0 };
        bench_start(&bench, &probe, (plr_http_request){ .method = rows[i].method, .path = "/x" });
        CU_ASSERT(bench_run(&bench, &probe));
        CU_ASSERT_EQUAL(probe.err.code, 0);
        CU_ASSERT_EQUAL(probe.status, rows[i].status);
        CU_ASSERT_EQUAL(probe.body.size, 0);
        probe_clear(&probe);
    }
    bench_close(&bench);
}

static const char *pattern(void)
{
    static char data[LARGE];
    uint32_t x = 1;
    for (size_t i = 0; i < LARGE; i++) {
        x = x * 1664525u + 1013904223u;
        data[i] = (char)(x >> 24);
    }
    return data;
}

static void stream_until_close(int listener)
{
    int fd = peer_accept(listener);
    peer_read(fd, NULL);
    peer_say(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n");
    peer_write(fd, pattern(), LARGE);
}

static void stream_chunked(int listener)
{
    int fd = peer_accept(listener);
    const char *data = pattern();
    char size[32];
    peer_read(fd, NULL);
    peer_say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (size_t at = 0; at < LARGE; at += 5000) {
        size_t n = LARGE - at < 5000 ? LARGE - at : 5000;
        snprintf(size, sizeof size, "%zx\r\n", n);
        peer_say(fd, size);
        peer_write(fd, data + at, n);
        peer_say(fd, "\r\n");
    }
    peer_say(fd, "0\r\n\r\n");
    peer_await_close(fd);
}

static void stream_sized(int listener)
{
    int fd = peer_accept(listener);
    char head[64];
    peer_read(fd, NULL);
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", LARGE);
    peer_say(fd, head);
    peer_write(fd, pattern(), LARGE);
    peer_await_close(fd);
}

static plr_peer_script *const streams[] = { stream_until_close, stream_chunked, stream_sized };
#define N_STREAMS (sizeof streams / sizeof *streams)

static bool is_pattern(const plr_buf *data)
{
    return data->size == LARGE && memcmp(data->data, pattern(), LARGE) == 0;
}

static const plr_http_request stream_request = {
    .method = "POST",
    .path = "/attach",
    .long_lived = true,
    .on_data = bench_wants_data,
};

static void streamed(void)
{
    for (size_t i = 0; i < N_STREAMS; i++) {
        http_bench bench;
        http_probe probe = { 0 };
        bench_open(&bench, streams[i]);
        bench_start(&bench, &probe, stream_request);
        CU_ASSERT(bench_run(&bench, &probe));
        CU_ASSERT_EQUAL(probe.err.code, 0);
        CU_ASSERT_EQUAL(probe.n_headers, 1);
        CU_ASSERT(is_pattern(&probe.data));
        CU_ASSERT_EQUAL(probe.body.size, 0);
        probe_clear(&probe);
        bench_close(&bench);
    }
}

static void pause_now(http_probe *probe)
{
    plr_http_pause(probe->call);
}

/* Paused after each piece, resumed by the test: not a byte is lost, repeated or moved. */
static void paused_often(void)
{
    for (size_t i = 0; i < N_STREAMS; i++) {
        http_bench bench;
        http_probe probe = { .in_data = pause_now };
        bench_open(&bench, streams[i]);
        bench_start(&bench, &probe, stream_request);
        const uint64_t until = plr_loop_now(bench.loop) + 60 * UINT64_C(1000000000);
        while (probe.n_done == 0 && plr_loop_now(bench.loop) < until) {
            size_t before = probe.n_data;
            CU_ASSERT(plr_loop_dispatch(bench.loop, probe.n_data > 0 ? 0 : 1000, NULL) >= 0);
            CU_ASSERT(probe.n_data <= before + 1);
            if (probe.call != NULL && probe.n_data > 0)
                plr_http_resume(probe.call);
        }
        CU_ASSERT_EQUAL(probe.n_done, 1);
        CU_ASSERT_EQUAL(probe.err.code, 0);
        CU_ASSERT(is_pattern(&probe.data));
        probe_clear(&probe);
        bench_close(&bench);
    }
}

/* While it is paused nothing comes, neither data nor the end. */
static void held_back(void)
{
    for (size_t i = 0; i < N_STREAMS; i++) {
        http_bench bench;
        http_probe probe = { .in_data = pause_now };
        bench_open(&bench, streams[i]);
        bench_start(&bench, &probe, stream_request);
        bench_await_data(&bench, &probe, 1);
        bench_idle(&bench, 100);
        CU_ASSERT_EQUAL(probe.n_data, 1);
        CU_ASSERT_EQUAL(probe.n_done, 0);
        probe.in_data = NULL;
        if (probe.call != NULL)
            plr_http_resume(probe.call);
        CU_ASSERT(bench_run(&bench, &probe));
        CU_ASSERT_EQUAL(probe.err.code, 0);
        CU_ASSERT(is_pattern(&probe.data));
        probe_clear(&probe);
        bench_close(&bench);
    }
}

static void refuse_with_text(int listener)
{
    int fd = peer_accept(listener);
    peer_read(fd, NULL);
    peer_say(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 17\r\n\r\n{\"message\":\"none\"");
    peer_say(fd, "}");
    peer_await_close(fd);
}

/* Whoever streams still gets the words of an error in one piece. */
static void error_of_stream(void)
{
    http_bench bench;
    http_probe probe = { 0 };
    bench_open(&bench, refuse_with_text);
    bench_start(&bench, &probe, stream_request);
    CU_ASSERT(bench_run(&bench, &probe));
    CU_ASSERT_EQUAL(probe.err.code, 0);
    CU_ASSERT_EQUAL(probe.status, 404);
    CU_ASSERT_EQUAL(probe.n_data, 0);
    CU_ASSERT(body_has(&probe, "{\"message\":\"none\""));
    probe_clear(&probe);
    bench_close(&bench);
}

/* Says on its one connection how many requests came before, so a second connection would hang. */
static void count_requests(int listener)
{
    int fd = peer_accept(listener);
    char reply[64];
    for (int n = 0; peer_read(fd, NULL); n++) {
        snprintf(reply, sizeof reply, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d", n);
        peer_say(fd, reply);
    }
}

static void reused(void)
{
    http_bench bench;
    bench_open(&bench, count_requests);
    for (int i = 0; i < 3; i++) {
        http_probe probe = { 0 };
        bench_start(&bench, &probe,
                (plr_http_request){ .method = i == 1 ? "POST" : "GET", .path = "/x" });
        CU_ASSERT(bench_run(&bench, &probe));
        CU_ASSERT(probe.body.size == 1 && probe.body.data[0] == '0' + i);
        probe_clear(&probe);
    }
    bench_close(&bench);
}

/* A long stream, a call that takes the only connection, and one that has to wait: the peer answers
 * the second only when it has seen that no third connection comes. */
static void one_connection(int listener)
{
    int stream = peer_accept(listener);
    peer_read(stream, NULL);
    peer_say(stream, "HTTP/1.1 200 OK\r\n\r\nhello");
    int fd = peer_accept(listener);
    peer_read(fd, NULL);
    struct pollfd third = { .fd = listener, .events = POLLIN };
    int n = poll(&third, 1, 100);
    peer_say(fd, n == 0 ? "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"
                        : "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo");
    peer_read(fd, NULL);
    peer_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    peer_await_close(fd);
}

static http_probe next;

static void next_waits(http_probe *probe)
{
    CU_ASSERT_EQUAL(probe->n_done, 1);
    CU_ASSERT_EQUAL(next.n_headers, 0);
}

static void capped(void)
{
    http_bench bench;
    http_probe stream = { 0 }, first = { .in_done = next_waits };
    bench_open_with(&bench, one_connection, (plr_http_options){ .max_connections = 1 });
    bench_start(&bench, &stream, stream_request);
    bench_await_data(&bench, &stream, 1);
    bench_get(&bench, &first);
    bench_get(&bench, &next);
    CU_ASSERT(bench_run(&bench, &first));
    CU_ASSERT(body_has(&first, "one"));
    CU_ASSERT(bench_run(&bench, &next));
    CU_ASSERT_EQUAL(next.err.code, 0);
    CU_ASSERT_EQUAL(stream.n_done, 0);
    probe_clear(&first);
    probe_clear(&next);
    bench_close(&bench);
    CU_ASSERT_EQUAL(stream.n_done, 0); /* forgotten with its client */
    probe_clear(&stream);
}

static void cancel_now(http_probe *probe)
{
    plr_http_cancel(probe->call);
    CU_ASSERT_EQUAL(probe->n_done, 0);
}

static void cancelled(void)
{
    http_bench bench;
    http_probe waiting = { 0 }, in_headers = { .in_headers = cancel_now },
               in_data = { .in_data = cancel_now };
    http_probe *probes[] = { &waiting, &in_headers, &in_data };
    bench_open(&bench, streams[0]);
    bench_start(&bench, &waiting, stream_request);
    cancel_now(&waiting);
    CU_ASSERT(bench_run(&bench, &waiting));
    CU_ASSERT(waiting.unsent);
    CU_ASSERT_EQUAL(waiting.n_headers, 0);
    bench_close(&bench);
    for (size_t i = 1; i < 3; i++) {
        bench_open(&bench, streams[0]);
        bench_start(&bench, probes[i], stream_request);
        CU_ASSERT(bench_run(&bench, probes[i]));
        CU_ASSERT_FALSE(probes[i]->unsent);
        CU_ASSERT_EQUAL(probes[i]->n_data, i - 1);
        bench_idle(&bench, 20);
        bench_close(&bench);
    }
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(probes[i]->err.code, PLR_ERR_CANCELLED);
        CU_ASSERT_EQUAL(probes[i]->n_done, 1);
        probe_clear(probes[i]);
    }
}

/* A stream that goes on, and an answer to one more call. */
static void stream_and_answer(int listener)
{
    int stream = peer_accept(listener);
    peer_read(stream, NULL);
    peer_say(stream, "HTTP/1.1 200 OK\r\n\r\nhello");
    int fd = peer_accept(listener);
    peer_read(fd, NULL);
    peer_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    peer_await_close(stream);
}

static void cancel_next(http_probe *probe)
{
    (void)probe;
    plr_http_cancel(next.call);
    CU_ASSERT_EQUAL(next.n_done, 0);
}

/* The end of one call ends another, which had been looked at already. */
static void cancelled_in_done(void)
{
    http_bench bench;
    http_probe second = { .in_done = cancel_next };
    bench_open(&bench, stream_and_answer);
    bench_start(&bench, &next, stream_request);
    bench_await_data(&bench, &next, 1);
    bench_get(&bench, &second);
    CU_ASSERT(bench_run(&bench, &second));
    CU_ASSERT(bench_run(&bench, &next));
    CU_ASSERT_EQUAL(next.err.code, PLR_ERR_CANCELLED);
    probe_clear(&second);
    probe_clear(&next);
    bench_close(&bench);
}

static void start_next(http_probe *probe)
{
    bench_get(probe->bench, &next);
}

static void started_in_done(void)
{
    http_bench bench;
    http_probe first = { .in_done = start_next };
    bench_open(&bench, echo);
    bench_get(&bench, &first);
    CU_ASSERT(bench_run(&bench, &first));
    CU_ASSERT(bench_run(&bench, &next));
    CU_ASSERT_EQUAL(next.status, 200);
    probe_clear(&first);
    probe_clear(&next);
    bench_close(&bench);
}

static void free_client(http_probe *probe)
{
    plr_http_client_free(probe->bench->client);
    probe->bench->client = NULL;
}

/* The client may go inside each of its callbacks; nothing is called after that. */
static void freed_inside(void)
{
    for (int i = 0; i < 3; i++) {
        http_bench bench;
        http_probe probe = { 0 }, other = { 0 };
        probe.in_headers = i == 0 ? free_client : NULL;
        probe.in_data = i == 1 ? free_client : NULL;
        probe.in_done = i == 2 ? free_client : NULL;
        bench_open(&bench, stream_until_close);
        bench_start(&bench, &probe, stream_request);
        bench_get(&bench, &other);
        for (int turns = 0; bench.client != NULL && turns < 10000; turns++)
            CU_ASSERT(plr_loop_dispatch(bench.loop, 1000, NULL) >= 0);
        CU_ASSERT_PTR_NULL(bench.client);
        bench_idle(&bench, 20);
        CU_ASSERT_EQUAL(probe.n_headers, 1);
        CU_ASSERT_EQUAL(probe.n_data, i == 0 ? 0 : i == 1 ? 1 : probe.n_data);
        CU_ASSERT_EQUAL(probe.n_done, i == 2);
        CU_ASSERT_EQUAL(other.n_done, 0);
        probe_clear(&probe);
        bench_close(&bench);
    }
}

static void never_inside_start(void)
{
    http_bench bench;
    http_probe probe = { 0 };
    bench_open(&bench, NULL); /* refused at once */
    bench_get(&bench, &probe);
    CU_ASSERT_EQUAL(probe.n_done, 0);
    CU_ASSERT_PTR_NOT_NULL(probe.call);
    CU_ASSERT(bench_run(&bench, &probe));
    probe_clear(&probe);
    bench_close(&bench);
}

static void wrong_requests(void)
{
    http_bench bench;
    plr_http_call *call = NULL;
    static const char *const broken[] = { "X: a\r\nY: b", NULL };
    static const plr_http_request requests[] = {
        { .method = "GET", .path = "/a b" },
        { .method = "GET", .path = "/a\r\nX: y" },
        { .method = "GET", .path = "/\xc3\xa4" },
        { .method = "GET", .path = "/", .headers = broken },
    };
    bench_open(&bench, NULL);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        plr_buf body = { 0 };
        plr_http_request request = requests[i];
        plr_error err = { 0 };
        plr_buf_puts(&body, "mine");
        request.body = &body;
        CU_ASSERT_EQUAL(plr_http_start(bench.client, &call, &request, &err), PLR_ERR_USAGE);
        CU_ASSERT_PTR_NULL(call);
        CU_ASSERT_EQUAL(body.size, 4); /* not taken over */
        plr_buf_clear(&body);
    }
    bench_close(&bench);
}

/* An engine in each thread: libcurl's state is theirs alone. */
static void *one_thread(void *userdata)
{
    http_bench *bench = userdata;
    for (size_t i = 0; i < 50; i++) {
        http_probe probe = { 0 };
        bench_get(bench, &probe);
        while (probe.n_done == 0 && plr_loop_dispatch(bench->loop, 60000, NULL) > 0)
            ;
        bool well = probe.status == 200;
        probe_clear(&probe);
        if (!well)
            return NULL;
    }
    /* Clients come and go while the others work. */
    plr_http_options options = { .base = bench->base };
    for (size_t i = 0; i < 50; i++) {
        plr_http_client *client = NULL;
        if (plr_http_client_new(&client, &plr_host_table, bench->loop, &options, NULL) < 0)
            return NULL;
        plr_http_client_free(client);
    }
    return bench;
}

static void eight_threads(void)
{
    http_bench benches[8];
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++)
        bench_open(&benches[i], echo);
    for (size_t i = 0; i < 8; i++)
        CU_ASSERT_EQUAL(pthread_create(&threads[i], NULL, one_thread, &benches[i]), 0);
    for (size_t i = 0; i < 8; i++) {
        void *done = NULL;
        CU_ASSERT_EQUAL(pthread_join(threads[i], &done), 0);
        CU_ASSERT_PTR_EQUAL(done, &benches[i]);
    }
    for (size_t i = 0; i < 8; i++)
        bench_close(&benches[i]);
}

static const plr_test tests[] = {
    { "a GET is sent as it was asked for, and its reply collected", get },
    { "bodies are taken over and sent whole", post },
    { "replies without a body are whole", no_body },
    { "streams of all three framings", streamed },
    { "pausing after each piece changes no byte", paused_often },
    { "a paused call gets nothing", held_back },
    { "the body of an error is collected, of a stream too", error_of_stream },
    { "a connection is used again", reused },
    { "calls wait for a connection, long-lived ones do not take one", capped },
    { "a cancelled call ends once, and gets nothing more", cancelled },
    { "a call may be cancelled in the end of another", cancelled_in_done },
    { "a call may be started in the end of another", started_in_done },
    { "the client may be freed in any callback", freed_inside },
    { "no callback comes inside a start", never_inside_start },
    { "a request that would be another is refused", wrong_requests },
    { "eight engines in eight threads", eight_threads },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("http", tests);
}
