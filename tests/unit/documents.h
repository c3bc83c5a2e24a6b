/* SPDX-License-Identifier: MIT */
/*
 * Documents in tests: written with ' for ", read by the engine, and everything that was found about
 * them as text, a line for each finding:
 *
 *     3:14 unknown-key /steps/0/imag (image)
 *
 * that is line, column, code, pointer, and what was probably meant.
 */
#ifndef PLR_TESTS_UNIT_DOCUMENTS_H
#define PLR_TESTS_UNIT_DOCUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include <pipeline/spec.h>

#include "engine/base/buf.h"

typedef struct plr_case {
    const char *what; /* holds, as a sentence */
    const char *json;
    const char *found; /* all of it, without the last newline; "" is nothing */
} plr_case;

/* One step on line 2, its members after its name on line 3, so that they begin at 3:1. */
#define STEP(members)                                                                              \
    "{'steps':[\n"                                                                                 \
    "{'metadata':{'name':'a'},\n" members "}]}"

/* A document with members beside a step that is right: they begin at 2:1. */
#define BESIDE(members) "{'steps':[{'metadata':{'name':'a'}}],\n" members "}"

/* Reads each case and compares; PLR_ERR_DOCUMENT has to come with the first error, and only then.
 */
void plr_cases_check(const plr_case *cases, size_t n, const plr_spec_options *options);

/* Reads a document with ' for ". What is found is added to `found`, if that is not NULL. Returns
 * NULL if it is refused. */
plr_spec *plr_case_read(const char *json, const plr_spec_options *options, plr_buf *found);

/* A plr_diagnostic_fn that adds a line to a plr_buf. */
void plr_case_diagnostic(const plr_diagnostic *diagnostic, void *buf);

#endif
