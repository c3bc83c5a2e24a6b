/* SPDX-License-Identifier: MIT */
/* The queue, and what a secret that becomes known late does to it: output that waits is fed to the
 * mask again, stream by stream, and the pieces that come out stand where the old ones did. */
#include "engine/queue.h"

#include <string.h>

#include "engine/base/error.h"
#include "engine/lines.h"
#include "engine/mask_row.h"
#include "engine/output.h"

static const char unmaskable[] = "(out of memory)";

static size_t strings_of(plr_event *event, const char **strings[PLR_QUEUE_STRINGS])
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

int plr_queue_init(plr_run *run, plr_error *err)
{
    run->spare = calloc(1, sizeof *run->spare);
    return run->spare != NULL ? 0 : plr_error_nomem(err);
}

void plr_queue_clear(plr_run *run)
{
    free(steal(run->spare));
    while (run->first_event != NULL)
        free(plr_queue_take(run));
}

plr_queued_event *plr_queue_take(plr_run *run)
{
    plr_queued_event *first = run->first_event;
    run->first_event = first->next;
    if (run->first_event == NULL)
        run->last_event = NULL;
    return first;
}

/* In the spare place if it is the run's end. */
static plr_queued_event *copy(plr_run *run, const plr_event *event)
{
    plr_event own = *event;
    plr_end end = { 0 };
    const char **strings[PLR_QUEUE_STRINGS];
    if (event->type == PLR_EVENT_STEP && event->u.moved.end != NULL) {
        end = *event->u.moved.end;
        own.u.moved.end = &end;
    }
    size_t n = strings_of(&own, strings);
    size_t size = event->type == PLR_EVENT_OUTPUT ? event->u.output.size : 0;
    for (size_t i = 0; i < n; i++)
        size += *strings[i] != NULL ? strlen(*strings[i]) + 1 : 0;
    plr_queued_event *queued = event->type == PLR_EVENT_RUN_ENDED
                                       ? steal(run->spare)
                                       : calloc(1, sizeof *queued + size);
    if (queued == NULL)
        return NULL;
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
        own.u.output.data = at;
    }
    queued->end = end;
    queued->event = own;
    queued->masked_again = run->n_masked_again;
    if (own.type == PLR_EVENT_STEP && own.u.moved.end != NULL)
        queued->event.u.moved.end = &queued->end;
    return queued;
}

void plr_queue_add(plr_run *run, const plr_event *event)
{
    plr_queued_event *queued = copy(run, event);
    if (queued == NULL) {
        plr_error err = { 0 };
        plr_error_nomem(&err);
        plr_run_break(run, &err);
        return;
    }
    if (run->last_event != NULL)
        run->last_event->next = queued;
    else
        run->first_event = queued;
    run->last_event = queued;
}

void plr_queue_mask_strings(plr_run *run, plr_event *event, plr_queue_strings *strings)
{
    const char **places[PLR_QUEUE_STRINGS];
    if (event->type == PLR_EVENT_STEP && event->u.moved.end != NULL) {
        strings->end = *event->u.moved.end;
        event->u.moved.end = &strings->end;
    }
    size_t n = strings_of(event, places);
    for (size_t i = 0; i < n; i++) {
        plr_buf *masked = &strings->masked[i];
        if (*places[i] == NULL)
            continue;
        int r = plr_mask_text(run->mask, *places[i], masked, NULL);
        *places[i] = r < 0 ? unmaskable : masked->data != NULL ? masked->data : "";
    }
}

void plr_queue_strings_clear(plr_queue_strings *strings)
{
    for (size_t i = 0; i < PLR_QUEUE_STRINGS; i++)
        plr_buf_clear(&strings->masked[i]);
}

/* Behind `at`, or behind the others that stand there in its place. */
static plr_queued_event *put_behind(plr_run *run, plr_queued_event *at, const plr_event *event)
{
    plr_queued_event *queued = copy(run, event);
    if (queued == NULL)
        return NULL;
    queued->next = at->next;
    at->next = queued;
    if (run->last_event == at)
        run->last_event = queued;
    return queued;
}

static void mask_strings_again(plr_run *run, plr_queued_event *old)
{
    plr_event event = old->event;
    plr_queue_strings strings = { 0 };
    const char **places[PLR_QUEUE_STRINGS];
    plr_queue_mask_strings(run, &event, &strings);
    old->dead = put_behind(run, old, &event) != NULL;
    if (!old->dead) {
        size_t n = strings_of(&old->event, places);
        for (size_t i = 0; i < n; i++)
            *places[i] = *places[i] != NULL ? unmaskable : NULL;
    }
    plr_queue_strings_clear(&strings);
}

/* What comes out for one piece of output, in its place; moves `*offset` on. A gap stays where it
 * was, and one is left where there was no memory. */
static void put_pieces(
        plr_run *run, plr_queued_event *old, plr_buf *masked, bool lost, uint64_t *offset)
{
    plr_lines lines;
    plr_line line;
    plr_queued_event *at = old;
    plr_event event = old->event;
    const char *data = masked->data;
    size_t size = masked->size;
    plr_lines_init(&lines, *offset);
    while (!lost && (plr_lines_next(&lines, &data, &size, &line, NULL) > 0 ||
                            plr_lines_flush(&lines, true, &line))) {
        event.u.output.data = line.data;
        event.u.output.size = line.size;
        event.u.output.offset = line.offset;
        event.u.output.flags = line.flags;
        plr_queued_event *queued = put_behind(run, at, &event);
        lost = queued == NULL;
        at = lost ? at : queued;
    }
    lost |= size > 0; /* no memory for a line */
    if (at != old && (old->event.u.output.flags & PLR_OUTPUT_SPLIT) != 0 &&
            (at->event.u.output.flags & PLR_OUTPUT_PARTIAL) != 0)
        at->event.u.output.flags = PLR_OUTPUT_SPLIT;
    plr_event *own = &old->event;
    if (lost)
        own->u.output.flags = PLR_OUTPUT_GAP;
    own->u.output.size = 0;
    own->u.output.offset = *offset;
    old->dead = (own->u.output.flags & PLR_OUTPUT_GAP) == 0;
    *offset = lines.offset;
    plr_lines_clear(&lines);
    plr_buf_reset(masked);
}

static bool same_stream(const plr_event *a, const plr_event *b)
{
    return b->type == PLR_EVENT_OUTPUT && a->task == b->task && a->attempt == b->attempt &&
           a->u.output.stream == b->u.output.stream;
}

/* From its first piece that waits to the last. What is behind them goes on from there. */
static void mask_stream_again(plr_run *run, plr_queued_event *first)
{
    const plr_event of = first->event;
    uint64_t offset = of.u.output.offset, end = offset;
    plr_queued_event *last = NULL, *next;
    _cleanup_buf_ plr_buf masked = { 0 };
    plr_mask_row own, *row = plr_output_row(run, &of);
    bool lost = false, is_over = row == NULL;
    if (is_over) {
        row = &own;
        plr_mask_row_init(row, run->mask);
        plr_mask_row_begin_again(row);
    }
    for (plr_queued_event *at = first; at != NULL; at = next) {
        next = at->next;
        if (!same_stream(&of, &at->event) || at->masked_again == run->n_masked_again)
            continue;
        const plr_event *event = &at->event;
        bool gap = (event->u.output.flags & PLR_OUTPUT_GAP) != 0;
        at->masked_again = run->n_masked_again;
        if (at->dead)
            continue;
        if ((event->u.output.flags & PLR_OUTPUT_NOTICE) != 0) { /* none of the stream's bytes */
            if (last != NULL)
                put_pieces(run, steal(last), &masked, lost, &offset);
            at->event.u.output.offset = offset;
            lost = false;
            continue;
        }
        if (gap && last != NULL) /* no secret goes across it */
            lost |= plr_mask_row_again(row, "", 0, true, &masked, NULL) < 0;
        if (last != NULL)
            put_pieces(run, last, &masked, lost, &offset);
        end = event->u.output.offset + event->u.output.size;
        lost = plr_mask_row_again(
                       row, event->u.output.data, event->u.output.size, false, &masked, NULL) < 0;
        last = at;
    }
    if (is_over) {
        lost |= plr_mask_row_again(row, "", 0, true, &masked, NULL) < 0;
        plr_mask_row_clear(row);
    }
    if (last != NULL)
        put_pieces(run, last, &masked, lost, &offset);
    if (!is_over)
        plr_output_move(run, &of, offset - end);
}

void plr_queue_mask_again(plr_run *run)
{
    run->n_masked_again++;
    for (plr_queued_event *at = run->first_event, *next; at != NULL; at = next) {
        next = at->next;
        if (at->masked_again == run->n_masked_again || at->dead)
            continue;
        if (at->event.type == PLR_EVENT_OUTPUT)
            mask_stream_again(run, at);
        else if (at->event.type != PLR_EVENT_RUN_ENDED && at->event.type != PLR_EVENT_RUN_STARTED)
            mask_strings_again(run, at);
    }
}
