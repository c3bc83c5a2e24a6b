/* SPDX-License-Identifier: MIT */
/* Secrets that become known in the middle of a run: what was given out stays as it was, and nothing
 * that leaves afterwards has the secret in it, wherever it waited when the secret came. */
#include <stdio.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/run.h"
#include "tests/unit/harness.h"
#include "tests/unit/play.h"

#define SECONDS(n) ((uint64_t)(n)*1000000000)
#define MOST_STREAMS 16
#define MOST_SECRETS 12

/* One stream of one attempt, as it was given out. */
typedef struct given {
    size_t task;
    unsigned attempt;
    plr_stream stream;
    plr_buf bytes;
    uint64_t next_offset;
    size_t at_secret[MOST_SECRETS]; /* its size when each secret came */
} given;

typedef struct watched {
    plr_engine *engine;
    plr_run *run;
    given streams[MOST_STREAMS];
    size_t n_streams;
    plr_buf texts;
    size_t texts_at_secret[MOST_SECRETS];
    const char *secrets[MOST_SECRETS];
    size_t n_secrets;
    bool ended, has_gap, later;
    bool (*now)(struct watched *w); /* a secret becomes known in the callback */
    const char *(*next)(struct watched *w);
    plr_answer (*answer)(struct watched *w, const plr_event *event);
    plr_run_options options;
} watched;

static given *stream_of(watched *w, const plr_event *event)
{
    size_t i = 0;
    while (i < w->n_streams &&
            (w->streams[i].task != event->task || w->streams[i].attempt != event->attempt ||
                    w->streams[i].stream != event->u.output.stream))
        i++;
    if (i == w->n_streams) {
        CU_ASSERT_FATAL(i < MOST_STREAMS);
        w->streams[w->n_streams++] = (given){
            .task = event->task, .attempt = event->attempt, .stream = event->u.output.stream
        };
    }
    return &w->streams[i];
}

static void add_secret(watched *w, const char *secret)
{
    if (w->n_secrets == MOST_SECRETS)
        return;
    for (size_t i = 0; i < w->n_streams; i++)
        w->streams[i].at_secret[w->n_secrets] = w->streams[i].bytes.size;
    w->texts_at_secret[w->n_secrets] = w->texts.size;
    w->secrets[w->n_secrets++] = secret;
    CU_ASSERT_EQUAL(plr_run_mask_add(w->run, secret, strlen(secret), NULL), 0);
}

static void take_output(watched *w, const plr_event *event)
{
    given *to = stream_of(w, event);
    unsigned flags = event->u.output.flags;
    if ((flags & (PLR_OUTPUT_NOTICE | PLR_OUTPUT_GAP)) != 0)
        plr_buf_putc(&to->bytes, '|'); /* what stands before and after does not touch */
    w->has_gap |= (flags & PLR_OUTPUT_GAP) != 0;
    CU_ASSERT(event->u.output.size <= 65536);
    if ((flags & PLR_OUTPUT_NOTICE) != 0)
        return;
    if (w->options.log_tail == 0)
        CU_ASSERT_EQUAL(event->u.output.offset, to->next_offset);
    to->next_offset = event->u.output.offset + event->u.output.size;
    if (event->u.output.size == 0) {
        CU_ASSERT(flags & PLR_OUTPUT_GAP);
        return;
    }
    char last = event->u.output.data[event->u.output.size - 1];
    CU_ASSERT_EQUAL(last == '\n', (flags & (PLR_OUTPUT_PARTIAL | PLR_OUTPUT_SPLIT)) == 0);
    plr_buf_put(&to->bytes, event->u.output.data, event->u.output.size);
}

static plr_answer on_event(const plr_event *event, void *userdata)
{
    watched *w = userdata;
    bool is_output = event->type == PLR_EVENT_OUTPUT;
    if (is_output)
        take_output(w, event);
    else if (event->type == PLR_EVENT_STEP && event->u.moved.end != NULL)
        plr_buf_printf(&w->texts, "%s: %s\n", event->step,
                event->u.moved.end->message != NULL ? event->u.moved.end->message : "-");
    else if (event->type == PLR_EVENT_WARNING || event->type == PLR_EVENT_NOTICE)
        plr_buf_printf(&w->texts, "%s\n", event->u.warning.message);
    else if (event->type == PLR_EVENT_PULL)
        plr_buf_printf(&w->texts, "%s\n", event->u.pull.image);
    w->ended |= event->type == PLR_EVENT_RUN_ENDED;
    if (event->type == PLR_EVENT_RUN_ENDED)
        plr_buf_printf(&w->texts, "%s\n", event->u.run_ended.result->message);
    if (!w->ended && w->now != NULL && w->now(w)) {
        plr_buf before = { 0 };
        plr_buf_put(&before, is_output ? event->u.output.data : "",
                is_output ? event->u.output.size : 0);
        add_secret(w, w->next(w));
        /* The event is borrowed for the whole call. */
        CU_ASSERT(!is_output || memcmp(event->u.output.data, before.data, before.size) == 0);
        plr_buf_clear(&before);
    }
    plr_answer answer = w->answer != NULL ? w->answer(w, event) : PLR_ANSWER_GO_ON;
    w->later |= answer == PLR_ANSWER_LATER;
    return answer;
}

/* Plays `json` (single quotes for double ones); between two rounds of the loop `between` has the
 * run in its hands. `timer` is freed before the engine. */
static void watch(
        watched *w, const char *json, void (*between)(watched *w), plr_timer *const *timer)
{
    plr_engine_options engine_options = { .size = sizeof engine_options,
        .clock = PLR_CLOCK_VIRTUAL };
    plr_backend *backend = NULL;
    plr_spec *spec = NULL;
    plr_error err = { 0 };
    char *text = strdup(json);
    for (char *c = text; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    w->options.size = sizeof w->options;
    w->options.sink_timeout_ns = -1;
    int r = plr_spec_read(&spec, "test", text, strlen(text), NULL, NULL, NULL, &err);
    if (r == 0)
        r = plr_engine_new(&w->engine, &engine_options, &err);
    if (r == 0)
        r = plr_backend_open(&backend, w->engine, "fake", NULL, 0, &err);
    if (r == 0)
        r = plr_run_start(&w->run, backend, spec, &w->options, on_event, w, &err);
    CU_ASSERT_EQUAL(r, 0);
    while (r >= 0 && !w->ended) {
        between(w);
        r = plr_engine_dispatch(w->engine, 0, &err);
        CU_ASSERT(r >= 0);
    }
    if (timer != NULL)
        plr_timer_free(*timer);
    plr_run_free(w->run);
    plr_engine_free(w->engine);
    plr_spec_unref(spec);
    free(text);
}

/* No secret in what was given out after it was known. */
static void expect_no_secret(const watched *w)
{
    for (size_t k = 0; k < w->n_secrets; k++) {
        const char *secret = w->secrets[k];
        for (size_t i = 0; i < w->n_streams; i++) {
            const given *one = &w->streams[i];
            size_t from = one->at_secret[k];
            const char *found = from < one->bytes.size
                                        ? memmem(one->bytes.data + from, one->bytes.size - from,
                                                  secret, strlen(secret))
                                        : NULL;
            CU_ASSERT_PTR_NULL(found);
            if (found != NULL)
                fprintf(stderr, "\nsecret \"%s\", known after %zu bytes:\n%s\n", secret, from,
                        one->bytes.data);
        }
        CU_ASSERT_PTR_NULL(w->texts.size > w->texts_at_secret[k]
                                   ? strstr(w->texts.data + w->texts_at_secret[k], secret)
                                   : NULL);
    }
}

static void forget(watched *w)
{
    for (size_t i = 0; i < w->n_streams; i++)
        plr_buf_clear(&w->streams[i].bytes);
    plr_buf_clear(&w->texts);
}

static void go_on(watched *w)
{
    if (w->later)
        plr_run_continue(w->run);
    w->later = false;
}

/* The first output is answered LATER; ten seconds later the secret is known, and another ten
 * seconds later the host goes on. */
typedef struct appointment {
    watched *watched;
    plr_timer *timer;
    const char *secret;
} appointment;

static plr_answer answer_later_once(watched *w, const plr_event *event)
{
    return event->type == PLR_EVENT_OUTPUT && w->n_secrets == 0 && !w->later ? PLR_ANSWER_LATER
                                                                             : PLR_ANSWER_GO_ON;
}

static void on_appointment(plr_timer *timer, void *userdata)
{
    appointment *a = userdata;
    if (a->watched->n_secrets > 0) {
        go_on(a->watched);
        return;
    }
    add_secret(a->watched, a->secret);
    plr_timer_set(timer, plr_loop_now(a->watched->engine->loop) + SECONDS(10));
}

static appointment *the_appointment; /* of the one run that goes on */

static void make_appointment(watched *w)
{
    if (the_appointment->timer != NULL)
        return;
    the_appointment->watched = w;
    plr_loop *loop = w->engine->loop;
    CU_ASSERT_EQUAL(
            plr_timer_new(loop, &the_appointment->timer, on_appointment, the_appointment, NULL), 0);
    plr_timer_set(the_appointment->timer, plr_loop_now(loop) + SECONDS(10));
}

static void watch_late(watched *w, const char *json, const char *secret)
{
    appointment a = { .secret = secret };
    the_appointment = &a;
    w->answer = answer_later_once;
    watch(w, json, make_appointment, &a.timer);
    CU_ASSERT_EQUAL(w->n_secrets, 1);
}

static void expect_late(const char *script, const char *secret, const char *out)
{
    char json[1024];
    watched w = { 0 };
    snprintf(json, sizeof json,
            STEPS("{'metadata':{'name':'a'},'docker':{'image':'i:1'},"
                  "'environment':{'FAKE':'%s'}}"),
            script);
    watch_late(&w, json, secret);
    CU_ASSERT_EQUAL_FATAL(w.n_streams, 1);
    CU_ASSERT_STRING_EQUAL(w.streams[0].bytes.data, out);
    if (strcmp(w.streams[0].bytes.data, out) != 0)
        fprintf(stderr, "\n%s, %s: %s\n", script, secret, w.streams[0].bytes.data);
    forget(&w);
}

static void wherever_it_waits(void)
{
    /* In the queue, as a whole line, and what was given out stays. */
    expect_late("out hunter2;out hunter2", "hunter2", "hunter2\n******\n");
    /* In two events of it. */
    expect_late("out x;part hun;sleep 1s;part ter2;sleep 1s;out !", "hunter2", "x\n******!\n");
    /* Half in the queue, half still to come: nothing of it leaves before that is known. */
    expect_late("out x;part hun;sleep 15s;part t;sleep 1h;part y", "hunter2", "x\nhunty");
    expect_late("out x;part a hun;sleep 40s;part ter2 b", "hunter2", "x\na ****** b");
    /* The first part was given out: what was given is gone, what comes is no secret by itself. */
    expect_late("part hun;sleep 1s;part ter2;out .", "hunter2", "hunter2.\n");
    /* Across lines, and lines that are no longer whole ones. */
    expect_late("out x;out ab;out cd;out ef", "b\ncd\ne", "x\na******f\n");
    /* The prefix of one that is known already. */
    expect_late("out x;out abc;out abcdef", "abc", "x\n******\n******def\n");
    /* What is masked already may go on. */
    expect_late("out x;part abc;sleep 40s;bytes 0a6465;out .", "abc\nde", "x\n******.\n");
    expect_late("out x;part ab;sleep 40s;part c;sleep 1s;bytes 0a6465;out .", "abc\nde",
            "x\n******.\n");
    /* It waits for the end of its line. */
    expect_late(
            "out x;sleep 9950ms;part hun;sleep 80ms;part ter2;out .", "hunter2", "x\n******.\n");
    /* A gap parts it. */
    expect_late("out x;part hun;gap;part ter2;sleep 1s;out !", "hunter2", "x\nhun|ter2!\n");
    /* And what is larger than it was is still in pieces of 64 KiB. */
    expect_late("out x;fill 65000;out !", "xxx", "x\n******!\n");
}

static void in_words_of_the_engine(void)
{
    watched w = { 0 };
    watch_late(&w,
            "{'steps':[" STEP("a", "out x", "") "," STEP("b",
                    "prepare 5s;fail-prepare image hunter2 says no",
                    "") "," STEP("c", "", DEPENDS("'a'")) "]}",
            "hunter2");
    CU_ASSERT_STRING_EQUAL(
            w.texts.data, "b: ****** says no\na: -\nc: -\nstep b: image: ****** says no\n");
    forget(&w);
}

static void in_the_tail_of_a_log(void)
{
    watched w = { .options = { .log_head = 2, .log_tail = 30 } };
    watch_late(&w, STEPS(STEP("a", "out x;out hunter2;part this is hun;sleep 1h;out ter2!", "")),
            "hunter2");
    CU_ASSERT_STRING_EQUAL(w.streams[0].bytes.data, "x\n|******\nthis is ******!\n");
    forget(&w);
}

static char random_secrets[MOST_SECRETS][12];

static const char *random_secret(watched *w)
{
    static const char letters[] = "aabb\n";
    char *secret = random_secrets[w->n_secrets % MOST_SECRETS];
    size_t size = 3 + plr_test_random(6);
    if (w->n_secrets == MOST_SECRETS)
        return secret;
    for (size_t i = 0; i < size; i++) /* line breaks at its ends would not belong to it */
        secret[i] = letters[plr_test_random(i == 0 || i + 1 == size ? 4 : 5)];
    secret[size] = '\0';
    return secret;
}

static bool seldom(watched *w)
{
    (void)w;
    return plr_test_random(12) == 0;
}

static plr_answer random_answer(watched *w, const plr_event *event)
{
    (void)w;
    (void)event;
    return plr_test_random(3) == 0 ? PLR_ANSWER_LATER : PLR_ANSWER_GO_ON;
}

static void something_happens(watched *w)
{
    if (plr_test_random(25) == 0)
        add_secret(w, random_secret(w));
    if (plr_test_random(5) == 0)
        go_on(w);
}

/* Digits are in no secret: they show that nothing is lost and all is in order. */
static void random_script(plr_buf *script, plr_buf *digits)
{
    static const char characters[] = "aaaabbbb\n0123";
    for (unsigned i = 0, n = plr_test_random(14); i < n; i++) {
        plr_buf_puts(script, "bytes ");
        for (unsigned k = 0, size = 1 + plr_test_random(40); k < size; k++) {
            char c = characters[plr_test_random(sizeof characters - 1)];
            plr_buf_printf(script, "%02x", (unsigned)c);
            if (c >= '0' && c <= '3')
                plr_buf_putc(digits, c);
        }
        plr_buf_puts(script, ";");
        if (plr_test_random(3) == 0)
            plr_buf_printf(script, "sleep %ums;", plr_test_random(300));
    }
}

static void expect_digits(const watched *w, size_t task, unsigned attempt, const char *digits)
{
    plr_buf seen = { 0 };
    plr_buf_puts(&seen, "");
    for (size_t i = 0; i < w->n_streams; i++)
        for (size_t k = 0; k < w->streams[i].bytes.size; k++) {
            char c = w->streams[i].bytes.data[k];
            if (w->streams[i].task == task && w->streams[i].attempt == attempt && c >= '0' &&
                    c <= '3')
                plr_buf_putc(&seen, c);
        }
    CU_ASSERT_STRING_EQUAL(seen.data, digits);
    plr_buf_clear(&seen);
}

static void random_secrets_at_random_times(void)
{
    for (unsigned i = 0; i < plr_test_cases(1500); i++) {
        watched w = { .now = seldom, .next = random_secret, .answer = random_answer };
        plr_buf scripts[3] = { 0 }, digits[3] = { 0 }, json = { 0 };
        bool limited = plr_test_random(4) == 0;
        w.options.log_head = limited ? plr_test_random(60) : 0;
        w.options.log_tail = limited ? 1 + plr_test_random(90) : 0;
        for (int k = 0; k < 3; k++) {
            plr_buf_puts(&digits[k], "");
            random_script(&scripts[k], &digits[k]);
        }
        plr_buf_printf(&json,
                "{'steps':[" STEP("a", "%s", "") "," STEP("b", "%sexit 1",
                        ",'retry':{'attempts':2}") "," STEP("c", "%s", DEPENDS("'a'")) "]}",
                scripts[0].data != NULL ? scripts[0].data : "",
                scripts[1].data != NULL ? scripts[1].data : "",
                scripts[2].data != NULL ? scripts[2].data : "");
        watch(&w, json.data, something_happens, NULL);
        expect_no_secret(&w);
        CU_ASSERT_FALSE(w.has_gap);
        for (unsigned k = 0; k < 4 && !limited; k++) /* a, both attempts of b, c */
            expect_digits(&w, k == 3 ? 2 : k > 0, k == 2 ? 2 : 1, digits[k == 3 ? 2 : k > 0].data);
        for (int k = 0; k < 3; k++) {
            plr_buf_clear(&scripts[k]);
            plr_buf_clear(&digits[k]);
        }
        plr_buf_clear(&json);
        forget(&w);
    }
}

static const plr_test tests[] = {
    { "wherever it waits", wherever_it_waits },
    { "in words of the engine", in_words_of_the_engine },
    { "in the tail of a log", in_the_tail_of_a_log },
    { "random secrets at random times", random_secrets_at_random_times },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("late", tests);
}
