/* SPDX-License-Identifier: MIT */
/* The view for a terminal: at its bottom a table of the steps, drawn again and again, with a window
 * of the last lines of each that runs. A line leaves its window upwards, into the scrollback, so
 * nothing of the output is lost and nothing is shown twice. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/view/terminal.h"
#include "cli/view/view.h"
#include "cli/view/words.h"

#define WINDOW 5u
#define WIDEST_NAME 24u
#define LONGEST_LINE ((size_t)64 * 1024)
#define FRAME_NS 100000000u
#define PENDING_LIMIT ((size_t)64 * 1024)

typedef struct window {
    plr_text lines[WINDOW]; /* the oldest first */
    size_t n;
    plr_text partial;
} window;

typedef struct plr_screen {
    window *windows; /* of each step; NULL before the run started */
    size_t n_windows;
    plr_text above;      /* lines that go into the scrollback with the next frame */
    plr_text frame, row; /* kept for their memory */
    size_t *widths;      /* of the lines drawn last */
    size_t n_drawn, capacity;
    size_t columns, rows;
    uint64_t drawn_ns;
    bool utf8;
} plr_screen;

bool plr_view_pretty_init(plr_view *view)
{
    plr_screen *screen = calloc(1, sizeof *screen);
    if (screen == NULL)
        return false;
    screen->utf8 = plr_terminal_utf8();
    view->screen = screen;
    view->kind->resized(view);
    return true;
}

static void clear_window(window *w)
{
    for (size_t i = 0; i < WINDOW; i++)
        plr_text_clear(&w->lines[i]);
    plr_text_clear(&w->partial);
    w->n = 0;
}

void plr_view_pretty_clear(plr_view *view)
{
    plr_screen *screen = view->screen;
    if (screen == NULL)
        return;
    for (size_t i = 0; i < screen->n_windows; i++)
        clear_window(&screen->windows[i]);
    free(screen->windows);
    free(screen->widths);
    plr_text_clear(&screen->above);
    plr_text_clear(&screen->frame);
    plr_text_clear(&screen->row);
    free(screen);
    view->screen = NULL;
}

/* Lines on their way. */

static void send_up(plr_view *view, size_t task, const char *line, size_t size)
{
    plr_text *above = &view->screen->above;
    const plr_style *style = &view->out_style;
    const char *name = task < view->model.n_steps ? view->model.steps[task].name : NULL;
    size_t widest = view->model.widest < WIDEST_NAME ? view->model.widest : WIDEST_NAME;
    plr_text_printf(above, "%s%-*s | %s", plr_style_of_step(style, task), (int)widest,
            name != NULL ? name : "", style->reset);
    plr_terminal_line(above, line, size, SIZE_MAX, style->colours);
    plr_text_puts(above, "\n");
}

/* Leaves at most `keep` lines in a window. */
static void shrink(plr_view *view, size_t task, size_t keep)
{
    window *w = &view->screen->windows[task];
    while (w->n > keep) {
        plr_text oldest = w->lines[0];
        send_up(view, task, oldest.data, oldest.size);
        memmove(w->lines, w->lines + 1, (w->n - 1) * sizeof *w->lines);
        oldest.size = 0;
        w->lines[--w->n] = oldest;
    }
}

static void end_line(plr_view *view, size_t task)
{
    window *w = &view->screen->windows[task];
    shrink(view, task, WINDOW - 1);
    plr_text line = w->partial;
    w->partial = w->lines[w->n];
    w->lines[w->n++] = line;
    w->partial.size = 0;
}

static void take_output(plr_view *view, const plr_event *event)
{
    plr_screen *screen = view->screen;
    const char *at = event->u.output.data;
    size_t left = event->u.output.size;
    if (event->task >= screen->n_windows)
        return;
    window *w = &screen->windows[event->task];
    if (event->u.output.flags & PLR_OUTPUT_GAP) {
        plr_text_puts(&w->partial, "[output may be missing here]");
        end_line(view, event->task);
    }
    while (left > 0) {
        const char *newline = memchr(at, '\n', left);
        size_t size = newline != NULL ? (size_t)(newline - at) : left;
        plr_text_put(&w->partial, at, size);
        if (newline != NULL || w->partial.size >= LONGEST_LINE)
            end_line(view, event->task);
        size += newline != NULL;
        at += size;
        left -= size;
    }
}

static void empty_window(plr_view *view, size_t task)
{
    if (task >= view->screen->n_windows)
        return;
    if (view->screen->windows[task].partial.size > 0)
        end_line(view, task);
    shrink(view, task, 0);
}

static void take_message(plr_view *view, const plr_event *event, const char *message)
{
    plr_text *above = &view->screen->above;
    bool warning = event->type == PLR_EVENT_WARNING;
    plr_text_printf(above, "%s%s%s%s: ", warning ? view->err_style.yellow : view->err_style.dim,
            warning ? "warning" : "note", event->step != NULL ? ": " : "",
            event->step != NULL ? event->step : "");
    plr_terminal_message(above, message);
    plr_text_printf(above, "%s\n", view->err_style.reset);
}

static void draw_now(plr_view *view, uint64_t now_ns);

static void pretty_event(plr_view *view, const plr_event *event)
{
    plr_screen *screen = view->screen;
    switch (event->type) {
    case PLR_EVENT_RUN_STARTED:
        if (screen->windows == NULL)
            screen->windows = calloc(view->model.n_steps, sizeof *screen->windows);
        screen->n_windows = screen->windows != NULL ? view->model.n_steps : 0;
        break;
    case PLR_EVENT_OUTPUT:
        take_output(view, event);
        break;
    case PLR_EVENT_STEP:
        if (event->u.moved.end != NULL)
            empty_window(view, event->task);
        break;
    case PLR_EVENT_WARNING:
        take_message(view, event, event->u.warning.message);
        break;
    case PLR_EVENT_NOTICE:
        if (view->verbose)
            take_message(view, event, event->u.notice.message);
        break;
    case PLR_EVENT_PULL:
    case PLR_EVENT_RUN_ENDED:
        break;
    }
    /* A flood of output is drawn as it comes, so that it waits in the sink, which is bounded. */
    if (screen->above.size > PENDING_LIMIT)
        draw_now(view, event->monotonic_ns);
}

static void pretty_say(plr_view *view, const char *text)
{
    plr_text_printf(&view->screen->above, "%s\n", text);
}

/* The table. */

typedef enum row_class { ROW_ACTIVE, ROW_FAILED, ROW_ENDED, ROW_WAITING } row_class;

static row_class class_of(const plr_model_step *step)
{
    switch (step->state) {
    case PLR_STATE_PENDING:
    case PLR_STATE_PREPARED:
        return ROW_WAITING;
    case PLR_STATE_ENDED:
        if (step->end.will_retry)
            return ROW_WAITING;
        return plr_words_mark(&step->end) == PLR_MARK_FAILED ? ROW_FAILED : ROW_ENDED;
    default:
        return ROW_ACTIVE;
    }
}

static bool has_window(const plr_model_step *step)
{
    return step->state >= PLR_STATE_RUNNING && step->state <= PLR_STATE_STOPPING;
}

static const char *glyph(const plr_screen *screen, const plr_model_step *step)
{
    switch (class_of(step)) {
    case ROW_ACTIVE:
        return screen->utf8 ? "\u25cf" : "*";
    case ROW_FAILED:
        return screen->utf8 ? "\u2717" : "x";
    case ROW_WAITING:
        return screen->utf8 ? "\u00b7" : ".";
    case ROW_ENDED:
        break;
    }
    if (plr_words_mark(&step->end) == PLR_MARK_PASSED)
        return screen->utf8 ? "\u2713" : "+";
    return "-";
}

static const char *colour_of(const plr_style *style, const plr_model_step *step)
{
    switch (class_of(step)) {
    case ROW_ACTIVE:
        return style->bold;
    case ROW_FAILED:
        return style->red;
    case ROW_ENDED:
        return plr_words_mark(&step->end) == PLR_MARK_PASSED ? style->green : style->dim;
    case ROW_WAITING:
        break;
    }
    return style->dim;
}

/* Ends the row in `screen->row`: cut to the width of the terminal, with its width noted. */
static void end_row(plr_view *view)
{
    plr_screen *screen = view->screen;
    if (screen->n_drawn == screen->capacity) {
        size_t capacity = screen->capacity > 0 ? screen->capacity * 2 : 64;
        size_t *widths = realloc(screen->widths, capacity * sizeof *widths);
        if (widths == NULL)
            return;
        screen->widths = widths;
        screen->capacity = capacity;
    }
    size_t columns = screen->columns > 1 ? screen->columns - 1 : 1;
    screen->widths[screen->n_drawn++] =
            plr_terminal_line(&screen->frame, screen->row.data != NULL ? screen->row.data : "",
                    screen->row.size, columns, view->out_style.colours);
    plr_text_puts(&screen->frame, "\n");
    screen->row.size = 0;
}

static void put_bytes(plr_text *row, uint64_t bytes)
{
    if (bytes < 1000000)
        plr_text_printf(row, "%" PRIu64 " kB", bytes / 1000);
    else
        plr_text_printf(row, "%" PRIu64 ".%" PRIu64 " MB", bytes / 1000000, bytes / 100000 % 10);
}

static void put_pull(plr_text *row, const plr_model_step *step)
{
    plr_text_printf(row, "%s: %s", step->image != NULL ? step->image : "image", step->pull);
    if (step->current == 0 && step->total == 0)
        return;
    plr_text_puts(row, " ");
    put_bytes(row, step->current);
    if (step->total > 0) {
        plr_text_puts(row, " of ");
        put_bytes(row, step->total);
    }
}

static void put_step(plr_view *view, const plr_model_step *step, uint64_t now_ns)
{
    plr_screen *screen = view->screen;
    const plr_style *style = &view->out_style;
    size_t name = view->model.widest < WIDEST_NAME ? view->model.widest : WIDEST_NAME;
    char time[32] = "";
    if (name > screen->columns / 3)
        name = screen->columns / 3;
    if (step->began_ns != 0)
        plr_cli_duration_text(plr_model_time(step, now_ns), time, sizeof time);
    plr_text_printf(
            &screen->row, "%s%s%s ", colour_of(style, step), glyph(screen, step), style->reset);
    plr_text_printf(&screen->row, "%-*.*s %7s  ", (int)name, (int)name,
            step->name != NULL ? step->name : "", time);
    if (step->attempt > 1)
        plr_text_printf(&screen->row, "attempt %u: ", step->attempt);
    if (step->pull != NULL)
        put_pull(&screen->row, step);
    else if (step->state == PLR_STATE_ENDED && plr_words_mark(&step->end) != PLR_MARK_PASSED)
        plr_words_end(&step->end, &screen->row);
    else
        plr_text_puts(&screen->row, step->state == PLR_STATE_PENDING ? "waiting"
                                    : step->state == PLR_STATE_ENDED ? "passed"
                                                                     : plr_state_name(step->state));
    end_row(view);
}

static void put_window(plr_view *view, size_t task, size_t rows)
{
    plr_screen *screen = view->screen;
    window *w = &screen->windows[task];
    bool partial = w->partial.size > 0;
    shrink(view, task, rows > partial ? rows - partial : 0);
    for (size_t i = 0; i < w->n + (partial && rows > 0); i++) {
        const plr_text *line = i < w->n ? &w->lines[i] : &w->partial;
        plr_text_puts(&screen->row, screen->utf8 ? "    \u2502 " : "    | ");
        /* Not through printf: it may hold NUL. Cleaned and cut here, because the row's own cut
         * takes a carriage return for a new beginning of the whole row. */
        size_t columns = screen->columns > 7 ? screen->columns - 7 : 1;
        plr_terminal_line(&screen->row, line->data, line->size, columns, view->out_style.colours);
        end_row(view);
    }
}

static void put_header(plr_view *view, const size_t *counts, uint64_t now_ns)
{
    const plr_model *model = &view->model;
    char time[32];
    plr_cli_duration_text(
            now_ns > model->began_ns ? now_ns - model->began_ns : 0, time, sizeof time);
    plr_text_printf(&view->screen->row, "%s%s%s  %zu of %zu ended", view->out_style.bold, time,
            view->out_style.reset, counts[ROW_ENDED] + counts[ROW_FAILED], model->n_steps);
    if (counts[ROW_FAILED] > 0)
        plr_text_printf(&view->screen->row, ", %s%zu failed%s", view->out_style.red,
                counts[ROW_FAILED], view->out_style.reset);
    plr_text_printf(&view->screen->row, "  %srun %s%s", view->out_style.dim,
            model->run != NULL ? model->run : "", view->out_style.reset);
    end_row(view);
}

static void put_rest(plr_view *view, size_t n, const char *what)
{
    if (n == 0)
        return;
    plr_text_printf(&view->screen->row, "%s  and %zu %s%s", view->out_style.dim, n, what,
            view->out_style.reset);
    end_row(view);
}

/* Which steps have a row: all if they fit; else those that run, then those that failed, and the
 * others as numbers. */
static void put_table(plr_view *view, uint64_t now_ns)
{
    plr_screen *screen = view->screen;
    plr_model *model = &view->model;
    size_t counts[4] = { 0 }, shown[4], n_windows = 0;
    size_t room = screen->rows > 3 ? screen->rows - 3 : 1; /* the header, the cursor, one spare */
    for (size_t i = 0; i < model->n_steps; i++) {
        counts[class_of(&model->steps[i])]++;
        n_windows += has_window(&model->steps[i]);
    }
    memcpy(shown, counts, sizeof shown);
    if (model->n_steps > room) {
        size_t rows = room > 3 ? room - 3 : 1; /* three lines of numbers */
        shown[ROW_ACTIVE] = counts[ROW_ACTIVE] < rows ? counts[ROW_ACTIVE] : rows;
        rows -= shown[ROW_ACTIVE];
        shown[ROW_FAILED] = counts[ROW_FAILED] < rows ? counts[ROW_FAILED] : rows;
        shown[ROW_ENDED] = shown[ROW_WAITING] = 0;
        room = rows - shown[ROW_FAILED];
    } else {
        room -= model->n_steps;
    }
    size_t each = n_windows > 0 ? room / n_windows : 0, left[4];
    if (each > WINDOW)
        each = WINDOW;
    memcpy(left, shown, sizeof left);

    put_header(view, counts, now_ns);
    for (size_t i = 0; i < model->n_steps; i++) {
        const plr_model_step *step = &model->steps[i];
        bool visible = left[class_of(step)] > 0;
        if (visible) {
            left[class_of(step)]--;
            put_step(view, step, now_ns);
        }
        if (has_window(step) && i < screen->n_windows)
            put_window(view, i, visible ? each : 0);
    }
    put_rest(view, counts[ROW_ACTIVE] - shown[ROW_ACTIVE], "more running");
    put_rest(view, counts[ROW_FAILED] + counts[ROW_ENDED] - shown[ROW_FAILED] - shown[ROW_ENDED],
            "ended");
    put_rest(view, counts[ROW_WAITING] - shown[ROW_WAITING], "waiting");
}

/* Goes to where the table began and clears what is below. Terminals wrap lines again when they
 * become narrower, so a line counts as many rows as it has now. */
static void erase(plr_view *view)
{
    plr_screen *screen = view->screen;
    size_t rows = 0;
    for (size_t i = 0; i < screen->n_drawn; i++)
        rows += screen->widths[i] > screen->columns
                        ? (screen->widths[i] + screen->columns - 1) / screen->columns
                        : 1;
    screen->n_drawn = 0;
    if (rows > 0)
        plr_text_printf(&view->out->waiting, "\r\x1b[%zuA\x1b[J", rows);
}

static void put_above(plr_view *view)
{
    plr_text *above = &view->screen->above;
    plr_text_put(&view->out->waiting, above->data, above->size);
    if (above->failed) /* a line that is missing shall not go unnoticed */
        view->out->waiting.failed = true;
    above->size = 0;
}

static void draw_now(plr_view *view, uint64_t now_ns)
{
    plr_screen *screen = view->screen;
    erase(view);
    screen->frame.size = 0;
    if (screen->windows != NULL)
        put_table(view, now_ns);
    put_above(view); /* the table has sent more lines up */
    plr_text_put(&view->out->waiting, screen->frame.data, screen->frame.size);
    screen->drawn_ns = now_ns;
}

static void pretty_draw(plr_view *view, uint64_t now_ns)
{
    if (now_ns - view->screen->drawn_ns < FRAME_NS || plr_sink_waiting(view->out) > 0)
        return;
    draw_now(view, now_ns);
}

static void pretty_resized(plr_view *view)
{
    plr_screen *screen = view->screen;
    if (!plr_terminal_size(view->out->fd, &screen->columns, &screen->rows)) {
        screen->columns = 80;
        screen->rows = 24;
    }
    screen->drawn_ns = 0;
}

static void pretty_leave(plr_view *view)
{
    erase(view);
    for (size_t i = 0; i < view->screen->n_windows; i++)
        empty_window(view, i);
    put_above(view);
}

const plr_view_kind plr_view_pretty = {
    .event = pretty_event,
    .say = pretty_say,
    .draw = pretty_draw,
    .resized = pretty_resized,
    .leave = pretty_leave,
};
