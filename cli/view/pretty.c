/* SPDX-License-Identifier: MIT */
/* The view for a terminal: at its bottom a table of the steps, drawn again and again, with a window
 * of the last lines of each that runs. A line leaves its window upwards, into the scrollback, so
 * nothing of the output is lost and nothing is shown twice. */
#include <stdlib.h>

#include "cli/view/screen.h"
#include "cli/view/terminal.h"

#define FRAME_NS 100000000u
#define PENDING_LIMIT ((size_t)64 * 1024)

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

void plr_view_pretty_clear(plr_view *view)
{
    plr_screen *screen = view->screen;
    if (screen == NULL)
        return;
    for (size_t i = 0; i < screen->n_windows; i++)
        plr_window_clear(&screen->windows[i]);
    free(screen->windows);
    free(screen->widths);
    plr_text_clear(&screen->above);
    plr_text_clear(&screen->frame);
    plr_text_clear(&screen->row);
    free(screen);
    view->screen = NULL;
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
        plr_window_take(view, event);
        break;
    case PLR_EVENT_STEP:
        if (event->u.moved.end != NULL)
            plr_window_empty(view, event->task);
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
        plr_table_put(view, now_ns);
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
        plr_window_empty(view, i);
    put_above(view);
}

const plr_view_kind plr_view_pretty = {
    .event = pretty_event,
    .say = pretty_say,
    .draw = pretty_draw,
    .resized = pretty_resized,
    .leave = pretty_leave,
};
