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
#include "engine/run.h"

/* How long the begin of a line waits for its end. */
#define PARTIAL_DELAY_NS ((uint64_t)100 * 1000000)

typedef struct stream {
    plr_stream id;
    bool dropped; /* ignore_stdout, ignore_stderr */
    plr_mask_stream mask;
    plr_buf masked;
    plr_lines lines;
    plr_limit limit;
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

static void limit_line(plr_run_node *node, stream *from, const plr_line *line)
{
    plr_limit_verdict verdict = PLR_LIMIT_PASS;
    if (plr_limit_take(&from->limit, line, &verdict, NULL) < 0)
        give_gap(node, from);
    else if (verdict == PLR_LIMIT_PASS)
        give_line(node, from, line, 0);
    else if (verdict == PLR_LIMIT_REACHED)
        give_notice(node, from,
                "[the log's limit is reached: its end follows when the step has ended]\n");
}

static void take_lines(plr_run_node *node, stream *from, const char *data, size_t size)
{
    plr_line line;
    int r;
    while ((r = plr_lines_next(&from->lines, &data, &size, &line, NULL)) > 0)
        limit_line(node, from, &line);
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
    if (plr_mask_feed(&from->mask, data, size, final, &from->masked, NULL) < 0)
        give_gap(node, from);
    else if (from->masked.size > 0)
        take_lines(node, from, from->masked.data, from->masked.size);
}

static void flush_lines(plr_run_node *node, stream *from, bool final)
{
    plr_line line;
    if (plr_lines_flush(&from->lines, final, &line))
        limit_line(node, from, &line);
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
        plr_mask_stream_init(&one->mask, node->run->mask);
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
        take_masked(node, from, "", 0, true);
        flush_lines(node, from, true);
        give_gap(node, from);
    }
    take_masked(node, from, data, size, false);
    if (!output->waits && plr_lines_pending(&from->lines) > 0) {
        output->waits = true;
        plr_timer_set(output->timer, plr_loop_now(node->run->engine->loop) + PARTIAL_DELAY_NS);
    }
}

static void end_stream(plr_run_node *node, stream *from)
{
    take_masked(node, from, "", 0, true);
    flush_lines(node, from, true);
    uint64_t left_out = plr_limit_end(&from->limit);
    if (left_out > 0) {
        char notice[96];
        snprintf(notice, sizeof notice,
                "[%" PRIu64 " bytes are left out here: the log has a limit]\n", left_out);
        give_notice(node, from, notice);
    }
    plr_line line;
    int r;
    while ((r = plr_limit_next(&from->limit, &line, NULL)) > 0)
        give_line(node, from, &line, 0);
    if (r < 0)
        give_gap(node, from);
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
        plr_mask_stream_clear(&output->streams[i].mask);
        plr_buf_clear(&output->streams[i].masked);
        plr_lines_clear(&output->streams[i].lines);
        plr_limit_clear(&output->streams[i].limit);
    }
    free(output);
}
