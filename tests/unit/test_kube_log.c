/* SPDX-License-Identifier: MIT */
/* A container's output through streams that break, end and fall silent; and what plr-init says in
 * it. */
#include "backends/kubernetes/log.h"

#include <string.h>

#include "engine/base/buf.h"
#include "engine/host.h"
#include "engine/io/loop.h"
#include "init/words.h"
#include "tests/unit/harness.h"
#include "tests/unit/kube_script.h"

#define LOG "/api/v1/namespaces/ns/pods/p/log?follow=true&timestamps=true&container=s0"
#define SINCE LOG "&sinceTime=2026-11-21T15%3A12%3A01Z"
#define LINE(fraction, text) "2026-11-21T15:12:01." fraction "Z " text "\n"
#define MARK(text) "\x1eplr nonce " text

typedef struct bench {
    kube_script script;
    plr_kube_log *log;
    plr_buf told;         /* output as it is; "{gap}", "{word 6}", "{warning}", "{end}" */
    const char *frees_at; /* what is told; NULL: it does not free itself */
} bench;

static void tell(bench *b, const char *text)
{
    plr_buf_puts(&b->told, text);
    if (b->frees_at != NULL && strcmp(text, b->frees_at) == 0) {
        plr_kube_log_free(b->log);
        b->log = NULL;
    }
}

static void on_output(const void *data, size_t size, void *userdata)
{
    char text[1000];
    memcpy(text, data, size);
    text[size] = '\0';
    tell(userdata, size == 0 ? "{gap}" : text);
}

static void on_word(unsigned word, const void *payload, void *userdata)
{
    char text[64];
    const plr_init_exit *record = payload;
    if (word == PLR_INIT_EXITED || word == PLR_INIT_STOPPED)
        snprintf(text, sizeof(text), "{word %u %u}", word, record->status);
    else
        snprintf(text, sizeof(text), "{word %u}", word);
    tell(userdata, text);
}

static void on_warning(const char *text, void *userdata)
{
    (void)text;
    tell(userdata, "{warning}");
}

static void on_end(void *userdata)
{
    tell(userdata, "{end}");
}

static const plr_kube_log_calls calls = { on_output, on_word, on_warning, on_end };

static void open_bench_of(bench *b, bool is_counted)
{
    plr_error err = { 0 };
    plr_kube_log_options options = { "p", "s0", "nonce", is_counted };
    *b = (bench){ .frees_at = NULL };
    script_open(&b->script);
    CU_ASSERT_EQUAL(plr_kube_log_new(&b->log, &plr_host_table, b->script.loop, b->script.client,
                            &options, &calls, b, &err),
            0);
    CU_ASSERT_TRUE(script_asks(&b->script, LOG));
}

static void open_bench(bench *b)
{
    open_bench_of(b, true);
}

/* "{count one/two/}": the mark that plr-init would make behind these lines. */
static void send(bench *b, const char *stream)
{
    static const char begin[] = "{count ";
    for (const char *next; (next = strstr(stream, begin)) != NULL;) {
        char mark[100], text[1000];
        plr_init_count count = { .bytes = 0 };
        size_t size = 0;
        snprintf(text, sizeof(text), "%.*s", (int)(next - stream), stream);
        script_send(&b->script, text);
        for (next += strlen(begin); *next != '}'; next++)
            text[size++] = *next == '/' ? '\n' : *next;
        plr_init_count_add(&count, text, size);
        snprintf(mark, sizeof(mark), MARK("count %llu %u %u"), (unsigned long long)count.bytes,
                count.sum, count.sums);
        script_send(&b->script, mark);
        stream = next + 1;
    }
    script_send(&b->script, stream);
}

static void expect(bench *b, const char *text)
{
    const char *is = b->told.data == NULL ? "" : b->told.data;
    CU_ASSERT_STRING_EQUAL(is, text);
    if (strcmp(is, text) != 0)
        fprintf(stderr, "[%s]\n", is);
    plr_buf_reset(&b->told);
    plr_buf_puts(&b->told, "");
}

static void close_bench(bench *b)
{
    plr_kube_log_free(b->log);
    CU_ASSERT_TRUE(script_is_quiet(&b->script));
    script_close(&b->script);
    plr_buf_clear(&b->told);
}

/* Nothing is asked any more, whatever time passes. */
static void expect_rest(bench *b)
{
    script_step(&b->script);
    script_wait(&b->script, 3600);
    CU_ASSERT_TRUE(script_is_quiet(&b->script));
}

static void an_ordinary_step(void)
{
    bench b;
    open_bench(&b);
    script_send(&b.script, LINE("1", MARK("running")) LINE("2", "one"));
    expect(&b, "{word 3}one\n");
    /* Behind output without a newline. */
    script_send(&b.script, LINE("3", "two" MARK("exited 256 1 2 3 4 5 6")));
    expect(&b, "two");
    send(&b, LINE("4", "{count one/two}"));
    expect(&b, "{word 6 256}");
    plr_kube_log_finish(b.log);
    expect(&b, "");
    expect_rest(&b);
    expect(&b, "{end}");
    CU_ASSERT_EQUAL(script_n_calls(&b.script), 1);
    close_bench(&b);
}

static void the_words_come_after_the_status(void)
{
    bench b;
    open_bench(&b);
    plr_kube_log_finish(b.log);
    plr_kube_log_finish(b.log);
    script_send(&b.script, LINE("1", MARK("running")) LINE("1", "a"));
    script_send(&b.script, LINE("2", MARK("stopped 15 1 2 3 4 5 6")));
    expect(&b, "{word 3}a\n");
    send(&b, LINE("3", "{count a/}"));
    expect(&b, "{word 8 15}{end}");
    expect_rest(&b);
    close_bench(&b);
}

static void a_skipped_step(void)
{
    bench b;
    open_bench(&b);
    script_send(&b.script, LINE("1", MARK("skipped exit-78")));
    script_end(&b.script, 0, NULL);
    expect_rest(&b);
    plr_kube_log_finish(b.log);
    expect_rest(&b);
    expect(&b, "{word 7}{end}");
    CU_ASSERT_EQUAL(script_n_calls(&b.script), 1);
    close_bench(&b);
}

static void a_command_that_is_not_there(void)
{
    bench b;
    open_bench(&b);
    script_send(&b.script, LINE("1", MARK("errno 2 3")));
    plr_kube_log_finish(b.log);
    expect_rest(&b);
    expect(&b, "{word 4}{end}");
    close_bench(&b);
}

/* A kubelet ends a stream at rotation; an API server that is killed breaks it. */
static void a_stream_that_ends_goes_on(void)
{
    static const int ends[] = { 0, PLR_ERR_INFRASTRUCTURE, PLR_ERR_TIMEOUT, PLR_ERR_CONFIGURATION };
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        bench b;
        open_bench(&b);
        script_send(&b.script, LINE("1", "one") "2026-11-21T15:12:01.2Z tw");
        script_end(&b.script, ends[i], NULL);
        CU_ASSERT_TRUE(script_asks(&b.script, SINCE));
        script_end(&b.script, PLR_ERR_INFRASTRUCTURE, NULL);
        CU_ASSERT_TRUE(script_asks(&b.script, SINCE));
        script_send(&b.script, LINE("1", "one") LINE("2", "two" MARK("runni")));
        script_end(&b.script, PLR_ERR_INFRASTRUCTURE, NULL);
        CU_ASSERT_TRUE(script_asks(&b.script, SINCE));
        script_send(&b.script, LINE("1", "one") LINE("2", "two" MARK("runni")));
        script_send(&b.script, LINE("3", MARK("running")));
        expect(&b, "one\ntwo" MARK("runni") "\n{word 3}");
        close_bench(&b);
    }
}

/* A word may be cut by the end of a stream. */
static void a_word_in_two_streams(void)
{
    bench b;
    open_bench(&b);
    script_send(&b.script, "2026-11-21T15:12:01.2Z x" MARK("runn"));
    script_end(&b.script, PLR_ERR_INFRASTRUCTURE, NULL);
    CU_ASSERT_TRUE(script_asks(&b.script, SINCE));
    script_send(&b.script, LINE("2", "x" MARK("running")) LINE("3", "y"));
    expect(&b, "x{word 3}y\n");
    close_bench(&b);
}

/* Where nothing is counted nobody knows whether something stood there. */
static void what_was_rotated_away_is_a_gap(void)
{
    bench b;
    open_bench_of(&b, false);
    script_send(&b.script, LINE("1", "one") "2026-11-21T15:12:01.2Z tw\x1e");
    script_end(&b.script, 0, NULL);
    CU_ASSERT_TRUE(script_asks(&b.script, SINCE));
    script_send(&b.script, LINE("7", "seven"));
    expect(&b, "one\ntw\x1e{gap}seven\n");
    close_bench(&b);
}

static void what_is_missing_is_one_gap(void)
{
    static const struct {
        const char *stream, *told;
    } cases[] = {
        /* Nothing is. */
        { LINE("1", "one") LINE("2", "{count one/}") LINE("3", "two") LINE("4", "{count one/two/}"),
                "one\ntwo\n" },
        /* Carriage returns are dropped on the way, or not. */
        { LINE("1", "a\rb\r") LINE("2", "{count a\r\rb/}") LINE("3", "c")
                        LINE("4", "{count ab/c\r/}"),
                "a\rb\r\nc\n" },
        /* A line is, before a count and then no more. */
        { LINE("1", "one") LINE("3", "three") LINE("4", "{count one/two/three/}") LINE("5", "x")
                        LINE("6", "{count one/two/three/x/}"),
                "one\nthree\n{gap}x\n" },
        /* Twice. */
        { LINE("1", "a") LINE("2", "{count a/b/}") LINE("3", "c") LINE("4", "{count a/b/c/d/}"),
                "a\n{gap}c\n{gap}" },
        /* A count, and lines before and behind it. */
        { LINE("1", "one") LINE("8", "eight") LINE("9", "{count one/two/three/eight/}"),
                "one\neight\n{gap}" },
        /* What came twice is not right, nor is another order. */
        { LINE("1", "one") LINE("1", "one") LINE("2", "{count one/}") LINE("3", "two")
                        LINE("4", "{count one/two/}"),
                "one\none\n{gap}two\n" },
        { LINE("1", "two") LINE("2", "one") LINE("2", "{count one/two/}"), "two\none\n{gap}" },
        /* A mark is torn: what is left of it stands where as many bytes are missing. */
        { LINE("1", "nt 1 2 3") LINE("2", "{count 12345678/}"), "nt 1 2 3\n{gap}" },
        { LINE("1", MARK("cou")) LINE("2", "{count 123456789 123/}"), MARK("cou") "\n{gap}" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bench b;
        open_bench(&b);
        send(&b, cases[i].stream);
        expect(&b, cases[i].told);
        close_bench(&b);
    }
}

static void at_a_rotation_the_count_tells(void)
{
    static const struct {
        const char *seven, *told;
    } cases[] = {
        { LINE("7", "seven") LINE("8", "{count one/seven/}"), "one\nseven\n" },
        { LINE("7", "seven") LINE("8", "{count one/x/seven/}"), "one\nseven\n{gap}" },
    };
    for (size_t i = 0; i < 2; i++) {
        bench b;
        open_bench(&b);
        script_send(&b.script, LINE("1", "one"));
        script_end(&b.script, 0, NULL);
        CU_ASSERT_TRUE(script_asks(&b.script, SINCE));
        send(&b, cases[i].seven);
        expect(&b, cases[i].told);
        close_bench(&b);
    }
}

/* Whoever says the words of its own init is not believed for longer than it is silent. */
static void words_that_a_step_has_forged(void)
{
    bench b;
    open_bench(&b);
    send(&b, LINE("2", MARK("exited 0 1 2 3 4 5 6")) LINE("3", "{count }"));
    expect(&b, "{word 6 0}");
    script_send(&b.script, LINE("4", "more"));
    plr_kube_log_finish(b.log);
    send(&b, LINE("5", MARK("exited 256 1 2 3 4 5 6")) LINE("6", "{count forged/more/}"));
    expect(&b, "more\n{gap}{word 6 256}{end}");
    close_bench(&b);
}

/* Streams of an ended container that bring nothing new, until that is believed. */
static void read_until_settled(bench *b, const char *stream)
{
    for (unsigned i = 0; i < 2; i++) {
        CU_ASSERT_TRUE(script_asks(&b->script, SINCE));
        script_send(&b->script, stream);
        expect(b, "");
        script_end(&b->script, 0, NULL);
    }
}

/* Without plr-init nothing proves the end but a log that was read after it. */
static void a_container_without_words(void)
{
    bench b;
    open_bench_of(&b, false);
    script_send(&b.script, LINE("1", "one"));
    plr_kube_log_finish(b.log);
    script_send(&b.script, LINE("2", "two"));
    script_end(&b.script, 0, NULL);
    CU_ASSERT_TRUE(script_asks(&b.script, SINCE));
    script_send(&b.script, LINE("1", "one") LINE("2", "two") "2026-11-21T15:12:01.3Z thr");
    script_end(&b.script, 0, NULL);
    /* What a runtime has not written yet may follow: even in the middle of a line. */
    expect(&b, "one\ntwo\nthr");
    CU_ASSERT_TRUE(script_asks(&b.script, SINCE));
    script_send(&b.script, LINE("1", "one") LINE("2", "two") "2026-11-21T15:12:01.3Z three");
    script_end(&b.script, 0, NULL);
    expect(&b, "ee");
    read_until_settled(&b, LINE("1", "one") LINE("2", "two") "2026-11-21T15:12:01.3Z three");
    expect(&b, "{end}");
    expect_rest(&b);
    close_bench(&b);
}

/* A runtime may drop what was said last: who is to end by a word and did not is not whole. */
static void an_end_without_its_words(void)
{
    static const char begin[] = LINE("1", MARK("running")) LINE("2", "one");
    static const char without_count[] =
            LINE("1", MARK("running")) LINE("2", "one") LINE("3", MARK("exited 9 1 2 3 4 5 6"));
    static const char *const streams[] = { begin, without_count };
    for (unsigned i = 0; i < 2; i++) {
        bench b;
        open_bench(&b);
        script_send(&b.script, streams[i]);
        script_end(&b.script, 0, NULL);
        plr_kube_log_finish(b.log);
        expect(&b, "{word 3}one\n");
        read_until_settled(&b, streams[i]);
        expect(&b, i == 0 ? "{gap}{end}" : "{gap}{word 6 9}{end}");
        close_bench(&b);
    }
}

/* A detached step's init gives its place away. */
static void an_end_that_has_no_words(void)
{
    bench b;
    open_bench_of(&b, false);
    script_send(&b.script, LINE("1", MARK("running")) LINE("2", "one"));
    script_end(&b.script, 0, NULL);
    plr_kube_log_finish(b.log);
    expect(&b, "{word 3}one\n");
    read_until_settled(&b, LINE("1", MARK("running")) LINE("2", "one"));
    expect(&b, "{end}");
    close_bench(&b);
}

static void a_log_without_its_begin(void)
{
    bench b;
    open_bench(&b);
    script_send(&b.script, LINE("1", "one") LINE("2", MARK("exited 0 1 2 3 4 5 6")));
    send(&b, LINE("3", "{count zero/one/}"));
    expect(&b, "one\n{gap}{word 6 0}");
    close_bench(&b);
}

static void the_end_of_a_log_that_is_gone(void)
{
    /* With its pod. */
    bench b;
    open_bench(&b);
    script_send(&b.script, LINE("1", "one"));
    plr_kube_log_finish(b.log);
    script_end(&b.script, PLR_ERR_INFRASTRUCTURE, NULL);
    CU_ASSERT_TRUE(script_asks(&b.script, SINCE));
    script_end(&b.script, PLR_ERR_NOTFOUND, NULL);
    expect(&b, "one\n{gap}{end}");
    close_bench(&b);

    /* Its last line was rotated away. */
    open_bench(&b);
    script_send(&b.script, LINE("1", "one"));
    script_end(&b.script, 0, NULL);
    plr_kube_log_finish(b.log);
    expect(&b, "one\n");
    read_until_settled(&b, "");
    expect(&b, "{gap}{end}");
    close_bench(&b);

    /* Its node does not answer. */
    open_bench(&b);
    script_send(&b.script, LINE("1", "one"));
    plr_kube_log_finish(b.log);
    uint64_t since = plr_loop_now(b.script.loop);
    script_end(&b.script, PLR_ERR_INFRASTRUCTURE, NULL);
    while (b.told.size <= 4 && script_asks(&b.script, SINCE))
        script_end(&b.script, PLR_ERR_INFRASTRUCTURE, NULL);
    uint64_t seconds = (plr_loop_now(b.script.loop) - since) / 1000000000;
    CU_ASSERT(seconds >= 60 && seconds < 70);
    expect(&b, "one\n{warning}{gap}{end}");
    expect_rest(&b);
    close_bench(&b);
}

/* We end the container with its pod: nothing can be read once more. */
static void a_log_that_goes_with_its_pod(void)
{
    bench b;
    open_bench_of(&b, false);
    plr_kube_log_last(b.log);
    script_send(&b.script, LINE("1", "one"));
    script_end(&b.script, 0, NULL);
    expect_rest(&b);
    plr_kube_log_finish(b.log);
    expect_rest(&b);
    expect(&b, "one\n{end}");
    close_bench(&b);

    /* One that ends by words is read once more if they did not come. */
    open_bench(&b);
    plr_kube_log_last(b.log);
    script_send(&b.script, LINE("1", MARK("running")));
    script_end(&b.script, 0, NULL);
    plr_kube_log_finish(b.log);
    CU_ASSERT_TRUE(script_asks(&b.script, SINCE));
    script_send(&b.script, LINE("1", MARK("running")) LINE("2", MARK("stopped 9 1 2 3 4 5 6")));
    send(&b, LINE("3", "{count }"));
    expect_rest(&b);
    expect(&b, "{word 3}{word 8 9}{end}");
    close_bench(&b);

    /* A stream that broke has not ended by itself. */
    open_bench_of(&b, false);
    plr_kube_log_last(b.log);
    script_send(&b.script, LINE("1", "one"));
    script_end(&b.script, PLR_ERR_INFRASTRUCTURE, NULL);
    plr_kube_log_finish(b.log);
    CU_ASSERT_TRUE(script_asks(&b.script, SINCE));
    script_end(&b.script, PLR_ERR_NOTFOUND, NULL);
    expect(&b, "one\n{gap}{end}");
    close_bench(&b);
}

/* While the container runs, a pod that is not found is for the watch to tell. */
static void not_there_yet(void)
{
    bench b;
    open_bench(&b);
    script_end(&b.script, PLR_ERR_CONFIGURATION, NULL); /* 400: waiting to start */
    CU_ASSERT_TRUE(script_asks(&b.script, LOG));
    script_end(&b.script, PLR_ERR_NOTFOUND, NULL);
    CU_ASSERT_TRUE(script_asks(&b.script, LOG));
    script_send(&b.script, LINE("1", "one"));
    expect(&b, "one\n");
    close_bench(&b);
}

static void the_kubelets_own_words(void)
{
    bench b;
    open_bench_of(&b, false);
    script_send(&b.script, LINE("1", "one") "unable to retrieve container logs\n");
    script_end(&b.script, 0, NULL);
    CU_ASSERT_TRUE(script_asks(&b.script, SINCE));
    expect(&b, "one\n{gap}{warning}");
    close_bench(&b);
}

/* A stream that a kubelet has forgotten is never heard of again. */
static void silence(void)
{
    bench b;
    open_bench_of(&b, false);
    script_send(&b.script, LINE("1", "one"));
    for (unsigned i = 0; i < 10; i++) {
        script_end(&b.script, PLR_ERR_TIMEOUT, NULL);
        CU_ASSERT_TRUE(script_asks(&b.script, SINCE));
    }
    script_send(&b.script, LINE("1", "one") LINE("2", "two"));
    expect(&b, "one\ntwo\n");

    /* It goes on after the end of the container. */
    plr_kube_log_finish(b.log);
    script_step(&b.script);
    CU_ASSERT_TRUE(script_asks(&b.script, SINCE));
    script_send(&b.script, LINE("1", "one") LINE("2", "two") LINE("3", "three"));
    script_end(&b.script, 0, NULL);
    expect(&b, "three\n");
    read_until_settled(&b, LINE("3", "three"));
    expect(&b, "{end}");
    close_bench(&b);
}

static void flow(void)
{
    bench b;
    open_bench(&b);
    plr_kube_log_flow(b.log, true);
    CU_ASSERT_TRUE(script_is_paused(&b.script));
    script_end(&b.script, PLR_ERR_INFRASTRUCTURE, NULL);
    CU_ASSERT_TRUE(script_asks(&b.script, LOG));
    CU_ASSERT_TRUE(script_is_paused(&b.script));
    /* Nobody reads: the stream is not one that does not end. */
    plr_kube_log_finish(b.log);
    script_step(&b.script);
    script_step(&b.script);
    CU_ASSERT_EQUAL(script_n_calls(&b.script), 2);
    plr_kube_log_flow(b.log, false);
    CU_ASSERT_FALSE(script_is_paused(&b.script));
    script_send(&b.script, LINE("1", "one"));
    expect(&b, "one\n");
    close_bench(&b);
}

static void it_may_be_freed_in_any_callback(void)
{
    static const struct {
        const char *stream, *at;
    } cases[] = {
        { LINE("1", "a") LINE("2", "b"), "a\n" },
        { LINE("1", MARK("running")) LINE("2", "b"), "{word 3}" },
        { LINE("1", "a") "x\n" LINE("2", "b"), "{gap}" },
        { LINE("1", "a") "x\n" LINE("2", "b"), "{warning}" },
    };
    bench b;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        open_bench_of(&b, i < 2);
        b.frees_at = cases[i].at;
        script_send(&b.script, cases[i].stream);
        CU_ASSERT_PTR_NULL(b.log);
        CU_ASSERT_PTR_NULL(strchr(b.told.data, 'b'));
        close_bench(&b);
    }
    open_bench(&b);
    b.frees_at = "{gap}";
    send(&b, LINE("1", MARK("exited 0 1 2 3 4 5 6")) LINE("2", "{count lost/}"));
    CU_ASSERT_PTR_NULL(b.log);
    close_bench(&b);
    open_bench(&b);
    b.frees_at = "{end}";
    plr_kube_log_finish(b.log);
    script_send(&b.script, LINE("1", MARK("skipped never")));
    CU_ASSERT_PTR_NULL(b.log);
    close_bench(&b);
}

static const plr_test tests[] = {
    { "an ordinary step: one call, and its end is proven", an_ordinary_step },
    { "the words come after the status", the_words_come_after_the_status },
    { "a skipped step", a_skipped_step },
    { "a command that is not there", a_command_that_is_not_there },
    { "a stream that ends goes on", a_stream_that_ends_goes_on },
    { "a word in two streams", a_word_in_two_streams },
    { "what was rotated away is a gap", what_was_rotated_away_is_a_gap },
    { "what is missing is one gap, and what is not is none", what_is_missing_is_one_gap },
    { "at a rotation the count tells", at_a_rotation_the_count_tells },
    { "words that a step has forged", words_that_a_step_has_forged },
    { "a container without plr-init is read once more", a_container_without_words },
    { "an end without its words is a gap", an_end_without_its_words },
    { "an end that has no words", an_end_that_has_no_words },
    { "a log without its begin is a gap", a_log_without_its_begin },
    { "the end of a log that is gone is a gap", the_end_of_a_log_that_is_gone },
    { "a log that goes with its pod", a_log_that_goes_with_its_pod },
    { "a log that is not there yet", not_there_yet },
    { "the kubelet's own words", the_kubelets_own_words },
    { "silence", silence },
    { "flow", flow },
    { "it may be freed in any callback", it_may_be_freed_in_any_callback },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("kube_log", tests);
}
