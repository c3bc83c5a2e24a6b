/* SPDX-License-Identifier: MIT */
/* What the checks of several backends share: how they tell what they find, and the rules that are
 * none of one daemon's alone. */
#ifndef PLR_BACKENDS_CHECK_H
#define PLR_BACKENDS_CHECK_H

#include <stddef.h>

#include <pipeline/backend.h>

/* The operation `check` while it goes on. */
typedef struct plr_check {
    const plr_host *host;
    plr_op *op;
    const plr_document *document;
    size_t n_errors; /* found so far */
} plr_check;

/* A finding about a step, or, with NULL, about the document or the machine; `where` is a JSON
 * pointer below the step's. */
void plr_check_error(plr_check *check, const plr_step *step, const char *code, const char *where,
        const char *format, ...) PLR_PRINTF(5, 6);
void plr_check_warning(plr_check *check, const plr_step *step, const char *code, const char *where,
        const char *format, ...) PLR_PRINTF(5, 6);

/* A backend of this name runs images only: the step names one, and it is a name. */
void plr_check_image(plr_check *check, const plr_step *step, const char *backend);

/* What is mounted over a file hides it: memory volumes, and the folders `reserved`, which NULL
 * ends. */
void plr_check_files(plr_check *check, const plr_step *step, const char *const *reserved);

/* No volume is mounted in the folders `reserved`, which NULL ends. */
void plr_check_mounts(plr_check *check, const plr_step *step, const char *const *reserved);

/* All ports of the document's tasks are published at once, for as long as the run lasts: no port of
 * the host for two of them. Looks at those of `task` and of all before it. */
void plr_check_host_ports(plr_check *check, size_t task);

#endif
