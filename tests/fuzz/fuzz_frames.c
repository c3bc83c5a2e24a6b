/* SPDX-License-Identifier: MIT */
/* Docker's stream framing: the first byte says how the rest is cut, and both ways must agree. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "net/frames.h"

static void on_data(plr_stream stream, const void *data, size_t size, void *userdata)
{
    plr_buf *streams = userdata;
    if (size == 0)
        abort();
    plr_buf_put(&streams[stream - 1], data, size);
}

static int feed(const uint8_t *data, size_t size, size_t piece, plr_buf *streams)
{
    plr_frames frames = { 0 };
    int r = 0;
    for (size_t at = 0; r == 0 && at < size; at += piece)
        r = plr_frames_feed(
                &frames, data + at, size - at < piece ? size - at : piece, on_data, streams, NULL);
    return r == 0 ? plr_frames_end(&frames, NULL) : r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    plr_buf whole[2] = { 0 }, pieces[2] = { 0 };
    if (size == 0)
        return 0;
    size_t piece = data[0] > 0 ? data[0] : 1;
    int r = feed(data + 1, size - 1, size, whole);
    if (feed(data + 1, size - 1, piece, pieces) != r)
        abort();
    for (size_t i = 0; i < 2; i++) {
        if (whole[i].size != pieces[i].size ||
                (whole[i].size > 0 && memcmp(whole[i].data, pieces[i].data, whole[i].size) != 0))
            abort();
        plr_buf_clear(&whole[i]);
        plr_buf_clear(&pieces[i]);
    }
    return 0;
}
