/* SPDX-License-Identifier: MIT */
/* What people see of a run: made-up events go in, text comes out. */
#include "tests/unit/harness.h"

#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/view/view.h"
#include "cli/view/words.h"

#define MS UINT64_C(1000000)

static const plr_step build = { .kind = PLR_STEP_STEP, .metadata.name = "build" };
static const plr_step deploy = { .kind = PLR_STEP_STEP, .metadata.name = "deploy" };
static const plr_step *const tasks[] = { &build, &deploy };
static const plr_document document = { .tasks = tasks, .n_tasks = 2 };

/* A view with two sinks that go nowhere, and a clock. */
typedef struct fixture {
    plr_view view;
    plr_sink out, err;
    uint64_t now;
} fixture;

static void send(fixture *f, plr_event event)
{
    static const char *const names[] = { "build", "deploy" };
    event.size = sizeof event;
    event.run = "r1";
    event.monotonic_ns = f->now;
    event.wall_ns = 1700000000123456789;
    if (event.type == PLR_EVENT_STEP || event.type == PLR_EVENT_OUTPUT ||
            event.type == PLR_EVENT_PULL) {
        event.step = names[event.task];
        event.attempt = event.attempt > 0 ? event.attempt : 1;
    }
    plr_model_take(&f->view.model, &event);
    f->view.kind->event(&f->view, &event);
}

static void begin(fixture *f, const plr_view_kind *kind)
{
    *f = (fixture){ .now = 1000 * MS, .out.fd = -1, .err.fd = -1 };
    f->view.kind = kind;
    f->view.out = &f->out;
    f->view.err = &f->err;
    f->view.out_style = f->view.err_style = plr_style_new(false);
    if (kind == &plr_view_pretty)
        plr_view_pretty_init(&f->view);
    send(f, (plr_event){ .type = PLR_EVENT_RUN_STARTED,
                    .task = PLR_NONE,
                    .u.run_started = { "fake", NULL, "0.1.0", &document } });
}

static void end(fixture *f)
{
    plr_view_pretty_clear(&f->view);
    plr_model_clear(&f->view.model);
    plr_sink_clear(&f->out);
    plr_sink_clear(&f->err);
}

static void move(fixture *f, size_t task, plr_state to, const plr_end *how)
{
    send(f, (plr_event){
                    .type = PLR_EVENT_STEP, .task = task, .u.moved = { .to = to, .end = how } });
}

static void print_flags(fixture *f, size_t task, const char *text, unsigned flags)
{
    send(f, (plr_event){ .type = PLR_EVENT_OUTPUT,
                    .task = task,
                    .u.output = { PLR_STREAM_STDOUT, text, strlen(text), 0, flags } });
}

static void print(fixture *f, size_t task, const char *text)
{
    print_flags(f, task, text, 0);
}

static void check_text(plr_text *text, const char *expected)
{
    const char *got = text->data != NULL && text->size > 0 ? text->data : "";
    CU_ASSERT_STRING_EQUAL(got, expected);
    if (strcmp(got, expected) != 0)
        printf("\n--- got\n%s--- expected\n%s---\n", got, expected);
    text->size = 0;
}

static const plr_end passed = { .reason = PLR_REASON_EXIT };
static const plr_end failed = {
    .reason = PLR_REASON_EXIT,
    .exit_code = 2,
    .failed = true,
    .message = "line one\nline\x1b[2J two",
};
static const plr_end skipped = {
    .reason = PLR_REASON_SKIPPED,
    .exit_code = -1,
    .skip = PLR_SKIP_FAILED_BEFORE,
};

static void plain_lines(void)
{
    fixture f;
    begin(&f, &plr_view_plain);
    print(&f, 0, "one\ntwo\n");
    print(&f, 1, "\x1b[31m\xff\n");
    check_text(&f.out.waiting, "build  | one\nbuild  | two\ndeploy | \x1b[31m\xff\n");
    end(&f);
}

static void plain_open_lines(void)
{
    fixture f;
    begin(&f, &plr_view_plain);
    print_flags(&f, 0, "ask: ", PLR_OUTPUT_PARTIAL);
    print(&f, 0, "yes\n");
    print_flags(&f, 0, "half ", PLR_OUTPUT_PARTIAL);
    print(&f, 1, "other\n");
    print_flags(&f, 0, "rest", PLR_OUTPUT_PARTIAL);
    print_flags(&f, 0, "", PLR_OUTPUT_GAP);
    print_flags(&f, 0, "end", PLR_OUTPUT_PARTIAL);
    f.view.kind->leave(&f.view);
    check_text(&f.out.waiting, "build  | ask: yes\nbuild  | half \ndeploy | other\nbuild  | rest\n"
                               "build  | [output may be missing here]\nbuild  | end\n");
    end(&f);
}

static void plain_status(void)
{
    fixture f;
    begin(&f, &plr_view_plain);
    move(&f, 0, PLR_STATE_PREPARING, NULL);
    move(&f, 0, PLR_STATE_RUNNING, NULL);
    f.now += 1500 * MS;
    move(&f, 0, PLR_STATE_ENDED, &failed);
    move(&f, 1, PLR_STATE_ENDED, &skipped);
    send(&f, (plr_event){
                     .type = PLR_EVENT_WARNING, .task = PLR_NONE, .u.warning = { "be\acareful" } });
    send(&f, (plr_event){ .type = PLR_EVENT_NOTICE, .task = PLR_NONE, .u.notice = { "shared" } });
    check_text(&f.err.waiting, "> run r1\n> build: running\n"
                               "> build: exit code 2: line one line two after 1.5s\n"
                               "> deploy: skipped: a step before it failed\n"
                               "warning: becareful\n");
    CU_ASSERT_EQUAL(f.out.waiting.size, 0);
    end(&f);
}

static void plain_quiet_and_verbose(void)
{
    fixture f;
    begin(&f, &plr_view_plain);
    f.err.waiting.size = 0;
    f.view.quiet = true;
    move(&f, 0, PLR_STATE_RUNNING, NULL);
    CU_ASSERT_EQUAL(f.err.waiting.size, 0);
    f.view.quiet = false;
    f.view.verbose = f.view.timestamps = true;
    move(&f, 0, PLR_STATE_PREPARING, NULL);
    print(&f, 0, "x\n");
    check_text(&f.err.waiting, "2023-11-14T22:13:20.123Z > build: preparing\n");
    check_text(&f.out.waiting, "2023-11-14T22:13:20.123Z build  | x\n");
    end(&f);
}

static void plain_on_one_terminal(void)
{
    fixture f;
    begin(&f, &plr_view_plain);
    f.view.err = &f.out;
    print_flags(&f, 0, "ask: ", PLR_OUTPUT_PARTIAL);
    move(&f, 1, PLR_STATE_RUNNING, NULL);
    check_text(&f.out.waiting, "build  | ask: \n> deploy: running\n");
    end(&f);
}

static void json_lines(void)
{
    fixture f;
    begin(&f, &plr_view_json);
    f.out.waiting.size = 0;
    print(&f, 0, "x\n");
    CU_ASSERT_PTR_NOT_NULL(strstr(f.out.waiting.data, "\"text\":\"x\\n\"}\n"));
    CU_ASSERT_EQUAL(f.err.waiting.size, 0);
    end(&f);
}

static void summary(void)
{
    fixture f;
    plr_result result = {
        .outcome = PLR_OUTCOME_FAILED,
        .task = 0,
        .n_failed = 1,
        .n_skipped = 1,
        .duration_ns = 2000 * MS,
        .message = "exit code 2",
    };
    begin(&f, &plr_view_plain);
    move(&f, 0, PLR_STATE_RUNNING, NULL);
    for (int i = 1; i <= 30; i++) {
        char line[32];
        snprintf(line, sizeof line, "line %d\n", i);
        print(&f, 0, line);
    }
    print(&f, 0, "no newline");
    f.now += 1500 * MS;
    move(&f, 0, PLR_STATE_ENDED, &failed);
    move(&f, 1, PLR_STATE_ENDED, &skipped);
    send(&f, (plr_event){
                     .type = PLR_EVENT_RUN_ENDED, .task = PLR_NONE, .u.run_ended = { &result } });
    plr_text text = { 0 };
    plr_view_summary(&f.view.model, &f.view.err_style, &text);
    check_text(&text,
            "\n"
            "  failed    build     1.5s  exit code 2: line one line two\n"
            "  skipped   deploy          a step before it failed\n"
            "\n"
            "build: its last lines were\n"
            "    line 12\n    line 13\n    line 14\n    line 15\n    line 16\n    line 17\n"
            "    line 18\n    line 19\n    line 20\n    line 21\n    line 22\n    line 23\n"
            "    line 24\n    line 25\n    line 26\n    line 27\n    line 28\n    line 29\n"
            "    line 30\n    no newline\n"
            "\n"
            "failed after 2.0s: 0 passed, 1 failed, 1 skipped (run r1)\n"
            "exit code 2\n");
    plr_text_clear(&text);
    end(&f);
}

static void summary_of_a_cancel(void)
{
    static const plr_end cancelled = {
        .reason = PLR_REASON_CANCELLED, .exit_code = 4, .failed = true
    };
    static const plr_end stopped = { .reason = PLR_REASON_STOPPED, .exit_code = 143 };
    plr_result result = {
        .outcome = PLR_OUTCOME_CANCELLED, .task = PLR_NONE, .message = "cancelled"
    };
    fixture f;
    begin(&f, &plr_view_plain);
    print(&f, 0, "not worth repeating\n");
    move(&f, 0, PLR_STATE_ENDED, &cancelled);
    move(&f, 1, PLR_STATE_ENDED, &stopped);
    send(&f, (plr_event){
                     .type = PLR_EVENT_RUN_ENDED, .task = PLR_NONE, .u.run_ended = { &result } });
    plr_text text = { 0 };
    plr_view_summary(&f.view.model, &f.view.err_style, &text);
    check_text(&text, "\n  cancelled build\n  stopped   deploy\n\n"
                      "cancelled after 0ms: 0 passed, 0 failed, 0 skipped (run r1)\n");
    plr_text_clear(&text);
    end(&f);
}

static void tail_is_bounded(void)
{
    enum { SIZE = 100000 };
    static char big[SIZE + 1];
    fixture f;
    memset(big, 'x', SIZE);
    begin(&f, &plr_view_plain);
    plr_model_step *step = &f.view.model.steps[0];
    for (int i = 0; i < 10; i++)
        print(&f, 0, big);
    for (int i = 0; i < 10000; i++)
        print(&f, 0, "line\n");
    print(&f, 0, "tail\n");
    CU_ASSERT_TRUE(step->tail.capacity <= 4 * PLR_TAIL_SIZE);
    size_t size = 0;
    const char *lines = plr_model_last_lines(step, &size);
    CU_ASSERT_EQUAL(size, 20 * strlen("line\n"));
    CU_ASSERT_EQUAL(memcmp(lines + size - 10, "line\ntail\n", 10), 0);
    print(&f, 0, big);
    lines = plr_model_last_lines(step, &size);
    CU_ASSERT_EQUAL(size, PLR_TAIL_SIZE);
    CU_ASSERT_EQUAL(lines[0], 'x');
    move(&f, 0, PLR_STATE_ENDED, &passed);
    CU_ASSERT_PTR_NULL(step->tail.data);
    end(&f);
}

/* How many rows of the screen a piece of output takes. */
static size_t rows_of(const char *text)
{
    size_t rows = 0;
    for (; *text != '\0'; text++)
        rows += *text == '\n';
    return rows;
}

static void draw(fixture *f)
{
    f->now += 1000 * MS;
    f->view.kind->draw(&f->view, f->now);
}

static void pretty_frame(void)
{
    fixture f;
    begin(&f, &plr_view_pretty);
    send(&f, (plr_event){ .type = PLR_EVENT_PULL,
                     .task = 0,
                     .u.pull = { "alpine:3.6", NULL, "downloading", 1500000, 2000000 } });
    draw(&f);
    check_text(&f.out.waiting, "1.0s  0 of 2 ended  run r1\n"
                               ". build           alpine:3.6: downloading 1.5 MB of 2.0 MB\n"
                               ". deploy          waiting\n");
    move(&f, 0, PLR_STATE_RUNNING, NULL);
    print(&f, 0, "10%\r20%\x1b[2J\n");
    print_flags(&f, 0, "half", PLR_OUTPUT_PARTIAL);
    draw(&f);
    check_text(&f.out.waiting, "\r\x1b[3A\x1b[J"
                               "2.0s  0 of 2 ended  run r1\n"
                               "* build     1.0s  running\n"
                               "    | 20%\n"
                               "    | half\n"
                               ". deploy          waiting\n");
    move(&f, 0, PLR_STATE_ENDED, &passed);
    draw(&f);
    check_text(&f.out.waiting, "\r\x1b[5A\x1b[J"
                               "build  | 20%\n"
                               "build  | half\n"
                               "3.0s  1 of 2 ended  run r1\n"
                               "+ build     1.0s  passed\n"
                               ". deploy          waiting\n");
    f.view.kind->leave(&f.view);
    check_text(&f.out.waiting, "\r\x1b[3A\x1b[J");
    end(&f);
}

static void pretty_window_scrolls(void)
{
    fixture f;
    begin(&f, &plr_view_pretty);
    move(&f, 0, PLR_STATE_RUNNING, NULL);
    draw(&f);
    f.out.waiting.size = 0;
    print(&f, 0, "1\n2\n3\n4\n5\n6\n7\n");
    draw(&f);
    check_text(&f.out.waiting, "\r\x1b[3A\x1b[J"
                               "build  | 1\n"
                               "build  | 2\n"
                               "2.0s  0 of 2 ended  run r1\n"
                               "* build     2.0s  running\n"
                               "    | 3\n    | 4\n    | 5\n    | 6\n    | 7\n"
                               ". deploy          waiting\n");
    end(&f);
}

/* What was drawn on a wide screen takes more rows when it has become narrow. */
static void pretty_on_a_narrower_screen(void)
{
    struct winsize wide = { .ws_col = 100, .ws_row = 30 }, narrow = { .ws_col = 30, .ws_row = 30 };
    int master, slave;
    fixture f;
    CU_ASSERT_EQUAL(openpty(&master, &slave, NULL, NULL, &wide), 0);
    begin(&f, &plr_view_pretty);
    f.out.fd = slave;
    f.view.kind->resized(&f.view);
    move(&f, 0, PLR_STATE_RUNNING, NULL);
    print(&f, 0, "0123456789012345678901234567890123456789012345678901234567890123\n");
    draw(&f);
    f.out.waiting.size = 0;
    CU_ASSERT_EQUAL(ioctl(slave, TIOCSWINSZ, &narrow), 0);
    f.view.kind->resized(&f.view);
    draw(&f);
    /* 1.0s  0 of 2 ended ..: 1, build: 1, the line with its margin of 6: 3, deploy: 1 */
    check_text(&f.out.waiting, "\r\x1b[6A\x1b[J"
                               "2.0s  0 of 2 ended  run r1\n"
                               "* build     2.0s  running\n"
                               "    | 0123456789012345678901~\n"
                               ". deploy          waiting\n");
    f.out.fd = -1;
    end(&f);
    close(master);
    close(slave);
}

static void pretty_flood_is_not_kept(void)
{
    fixture f;
    begin(&f, &plr_view_pretty);
    move(&f, 0, PLR_STATE_RUNNING, NULL);
    for (int i = 0; i < 100000; i++)
        print(&f, 0, "a line of a flood\n");
    /* It has gone on to the sink, whose limit is the loop's to hold. */
    CU_ASSERT_TRUE(f.out.waiting.size > 2000000);
    end(&f);
}

/* A thousand steps on a screen of 24 rows; sizes come from the fallback, as there is no terminal.
 */
static void pretty_fits_the_screen(void)
{
    enum { N = 1000 };
    static plr_step steps[N];
    static const plr_step *many[N];
    static char names[N][16];
    for (size_t i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "step-%zu", i);
        steps[i] = (plr_step){ .kind = PLR_STEP_STEP, .metadata.name = names[i] };
        many[i] = &steps[i];
    }
    plr_document big = { .tasks = many, .n_tasks = N };
    fixture f = { .out.fd = -1, .err.fd = -1 };
    f.view.kind = &plr_view_pretty;
    f.view.out = f.view.err = &f.out;
    f.view.out_style = f.view.err_style = plr_style_new(false);
    plr_view_pretty_init(&f.view);
    plr_event start = { .type = PLR_EVENT_RUN_STARTED, .task = PLR_NONE, .run = "r" };
    start.u.run_started.document = &big;
    plr_model_take(&f.view.model, &start);
    f.view.kind->event(&f.view, &start);
    for (size_t i = 0; i < N; i++) {
        plr_state to = i < 300 ? PLR_STATE_ENDED : i < 600 ? PLR_STATE_RUNNING : PLR_STATE_PENDING;
        plr_event event = { .type = PLR_EVENT_STEP, .task = i, .step = names[i], .attempt = 1 };
        event.u.moved.to = to;
        event.u.moved.end = i >= 300 ? NULL : i % 100 == 0 ? &failed : &passed;
        plr_model_take(&f.view.model, &event);
        f.view.kind->event(&f.view, &event);
    }
    draw(&f);
    CU_ASSERT_TRUE(rows_of(f.out.waiting.data) <= 23);
    CU_ASSERT_TRUE(rows_of(f.out.waiting.data) >= 15);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.out.waiting.data, "more running"));
    CU_ASSERT_PTR_NOT_NULL(strstr(f.out.waiting.data, "and 400 waiting"));
    end(&f);
}

static void words(void)
{
    static const struct {
        plr_end end;
        const char *text;
    } cases[] = {
        { { .reason = PLR_REASON_SIGNAL, .signal = 9 }, "killed by signal 9 (SIGKILL)" },
        { { .reason = PLR_REASON_SIGNAL, .signal = 123 }, "killed by signal 123" },
        { { .reason = PLR_REASON_EXIT, .exit_code = 3, .oom = true, .ignored = true },
                "exit code 3 (the kernel killed something of it for want of memory) (ignored)" },
        { { .reason = PLR_REASON_OOM, .oom = true }, "ran out of memory" },
        { { .reason = PLR_REASON_IMAGE, .message = "denied" }, "no image: denied" },
        { { .reason = (plr_reason)99 }, "unknown" },
        { { .reason = PLR_REASON_SKIPPED, .skip = PLR_SKIP_NEVER },
                "skipped: its run policy is never" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plr_text text = { 0 };
        plr_words_end(&cases[i].end, &text);
        CU_ASSERT_STRING_EQUAL(text.data, cases[i].text);
        plr_text_clear(&text);
    }
}

static const plr_test tests[] = {
    { "plain: each line after its step's name, bytes as they are", plain_lines },
    { "plain: an open line goes on, or is closed for others", plain_open_lines },
    { "plain: status goes to stderr", plain_status },
    { "plain: quiet, verbose, timestamps", plain_quiet_and_verbose },
    { "plain: status does not go on in an open line", plain_on_one_terminal },
    { "json: events and nothing else", json_lines },
    { "the summary says what failed and shows its last 20 lines", summary },
    { "a cancelled run is told in few words", summary_of_a_cancel },
    { "of the output only the end is kept", tail_is_bounded },
    { "pretty: the table, with windows", pretty_frame },
    { "pretty: a line leaves its window upwards", pretty_window_scrolls },
    { "pretty: a narrower screen is cleared in full", pretty_on_a_narrower_screen },
    { "pretty: a flood is not kept", pretty_flood_is_not_kept },
    { "pretty: a thousand steps fit the screen", pretty_fits_the_screen },
    { "ends in words", words },
    { NULL, NULL },
};

int main(void)
{
    setenv("LC_ALL", "C", 1); /* ASCII in the table */
    return plr_test_main("cli view", tests);
}
