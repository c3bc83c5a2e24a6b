/* SPDX-License-Identifier: MIT */
/* What a step prints on its way to the events: through the mask, made into lines, within the log's
 * limits. Whatever could not be kept whole becomes a gap, never silence. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/engine.h"
#include "engine/limit.h"
#include "engine/lines.h"
#include "engine/output.h"
#include "engine/queue.h"
#include "engine/run.h"

/* How long the begin of a line waits for its end. */
#define PARTIAL_DELAY_NS ((uint64_t)100 * 1000000)

typedef struct stream {
    plr_stream id;
    bool dropped; /* ignore_stdout, ignore_stderr */
    plr_mask_row mask;
    plr_buf masked;
    plr_lines lines;
    plr_limit limit;
    bool is_showing; /* a line, whose bytes the host may be reading */
    bool is_late;    /* secrets were added: what is in lines and limit passes the mask again */
} stream;

struct plr_output {
    stream streams[2];
    plr_timer *timer; /* gives out what waits for the end of its line */
    bool waits;
};

static void give_line(plr_run_node *node, const stream *from, const plr_line *line, unsigned flags)
{
    plr_emit_output(node, from->id, line->data, line->size, line->offset, line->flags | flags);
}

static void give_notice(plr_run_node *node, const stream *from, const char *text)
{
    plr_emit_output(node, from->id, text, strlen(text), from->lines.offset, PLR_OUTPUT_NOTICE);
}

static void give_gap(plr_run_node *node, const stream *from)
{
    plr_emit_output(node, from->id, "", 0, from->lines.offset, PLR_OUTPUT_GAP);
}

static void show(plr_run_node *node, stream *from, const plr_line *line)
{
    plr_limit_verdict verdict = PLR_LIMIT_PASS;
    from->is_showing = true;
    if (plr_limit_take(&from->limit, line, &verdict, NULL) < 0)
        give_gap(node, from);
    else if (verdict == PLR_LIMIT_PASS)
        give_line(node, from, line, 0);
    else if (verdict == PLR_LIMIT_REACHED)
        give_notice(node, from,
                "[the log's limit is reached: its end follows when the step has ended]\n");
    from->is_showing = false;
}

static void mask_tail_again(stream *from)
{
    _cleanup_buf_ plr_buf kept = { 0 }, masked = { 0 };
    size_t before = from->limit.size;
    if (plr_limit_tail(&from->limit, &kept, NULL) < 0 ||
            plr_mask_row_again(&from->mask, kept.data, kept.size, false, &masked, NULL) < 0)
        plr_buf_clear(&masked);
    plr_limit_replace(&from->limit, masked.data, masked.size);
    from->lines.offset += masked.size - before;
}

/* Secrets were added while `*data` was on its way: what the log's tail keeps, what waits for the
 * end of its line and the rest of `*data` pass the mask again. The result stands in `rest`. */
static void mask_again(
        plr_run_node *node, stream *from, const char **data, size_t *size, plr_buf *rest)
{
    _cleanup_buf_ plr_buf waiting = { 0 };
    plr_buf masked = { 0 };
    from->is_late = false;
    mask_tail_again(from);
    int r = plr_lines_take_back(&from->lines, &waiting, NULL);
    if (r == 0)
        r = plr_buf_append(&waiting, *data, *size, NULL);
    if (r == 0)
        r = plr_mask_row_again(&from->mask, waiting.data, waiting.size, false, &masked, NULL);
    if (r < 0)
        plr_buf_reset(&masked);
    plr_buf_clear(rest);
    *rest = masked;
    *data = masked.data;
    *size = masked.size;
    if (r < 0)
        give_gap(node, from);
}

static void take_lines(plr_run_node *node, stream *from, const char *data, size_t size)
{
    _cleanup_buf_ plr_buf rest = { 0 };
    plr_line line;
    int r;
    do {
        if (from->is_late)
            mask_again(node, from, &data, &size, &rest);
        r = plr_lines_next(&from->lines, &data, &size, &line, NULL);
        if (r > 0)
            show(node, from, &line);
    } while (r > 0 || from->is_late);
    if (r < 0)
        give_gap(node, from);
}

static void take_masked(plr_run_node *node, stream *from, const char *data, size_t size, bool final)
{
    if (!node->run->has_secrets) {
        take_lines(node, from, data, size);
        return;
    }
    plr_buf_reset(&from->masked);
    if (plr_mask_row_feed(&from->mask, data, size, final, &from->masked, NULL) < 0)
        give_gap(node, from);
    else if (from->masked.size > 0)
        take_lines(node, from, from->masked.data, from->masked.size);
}

/* What the masks still hold, too; a secret that is added meanwhile may hold it back once more. */
static void finish_masks(plr_run_node *node, stream *from)
{
    do
        take_masked(node, from, "", 0, true);
    while (from->mask.n_later > 0);
}

static void flush_lines(plr_run_node *node, stream *from, bool final)
{
    plr_line line;
    if (!plr_lines_flush(&from->lines, final, &line))
        return;
    show(node, from, &line);
    if (from->is_late)
        take_lines(node, from, "", 0);
}

static void on_partial_delay(plr_timer *timer, void *userdata)
{
    (void)timer;
    plr_run_node *node = userdata;
    node->output->waits = false;
    for (int i = 0; i < 2; i++)
        flush_lines(node, &node->output->streams[i], false);
}

int plr_output_begin(plr_run_node *node, plr_error *err)
{
    const plr_run_options *options = &node->run->options;
    plr_output_clear(node);
    plr_output *output = calloc(1, sizeof *output);
    if (output == NULL)
        return plr_error_nomem(err);
    node->output = output;
    for (int i = 0; i < 2; i++) {
        stream *one = &output->streams[i];
        one->id = i == 0 ? PLR_STREAM_STDOUT : PLR_STREAM_STDERR;
        one->dropped = i == 0 ? node->task.step->ignore_stdout : node->task.step->ignore_stderr;
        plr_mask_row_init(&one->mask, node->run->mask);
        plr_lines_init(&one->lines, 0);
        plr_limit_init(&one->limit, options->log_head, options->log_tail);
    }
    return plr_timer_new(node->run->engine->loop, &output->timer, on_partial_delay, node, err);
}

void plr_output_take(plr_run_node *node, plr_stream id, const char *data, size_t size, bool gap)
{
    plr_output *output = node->output;
    if (output == NULL)
        return;
    stream *from = &output->streams[id == PLR_STREAM_STDERR];
    plr_ready_output(node, id, data, size);
    if (from->dropped)
        return;
    if (gap) {
        finish_masks(node, from);
        flush_lines(node, from, true);
        give_gap(node, from);
    }
    take_masked(node, from, data, size, false);
    if (!output->waits && plr_lines_pending(&from->lines) > 0) {
        output->waits = true;
        plr_timer_set(output->timer, plr_loop_now(node->run->engine->loop) + PARTIAL_DELAY_NS);
    }
}

/* The tail of a log that has a limit, as lines that pass. */
static void give_tail(plr_run_node *node, stream *from)
{
    _cleanup_buf_ plr_buf tail = { 0 };
    uint64_t left_out = plr_limit_end(&from->limit);
    if (left_out > 0) {
        char notice[96];
        snprintf(notice, sizeof notice,
                "[%" PRIu64 " bytes are left out here: the log has a limit]\n", left_out);
        give_notice(node, from, notice);
    }
    from->lines.offset = from->limit.end - from->limit.size;
    if (plr_limit_tail(&from->limit, &tail, NULL) < 0)
        give_gap(node, from);
    plr_limit_clear(&from->limit);
    plr_limit_init(&from->limit, 0, 0);
    take_lines(node, from, tail.data, tail.size);
}

static void end_stream(plr_run_node *node, stream *from)
{
    finish_masks(node, from);
    flush_lines(node, from, true);
    if (from->limit.reached)
        give_tail(node, from);
    finish_masks(node, from);
    flush_lines(node, from, true);
}

void plr_output_end(plr_run_node *node)
{
    if (node->output == NULL)
        return;
    for (int i = 0; i < 2; i++)
        end_stream(node, &node->output->streams[i]);
    plr_output_clear(node);
}

void plr_output_clear(plr_run_node *node)
{
    plr_output *output = steal(node->output);
    if (output == NULL)
        return;
    plr_timer_free(output->timer);
    for (int i = 0; i < 2; i++) {
        plr_mask_row_clear(&output->streams[i].mask);
        plr_buf_clear(&output->streams[i].masked);
        plr_lines_clear(&output->streams[i].lines);
        plr_limit_clear(&output->streams[i].limit);
    }
    free(output);
}

static stream *stream_of(plr_run *run, const plr_event *event)
{
    plr_run_node *node = &run->nodes[event->task];
    if (node->output == NULL || node->task.attempt != event->attempt)
        return NULL;
    return &node->output->streams[event->u.output.stream == PLR_STREAM_STDERR];
}

plr_mask_row *plr_output_row(plr_run *run, const plr_event *event)
{
    stream *of = stream_of(run, event);
    return of != NULL ? &of->mask : NULL;
}

void plr_output_move(plr_run *run, const plr_event *event, uint64_t by)
{
    stream *of = stream_of(run, event);
    of->lines.offset += by;
    of->limit.kept_from += by;
    of->limit.end += by;
}

static void each_stream(plr_run *run, void (*call)(plr_run_node *node, stream *one))
{
    for (size_t i = 0; i < run->document->n_tasks; i++)
        for (int k = 0; run->nodes[i].output != NULL && k < 2; k++)
            call(&run->nodes[i], &run->nodes[i].output->streams[k]);
}

static void begin_again(plr_run_node *node, stream *one)
{
    (void)node;
    plr_mask_row_begin_again(&one->mask);
    one->is_late = true;
}

static void go_on_again(plr_run_node *node, stream *one)
{
    if (!one->is_showing) /* else whoever shows the line does it: its bytes are borrowed */
        take_lines(node, one, "", 0);
}

void plr_output_secret_added(plr_run *run)
{
    bool in_callback = run->in_callback;
    run->in_callback = true; /* what comes of it waits for the next dispatch */
    each_stream(run, begin_again);
    plr_queue_mask_again(run);
    each_stream(run, go_on_again);
    run->in_callback = in_callback;
}
