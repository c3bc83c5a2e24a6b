/* SPDX-License-Identifier: MIT */
/* Findings about a document as people read them: where, what, what was probably meant, and on a
 * terminal the line of the source with a caret. */
#ifndef PLR_CLI_DIAGNOSTIC_H
#define PLR_CLI_DIAGNOSTIC_H

#include <stdbool.h>

#include <pipeline/error.h>

#include "cli/style.h"
#include "cli/text.h"

typedef struct plr_diagnostics {
    const char *source; /* the document's text; NULL: not at hand */
    size_t size;
    bool carets; /* show the line of the source */
    plr_style style;
    plr_text out;
    size_t n_errors, n_warnings;
} plr_diagnostics;

/* A plr_diagnostic_fn; `userdata` is a plr_diagnostics, whose `out` it appends to. */
void plr_diagnostics_take(const plr_diagnostic *diagnostic, void *userdata);

#endif
