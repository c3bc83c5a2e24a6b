/* SPDX-License-Identifier: MIT */
/* The view for programs: each event a line of JSON on stdout, as the library writes it.
 * Nothing else goes there; what the CLI itself has to say goes to stderr. */
#include <stdlib.h>

#include "cli/view/view.h"

static void json_event(plr_view *view, const plr_event *event)
{
    plr_text *out = &view->out->waiting;
    char *line = NULL;
    /* A line that is missing would be a lie: the sink fails, and the run with it. */
    if (plr_event_to_json(event, &line, NULL) < 0) {
        out->failed = true;
        return;
    }
    plr_text_puts(out, line);
    plr_text_puts(out, "\n");
    free(line);
}

static void json_say(plr_view *view, const char *text)
{
    plr_text_printf(&view->err->waiting, "%s\n", text);
}

static void json_leave(plr_view *view)
{
    (void)view;
}

const plr_view_kind plr_view_json = {
    .event = json_event,
    .say = json_say,
    .leave = json_leave,
};
