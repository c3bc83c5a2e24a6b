/* SPDX-License-Identifier: MIT */
/* Text that others wrote, made safe for a screen: colours stay, all that moves the cursor, clears,
 * renames windows or rings goes; and it can be cut to a number of columns. */
#ifndef PLR_CLI_VIEW_TERMINAL_H
#define PLR_CLI_VIEW_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/text.h"

/* Appends one line (without its newline). At most `columns` of the screen are used; what was cut
 * ends in an ellipsis. Of text that overwrote itself by carriage returns the last is shown. With
 * `colours`, its own are kept and switched off at the end. Returns the columns used. */
size_t plr_terminal_line(
        plr_text *out, const char *text, size_t size, size_t columns, bool colours);

/* Appends a message that came from anywhere as one line of plain text. */
void plr_terminal_message(plr_text *out, const char *message);

/* Columns and rows of a terminal; false if they are not known. */
bool plr_terminal_size(int fd, size_t *ret_columns, size_t *ret_rows);

/* Whether people's glyphs beyond ASCII arrive as meant (LC_ALL, LC_CTYPE, LANG say UTF-8). */
bool plr_terminal_utf8(void);

#endif
