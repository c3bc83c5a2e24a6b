/* SPDX-License-Identifier: MIT */
/* The row: one mask nearly always, so that this case costs nothing. */
#include "engine/mask_row.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"

void plr_mask_row_init(plr_mask_row *row, plr_mask *mask)
{
    *row = (plr_mask_row){ 0 };
    plr_mask_stream_init(&row->first, mask);
}

void plr_mask_row_clear(plr_mask_row *row)
{
    plr_mask_stream_clear(&row->first);
    for (size_t i = 0; i < row->n_later; i++)
        plr_mask_stream_clear(&row->later[i]);
    free(row->later);
    *row = (plr_mask_row){ 0 };
}

/* What follows no begin of a secret is as well seen by the masks before it. */
static void drop_idle(plr_mask_row *row, bool all)
{
    size_t n = 0;
    for (size_t i = 0; i < row->n_later; i++) {
        if (row->later[i].tail_size > 0 && !all)
            row->later[n++] = row->later[i];
        else
            plr_mask_stream_clear(&row->later[i]);
    }
    row->n_later = n;
}

int plr_mask_row_feed(
        plr_mask_row *row, const void *data, size_t size, bool final, plr_buf *out, plr_error *err)
{
    if (row->n_later == 0)
        return plr_mask_feed(&row->first, data, size, final, out, err);
    plr_buf between[2] = { { 0 }, { 0 } };
    int r = plr_mask_feed(&row->first, data, size, final, &between[0], err);
    for (size_t i = 0; i < row->n_later && r == 0; i++) {
        const plr_buf *in = &between[i % 2];
        plr_buf *next = i + 1 < row->n_later ? &between[(i + 1) % 2] : out;
        if (next != out)
            plr_buf_reset(next);
        r = plr_mask_feed(&row->later[i], in->data, in->size, final, next, err);
    }
    drop_idle(row, final);
    plr_buf_clear(&between[0]);
    plr_buf_clear(&between[1]);
    return r;
}

void plr_mask_row_begin_again(plr_mask_row *row)
{
    plr_mask_stream *later = realloc(row->later, (row->n_later + 1) * sizeof *later);
    row->broken = later == NULL;
    if (row->broken)
        return;
    row->later = later;
    plr_mask_stream_init(&row->later[row->n_later++], row->first.mask);
}

int plr_mask_row_again(
        plr_mask_row *row, const void *data, size_t size, bool final, plr_buf *out, plr_error *err)
{
    if (row->broken)
        return plr_error_nomem(err);
    return plr_mask_feed(&row->later[row->n_later - 1], data, size, final, out, err);
}
