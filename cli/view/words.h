/* SPDX-License-Identifier: MIT */
/* An end in words: "exit code 1", "killed by signal 9 (KILL)", "skipped: a step before it failed".
 */
#ifndef PLR_CLI_VIEW_WORDS_H
#define PLR_CLI_VIEW_WORDS_H

#include <pipeline/event.h>

#include "cli/text.h"

typedef enum plr_mark {
    PLR_MARK_PASSED,
    PLR_MARK_FAILED,
    PLR_MARK_IGNORED,
    PLR_MARK_SKIPPED,
    PLR_MARK_STOPPED,
    PLR_MARK_RETRIED,
} plr_mark;

plr_mark plr_words_mark(const plr_end *end);

/* Appends why it ended, as one line of plain text; "why" for where it stands beside the mark. */
void plr_words_why(const plr_end *end, plr_text *out);
void plr_words_end(const plr_end *end, plr_text *out);

#endif
