/* SPDX-License-Identifier: MIT */
/* The framing of Docker's attach, logs and exec streams, taken apart without copying payload. */
#include "net/frames.h"

#include <string.h>

#include "engine/base/error.h"

/* A whole header is there: believe it or not. */
static int begin(plr_frames *frames, plr_error *err)
{
    const unsigned char *h = frames->header;
    uint32_t length =
            (uint32_t)h[4] << 24 | (uint32_t)h[5] << 16 | (uint32_t)h[6] << 8 | (uint32_t)h[7];
    if (h[0] > 2)
        return plr_error_set(err, PLR_ERR_PROTOCOL, "a frame of stream %u: there is none", h[0]);
    if (h[1] != 0 || h[2] != 0 || h[3] != 0)
        return plr_error_set(err, PLR_ERR_PROTOCOL, "a frame's header is malformed");
    if (length > PLR_FRAMES_LONGEST)
        return plr_error_set(err, PLR_ERR_PROTOCOL, "a frame of %u bytes, more than %u", length,
                PLR_FRAMES_LONGEST);
    frames->left = length;
    if (length == 0)
        frames->n_header = 0;
    return 0;
}

int plr_frames_feed(plr_frames *frames, const void *data, size_t size, plr_frames_fn *on_data,
        void *userdata, plr_error *err)
{
    const unsigned char *at = data;
    const unsigned char *end = at + size;
    while (at < end) {
        size_t n = (size_t)(end - at);
        if (frames->n_header < sizeof frames->header) {
            size_t missing = sizeof frames->header - frames->n_header;
            n = n < missing ? n : missing;
            memcpy(frames->header + frames->n_header, at, n);
            frames->n_header += (unsigned)n;
            at += n;
            int r = n == missing ? begin(frames, err) : 0;
            if (r < 0)
                return r;
            continue;
        }
        n = n < frames->left ? n : frames->left;
        /* State first: the callback may look at it. */
        frames->left -= (uint32_t)n;
        if (frames->left == 0)
            frames->n_header = 0;
        on_data(frames->header[0] == 2 ? PLR_STREAM_STDERR : PLR_STREAM_STDOUT, at, n, userdata);
        at += n;
    }
    return 0;
}

int plr_frames_end(const plr_frames *frames, plr_error *err)
{
    if (frames->n_header == sizeof frames->header)
        return plr_error_set(err, PLR_ERR_PROTOCOL,
                "the stream ends inside a frame, %u bytes are missing", frames->left);
    if (frames->n_header > 0)
        return plr_error_set(err, PLR_ERR_PROTOCOL, "the stream ends inside a frame's header");
    return 0;
}
