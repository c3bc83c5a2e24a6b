/* SPDX-License-Identifier: MIT */
/* The framing of Docker's attach, logs and exec streams: stdout and stderr in one connection, each
 * piece behind a header of eight bytes (stream, three zeros, big-endian length). */
#ifndef PLR_NET_FRAMES_H
#define PLR_NET_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include <pipeline/error.h>
#include <pipeline/event.h>

/* Longer frames are not believed: attach has at most 32 KiB, a log driver's line may be longer. */
#define PLR_FRAMES_LONGEST ((uint32_t)16 << 20)

/* A parser; all zero at the beginning, holds no memory. */
typedef struct plr_frames {
    unsigned char header[8];
    unsigned n_header; /* bytes of it that are there; 8: inside a frame */
    uint32_t left;     /* of the frame's bytes */
} plr_frames;

/* Bytes of a stream, straight from what was fed: a frame may come in pieces, never two in one. */
typedef void plr_frames_fn(plr_stream stream, const void *data, size_t size, void *userdata);

/* PLR_ERR_PROTOCOL for what is no frame; pieces before it have been passed on, and nothing more
 * may be fed. What the daemon calls stdin (0) is the echo of a terminal, and counts as stdout. */
int plr_frames_feed(plr_frames *frames, const void *data, size_t size, plr_frames_fn *on_data,
        void *userdata, plr_error *err);

/* At the end of the input: PLR_ERR_PROTOCOL if it tore a frame or a header. */
int plr_frames_end(const plr_frames *frames, plr_error *err);

#endif
