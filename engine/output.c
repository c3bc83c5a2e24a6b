/* SPDX-License-Identifier: MIT */
/* What a step prints on its way to the events. */
#include "engine/base/error.h"
#include "engine/engine.h"
#include "engine/run.h"

struct plr_output {
    plr_mask_stream streams[2];
};

int plr_output_begin(plr_run_node *node, plr_error *err)
{
    plr_output_clear(node);
    node->output = calloc(1, sizeof *node->output);
    if (node->output == NULL)
        return plr_error_nomem(err);
    for (int i = 0; i < 2; i++)
        plr_mask_stream_init(&node->output->streams[i], node->run->mask);
    return 0;
}

void plr_output_take(plr_run_node *node, plr_stream stream, const char *data, size_t size, bool gap)
{
    _cleanup_buf_ plr_buf out = { 0 };
    plr_ready_output(node, data, size);
    plr_mask_feed(&node->output->streams[stream - 1], data, size, false, &out, NULL);
    plr_emit_output(node, stream, out.data, out.size, 0, gap ? PLR_OUTPUT_GAP : 0);
}

void plr_output_end(plr_run_node *node)
{
    (void)node;
}

void plr_output_clear(plr_run_node *node)
{
    if (node->output == NULL)
        return;
    for (int i = 0; i < 2; i++)
        plr_mask_stream_clear(&node->output->streams[i]);
    free(steal(node->output));
}
