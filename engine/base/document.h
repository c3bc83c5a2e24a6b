/* SPDX-License-Identifier: MIT */
/* A JSON document as a tree that knows where everything stands, for readers who owe their users a
 * line and a column. yajl does the parsing; what it lets pass in silence is found here. */
#ifndef PLR_BASE_DOCUMENT_H
#define PLR_BASE_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/error.h>

#include "engine/base/arena.h"

typedef struct plr_findings plr_findings;

#define PLR_DOCUMENT_LARGEST ((size_t)64 << 20)
#define PLR_DOCUMENT_DEEPEST 64

typedef enum plr_node_type {
    PLR_NODE_NULL,
    PLR_NODE_BOOL,
    PLR_NODE_NUMBER,
    PLR_NODE_STRING,
    PLR_NODE_ARRAY,
    PLR_NODE_OBJECT,
} plr_node_type;

typedef struct plr_node plr_node;
struct plr_node {
    plr_node_type type;
    bool truth;            /* of a boolean */
    bool whole;            /* of an array or object: its end was read */
    bool bad, bad_key;     /* a finding about the text was made; ask no more of it */
    uint32_t line, column; /* from 1; columns are bytes */
    uint32_t key_line, key_column;
    uint32_t size;     /* bytes of text, or number of children */
    uint32_t key_size; /* with `key` */
    const char *key;   /* not NUL-terminated; NULL in an array */
    union {
        const char *text; /* of a string, or a number as written; not NUL-terminated */
        plr_node *first;  /* of an array or object */
    };
    plr_node *next, *parent;
};

/* Reads `size` bytes, a byte order mark before them is skipped. The tree stands in `arena` and
 * refers to `data`. What is wrong goes to `findings`; after a syntax error `*ret_root` is the tree
 * up to there, with open ends (`whole`), and may be NULL. Returns 0 or PLR_ERR_NOMEM. */
int plr_document_parse(plr_node **ret_root, plr_arena *arena, const char *data, size_t size,
        plr_findings *findings, plr_error *err);

/* The child of an object whose key is `name`, without case; NULL if there is none. */
const plr_node *plr_node_get(const plr_node *object, const char *name);

/* The child of an array or object at `index`, NULL if there is none. */
const plr_node *plr_node_at(const plr_node *parent, size_t index);

/* Whether a text of `size` bytes is `name`, ASCII letters without case. */
bool plr_key_is(const char *text, size_t size, const char *name);

/* "a string", "an object", ... */
const char *plr_node_type_name(plr_node_type type);

#endif
