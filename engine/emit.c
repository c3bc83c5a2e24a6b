/* SPDX-License-Identifier: MIT */
/* Gives events out, one after another, each string through the mask. While the host has answered
 * LATER they wait in a queue; what fills it is held back at its source, so the queue stays short.
 */
#include <string.h>

#include "engine/base/error.h"
#include "engine/engine.h"
#include "engine/run.h"

/* How long a host may let events wait (plr_run_options.sink_timeout_ns). */
#define DEFAULT_SINK_TIMEOUT_NS ((int64_t)300 * 1000000000)

/* An event that waits, with all it points to behind it. */
struct plr_queued_event {
    plr_queued_event *next;
    plr_event event;
    plr_end end;
    char text[];
};

/* The strings of an event that are not constant for the life of the run. */
enum { MOST_STRINGS = 3 };

static size_t strings_of(plr_event *event, const char **strings[MOST_STRINGS])
{
    switch (event->type) {
    case PLR_EVENT_STEP:
        if (event->u.moved.end == NULL)
            return 0;
        strings[0] = &((plr_end *)(uintptr_t)event->u.moved.end)->message;
        return 1;
    case PLR_EVENT_PULL:
        strings[0] = &event->u.pull.image;
        strings[1] = &event->u.pull.layer;
        strings[2] = &event->u.pull.status;
        return 3;
    case PLR_EVENT_WARNING:
        strings[0] = &event->u.warning.message;
        return 1;
    case PLR_EVENT_NOTICE:
        strings[0] = &event->u.notice.message;
        return 1;
    default:
        return 0;
    }
}

static void pause_all(plr_run *run, bool paused)
{
    for (size_t i = 0; i < run->document->n_tasks; i++) {
        plr_run_node *node = &run->nodes[i];
        if (node->state >= PLR_STATE_RUNNING && node->state < PLR_STATE_ENDED)
            run->backend->module->flow(run->backend->self, &node->task, paused);
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

int plr_emit_init(plr_run *run, plr_error *err)
{
    run->spare = calloc(1, sizeof *run->spare);
    return run->spare != NULL ? 0 : plr_error_nomem(err);
}

static void queue(plr_run *run, const plr_event *event)
{
    plr_event copy = *event;
    plr_end end = { 0 };
    const char **strings[MOST_STRINGS];
    if (event->type == PLR_EVENT_STEP && event->u.moved.end != NULL) {
        end = *event->u.moved.end;
        copy.u.moved.end = &end;
    }
    size_t n = strings_of(&copy, strings);
    size_t size = event->type == PLR_EVENT_OUTPUT ? event->u.output.size : 0;
    for (size_t i = 0; i < n; i++)
        size += *strings[i] != NULL ? strlen(*strings[i]) + 1 : 0;
    plr_queued_event *queued = event->type == PLR_EVENT_RUN_ENDED
                                       ? steal(run->spare)
                                       : calloc(1, sizeof *queued + size);
    if (queued == NULL) {
        plr_error err = { 0 };
        plr_error_nomem(&err);
        plr_run_break(run, &err); /* an event is lost: the run must not look whole */
        return;
    }
    char *at = queued->text;
    for (size_t i = 0; i < n; i++) {
        if (*strings[i] == NULL)
            continue;
        size_t length = strlen(*strings[i]) + 1;
        memcpy(at, *strings[i], length);
        *strings[i] = at;
        at += length;
    }
    if (event->type == PLR_EVENT_OUTPUT && size > 0) {
        memcpy(at, event->u.output.data, size);
        copy.u.output.data = at;
    }
    queued->end = end;
    queued->event = copy;
    if (copy.type == PLR_EVENT_STEP && copy.u.moved.end != NULL)
        queued->event.u.moved.end = &queued->end;
    if (run->last_event != NULL)
        run->last_event->next = queued;
    else
        run->first_event = queued;
    run->last_event = queued;
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
        queue(run, event);
    else
        deliver(run, event);
}

/* The same with its strings masked; without memory for that they are left out, never shown. */
static void send_masked(plr_run *run, plr_event *event)
{
    const char **strings[MOST_STRINGS];
    plr_buf masked[MOST_STRINGS] = { 0 };
    size_t n = run->has_secrets ? strings_of(event, strings) : 0;
    for (size_t i = 0; i < n; i++)
        if (*strings[i] != NULL) {
            int r = plr_mask_text(run->mask, *strings[i], &masked[i], NULL);
            *strings[i] = r < 0 ? "(out of memory)" : masked[i].data != NULL ? masked[i].data : "";
        }
    send(run, event);
    for (size_t i = 0; i < n; i++)
        plr_buf_clear(&masked[i]);
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

void plr_emit_run_ended(plr_run *run)
{
    plr_event event = event_of(run, NULL, PLR_EVENT_RUN_ENDED);
    event.u.run_ended.result = &run->result;
    if (run->has_secrets) {
        _cleanup_buf_ plr_buf masked = { 0 };
        char *message = run->result.message;
        size_t size = sizeof run->result.message;
        if (plr_mask_text(run->mask, message, &masked, NULL) < 0)
            message[0] = '\0';
        else if (masked.data != NULL)
            memcpy(message, masked.data, masked.size < size ? masked.size + 1 : size - 1);
        message[size - 1] = '\0';
    }
    send(run, &event);
}

void plr_emit_flush(plr_run *run)
{
    while (run->first_event != NULL && !run->paused && !run->in_callback) {
        plr_queued_event *queued = run->first_event;
        run->first_event = queued->next;
        if (run->first_event == NULL)
            run->last_event = NULL;
        if (!run->sink_stuck || queued->event.type == PLR_EVENT_RUN_ENDED)
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

void plr_emit_clear(plr_run *run)
{
    free(steal(run->spare));
    while (run->first_event != NULL) {
        plr_queued_event *next = run->first_event->next;
        free(run->first_event);
        run->first_event = next;
    }
    run->last_event = NULL;
}
