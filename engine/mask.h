/* SPDX-License-Identifier: MIT */
/* The mask: no secret leaves the engine. A mask is a set of secrets that may grow while streams are
 * open; a stream replaces every run of bytes that belongs to a secret by six stars. */
#ifndef PLR_MASK_H
#define PLR_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/error.h>

#include "engine/base/buf.h"

/* What stands for a run of masked bytes. Its length tells nothing about the secret's. */
#define PLR_MASK_STARS "******"

/* Shorter secrets would make the output unreadable; shorter derived forms, too. */
#define PLR_MASK_SHORTEST 3u
#define PLR_MASK_SHORTEST_FORM 6u

/* A secret with all its forms takes 500 to 900 times its size in memory if it is text, 3500 times
 * if it is random bytes. The environment of a process does not hold longer ones, either. */
#define PLR_MASK_LONGEST (128u * 1024)

typedef struct plr_mask plr_mask;
typedef struct plr_mask_table plr_mask_table;

int plr_mask_new(plr_mask **ret_mask, plr_error *err);
plr_mask *plr_mask_ref(plr_mask *mask);
void plr_mask_unref(plr_mask *mask);

/*
 * Adds a secret: itself, its lines, and their derived forms (mask_forms.h). Line breaks at its
 * begin and end do not belong to it, blanks around a line do not belong to the line. It takes
 * effect for what streams have not given out yet. An empty secret is ignored; one under
 * PLR_MASK_SHORTEST is not masked, and `*ret_too_short` (may be NULL) says so. PLR_ERR_USAGE above
 * PLR_MASK_LONGEST. After an error the mask is as it was.
 */
int plr_mask_add(
        plr_mask *mask, const void *secret, size_t size, bool *ret_too_short, plr_error *err);

/* Raw bytes [from, to) of a stream. */
typedef struct plr_mask_span {
    uint64_t from, to;
} plr_mask_span;

/* One stream on its way through a mask. Offsets count its raw bytes, from 0. */
typedef struct plr_mask_stream {
    uint64_t seen;  /* fed so far */
    uint64_t given; /* of these: given out, as they were or as stars */
    uint64_t work;  /* steps of the automaton; tests hold that they are linear in `seen` */

    /* The rest is for mask.c. */
    plr_mask *mask;
    plr_mask_table *table; /* what `state` belongs to */
    uint32_t state;
    bool masking; /* the last byte given out was masked, so its stars are out */

    /* The bytes that may begin a secret: the last `tail_size` seen. They stand at tail_start. */
    unsigned char *tail;
    size_t tail_start, tail_size, tail_capacity;

    /* Masked and not given out, in order, with a gap between any two. */
    plr_mask_span *spans;
    size_t spans_start, spans_end, spans_capacity;
} plr_mask_stream;

void plr_mask_stream_init(plr_mask_stream *stream, plr_mask *mask); /* takes a reference */
void plr_mask_stream_clear(plr_mask_stream *stream);

/*
 * Appends to `out` what is decided by now. What may still become a secret is held back: the longest
 * end of the stream that begins a pattern, as long as it does and no longer. `final` gives it out,
 * and the stream begins anew. After PLR_ERR_NOMEM stream and `out` are as they were: the same bytes
 * may be fed again.
 */
int plr_mask_feed(plr_mask_stream *stream, const void *data, size_t size, bool final, plr_buf *out,
        plr_error *err);

/* How many raw bytes are held back. */
size_t plr_mask_held(const plr_mask_stream *stream);

/* Appends a whole text, masked. */
int plr_mask_text(plr_mask *mask, const char *text, plr_buf *out, plr_error *err);

#endif
