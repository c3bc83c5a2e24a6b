/* SPDX-License-Identifier: MIT */
/* The view for files, pipes and CI logs: the steps' output, each line after its step's name, and
 * on stderr what happens to the steps. Bytes of the output are passed as they are. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/view/terminal.h"
#include "cli/view/view.h"
#include "cli/view/words.h"

#define WIDEST_NAME 24u

static void put_time(plr_text *out, const plr_event *event)
{
    time_t seconds = (time_t)(event->wall_ns / 1000000000);
    char date[32];
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    plr_text_printf(out, "%s.%03" PRId64 "Z ", date, event->wall_ns / 1000000 % 1000);
}

static void put_prefix(plr_view *view, const plr_event *event)
{
    plr_text *out = &view->out->waiting;
    const plr_style *style = &view->out_style;
    size_t widest = view->model.widest < WIDEST_NAME ? view->model.widest : WIDEST_NAME;
    if (view->timestamps)
        put_time(out, event);
    plr_text_puts(out, plr_style_of_step(style, event->task));
    plr_text_printf(out, "%-*s", (int)widest, event->step != NULL ? event->step : "");
    if (event->attempt > 1)
        plr_text_printf(out, " (%u)", event->attempt);
    plr_text_printf(out, " | %s", style->reset);
}

/* Another step's line, or status on the same terminal, cannot go on in an open line. */
static void close_line(plr_view *view)
{
    if (view->open)
        plr_text_puts(&view->out->waiting, "\n");
    view->open = false;
}

static bool goes_on(const plr_view *view, const plr_event *event)
{
    return view->open && view->open_task == event->task &&
           view->open_stream == event->u.output.stream;
}

static void put_gap(plr_view *view, const plr_event *event)
{
    const plr_style *style = &view->out_style;
    close_line(view);
    put_prefix(view, event);
    plr_text_printf(
            &view->out->waiting, "%s[output may be missing here]%s\n", style->yellow, style->reset);
}

static void put_output(plr_view *view, const plr_event *event)
{
    plr_text *out = &view->out->waiting;
    const char *at = event->u.output.data;
    size_t left = event->u.output.size;
    if (event->u.output.flags & PLR_OUTPUT_GAP)
        put_gap(view, event);
    while (left > 0) {
        const char *newline = memchr(at, '\n', left);
        size_t size = newline != NULL ? (size_t)(newline + 1 - at) : left;
        if (!goes_on(view, event)) {
            close_line(view);
            put_prefix(view, event);
        }
        plr_text_put(out, at, size);
        view->open = newline == NULL;
        view->open_task = event->task;
        view->open_stream = event->u.output.stream;
        at += size;
        left -= size;
    }
}

static void begin_status(plr_view *view, const plr_event *event)
{
    if (view->out == view->err)
        close_line(view);
    if (view->timestamps && event != NULL)
        put_time(&view->err->waiting, event);
}

/* "> build: running" */
static void begin_step_status(plr_view *view, const plr_event *event)
{
    begin_status(view, event);
    plr_text_printf(&view->err->waiting, "%s> %s%s: ", view->err_style.dim,
            event->step != NULL ? event->step : "", view->err_style.reset);
    if (event->attempt > 1)
        plr_text_printf(&view->err->waiting, "attempt %u: ", event->attempt);
}

static void put_end(plr_view *view, const plr_event *event)
{
    plr_text *err = &view->err->waiting;
    const plr_style *style = &view->err_style;
    const plr_end *end = event->u.moved.end;
    plr_mark mark = plr_words_mark(end);
    const plr_model_step *step = plr_model_step_of(&view->model, event);
    begin_step_status(view, event);
    if (mark == PLR_MARK_PASSED && end->reason == PLR_REASON_EXIT && end->exit_code == 0) {
        plr_text_printf(err, "%spassed%s", style->green, style->reset);
    } else {
        const char *colour = mark == PLR_MARK_FAILED ? style->red : "";
        plr_text_puts(err, colour);
        plr_words_end(end, err);
        plr_text_puts(err, *colour != '\0' ? style->reset : "");
    }
    if (step != NULL && step->began_ns != 0) {
        char time[32];
        plr_cli_duration_text(plr_model_time(step, event->monotonic_ns), time, sizeof time);
        plr_text_printf(err, " after %s", time);
    }
    plr_text_puts(err, end->will_retry ? "; is tried again\n" : "\n");
}

static void put_move(plr_view *view, const plr_event *event)
{
    const plr_end *end = event->u.moved.end;
    bool was_left_out = end != NULL && end->skip == PLR_SKIP_NOT_SELECTED;
    if (view->quiet || (was_left_out && !view->verbose))
        return;
    if (end != NULL) {
        put_end(view, event);
    } else if (view->verbose || event->u.moved.to == PLR_STATE_RUNNING ||
               event->u.moved.to == PLR_STATE_READY) {
        begin_step_status(view, event);
        plr_text_printf(&view->err->waiting, "%s\n", plr_state_name(event->u.moved.to));
    }
}

/* A line when a pull begins and, if asked for, one whenever a layer moves on; progress in bytes is
 * for screens. */
static void put_pull(plr_view *view, const plr_event *event)
{
    if (!view->verbose || event->u.pull.current > 0 || event->u.pull.status == NULL)
        return;
    begin_step_status(view, event);
    plr_text_printf(&view->err->waiting, "%s: %s%s%s\n", event->u.pull.image,
            event->u.pull.layer != NULL ? event->u.pull.layer : "",
            event->u.pull.layer != NULL ? ": " : "", event->u.pull.status);
}

static void put_message(plr_view *view, const plr_event *event, const char *message)
{
    const plr_style *style = &view->err_style;
    bool warning = event->type == PLR_EVENT_WARNING;
    begin_status(view, event);
    plr_text_printf(&view->err->waiting, "%s%s%s%s%s: ", warning ? style->yellow : style->dim,
            warning ? "warning" : "note", event->step != NULL ? ": " : "",
            event->step != NULL ? event->step : "", style->reset);
    plr_terminal_message(&view->err->waiting, message);
    plr_text_puts(&view->err->waiting, "\n");
}

static void plain_event(plr_view *view, const plr_event *event)
{
    switch (event->type) {
    case PLR_EVENT_OUTPUT:
        put_output(view, event);
        break;
    case PLR_EVENT_STEP:
        put_move(view, event);
        break;
    case PLR_EVENT_PULL:
        put_pull(view, event);
        break;
    case PLR_EVENT_WARNING:
        put_message(view, event, event->u.warning.message);
        break;
    case PLR_EVENT_NOTICE:
        if (view->verbose)
            put_message(view, event, event->u.notice.message);
        break;
    case PLR_EVENT_RUN_STARTED:
        if (view->quiet)
            break;
        begin_status(view, event);
        plr_text_printf(&view->err->waiting, "%s> run %s%s\n", view->err_style.dim, event->run,
                view->err_style.reset);
        break;
    case PLR_EVENT_RUN_ENDED:
        break;
    }
}

static void plain_say(plr_view *view, const char *text)
{
    begin_status(view, NULL);
    plr_text_printf(&view->err->waiting, "%s\n", text);
}

static void plain_leave(plr_view *view)
{
    close_line(view);
}

const plr_view_kind plr_view_plain = {
    .event = plain_event,
    .say = plain_say,
    .leave = plain_leave,
};
