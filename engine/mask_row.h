/* SPDX-License-Identifier: MIT */
/* Masks behind one another. What a stream's mask has let pass and nobody was given yet is fed again
 * when a secret becomes known later; what comes after it follows through the same mask, until no
 * secret can lie across the border any more. */
#ifndef PLR_MASK_ROW_H
#define PLR_MASK_ROW_H

#include "engine/mask.h"

typedef struct plr_mask_row {
    plr_mask_stream first;  /* takes the raw bytes */
    plr_mask_stream *later; /* each takes what the one before it gives */
    size_t n_later;
    bool broken; /* the last plr_mask_row_begin_again had no memory */
} plr_mask_row;

void plr_mask_row_init(plr_mask_row *row, plr_mask *mask); /* takes a reference */
void plr_mask_row_clear(plr_mask_row *row);

/* Feeds all of the row, as plr_mask_feed does; after PLR_ERR_NOMEM these bytes may be lost. A later
 * mask goes as soon as it has nothing in hand; with `final` all of them do. */
int plr_mask_row_feed(
        plr_mask_row *row, const void *data, size_t size, bool final, plr_buf *out, plr_error *err);

/* Secrets were added: puts one more mask at the end, for what the row has given already. Without
 * memory plr_mask_row_again fails until it is called anew, so nothing passes unseen. */
void plr_mask_row_begin_again(plr_mask_row *row);

/* Feeds the last mask with what the row has given, in order. */
int plr_mask_row_again(
        plr_mask_row *row, const void *data, size_t size, bool final, plr_buf *out, plr_error *err);

#endif
