/* SPDX-License-Identifier: MIT */
/* The process that unpacks one layer, apart from the one that downloads it: it follows the growing
 * file, works below the layer's own folder as its root, and tells by fixed words how it goes. */
#ifndef PLR_IMAGE_UNPACK_H
#define PLR_IMAGE_UNPACK_H

#include <stdint.h>

#include <pipeline/error.h>

/* From the parent, on stdin: a number. So many bytes of the file may be read; with the highest bit:
 * that is all of it, and its digest is right. The end of stdin before that: give up. After DONE the
 * end of stdin is the leave to end, and to let go of the layer's lock. */
#define PLR_UNPACK_WHOLE ((uint64_t)1 << 63)

/* To the parent, on stdout: one of these after the other. */
typedef enum plr_unpack_kind {
    PLR_UNPACK_WAITING = 1, /* another process has the layer */
    PLR_UNPACK_PRESENT,     /* it is in the store: nothing to be done */
    PLR_UNPACK_READY,       /* the layer is ours: bring the bytes */
    PLR_UNPACK_PROGRESS,    /* number: bytes that were unpacked */
    PLR_UNPACK_NOTE,        /* text, for people */
    PLR_UNPACK_DONE,        /* all is in the folder .new-… and as its diff id says */
    PLR_UNPACK_FAILED,      /* code, text */
} plr_unpack_kind;

typedef struct plr_unpack_word {
    uint32_t kind;
    int32_t code;
    uint64_t number;
    char text[PLR_ERROR_MESSAGE_SIZE];
} plr_unpack_word;

/* plr-image --unpack FILE LAYERS DIFF-ID MOST, the last in bytes of what was decompressed. */
int plr_unpack_main(char **arguments);

#endif
