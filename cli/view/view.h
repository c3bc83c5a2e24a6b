/* SPDX-License-Identifier: MIT */
/* A view shows a run's events to somebody: people (plain, pretty) or programs (json).
 * It only puts bytes into sinks; the loop of the run command writes them. */
#ifndef PLR_CLI_VIEW_VIEW_H
#define PLR_CLI_VIEW_VIEW_H

#include <pipeline/event.h>

#include "cli/sink.h"
#include "cli/style.h"
#include "cli/view/model.h"

typedef struct plr_view plr_view;

typedef struct plr_view_kind {
    /* The model has taken the event already. */
    void (*event)(plr_view *view, const plr_event *event);
    /* A line for people from outside the stream: "interrupted: ..." */
    void (*say)(plr_view *view, const char *text);
    /* Draws what has changed, if enough time has gone by. NULL: nothing to draw. */
    void (*draw)(plr_view *view, uint64_t now_ns);
    /* The terminal's size has changed, or the process was stopped and goes on; or NULL. */
    void (*resized)(plr_view *view);
    /* Leaves the screen as it shall stay; the summary comes after. */
    void (*leave)(plr_view *view);
} plr_view_kind;

struct plr_view {
    const plr_view_kind *kind;
    plr_sink *out; /* the steps' output */
    plr_sink *err; /* status; the same as `out` if both lead to the same file */
    plr_style out_style, err_style;
    bool quiet, verbose, timestamps;
    plr_model model;
    /* Plain: whose line of which stream stands open on `out`. */
    size_t open_task;
    plr_stream open_stream;
    bool open;
    struct plr_screen *screen; /* pretty's own */
};

extern const plr_view_kind plr_view_plain, plr_view_json, plr_view_pretty;

/* Makes pretty's screen; false if there is no memory. */
bool plr_view_pretty_init(plr_view *view);
void plr_view_pretty_clear(plr_view *view);

/* The steps, how long each took, what failed and why with its last lines, and the run's end. */
void plr_view_summary(const plr_model *model, const plr_style *style, plr_text *out);

#endif
