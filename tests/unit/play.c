/* SPDX-License-Identifier: MIT */
/* Plays a document on the fake backend with virtual time and writes down what was seen. */
#include "tests/unit/play.h"

#include <stdio.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/io/loop.h"
#include "engine/run.h"
#include "tests/unit/harness.h"

typedef struct cancel {
    plr_play *play;
    plr_timer *timer;
    plr_cancel_mode mode;
} cancel;

static void note_end(plr_play *play, const plr_event *event)
{
    const plr_end *end = event->u.moved.end;
    plr_buf *out = &play->ends;
    plr_buf_printf(out, "%s%s %s", event->step, event->attempt > 1 ? "+" : "",
            plr_reason_name(end->reason));
    if (end->reason == PLR_REASON_SKIPPED)
        plr_buf_printf(out, " %s", plr_skip_name(end->skip));
    if (end->reason == PLR_REASON_EXIT)
        plr_buf_printf(out, " %d", end->exit_code);
    if (end->reason == PLR_REASON_SIGNAL)
        plr_buf_printf(out, " %d", end->signal);
    if (end->ignored)
        plr_buf_puts(out, " ignored");
    if (end->will_retry)
        plr_buf_puts(out, " retry");
    plr_buf_putc(out, '\n');
}

static plr_answer on_event(const plr_event *event, void *userdata)
{
    plr_play *play = userdata;
    play->n_events++;
    CU_ASSERT_EQUAL(event->sequence, play->n_events);
    switch (event->type) {
    case PLR_EVENT_STEP:
        plr_buf_printf(&play->trace, "%s %s\n", event->step, plr_state_name(event->u.moved.to));
        if (event->u.moved.end != NULL)
            note_end(play, event);
        break;
    case PLR_EVENT_OUTPUT:
        plr_buf_printf(&play->output, "%s|", event->step);
        plr_buf_put(&play->output, event->u.output.data, event->u.output.size);
        break;
    case PLR_EVENT_WARNING:
    case PLR_EVENT_NOTICE:
        plr_buf_printf(&play->texts, "%s\n", event->u.warning.message);
        break;
    case PLR_EVENT_RUN_ENDED:
        plr_buf_puts(&play->trace, "run ended\n");
        break;
    default:
        break;
    }
    plr_answer answer =
            play->on_event != NULL ? play->on_event(event, play->userdata) : PLR_ANSWER_GO_ON;
    if (play->later_ns == 0 || event->type != PLR_EVENT_OUTPUT)
        return answer;
    if (play->later_ns != UINT64_MAX)
        plr_timer_set(play->go_on, plr_loop_now(play->run->engine->loop) + play->later_ns);
    return PLR_ANSWER_LATER;
}

static void on_go_on(plr_timer *timer, void *userdata)
{
    (void)timer;
    const plr_play *play = userdata;
    plr_run_continue(play->run);
}

static void on_cancel(plr_timer *timer, void *userdata)
{
    (void)timer;
    const cancel *request = userdata;
    plr_run_cancel(request->play->run, request->mode, request->play->cause);
}

static int play_run(plr_play *play, plr_engine *engine, plr_backend *backend, plr_spec *spec)
{
    cancel cancels[3];
    play->options.size = sizeof play->options;
    if (play->cause == 0)
        play->cause = PLR_CAUSE_USER;
    uint64_t start = plr_loop_now(engine->loop);
    int r = plr_run_start(&play->run, backend, spec, &play->options, on_event, play, &play->err);
    if (r < 0)
        return r;
    CU_ASSERT_EQUAL(plr_timer_new(engine->loop, &play->go_on, on_go_on, play, NULL), 0);
    for (int i = 0; i < 3; i++) {
        cancels[i] = (cancel){ .play = play, .mode = (plr_cancel_mode)(i + 1) };
        if (play->cancel_at_ns[i] == 0)
            continue;
        CU_ASSERT_EQUAL(
                plr_timer_new(engine->loop, &cancels[i].timer, on_cancel, &cancels[i], NULL), 0);
        plr_timer_set(cancels[i].timer, start + play->cancel_at_ns[i]);
    }
    r = plr_run_wait(play->run, &play->result, &play->err);
    play->duration_ns = plr_loop_now(engine->loop) - start;
    for (int i = 0; i < 3; i++)
        plr_timer_free(cancels[i].timer);
    plr_timer_free(steal(play->go_on));
    plr_run_free(steal(play->run));
    return r;
}

static int play_spec(plr_play *play, plr_spec *spec)
{
    plr_engine *engine = NULL;
    plr_backend *backend = NULL;
    plr_engine_options options = { .size = sizeof options, .clock = PLR_CLOCK_VIRTUAL };
    plr_option backend_options[] = { { "fake-seed", play->seed != NULL ? play->seed : "1" },
        { "fake-jitter", play->jitter != NULL ? play->jitter : "0" },
        { "fake-release", play->release } };
    int r = plr_engine_new(&engine, &options, &play->err);
    if (r == 0)
        r = plr_backend_open(&backend, engine, "fake", backend_options,
                play->release != NULL ? 3 : 2, &play->err);
    if (r == 0)
        r = play_run(play, engine, backend, spec);
    if (backend != NULL)
        CU_ASSERT_EQUAL(plr_backend_close(backend, NULL), 0);
    plr_engine_free(engine);
    return r;
}

int plr_play_json(plr_play *play, const char *json)
{
    char *text = strdup(json);
    plr_spec *spec = NULL;
    for (char *c = text; *c != '\0'; c++)
        if (*c == '\'')
            *c = '"';
    plr_spec_options options = { .size = sizeof options, .secrets_from_host = true };
    int r = plr_spec_read(&spec, "test", text, strlen(text), &options, NULL, NULL, &play->err);
    if (r == 0)
        r = play_spec(play, spec);
    plr_spec_unref(spec);
    free(text);
    return r;
}

void plr_play_clear(plr_play *play)
{
    plr_buf_clear(&play->trace);
    plr_buf_clear(&play->ends);
    plr_buf_clear(&play->output);
    plr_buf_clear(&play->texts);
}

static void expect(const plr_play_case *one)
{
    plr_play play = { .options.max_parallel = one->max_parallel };
    for (int i = 0; i < 3; i++)
        play.cancel_at_ns[i] = (uint64_t)(one->cancel_at[i] * 1e9);
    int r = plr_play_json(&play, one->json);
    bool as_expected = r == 0 && play.ends.data != NULL && strcmp(play.ends.data, one->ends) == 0 &&
                       play.result.outcome == one->outcome &&
                       play.result.exit_code == one->exit_code &&
                       (one->lasts == 0 || play.duration_ns == (uint64_t)(one->lasts * 1e9));
    CU_ASSERT_TRUE(as_expected);
    if (!as_expected)
        fprintf(stderr,
                "\n%s\nr=%d %s\nexpected:\n%sgot:\n%soutcome %s, exit %d (%s), after %.3f "
                "s\ntrace:\n%s\n",
                one->name, r, play.err.message, one->ends,
                play.ends.data != NULL ? play.ends.data : "", plr_outcome_name(play.result.outcome),
                play.result.exit_code, play.result.message, (double)play.duration_ns / 1e9,
                play.trace.data != NULL ? play.trace.data : "");
    plr_play_clear(&play);
}

void plr_play_cases(const plr_play_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        expect(&cases[i]);
}
