/* SPDX-License-Identifier: MIT */
/* The pretty view's windows: a line is born at the bottom of its step's window and leaves it
 * upwards, into the scrollback. It is in one of the two, never in both. */
#include <stdlib.h>
#include <string.h>

#include "cli/view/screen.h"
#include "cli/view/terminal.h"

#define LONGEST_LINE ((size_t)64 * 1024)

void plr_window_clear(plr_window *w)
{
    for (size_t i = 0; i < PLR_WINDOW_LINES; i++)
        plr_text_clear(&w->lines[i]);
    plr_text_clear(&w->partial);
    w->n = 0;
}

static void send_up(plr_view *view, size_t task, const char *line, size_t size)
{
    plr_text *above = &view->screen->above;
    const plr_style *style = &view->out_style;
    const char *name = task < view->model.n_steps ? view->model.steps[task].name : NULL;
    size_t widest = view->model.widest < PLR_WIDEST_NAME ? view->model.widest : PLR_WIDEST_NAME;
    plr_text_printf(above, "%s%-*s | %s", plr_style_of_step(style, task), (int)widest,
            name != NULL ? name : "", style->reset);
    plr_terminal_line(above, line, size, SIZE_MAX, style->colours);
    plr_text_puts(above, "\n");
}

void plr_window_shrink(plr_view *view, size_t task, size_t keep)
{
    plr_window *w = &view->screen->windows[task];
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
    plr_window *w = &view->screen->windows[task];
    plr_window_shrink(view, task, PLR_WINDOW_LINES - 1);
    plr_text line = w->partial;
    w->partial = w->lines[w->n];
    w->lines[w->n++] = line;
    w->partial.size = 0;
}

void plr_window_take(plr_view *view, const plr_event *event)
{
    plr_screen *screen = view->screen;
    const char *at = event->u.output.data;
    size_t left = event->u.output.size;
    if (event->task >= screen->n_windows)
        return;
    plr_window *w = &screen->windows[event->task];
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

void plr_window_empty(plr_view *view, size_t task)
{
    if (task >= view->screen->n_windows)
        return;
    if (view->screen->windows[task].partial.size > 0)
        end_line(view, task);
    plr_window_shrink(view, task, 0);
}
