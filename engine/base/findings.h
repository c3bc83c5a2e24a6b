/* SPDX-License-Identifier: MIT */
/* What was found about a document, gathered so that all of it can be told at once and in the
 * document's order. Running out of memory is remembered, so a reader can check once. */
#ifndef PLR_BASE_FINDINGS_H
#define PLR_BASE_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include <pipeline/error.h>

#include "engine/base/arena.h"
#include "engine/base/document.h"

/* Beyond these nobody reads on, and a hostile document must not make us write on. */
#define PLR_FINDINGS_MOST 1000

typedef struct plr_finding {
    plr_severity severity; /* 0: an error */
    const char *code;
    const plr_node *node; /* what it is about, NULL: the document */
    size_t line, column;  /* 0: where the node's value stands */
    bool key;             /* it is about the node's key: stand there instead */
    const char *suggestion;
    /* Set by plr_findings_add. */
    const char *pointer, *text;
    size_t order;
} plr_finding;

struct plr_findings {
    plr_arena arena;
    plr_finding *items;
    size_t n, capacity;
    size_t n_errors;  /* told or not */
    size_t n_dropped; /* beyond the most */
    bool failed;      /* out of memory */
};

void plr_findings_init(plr_findings *findings);
void plr_findings_clear(plr_findings *findings);

/* Adds one; what it refers to is copied. */
void plr_findings_add(plr_findings *findings, const plr_finding *finding, const char *format, ...)
        PLR_PRINTF(3, 4);

/* True when another would only be counted: no need to think of a suggestion. */
bool plr_findings_full(const plr_findings *findings);

/* How many bytes of a text from the document to print with "%.*s": long ones are cut. */
int plr_findings_shown(const char *text, size_t size);

/* Tells all, in the order of the document. PLR_ERR_DOCUMENT with the first error in `err` if there
 * is one, PLR_ERR_NOMEM if one was lost. */
int plr_findings_tell(plr_findings *findings, const char *source, plr_diagnostic_fn *on_diagnostic,
        void *userdata, plr_error *err);

#endif
