/* SPDX-License-Identifier: MIT */
/* The engine as its hosts may use it: from their own loop, with many runs, out of callbacks, and
 * with everything freed at any moment. A run that goes through all phases is taken apart at each of
 * its events. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <pipeline/pipeline.h>

#include "engine/engine.h"
#include "tests/unit/harness.h"

/* A service, a detached step, a retry, a secret, a step in two parts, hooks. */
static const char document[] =
        "{\"secrets\":[{\"metadata\":{\"name\":\"s\"},\"data\":\"hunter2!\"}],"
        "\"services\":[{\"metadata\":{\"name\":\"db\"},\"docker\":{\"image\":\"i:1\"},"
        "\"environment\":{\"FAKE\":\"ready 100ms;hang\"},\"ready\":{\"tcp\":80}}],"
        "\"steps\":["
        "{\"metadata\":{\"name\":\"d\"},\"docker\":{\"image\":\"i:1\"},\"detach\":true,"
        "\"environment\":{\"FAKE\":\"out up;hang\"},\"ready\":{\"log\":\"up\"}},"
        "{\"metadata\":{\"name\":\"a\"},\"docker\":{\"image\":\"i:1\"},"
        "\"environment\":{\"FAKE\":\"part o;sleep 1s;out ne;@1 exit 1;env S;exit 0\"},"
        "\"secrets\":[{\"name\":\"s\",\"env\":\"S\"}],"
        "\"retry\":{\"attempts\":2,\"backoff\":\"1s\"}},"
        "{\"metadata\":{\"name\":\"b\"},\"docker\":{\"image\":\"i:1\"},"
        "\"environment\":{\"FAKE\":\"sleep 1s\"}},"
        "{\"metadata\":{\"name\":\"c\"},\"docker\":{\"image\":\"i:1\"},\"run_policy\":\"on-"
        "failure\"}],"
        "\"hooks\":{\"always\":[{\"metadata\":{\"name\":\"h\"},\"docker\":{\"image\":\"i:1\"},"
        "\"environment\":{\"FAKE\":\"env PIPELINE_RESULT\"}}]}}";

typedef struct host host;

struct host {
    plr_engine *engine;
    plr_backend *backend;
    plr_run *run;
    size_t n_events, at; /* what is done is done at this event, from 1 */
    void (*act)(host *h);
    plr_answer answer;
    bool over;
    plr_result result;
    plr_cancel_mode mode;
};

static plr_answer on_event(const plr_event *event, void *userdata)
{
    host *h = userdata;
    CU_ASSERT_FALSE(h->over); /* nothing comes after the end */
    h->n_events++;
    if (event->type == PLR_EVENT_RUN_ENDED) {
        h->over = true;
        h->result = *event->u.run_ended.result;
    }
    if (h->n_events != h->at)
        return PLR_ANSWER_GO_ON;
    if (h->act != NULL)
        h->act(h);
    return h->answer;
}

static plr_spec *read_document(void)
{
    plr_spec *spec = NULL;
    CU_ASSERT_EQUAL(
            plr_spec_read(&spec, "api", document, sizeof document - 1, NULL, NULL, NULL, NULL), 0);
    return spec;
}

static void begin(host *h, plr_clock clock)
{
    plr_engine_options options = { .size = sizeof options, .clock = clock };
    CU_ASSERT_EQUAL(plr_engine_new(&h->engine, &options, NULL), 0);
    CU_ASSERT_EQUAL(plr_backend_open(&h->backend, h->engine, "fake", NULL, 0, NULL), 0);
}

static void start(host *h)
{
    plr_spec *spec = read_document();
    /* Virtual time would jump to the end of the host's patience at once. */
    plr_run_options options = { .size = sizeof options, .sink_timeout_ns = -1 };
    CU_ASSERT_EQUAL(plr_run_start(&h->run, h->backend, spec, &options, on_event, h, NULL), 0);
    plr_spec_unref(spec); /* the run holds it */
    CU_ASSERT_EQUAL(h->n_events, 0);
}

static void end(host *h)
{
    plr_run_free(h->run);
    CU_ASSERT_EQUAL(plr_backend_close(h->backend, NULL), 0);
    plr_engine_free(h->engine);
}

static size_t count_events(void)
{
    host h = { 0 };
    plr_result result;
    begin(&h, PLR_CLOCK_VIRTUAL);
    start(&h);
    CU_ASSERT_EQUAL(plr_run_wait(h.run, &result, NULL), 0);
    CU_ASSERT_EQUAL(result.outcome, PLR_OUTCOME_PASSED);
    CU_ASSERT_TRUE(h.over);
    end(&h);
    return h.n_events;
}

/* A host's own loop: poll tells when there is something to do, and that is all there is to do. */
static void poll_and_dispatch_are_enough(void)
{
    host h = { 0 };
    begin(&h, PLR_CLOCK_MONOTONIC);
    start(&h);
    struct pollfd poller = { .fd = plr_engine_fd(h.engine), .events = POLLIN };
    size_t n_idle = 0;
    while (!h.over) {
        CU_ASSERT_EQUAL(poll(&poller, 1, 60000), 1);
        int r = plr_engine_dispatch(h.engine, 0, NULL);
        CU_ASSERT_TRUE(r >= 0);
        n_idle += r == 0;
        if (r < 0 || poller.revents == 0)
            break;
    }
    CU_ASSERT_TRUE(n_idle < 20); /* it is not readable for nothing */
    CU_ASSERT_EQUAL(h.result.outcome, PLR_OUTCOME_PASSED);
    CU_ASSERT_EQUAL(poll(&poller, 1, 0), 0);
    end(&h);
}

static void many_runs_share_a_backend(void)
{
    enum { N = 50 };
    host hosts[N] = { 0 };
    begin(&hosts[0], PLR_CLOCK_VIRTUAL);
    for (int i = 0; i < N; i++) {
        hosts[i].engine = hosts[0].engine;
        hosts[i].backend = hosts[0].backend;
        start(&hosts[i]);
    }
    plr_error err = { 0 };
    CU_ASSERT_EQUAL(plr_backend_close(hosts[0].backend, &err), PLR_ERR_STATE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "50 runs still use the fake backend"));
    for (int i = 0; i < N; i++) {
        plr_result result;
        CU_ASSERT_EQUAL(plr_run_wait(hosts[i].run, &result, NULL), 0);
        CU_ASSERT_EQUAL(result.outcome, PLR_OUTCOME_PASSED);
        CU_ASSERT_TRUE(hosts[i].over);
        for (int k = 0; k < i; k++)
            CU_ASSERT_STRING_NOT_EQUAL(plr_run_id(hosts[i].run), plr_run_id(hosts[k].run));
    }
    for (int i = 1; i < N; i++)
        plr_run_free(hosts[i].run);
    end(&hosts[0]);
}

static void refuse_all(host *h)
{
    plr_result result;
    plr_error err = { 0 };
    CU_ASSERT_EQUAL(plr_engine_dispatch(h->engine, 0, &err), PLR_ERR_STATE);
    CU_ASSERT_EQUAL(plr_run_wait(h->run, &result, &err), PLR_ERR_STATE);
    CU_ASSERT_EQUAL(plr_backend_close(h->backend, &err), PLR_ERR_STATE);
    CU_ASSERT_EQUAL(plr_backend_sweep(h->backend, NULL, NULL, NULL, &err), PLR_ERR_STATE);
    plr_engine_wake(h->engine);
    plr_run_continue(h->run); /* nothing is held: nothing happens */
}

static void what_waits_is_refused_in_callbacks(void)
{
    size_t n = count_events();
    for (size_t at = 1; at <= n; at++) {
        host h = { .at = at, .act = refuse_all };
        plr_result result;
        begin(&h, PLR_CLOCK_VIRTUAL);
        start(&h);
        CU_ASSERT_EQUAL(plr_run_wait(h.run, &result, NULL), 0);
        CU_ASSERT_EQUAL(result.outcome, PLR_OUTCOME_PASSED);
        CU_ASSERT_EQUAL(h.n_events, n);
        end(&h);
    }
}

static void free_run(host *h)
{
    plr_run_free(h->run);
    h->run = NULL;
}

static void a_run_is_freed_in_any_of_its_callbacks(void)
{
    size_t n = count_events();
    for (size_t at = 1; at <= n; at++) {
        host h = { .at = at, .act = free_run };
        begin(&h, PLR_CLOCK_VIRTUAL);
        start(&h);
        while (h.n_events < at)
            CU_ASSERT_TRUE(plr_engine_dispatch(h.engine, -1, NULL) >= 0);
        while (plr_engine_dispatch(h.engine, 0, NULL) > 0)
            continue;
        CU_ASSERT_EQUAL(h.n_events, at); /* and no other comes */
        end(&h);
    }
}

static void never(plr_watch *watch, unsigned events, void *userdata)
{
    (void)watch;
    (void)events;
    (void)userdata;
}

/* All goes with the engine, wherever the runs are; held events too. */
static void an_engine_is_freed_with_its_runs(void)
{
    int fds[2];
    size_t n_dispatches = 1;
    CU_ASSERT_EQUAL(pipe(fds), 0);
    for (size_t at = 0; at < n_dispatches; at++) {
        host one = { 0 }, two = { .at = at, .answer = PLR_ANSWER_LATER };
        plr_watch *watch = NULL;
        begin(&one, PLR_CLOCK_VIRTUAL);
        two.engine = one.engine;
        two.backend = one.backend;
        /* With something to watch, time jumps once in a dispatch. */
        CU_ASSERT_EQUAL(
                plr_watch_new(one.engine->loop, &watch, fds[0], PLR_WATCH_READ, never, NULL, NULL),
                0);
        start(&one);
        start(&two);
        for (size_t i = 0; i < at; i++)
            CU_ASSERT_TRUE(plr_engine_dispatch(one.engine, 0, NULL) >= 0);
        if (!one.over)
            n_dispatches = at + 2;
        plr_watch_free(watch);
        plr_engine_free(one.engine);
    }
    CU_ASSERT_TRUE(n_dispatches > 10);
    close(fds[0]);
    close(fds[1]);
}

static void cancel(host *h)
{
    plr_run_cancel(h->run, h->mode, PLR_CAUSE_USER);
    plr_run_cancel(h->run, PLR_CANCEL_GRACEFUL, PLR_CAUSE_TERMINATED); /* weaker, and later */
}

static void a_run_is_cancelled_in_any_of_its_callbacks(void)
{
    size_t n = count_events();
    for (int mode = PLR_CANCEL_GRACEFUL; mode <= PLR_CANCEL_ABANDON; mode++)
        for (size_t at = 1; at <= n; at++) {
            host h = { .at = at, .act = cancel, .mode = (plr_cancel_mode)mode };
            plr_result result;
            begin(&h, PLR_CLOCK_VIRTUAL);
            start(&h);
            CU_ASSERT_EQUAL(plr_run_wait(h.run, &result, NULL), 0);
            CU_ASSERT_TRUE(h.over);
            CU_ASSERT_TRUE(result.outcome == PLR_OUTCOME_CANCELLED ||
                           result.outcome == PLR_OUTCOME_PASSED);
            CU_ASSERT_EQUAL(result.exit_code, result.outcome == PLR_OUTCOME_PASSED ? 0 : 130);
            CU_ASSERT_EQUAL(result.n_passed + result.n_failed + result.n_skipped, 6);
            end(&h);
        }
}

/* Each event may be the one after which the host wants no more for a while. */
static void a_host_may_take_its_time_at_any_event(void)
{
    size_t n = count_events();
    for (size_t at = 1; at <= n; at++) {
        host h = { .at = at, .answer = PLR_ANSWER_LATER };
        plr_result result;
        begin(&h, PLR_CLOCK_VIRTUAL);
        start(&h);
        while (h.n_events < at)
            CU_ASSERT_TRUE(plr_engine_dispatch(h.engine, -1, NULL) >= 0);
        CU_ASSERT_EQUAL(h.n_events, at);
        plr_run_continue(h.run);
        CU_ASSERT_EQUAL(h.n_events, at); /* the next dispatch goes on */
        CU_ASSERT_EQUAL(plr_run_wait(h.run, &result, NULL), 0);
        CU_ASSERT_EQUAL(result.outcome, PLR_OUTCOME_PASSED);
        CU_ASSERT_EQUAL(h.n_events, n);
        end(&h);
    }
}

/* What the backend still does for it must not reach into what is gone. */
static void a_run_is_freed_while_it_is_checked(void)
{
    host h = { 0 };
    plr_spec *spec = read_document();
    plr_pair environment = { "FAKE_CHECK", "sleep 1h" };
    plr_run_options options = {
        .size = sizeof options, .environment = &environment, .n_environment = 1
    };
    begin(&h, PLR_CLOCK_VIRTUAL);
    CU_ASSERT_EQUAL(plr_run_start(&h.run, h.backend, spec, &options, on_event, &h, NULL), 0);
    CU_ASSERT_EQUAL(plr_engine_dispatch(h.engine, 0, NULL), 1);
    CU_ASSERT_EQUAL(h.n_events, 1);
    free_run(&h);
    while (plr_engine_dispatch(h.engine, 0, NULL) > 0)
        continue;
    plr_spec_unref(spec);
    end(&h);
}

static void start_another(host *h)
{
    static host other;
    other = (host){ .engine = h->engine, .backend = h->backend };
    start(&other);
}

static void a_run_is_started_in_a_callback(void)
{
    host h = { .at = 1, .act = start_another };
    plr_result result;
    begin(&h, PLR_CLOCK_VIRTUAL);
    start(&h);
    CU_ASSERT_EQUAL(plr_run_wait(h.run, &result, NULL), 0);
    CU_ASSERT_EQUAL(result.outcome, PLR_OUTCOME_PASSED);
    plr_engine_free(h.engine);
}

static void a_cancel_before_the_first_dispatch(void)
{
    host h = { .mode = PLR_CANCEL_GRACEFUL };
    plr_result result;
    begin(&h, PLR_CLOCK_VIRTUAL);
    start(&h);
    cancel(&h);
    CU_ASSERT_EQUAL(h.n_events, 0);
    CU_ASSERT_EQUAL(plr_run_wait(h.run, &result, NULL), 0);
    CU_ASSERT_EQUAL(result.outcome, PLR_OUTCOME_CANCELLED);
    CU_ASSERT_EQUAL(result.n_skipped, 6);
    plr_run_cancel(h.run, PLR_CANCEL_NOW, PLR_CAUSE_USER); /* after the end: no effect */
    CU_ASSERT_EQUAL(plr_engine_dispatch(h.engine, 0, NULL), 0);
    end(&h);
}

/* Nothing is shared: many engines in many threads. */
static void *play_in_a_thread(void *unused)
{
    (void)unused;
    bool *passed = malloc(sizeof *passed);
    *passed = true;
    for (int i = 0; i < 20; i++) {
        host h = { 0 };
        plr_result result = { 0 };
        plr_spec *spec = NULL;
        plr_engine_options options = { .size = sizeof options, .clock = PLR_CLOCK_VIRTUAL };
        int r = plr_engine_new(&h.engine, &options, NULL);
        if (r == 0)
            r = plr_backend_open(&h.backend, h.engine, "fake", NULL, 0, NULL);
        if (r == 0)
            r = plr_spec_read(&spec, "api", document, sizeof document - 1, NULL, NULL, NULL, NULL);
        if (r == 0)
            r = plr_run_start(&h.run, h.backend, spec, NULL, NULL, NULL, NULL);
        if (r == 0)
            r = plr_run_wait(h.run, &result, NULL);
        *passed = *passed && r == 0 && result.outcome == PLR_OUTCOME_PASSED && result.n_passed == 5;
        plr_spec_unref(spec);
        plr_engine_free(h.engine);
    }
    return passed;
}

static void engines_live_in_threads(void)
{
    enum { N = 8 };
    pthread_t threads[N];
    for (int i = 0; i < N; i++)
        CU_ASSERT_EQUAL(pthread_create(&threads[i], NULL, play_in_a_thread, NULL), 0);
    for (int i = 0; i < N; i++) {
        void *passed = NULL;
        pthread_join(threads[i], &passed);
        CU_ASSERT_TRUE(*(bool *)passed);
        free(passed);
    }
}

static size_t count_descriptors(void)
{
    size_t n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Leaves room for `room` more descriptors; -1: the old limit. */
static void limit_descriptors(int room)
{
    static struct rlimit old;
    struct rlimit few;
    if (room >= 0) {
        int first = dup(0);
        close(first);
        CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &old), 0);
        few = (struct rlimit){ .rlim_cur = (rlim_t)(first + room), .rlim_max = old.rlim_max };
    }
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, room >= 0 ? &few : &old), 0);
}

static void expect_too_many_open(int r, const plr_error *err)
{
    CU_ASSERT_EQUAL(err->code, r);
    CU_ASSERT_PTR_NOT_NULL(strstr(err->message, "Too many open files"));
}

/* The first of the tests: later the module is loaded and needs no descriptor any more. */
static void too_few_descriptors(void)
{
    plr_engine *engine = NULL;
    plr_backend *backend = NULL;
    plr_run *run = NULL;
    plr_spec *spec = NULL;
    plr_result result = { 0 };
    plr_engine_options options = { .size = sizeof options, .clock = PLR_CLOCK_VIRTUAL };
    size_t before = count_descriptors();
    int room = 0;
    for (int r = -1; r < 0 && room < 20; room++) {
        plr_error err = { 0 };
        limit_descriptors(room);
        r = plr_engine_new(&engine, &options, &err);
        limit_descriptors(-1);
        if (r < 0) {
            expect_too_many_open(r, &err);
            CU_ASSERT_EQUAL(count_descriptors(), before);
        }
    }
    CU_ASSERT(room > 3);
    CU_ASSERT_PTR_NOT_NULL_FATAL(engine);
    size_t with_engine = count_descriptors();
    plr_error err = { 0 };
    limit_descriptors(0);
    int r = plr_backend_open(&backend, engine, "fake", NULL, 0, &err);
    limit_descriptors(-1);
#ifdef PLR_BUILTIN_BACKENDS
    CU_ASSERT_EQUAL(r, 0); /* it is no file */
#else
    expect_too_many_open(r, &err);
    CU_ASSERT_EQUAL(count_descriptors(), with_engine);
    CU_ASSERT_EQUAL(plr_backend_open(&backend, engine, "fake", NULL, 0, NULL), 0);
#endif
    CU_ASSERT_EQUAL(count_descriptors(), with_engine);
    CU_ASSERT_EQUAL(
            plr_spec_read(&spec, "test", document, sizeof document - 1, NULL, NULL, NULL, NULL), 0);
    limit_descriptors(0); /* a run needs none of its own */
    CU_ASSERT_EQUAL(plr_run_start(&run, backend, spec, NULL, NULL, NULL, NULL), 0);
    CU_ASSERT_EQUAL(plr_run_wait(run, &result, NULL), 0);
    limit_descriptors(-1);
    CU_ASSERT_EQUAL(result.outcome, PLR_OUTCOME_PASSED);
    plr_run_free(run);
    plr_engine_free(engine);
    plr_spec_unref(spec);
    CU_ASSERT_EQUAL(count_descriptors(), before);
}

static const plr_test tests[] = {
    { "too few descriptors", too_few_descriptors },
    { "poll and dispatch are enough", poll_and_dispatch_are_enough },
    { "many runs share a backend", many_runs_share_a_backend },
    { "what waits is refused in callbacks", what_waits_is_refused_in_callbacks },
    { "a run is freed in any of its callbacks", a_run_is_freed_in_any_of_its_callbacks },
    { "an engine is freed with its runs", an_engine_is_freed_with_its_runs },
    { "a run is cancelled in any of its callbacks", a_run_is_cancelled_in_any_of_its_callbacks },
    { "a host may take its time at any event", a_host_may_take_its_time_at_any_event },
    { "a run is freed while it is checked", a_run_is_freed_while_it_is_checked },
    { "a run is started in a callback", a_run_is_started_in_a_callback },
    { "a cancel before the first dispatch", a_cancel_before_the_first_dispatch },
    { "engines live in threads", engines_live_in_threads },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("api", tests);
}
