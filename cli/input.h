/* SPDX-License-Identifier: MIT */
/* Reads a document from a file or stdin and tells what is wrong with it. */
#ifndef PLR_CLI_INPUT_H
#define PLR_CLI_INPUT_H

#include <pipeline/run.h>
#include <pipeline/spec.h>

#include "cli/text.h"

/* A whole file, or stdin for "-". More than 64 MiB are not read to the end: the reader of documents
 * refuses them anyway. `*ret_data` is for free(). */
int plr_input_read(const char *path, char **ret_data, size_t *ret_size, plr_error *err);

/* Reads a document and prints its findings on stderr. Returns 0, or an exit code, with the reason
 * told. `ret_text` gets the document's text, for plr_input_findings; it may be NULL. */
int plr_input_spec(
        const char *path, const plr_spec_options *options, plr_spec **ret_spec, plr_text *ret_text);

/* Appends what a backend's check found in this document, as findings of the document's own. */
void plr_input_findings(const char *path, const plr_text *text, const plr_run *run, plr_text *out);

#endif
