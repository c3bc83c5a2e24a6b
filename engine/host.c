/* SPDX-License-Identifier: MIT */
/* The table of functions that a backend's module may call; most are the loop's own. */
#include "engine/host.h"

#include "engine/base/error.h"
#include "engine/io/child.h"
#include "engine/io/op.h"
#include "engine/network.h"
#include "engine/run.h"

static void report(plr_task *task, const plr_report *what)
{
    plr_attempt_report(plr_run_node_of(task), what);
}

static void run_warning(plr_run_view *run, const char *text)
{
    plr_emit_text(plr_run_of(run), NULL, PLR_EVENT_WARNING, text);
}

static void run_notice(plr_run_view *run, const char *text)
{
    plr_emit_text(plr_run_of(run), NULL, PLR_EVENT_NOTICE, text);
}

static void run_failed(plr_run_view *run, const plr_error *err)
{
    plr_run_break(plr_run_of(run), err);
}

static int run_mask(plr_run_view *run, const char *text, char **ret_text, plr_error *err)
{
    _cleanup_buf_ plr_buf masked = { 0 };
    int r = plr_mask_text(plr_run_of(run)->mask, text, &masked, err);
    return r < 0 ? r : plr_buf_steal(&masked, ret_text, err);
}

const plr_host plr_host_table = {
    .size = sizeof(plr_host),
    .version = PLR_BACKEND_VERSION,
    .watch_new = plr_watch_new,
    .watch_set = plr_watch_set,
    .watch_free = plr_watch_free,
    .timer_new = plr_timer_new,
    .timer_set = plr_timer_set,
    .timer_free = plr_timer_free,
    .child_new = plr_child_new,
    .child_pid = plr_child_pid,
    .child_free = plr_child_free,
    .now = plr_loop_now,
    .wall_now = plr_loop_wall_now,
    .op_complete = plr_op_complete,
    .op_on_cancel = plr_op_on_cancel,
    .op_diagnostic = plr_op_diagnostic,
    .op_text = plr_op_text,
    .op_swept = plr_op_swept,
    .report = report,
    .run_warning = run_warning,
    .run_notice = run_notice,
    .run_failed = run_failed,
    .run_mask = run_mask,
    .network_auto = plr_network_auto,
    .error_set = plr_error_set,
};
