/* SPDX-License-Identifier: MIT */
/* The pretty view's table: a row for each step, as far as the screen has room, with the windows of
 * those that run; for the others numbers. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/view/screen.h"
#include "cli/view/terminal.h"
#include "cli/view/words.h"

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
    size_t name = view->model.widest < PLR_WIDEST_NAME ? view->model.widest : PLR_WIDEST_NAME;
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
    plr_window *w = &screen->windows[task];
    bool partial = w->partial.size > 0;
    plr_window_shrink(view, task, rows > partial ? rows - partial : 0);
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
void plr_table_put(plr_view *view, uint64_t now_ns)
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
    if (each > PLR_WINDOW_LINES)
        each = PLR_WINDOW_LINES;
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
