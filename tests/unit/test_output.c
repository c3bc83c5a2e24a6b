/* SPDX-License-Identifier: MIT */
/* What steps print, through the whole engine: mask, lines, limits, and a host that takes its time.
 * The bytes that come out are those that went in, or an event says what is missing. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "engine/run.h"
#include "tests/unit/harness.h"
#include "tests/unit/play.h"

typedef struct seen {
    plr_play play;
    plr_buf out, err; /* all bytes of the two streams */
    plr_buf pieces;   /* "11" or "5+partial" for each event */
    size_t n_outputs, longest, most_queued;
    uint64_t next_offset[2];
    bool gap, offsets_are_in_a_row, cancel_at_first;
} seen;

static size_t count_queued(const plr_run *run)
{
    size_t n = 0;
    /* The first member of a queued event is the next one. */
    for (void *const *event = (void *const *)run->first_event; event != NULL; event = *event)
        n++;
    return n;
}

static plr_answer on_event(const plr_event *event, void *userdata)
{
    seen *s = userdata;
    if (s->play.run != NULL) {
        size_t queued = count_queued(s->play.run);
        s->most_queued = queued > s->most_queued ? queued : s->most_queued;
    }
    if (event->type != PLR_EVENT_OUTPUT)
        return PLR_ANSWER_GO_ON;
    unsigned flags = event->u.output.flags;
    size_t size = event->u.output.size;
    bool is_err = event->u.output.stream == PLR_STREAM_STDERR;
    s->n_outputs++;
    s->longest = size > s->longest ? size : s->longest;
    s->gap |= (flags & PLR_OUTPUT_GAP) != 0;
    plr_buf_printf(&s->pieces, "%zu%s%s%s%s ", size, flags & PLR_OUTPUT_PARTIAL ? "p" : "",
            flags & PLR_OUTPUT_SPLIT ? "s" : "", flags & PLR_OUTPUT_GAP ? "g" : "",
            flags & PLR_OUTPUT_NOTICE ? "n" : "");
    if ((flags & PLR_OUTPUT_NOTICE) != 0)
        return PLR_ANSWER_GO_ON;
    s->offsets_are_in_a_row &= event->u.output.offset == s->next_offset[is_err];
    s->next_offset[is_err] = event->u.output.offset + size;
    plr_buf_put(is_err ? &s->err : &s->out, event->u.output.data, size);
    if (s->cancel_at_first && s->n_outputs == 1)
        plr_run_cancel(s->play.run, PLR_CANCEL_GRACEFUL, PLR_CAUSE_USER);
    return PLR_ANSWER_GO_ON;
}

static void watch(seen *s, const char *json)
{
    s->offsets_are_in_a_row = true;
    s->play.on_event = on_event;
    s->play.userdata = s;
    int r = plr_play_json(&s->play, json);
    CU_ASSERT_EQUAL(r, 0);
    if (r < 0)
        fprintf(stderr, "\n%s\n", s->play.err.message);
    plr_buf_put(&s->out, "", 1);
    plr_buf_put(&s->err, "", 1);
    plr_buf_put(&s->pieces, "", 1);
}

static void forget(seen *s)
{
    plr_play_clear(&s->play);
    plr_buf_clear(&s->out);
    plr_buf_clear(&s->err);
    plr_buf_clear(&s->pieces);
}

static void expect_pieces(const char *script, const char *pieces)
{
    seen s = { 0 };
    char json[512];
    snprintf(json, sizeof json,
            STEPS("{'metadata':{'name':'a'},'docker':{'image':'i:1'},"
                  "'environment':{'FAKE':'%s'}}"),
            script);
    watch(&s, json);
    CU_ASSERT_STRING_EQUAL(s.pieces.data, pieces);
    if (strcmp(s.pieces.data, pieces) != 0)
        fprintf(stderr, "\n%s: %s\n", script, s.pieces.data);
    CU_ASSERT_TRUE(s.offsets_are_in_a_row);
    forget(&s);
}

static void bytes_are_exact(void)
{
    static const char expected[] = "\0\1\xff\n\xc3(\r\n\x80";
    seen s = { 0 };
    watch(&s, STEPS(STEP("a", "bytes 0001ff0ac3280d0a80", "")));
    CU_ASSERT_EQUAL(s.out.size, sizeof expected);
    CU_ASSERT_EQUAL(memcmp(s.out.data, expected, sizeof expected), 0);
    CU_ASSERT_STRING_EQUAL(s.pieces.data, "4 4 1p ");
    forget(&s);
}

static void lines_and_parts_of_lines(void)
{
    expect_pieces("out one;out two", "4 4 ");
    expect_pieces("part on;part e;sleep 50ms;out now", "7 ");
    expect_pieces("part one;sleep 1s;out now", "3p 4 ");
    expect_pieces("part one", "3p ");
    expect_pieces("part one;sleep 1s;part two;sleep 1s;exit 1", "3p 3p ");
    expect_pieces("fill 65535;bytes 0a", "65536 ");
    expect_pieces("fill 65536;bytes 0a", "65536s 1 ");
    expect_pieces("fill 200000", "65536s 65536s 65536s 3392p ");
    expect_pieces("out a;gap;out b", "2 0g 2 ");
    expect_pieces("part a;gap;out b", "1p 0g 2 ");
    expect_pieces("", "");
}

static long peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* 256 MiB without a newline: memory does not follow. */
static void a_line_without_end_takes_no_memory(void)
{
    seen s = { 0 };
    long before = peak_kib();
    s.play.options.log_head = 100;
    watch(&s, STEPS(STEP("a", "fill 268435456", "")));
    CU_ASSERT_TRUE(peak_kib() - before < 16 * 1024);
    CU_ASSERT_FALSE(s.gap);
    CU_ASSERT_EQUAL(s.longest,
            strlen("[the log's limit is reached: its end follows when the step has ended]\n"));
    forget(&s);
}

static void ignored_streams_are_drained(void)
{
    seen s = { 0 };
    watch(&s, STEPS(STEP("a", "out o;err e;flood 1000", ",'ignore_stdout':true")));
    CU_ASSERT_STRING_EQUAL(s.out.data, "");
    CU_ASSERT_STRING_EQUAL(s.err.data, "e\n");
    forget(&s);
    seen t = { 0 };
    watch(&t, STEPS(STEP("a", "out o;err e", ",'ignore_stderr':true")));
    CU_ASSERT_STRING_EQUAL(t.out.data, "o\n");
    CU_ASSERT_STRING_EQUAL(t.err.data, "");
    forget(&t);
}

#define SECRETS "'secrets':[{'metadata':{'name':'s'},'data':'hunter2!'}],"
#define USES ",'secrets':[{'name':'s','env':'S'}]"

static void secrets_are_masked_everywhere(void)
{
    seen s = { 0 };
    watch(&s,
            "{" SECRETS "'steps':[" STEP("a",
                    "part hun;sleep 1s;part ter;sleep 1s;part 2!;env S;err hunter2!hunter2!;exit 0",
                    USES) "]}");
    CU_ASSERT_STRING_EQUAL(s.out.data, "******\n");
    CU_ASSERT_STRING_EQUAL(s.err.data, "******\n");
    forget(&s);
    seen t = { 0 };
    watch(&t, "{" SECRETS "'steps':[" STEP("a", "part hunter2;sleep 1s;exit 0", "") "]}");
    CU_ASSERT_STRING_EQUAL(t.out.data, "hunter2"); /* no secret after all, and not lost */
    forget(&t);
    seen u = { 0 };
    watch(&u, "{" SECRETS "'steps':[" STEP("a", "fail-prepare image hunter2! says no", "") "]}");
    CU_ASSERT_PTR_NULL(strstr(u.play.result.message, "hunter2"));
    CU_ASSERT_PTR_NOT_NULL(strstr(u.play.result.message, "****** says no"));
    forget(&u);
    seen v = { 0 };
    plr_pair environment[] = { { "FAKE_TEARDOWN", "fail infrastructure hunter2! is in the way" } };
    v.play.options.environment = environment;
    v.play.options.n_environment = 1;
    watch(&v, "{" SECRETS "'steps':[" STEP("a", "", "") "]}");
    CU_ASSERT_STRING_EQUAL(v.play.texts.data, "****** is in the way\n");
    forget(&v);
}

static void the_host_brings_secrets(void)
{
    seen s = { 0 };
    plr_host_secret secrets[] = { { "s", "hunter2!", 8 }, { "empty", NULL, 0 },
        { "short", "ab", 2 } };
    s.play.options.secrets = secrets;
    s.play.options.n_secrets = 3;
    watch(&s, STEPS(STEP("a", "env S;out ab", USES)));
    CU_ASSERT_STRING_EQUAL(s.out.data, "******\nab\n");
    CU_ASSERT_PTR_NOT_NULL(strstr(s.play.texts.data, "less than 3 bytes"));
    forget(&s);
}

static void a_log_has_head_and_tail(void)
{
    seen s = { 0 };
    s.play.options.log_head = 250;
    s.play.options.log_tail = 250;
    watch(&s, STEPS(STEP("a", "flood 100", "")));
    CU_ASSERT_EQUAL(strncmp(s.out.data, "100...", 6), 0);
    CU_ASSERT_STRING_EQUAL(s.pieces.data, "100 100 70n 52n 100 100 ");
    CU_ASSERT_EQUAL(strncmp(s.out.data + 300, "1....", 5), 0);
    forget(&s);
}

static void a_slow_host_gets_all_in_order(void)
{
    seen s = { 0 };
    s.play.later_ns = 1000000;
    watch(&s, STEPS(STEP("a", "flood 3000;out last", "")));
    CU_ASSERT_EQUAL(s.n_outputs, 3001);
    CU_ASSERT_TRUE(s.offsets_are_in_a_row);
    CU_ASSERT_EQUAL(s.play.result.outcome, PLR_OUTCOME_PASSED);
    CU_ASSERT_TRUE(s.most_queued < 400); /* what one piece of the backend's holds */
    forget(&s);
}

static void a_cancel_works_while_the_host_waits(void)
{
    seen s = { .cancel_at_first = true };
    s.play.later_ns = 1000000;
    watch(&s, STEPS(STEP("a", "flood 1000000", "") "," STEP("b", "", POLICY("always"))));
    CU_ASSERT_STRING_EQUAL(s.play.ends.data, "a cancelled\nb exit 0\n");
    CU_ASSERT_TRUE(s.n_outputs < 1000);
    forget(&s);
}

/* Its end is behind what nobody has read yet: that is no reason to call it lost. */
static void a_cancel_waits_for_a_host_that_waits(void)
{
    seen s = { .cancel_at_first = true };
    s.play.later_ns = 180000000000;
    watch(&s, STEPS(STEP("a", "flood 1000", "")));
    CU_ASSERT_STRING_EQUAL(s.play.ends.data, "a cancelled\n");
    CU_ASSERT_EQUAL(s.play.result.outcome, PLR_OUTCOME_CANCELLED);
    forget(&s);
}

static void expect_held(const char *json, const char *ends, uint64_t seconds)
{
    seen s = { 0 };
    s.play.later_ns = 60000000000;
    watch(&s, json);
    CU_ASSERT_STRING_EQUAL(s.play.ends.data, ends);
    CU_ASSERT_EQUAL(s.play.duration_ns / 1000000000u, seconds);
    forget(&s);
}

/* A step may stand still because nobody reads: its own time limits do, too. */
static void a_slow_host_is_not_the_steps_fault(void)
{
    expect_held(STEPS(STEP("a", "sleep 2s;out x;sleep 3s", ",'timeout':'4s'")), "a exit 0\n", 62);
    expect_held(STEPS(STEP("a", "sleep 2s;out x;hang", ",'timeout':'4s'")), "a timeout\n", 64);
    expect_held(
            STEPS(STEP("a", "sleep 2s;out x;out y;hang", ",'timeout':'4s'")), "a timeout\n", 124);
    /* One that begins to run while the host takes nothing. */
    expect_held(STEPS(STEP("a", "out x", "") "," STEP(
                        "b", "start 5s;hang", ",'timeout':'4s'") "," STEP("c", "", DEPENDS("'a'"))),
            "a exit 0\nc exit 0\nb timeout\n", 64);
#define READY ",'detach':true,'ready':{'log':'up','timeout':'50s'}"
    expect_held(STEPS(STEP("a", "out x", "") "," STEP("s", "sleep 55s;out up;hang", READY) "," STEP(
                        "c", "", DEPENDS("'s'"))),
            "a exit 0\nc exit 0\ns stopped\n", 120);
    expect_held(STEPS(STEP("a", "out x", "") "," STEP("s", "hang", READY) "," STEP(
                        "c", "", DEPENDS("'s'"))),
            "a exit 0\ns not-ready\nc skipped failed-before\n", 110);
    expect_held("{'timeout':'30s','steps':[" STEP("a", "out x;hang", "") "]}", "a cancelled\n", 60);
}

/* Fault 18. */
static void a_host_that_never_goes_on(void)
{
    seen s = { 0 };
    s.play.later_ns = UINT64_MAX;
    watch(&s, STEPS(STEP("a", "flood 1000;hang", "")));
    CU_ASSERT_EQUAL(s.play.result.outcome, PLR_OUTCOME_INFRASTRUCTURE);
    CU_ASSERT_EQUAL(s.play.result.exit_code, 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.play.result.message, "nobody took the output"));
    CU_ASSERT_EQUAL(s.play.duration_ns / 1000000000u, 300);
    forget(&s);
    seen t = { 0 }; /* its last output comes with the run's end */
    t.play.later_ns = UINT64_MAX;
    t.play.options.sink_timeout_ns = 1000000000;
    watch(&t, STEPS(STEP("a", "out one;out two", "")));
    CU_ASSERT_EQUAL(t.play.result.outcome, PLR_OUTCOME_INFRASTRUCTURE);
    CU_ASSERT_PTR_NOT_NULL(strstr(t.play.trace.data, "run ended"));
    forget(&t);
}

static const plr_test tests[] = {
    { "bytes are exact", bytes_are_exact },
    { "lines, and parts of lines", lines_and_parts_of_lines },
    { "a line without end takes no memory", a_line_without_end_takes_no_memory },
    { "ignored streams are drained", ignored_streams_are_drained },
    { "secrets are masked everywhere", secrets_are_masked_everywhere },
    { "the host brings secrets", the_host_brings_secrets },
    { "a log has head and tail", a_log_has_head_and_tail },
    { "a slow host gets all, in order", a_slow_host_gets_all_in_order },
    { "a cancel works while the host waits", a_cancel_works_while_the_host_waits },
    { "a cancel waits for a host that waits", a_cancel_waits_for_a_host_that_waits },
    { "a slow host is not the step's fault", a_slow_host_is_not_the_steps_fault },
    { "a host that never goes on", a_host_that_never_goes_on },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("output", tests);
}
