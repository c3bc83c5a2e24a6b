/* SPDX-License-Identifier: MIT */
/* From a tree to a struct, by a table of its fields. The same table documents the format, so there
 * is one list of what a document may say. */
#ifndef PLR_BASE_DECODE_H
#define PLR_BASE_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/document.h"
#include "engine/base/findings.h"

/* What a field is in JSON, and in the struct. null and an empty text are the same as absent: they
 * leave zeroes, or the fallback. */
typedef enum plr_field_type {
    PLR_FIELD_STRING,   /* const char * */
    PLR_FIELD_WORD,     /* const char *, one of `words` */
    PLR_FIELD_ENUM,     /* int, the value of one of `words` */
    PLR_FIELD_BOOL,     /* bool */
    PLR_FIELD_INTEGER,  /* int64_t, from `least` to `most` */
    PLR_FIELD_DURATION, /* int64_t, nanoseconds: "1h30m" */
    PLR_FIELD_BYTES,    /* plr_bytes: base64 */
    PLR_FIELD_STRINGS,  /* const char *const *, size_t */
    PLR_FIELD_ENUMS,    /* const int *, size_t */
    PLR_FIELD_PAIRS,    /* const plr_pair *, size_t: a free map */
    PLR_FIELD_OBJECT,   /* the struct of `table` in place */
    PLR_FIELD_POINTER,  /* a pointer to it, NULL if absent */
    PLR_FIELD_LIST,     /* const struct *, size_t */
} plr_field_type;

typedef struct plr_word {
    const char *word; /* NULL ends a list */
    int value;
} plr_word;

typedef struct plr_table plr_table;

typedef struct plr_field {
    const char *name;
    plr_field_type type;
    size_t offset, n_offset;
    const char *doc; /* Markdown, one or two sentences */
    bool required;
    unsigned variants; /* in which variants of its table it stands; 0: in all */
    const plr_table *table;
    const plr_word *words;
    int64_t least, most;
    const char *fallback; /* of a string or word; NULL: none */
    const char *pattern;  /* for the schema alone: what the checks say of a string */
} plr_field;

struct plr_table {
    const char *name;  /* "volume mount": what messages and the reference page call it */
    const char *title; /* with an article: "a volume mount" */
    const char *doc;
    size_t size; /* of the struct */
    const plr_field *fields;
    size_t n_fields;
    unsigned variant; /* a bit, if fields are shared with other tables */
};

/* No table has more fields. */
#define PLR_TABLE_WIDEST 32

typedef struct plr_decoder {
    plr_arena *arena; /* for what the struct points to */
    plr_findings *findings;
    bool lenient; /* unknown keys are warnings */
} plr_decoder;

/* Fills the zeroed struct at `out` as far as the tree is right; the rest goes to the findings. */
void plr_decode(plr_decoder *decoder, const plr_table *table, const plr_node *node, void *out);

/* Reads an object in which others may write more than the table knows: what it knows is decoded
 * into the zeroed struct at `out`, and the first thing wrong is the error, with `code` and `what`
 * (a file, a peer) before it. The tree is gone afterwards, the struct points into `arena`. */
int plr_decode_text(void *out, plr_arena *arena, const plr_table *table, const char *text,
        size_t size, const char *what, int code, plr_error *err);

/* Whether a field stands in this variant. */
bool plr_field_in(const plr_field *field, const plr_table *table);

#endif
