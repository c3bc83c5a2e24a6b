/* SPDX-License-Identifier: MIT */
/* Making files of a layer's entries, in a process whose root is the layer's folder. */
#ifndef PLR_IMAGE_UNPACK_ENTRY_H
#define PLR_IMAGE_UNPACK_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include <pipeline/error.h>

#include "engine/base/buf.h"

struct archive;
struct archive_entry;

typedef struct plr_unpacking {
    bool root;           /* of the machine, not of a user namespace only */
    unsigned uids, gids; /* ids below these can be given to files */
    uint64_t most;       /* bytes of a file, even if it is all holes */
    plr_buf folders;     /* their times, to be set when nothing is put into them any more */
    char parent[4096];   /* of the last entry: it is there */
    uint64_t squashed, devices, attributes; /* what could not be as the layer has it */
} plr_unpacking;

int plr_unpack_entry(plr_unpacking *unpacking, struct archive *archive, struct archive_entry *entry,
        plr_error *err);

/* After the last entry. */
int plr_unpack_folders(plr_unpacking *unpacking, plr_error *err);

#endif
