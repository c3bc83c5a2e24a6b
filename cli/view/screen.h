/* SPDX-License-Identifier: MIT */
/* What the pretty view keeps of its screen: windows of lines, and the table that was drawn last.
 * Shared by its three files: pretty.c draws, window.c moves lines, table.c lays out rows. */
#ifndef PLR_CLI_VIEW_SCREEN_H
#define PLR_CLI_VIEW_SCREEN_H

#include "cli/view/view.h"

#define PLR_WINDOW_LINES 5u
#define PLR_WIDEST_NAME 24u

/* The last lines of a step. */
typedef struct plr_window {
    plr_text lines[PLR_WINDOW_LINES]; /* the oldest first */
    size_t n;
    plr_text partial; /* the line that has no end yet */
} plr_window;

typedef struct plr_screen {
    plr_window *windows; /* of each step; NULL before the run started */
    size_t n_windows;
    plr_text above;      /* lines that go into the scrollback with the next frame */
    plr_text frame, row; /* kept for their memory */
    size_t *widths;      /* of the lines drawn last */
    size_t n_drawn, capacity;
    size_t columns, rows;
    uint64_t drawn_ns;
    bool utf8;
} plr_screen;

/* Output into its step's window; what no longer fits goes above. */
void plr_window_take(plr_view *view, const plr_event *event);

/* Leaves at most `keep` whole lines in a window; the others go above. */
void plr_window_shrink(plr_view *view, size_t task, size_t keep);

/* All lines of a window go above, the partial one, too. */
void plr_window_empty(plr_view *view, size_t task);

void plr_window_clear(plr_window *window);

/* Puts the table into `frame`, cut to the screen, and notes the widths of its rows. */
void plr_table_put(plr_view *view, uint64_t now_ns);

#endif
