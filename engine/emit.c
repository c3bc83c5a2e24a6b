/* SPDX-License-Identifier: MIT */
/* Gives events out, one after another, each string through the mask. While the host has answered
 * LATER they wait (queue.c); what fills the queue is held back at its source, so it stays short. */
#include <string.h>

#include "engine/base/error.h"
#include "engine/engine.h"
#include "engine/queue.h"
#include "engine/run.h"

/* How long a host may let events wait (plr_run_options.sink_timeout_ns). */
#define DEFAULT_SINK_TIMEOUT_NS ((int64_t)300 * 1000000000)

static void pause_all(plr_run *run, bool paused)
{
    for (size_t i = 0; i < run->document->n_tasks; i++) {
        plr_run_node *node = &run->nodes[i];
        if (node->state >= PLR_STATE_RUNNING && node->state < PLR_STATE_ENDED)
            plr_attempt_hold(node, paused);
    }
}

static void on_sink_timeout(plr_timer *timer, void *userdata)
{
    (void)timer;
    plr_run *run = userdata;
    plr_error err = { 0 };
    plr_error_set(&err, PLR_ERR_TIMEOUT, "nobody took the output in time");
    run->sink_stuck = true;
    run->paused = false;
    pause_all(run, false); /* drained from now on, so that the steps can end */
    plr_run_note_failure(run, &err);
    if (plr_run_is_over(run))
        plr_result_note_unheard(run);
    plr_run_break(run, &err);
    plr_run_kick(run); /* what waits goes, but for the run's end */
}

static void pause_sink(plr_run *run)
{
    int64_t limit = run->options.sink_timeout_ns;
    run->paused = true;
    pause_all(run, true);
    if (limit < 0)
        return;
    if (run->sink_timer == NULL &&
            plr_timer_new(run->engine->loop, &run->sink_timer, on_sink_timeout, run, NULL) < 0)
        return; /* without a time limit, then; the host can still cancel */
    plr_timer_set(run->sink_timer, plr_loop_now(run->engine->loop) +
                                           (uint64_t)(limit > 0 ? limit : DEFAULT_SINK_TIMEOUT_NS));
}

static void deliver(plr_run *run, plr_event *event)
{
    if (run->on_event == NULL || run->freed)
        return;
    event->sequence = ++run->sequence;
    run->in_callback = true;
    plr_answer answer = run->on_event(event, run->userdata);
    run->in_callback = false;
    if (answer == PLR_ANSWER_LATER && !run->paused && !run->sink_stuck &&
            event->type != PLR_EVENT_RUN_ENDED)
        pause_sink(run);
}

static void send(plr_run *run, plr_event *event)
{
    event->size = sizeof *event;
    event->monotonic_ns = plr_loop_now(run->engine->loop);
    event->wall_ns = plr_loop_wall_now(run->engine->loop);
    event->run = run->view.id;
    if (run->sink_stuck && event->type != PLR_EVENT_RUN_ENDED)
        return;
    if (run->paused || run->first_event != NULL || run->in_callback)
        plr_queue_add(run, event);
    else
        deliver(run, event);
}

static void send_masked(plr_run *run, plr_event *event)
{
    plr_queue_strings strings = { 0 };
    if (run->has_secrets)
        plr_queue_mask_strings(run, event, &strings);
    send(run, event);
    plr_queue_strings_clear(&strings);
}

static plr_event event_of(plr_run *run, const plr_run_node *node, plr_event_type type)
{
    (void)run;
    plr_event event = { .type = type, .task = PLR_NONE };
    if (node != NULL) {
        event.task = node->task.index;
        event.step = node->task.step->metadata.name;
        event.attempt = node->task.attempt;
    }
    return event;
}

void plr_emit_run_started(plr_run *run)
{
    plr_event event = event_of(run, NULL, PLR_EVENT_RUN_STARTED);
    event.u.run_started.backend = plr_backend_name(run->backend);
    event.u.run_started.name = run->document->metadata.name;
    event.u.run_started.version = plr_version();
    event.u.run_started.document = run->document;
    send(run, &event);
}

void plr_emit_moved(plr_run_node *node, plr_state from, plr_state to, const plr_end *end)
{
    plr_event event = event_of(node->run, node, PLR_EVENT_STEP);
    plr_end copy = end != NULL ? *end : (plr_end){ 0 };
    event.u.moved.from = from;
    event.u.moved.to = to;
    event.u.moved.end = end != NULL ? &copy : NULL;
    send_masked(node->run, &event);
}

void plr_emit_pull(plr_run_node *node, const plr_report *report)
{
    if (node->run->paused)
        return; /* progress is not held back at its source, and nobody misses it later */
    plr_event event = event_of(node->run, node, PLR_EVENT_PULL);
    event.u.pull.image = report->u.pull.image;
    event.u.pull.layer = report->u.pull.layer;
    event.u.pull.status = report->u.pull.status;
    event.u.pull.current = report->u.pull.current;
    event.u.pull.total = report->u.pull.total;
    send_masked(node->run, &event);
}

void plr_emit_output(plr_run_node *node, plr_stream stream, const char *data, size_t size,
        uint64_t offset, unsigned flags)
{
    plr_event event = event_of(node->run, node, PLR_EVENT_OUTPUT);
    event.u.output.stream = stream;
    event.u.output.data = data;
    event.u.output.size = size;
    event.u.output.offset = offset;
    event.u.output.flags = flags;
    send(node->run, &event);
}

void plr_emit_text(plr_run *run, plr_run_node *node, plr_event_type type, const char *text)
{
    plr_event event = event_of(run, node, type);
    if (type == PLR_EVENT_WARNING)
        event.u.warning.message = text;
    else
        event.u.notice.message = text;
    send_masked(run, &event);
}

void plr_emit_mask_result(plr_run *run)
{
    _cleanup_buf_ plr_buf masked = { 0 };
    char *message = run->result.message;
    size_t size = sizeof run->result.message;
    if (!run->has_secrets)
        return;
    if (plr_mask_text(run->mask, message, &masked, NULL) < 0)
        message[0] = '\0';
    else if (masked.data != NULL)
        memcpy(message, masked.data, masked.size < size ? masked.size + 1 : size - 1);
    message[size - 1] = '\0';
}

void plr_emit_run_ended(plr_run *run)
{
    plr_event event = event_of(run, NULL, PLR_EVENT_RUN_ENDED);
    event.u.run_ended.result = &run->result;
    plr_emit_mask_result(run);
    send(run, &event);
}

void plr_emit_flush(plr_run *run)
{
    while (run->first_event != NULL && !run->paused && !run->in_callback) {
        plr_queued_event *queued = plr_queue_take(run);
        if (!queued->dead && (!run->sink_stuck || queued->event.type == PLR_EVENT_RUN_ENDED))
            deliver(run, &queued->event);
        free(queued);
    }
}

void plr_run_continue(plr_run *run)
{
    if (!run->paused)
        return;
    run->paused = false;
    if (run->sink_timer != NULL)
        plr_timer_set(run->sink_timer, 0);
    pause_all(run, false);
    plr_run_kick(run);
}

bool plr_emit_is_empty(const plr_run *run)
{
    return run->first_event == NULL;
}
