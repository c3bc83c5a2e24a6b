/* SPDX-License-Identifier: MIT */
/* The HTTP client against what daemons, proxies and strangers do wrong: each has an error of its
 * own, in time, and says whether the request may have been carried out. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/host.h"
#include "engine/io/loop.h"
#include "tests/unit/clock.h"
#include "tests/unit/harness.h"
#include "tests/unit/http_peer.h"

#define MS 1000000u

static void check_unsent(http_bench *bench, int os_error, const char *word)
{
    http_probe probe = { 0 };
    bench_start(bench, &probe, (plr_http_request){ .method = "POST", .path = "/x" });
    CU_ASSERT(bench_run(bench, &probe));
    CU_ASSERT_EQUAL(probe.err.code, PLR_ERR_INFRASTRUCTURE);
    CU_ASSERT_EQUAL(probe.os_error, os_error);
    CU_ASSERT(probe.unsent);
    CU_ASSERT(probe_says(&probe, word));
    CU_ASSERT(probe_says(&probe, bench->base));
    probe_clear(&probe);
}

static void say_nothing(int listener)
{
    close(peer_accept(listener));
}

static void no_socket(void)
{
    http_bench bench;
    bench_open(&bench, NULL);
    check_unsent(&bench, ECONNREFUSED, "refused");
    unlink(bench.base + 7);
    check_unsent(&bench, ENOENT, "No such file");
    bench_close(&bench);
}

static void not_ours(void)
{
    http_bench bench;
    bench_open(&bench, say_nothing);
    chmod(bench.base + 7, 0);
    bool root = geteuid() == 0; /* who may open everything */
    CU_ASSERT(!root || (chmod(bench.folder, 0755) == 0 && seteuid(65534) == 0));
    check_unsent(&bench, EACCES, "Permission denied");
    CU_ASSERT(!root || seteuid(0) == 0);
    bench_close(&bench);
}

/* What the peer says to a request, before it closes. */
static const char *words;

static void say_words(int listener)
{
    for (;;) {
        int fd = peer_accept(listener);
        if (peer_read(fd, NULL))
            peer_say(fd, words);
        close(fd);
    }
}

static void check_reply(
        const char *text, const plr_http_request *request, int code, const char *word)
{
    http_bench bench;
    http_probe probe = { 0 };
    words = text;
    bench_open(&bench, say_words);
    bench_start(&bench, &probe, *request);
    CU_ASSERT(bench_run(&bench, &probe));
    if (probe.err.code != code)
        fprintf(stderr, "%.40s: [%s] %s\n", text, plr_error_name(probe.err.code),
                probe.err.message);
    CU_ASSERT_EQUAL(probe.err.code, code);
    CU_ASSERT(probe_says(&probe, word));
    CU_ASSERT_FALSE(probe.unsent);
    probe_clear(&probe);
    bench_close(&bench);
}

static const plr_http_request collects = { .method = "POST", .path = "/x?q=long" };
static const plr_http_request streams = {
    .method = "POST",
    .path = "/x",
    .on_data = bench_wants_data,
};

static void check_both(const char *text, int code, const char *word)
{
    check_reply(text, &collects, code, word);
    check_reply(text, &streams, code, word);
}

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"

static void chunks(void)
{
    check_both(CHUNKED "xyz\r\nabc\r\n0\r\n\r\n", PLR_ERR_PROTOCOL, "chunk");
    check_both(CHUNKED "-5\r\nhello\r\n0\r\n\r\n", PLR_ERR_PROTOCOL, "chunk");
    check_both(CHUNKED "fffffffffffffffff\r\nhello", PLR_ERR_PROTOCOL, "chunk");
    check_both(CHUNKED "ffffffffffffffff\r\nhello", PLR_ERR_PROTOCOL, "chunk");
    check_both(CHUNKED "5\r\nhelloworld\r\n0\r\n\r\n", PLR_ERR_PROTOCOL, "chunk");
    check_both(CHUNKED "\r\n\r\n", PLR_ERR_PROTOCOL, "chunk");
}

static void torn(void)
{
    check_both(OK_HEAD "Content-Length: 10\r\n\r\nhello", PLR_ERR_INFRASTRUCTURE, "broke off");
    check_both(CHUNKED "5\r\nhel", PLR_ERR_INFRASTRUCTURE, "broke off");
    check_both(CHUNKED "5\r\nhello\r\n", PLR_ERR_INFRASTRUCTURE, "broke off");
    check_both("", PLR_ERR_INFRASTRUCTURE, "without an answer");
    check_both("HTTP/1.1 200 OK\r\nX-Te", PLR_ERR_INFRASTRUCTURE, "broke off");
}

static void no_http(void)
{
    check_both("hello, this is something else\n", PLR_ERR_PROTOCOL, "HTTP");
    check_both("<html>\r\n\r\n</html>", PLR_ERR_PROTOCOL, "HTTP");
    check_both("SSH-2.0-OpenSSH_9.2\r\n", PLR_ERR_PROTOCOL, "HTTP");
    check_both("HTTP/1.1 banana\r\n\r\n", PLR_ERR_PROTOCOL, "HTTP");
    check_both(OK_HEAD "Content-Length: -5\r\n\r\n", PLR_ERR_PROTOCOL, "HTTP");
}

static void redirects(void)
{
    check_both("HTTP/1.1 307 Temporary Redirect\r\nLocation: http://evil.example/y\r\n"
               "Content-Length: 0\r\n\r\n",
            PLR_ERR_PROTOCOL, "redirects to http://evil.example/y (status 307)");
    check_both("HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n", PLR_ERR_PROTOCOL, "nowhere");
    check_both("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", PLR_ERR_PROTOCOL,
            "protocol, unasked");
}

static void header_bombs(void)
{
    plr_buf text = { 0 };
    plr_buf_puts(&text, OK_HEAD);
    for (int i = 0; i < 200; i++)
        plr_buf_printf(&text, "X-%d: y\r\n", i);
    plr_buf_puts(&text, "\r\n");
    check_both(text.data, PLR_ERR_PROTOCOL, "too many headers");

    plr_buf_reset(&text);
    plr_buf_puts(&text, OK_HEAD);
    for (int i = 0; i < 20; i++)
        plr_buf_printf(&text, "X-%d: %04000d\r\n", i, 0);
    check_both(text.data, PLR_ERR_PROTOCOL, "too many headers");

    plr_buf_reset(&text);
    for (int i = 0; i < 200; i++)
        plr_buf_puts(&text, "HTTP/1.1 100 Continue\r\n\r\n");
    check_both(text.data, PLR_ERR_PROTOCOL, "too many headers");

    plr_buf_reset(&text);
    plr_buf_puts(&text, OK_HEAD "X-One: ");
    for (int i = 0; i < 200000; i++)
        plr_buf_putc(&text, 'x');
    check_both(text.data, PLR_ERR_PROTOCOL, "too long a header");
    plr_buf_clear(&text);
}

static void too_large(void)
{
    plr_http_request request = collects;
    request.max_body = 5;
    check_reply(OK_HEAD "Content-Length: 6\r\n\r\nhello!", &request, PLR_ERR_PROTOCOL,
            "more than 5 bytes");
    check_reply(OK_HEAD "Content-Length: 5\r\n\r\nhello", &request, 0, "");
    /* The words of an error, too. */
    request = streams;
    request.max_body = 5;
    check_reply("HTTP/1.1 500 X\r\nContent-Length: 6\r\n\r\nhello!", &request, PLR_ERR_PROTOCOL,
            "more than 5 bytes");
}

/* The words tell who, what and where; the query says nothing to people. */
static void message(void)
{
    check_reply("", &collects, PLR_ERR_INFRASTRUCTURE, "POST /x: unix:///tmp/test_http-");
}

/* Answers the first request, then closes on the second of the same connection; what comes after
 * that is told the number of the request. */
static void close_second(int listener)
{
    char reply[80];
    int fd = peer_accept(listener);
    peer_read(fd, NULL);
    peer_say(fd, OK_HEAD "Content-Length: 5\r\n\r\nfirst");
    peer_read(fd, NULL);
    close(fd);
    for (int n = 3;; n++) {
        fd = peer_accept(listener);
        if (!peer_read(fd, NULL))
            continue;
        snprintf(reply, sizeof reply, OK_HEAD "X-Test: %d\r\nContent-Length: 0\r\n\r\n", n);
        peer_say(fd, reply);
        close(fd);
    }
}

/* A request that may have been carried out is sent again only if that does no harm. */
static void sent_once(void)
{
    static const struct {
        const char *method;
        bool again;
    } rows[] = { { "POST", false }, { "GET", true }, { "DELETE", true } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        http_bench bench;
        http_probe first = { 0 }, second = { 0 };
        bench_open(&bench, close_second);
        bench_get(&bench, &first);
        CU_ASSERT(bench_run(&bench, &first));
        CU_ASSERT_EQUAL(first.err.code, 0);
        bench_start(&bench, &second, (plr_http_request){ .method = rows[i].method, .path = "/x" });
        CU_ASSERT(bench_run(&bench, &second));
        CU_ASSERT_FALSE(second.unsent);
        if (rows[i].again) {
            CU_ASSERT_EQUAL(second.err.code, 0);
            CU_ASSERT(second.header != NULL && strcmp(second.header, "3") == 0);
        } else {
            CU_ASSERT_EQUAL(second.err.code, PLR_ERR_INFRASTRUCTURE);
            CU_ASSERT(probe_says(&second, "without an answer"));
        }
        probe_clear(&first);
        probe_clear(&second);
        bench_close(&bench);
    }
}

/* To the first a header whenever another call comes, and an answer to all others. */
static void slow_loris(int listener)
{
    int slow = peer_accept(listener);
    peer_read(slow, NULL);
    peer_say(slow, OK_HEAD);
    for (;;) {
        int fd = peer_accept(listener);
        while (peer_read(fd, NULL)) {
            peer_say(slow, "X-More: 1\r\n");
            peer_say(fd, OK_HEAD "Content-Length: 0\r\n\r\n");
        }
        close(fd);
    }
}

/* Whatever comes of its headers, the slow call has its time from the request, or from the first of
 * them, and no more. */
static void check_slow_headers(uint64_t first_byte_ns, unsigned seconds, const char *word)
{
    http_bench bench;
    http_probe slow = { 0 };
    clock_hold();
    bench_open(&bench, slow_loris);
    bench_start(&bench, &slow,
            (plr_http_request){ .method = "GET", .path = "/x", .first_byte_ns = first_byte_ns });
    for (unsigned passed = 0; passed < seconds; passed++) {
        http_probe other = { 0 };
        bench_get(&bench, &other);
        CU_ASSERT(bench_run(&bench, &other));
        CU_ASSERT_EQUAL(other.err.code, 0);
        probe_clear(&other);
        bench_settle(&bench); /* its header was sent before the other's answer */
        CU_ASSERT_EQUAL(slow.n_done, 0);
        clock_pass(1);
        bench_settle(&bench);
    }
    CU_ASSERT_EQUAL(slow.n_done, 1);
    CU_ASSERT_EQUAL(slow.err.code, PLR_ERR_TIMEOUT);
    CU_ASSERT(probe_says(&slow, word));
    CU_ASSERT_FALSE(slow.unsent);
    probe_clear(&slow);
    bench_close(&bench);
    clock_release();
}

static void slow_headers(void)
{
    check_slow_headers(5000 * (uint64_t)MS, 5, "did not answer in time");
    check_slow_headers(60000 * (uint64_t)MS, 10, "did not end its headers in time");
}

static void stall(int listener)
{
    int fd = peer_accept(listener);
    peer_read(fd, NULL);
    peer_say(fd, OK_HEAD "\r\nhello");
    peer_await_close(fd);
}

/* On a clock that is held: the first piece has come, and no other will. */
static void begin_stalled(http_bench *bench, http_probe *probe)
{
    plr_http_request request = streams;
    request.first_byte_ns = 1000 * MS;
    request.idle_ns = 2000 * (uint64_t)MS;
    clock_hold();
    bench_open(bench, stall);
    bench_start(bench, probe, request);
    bench_await_data(bench, probe, 1);
}

/* Two seconds from here, and not before. */
static void end_as_silent(http_bench *bench, http_probe *probe)
{
    clock_pass(1);
    bench_settle(bench);
    CU_ASSERT_EQUAL(probe->n_done, 0);
    clock_pass(1);
    bench_settle(bench);
    CU_ASSERT_EQUAL(probe->n_done, 1);
    CU_ASSERT_EQUAL(probe->err.code, PLR_ERR_TIMEOUT);
    CU_ASSERT_EQUAL(probe->data.size, 5);
    CU_ASSERT(probe_says(probe, "went silent"));
    probe_clear(probe);
    bench_close(bench);
    clock_release();
}

static void silent(void)
{
    http_bench bench;
    http_probe probe = { 0 };
    begin_stalled(&bench, &probe);
    end_as_silent(&bench, &probe);
}

static void pause_now(http_probe *probe)
{
    plr_http_pause(probe->call);
}

/* Idle time is the peer's, not ours: it counts from when the call goes on. */
static void paused(void)
{
    http_bench bench;
    http_probe probe = { .in_data = pause_now };
    begin_stalled(&bench, &probe);
    clock_pass(10);
    bench_settle(&bench);
    CU_ASSERT_EQUAL(probe.n_done, 0);
    if (probe.call != NULL)
        plr_http_resume(probe.call);
    end_as_silent(&bench, &probe);
}

static void drip(int listener)
{
    struct pollfd gone = { .fd = peer_accept(listener), .events = POLLRDHUP };
    peer_read(gone.fd, NULL);
    peer_say(gone.fd, OK_HEAD "\r\n");
    do
        peer_say(gone.fd, "x");
    while (poll(&gone, 1, 5) == 0); /* every 5 ms, until nobody is there */
    close(gone.fd);
}

/* Pieces that keep coming satisfy the idle limit, not the total one. */
static void endless(void)
{
    http_bench bench;
    http_probe probe = { 0 };
    plr_http_request request = streams;
    request.idle_ns = 2000 * (uint64_t)MS;
    request.total_ns = 5000 * (uint64_t)MS;
    clock_hold();
    bench_open(&bench, drip);
    bench_start(&bench, &probe, request);
    for (size_t passed = 0; passed < 5; passed++) {
        bench_await_data(&bench, &probe, probe.n_data + 1);
        CU_ASSERT_EQUAL(probe.n_done, 0);
        clock_pass(1);
        bench_settle(&bench);
    }
    CU_ASSERT_EQUAL(probe.n_done, 1);
    CU_ASSERT_EQUAL(probe.err.code, PLR_ERR_TIMEOUT);
    CU_ASSERT(probe_says(&probe, "did not end in time"));
    probe_clear(&probe);
    bench_close(&bench);
    clock_release();
}

/* Time runs for a call that still waits for a connection, too. */
static void waiting(void)
{
    http_bench bench;
    http_probe first = { 0 }, second = { 0 };
    bench_open_with(&bench, stall, (plr_http_options){ .max_connections = 1 });
    bench_get(&bench, &first);
    bench_start(&bench, &second,
            (plr_http_request){ .method = "POST", .path = "/x", .total_ns = 50 * MS });
    CU_ASSERT(bench_run(&bench, &second));
    CU_ASSERT_EQUAL(second.err.code, PLR_ERR_TIMEOUT);
    CU_ASSERT(second.unsent);
    CU_ASSERT_EQUAL(first.n_done, 0);
    probe_clear(&second);
    bench_close(&bench);
    probe_clear(&first);
}

/* A host table whose watches fail: the loop has no memory or no descriptors. */
static int no_watch(plr_loop *loop, plr_watch **ret_watch, int fd, unsigned events,
        plr_watch_fn *on_event, void *userdata, plr_error *err)
{
    (void)loop, (void)ret_watch, (void)fd, (void)events, (void)on_event, (void)userdata;
    return plr_error_set(err, PLR_ERR_NOMEM, "out of memory");
}

static void answer_later(int listener)
{
    peer_await_close(peer_accept(listener));
    words = OK_HEAD "Content-Length: 0\r\n\r\n";
    say_words(listener);
}

static void unwatchable(void)
{
    http_bench bench;
    http_probe probes[2] = { 0 };
    plr_host host = plr_host_table;
    host.watch_new = no_watch;
    bench_open(&bench, answer_later);
    plr_http_client_free(bench.client);
    bench.client = NULL;
    plr_http_options options = { .base = bench.base };
    CU_ASSERT_EQUAL(plr_http_client_new(&bench.client, &host, bench.loop, &options, NULL), 0);
    for (int i = 0; i < 2; i++)
        bench_get(&bench, &probes[i]);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT(bench_run(&bench, &probes[i]));
        CU_ASSERT_EQUAL(probes[i].err.code, PLR_ERR_NOMEM);
        probe_clear(&probes[i]);
    }
    /* The next ones are not the worse for it. */
    host.watch_new = plr_host_table.watch_new;
    bench_get(&bench, &probes[0]);
    CU_ASSERT(bench_run(&bench, &probes[0]));
    CU_ASSERT_EQUAL(probes[0].status, 200);
    probe_clear(&probes[0]);
    bench_close(&bench);
}

static const plr_test tests[] = {
    { "fault 26: no socket, and a socket without a server", no_socket },
    { "fault 26: a socket that we may not open", not_ours },
    { "fault 27: malformed, negative and oversize chunks", chunks },
    { "fault 28: truncated bodies and empty replies", torn },
    { "fault 28: only what does no harm is sent again", sent_once },
    { "fault 29: slow-loris headers run out of time, other calls go on", slow_headers },
    { "fault 30: header bombs", header_bombs },
    { "fault 30: what is no HTTP, HTTP/0.9 among it", no_http },
    { "fault 31: redirects are refused, and upgrades", redirects },
    { "a reply above its limit", too_large },
    { "a message says who, what and where", message },
    { "a stream that goes silent", silent },
    { "a stream that is paused", paused },
    { "a stream without end", endless },
    { "a call that never gets a connection", waiting },
    { "a loop that cannot watch fails the calls, not the client", unwatchable },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("http_faults", tests);
}
