/* SPDX-License-Identifier: MIT */
/* What of a JSON text need not be parsed: members that nobody asks for are found while it passes
 * by, so that their objects are never made. */
#ifndef PLR_NET_JSON_SKIM_H
#define PLR_NET_JSON_SKIM_H

#include <stdbool.h>
#include <stddef.h>

#define PLR_JSON_SKIM_NAME 24

/* Zeroed but for `names`: at the beginning of a text. */
typedef struct plr_json_skim {
    const char *const *names; /* ends with NULL; each shorter than PLR_JSON_SKIM_NAME, no escapes */
    char text[PLR_JSON_SKIM_NAME]; /* of the last string, as far as it fits */
    size_t length;
    size_t depth; /* in a value that is left out; 0: in none */
    bool in_string, escaped;
    bool wanted_out; /* the last that came was the name of such a value, and its colon */
} plr_json_skim;

/* How many of the first bytes of `data`, at least one, belong together, and whether they are to be
 * read or left out: of the objects and arrays that are members of those names, all; strings and
 * numbers stay. What is left out is not looked at further than to find its end. */
size_t plr_json_skim_next(plr_json_skim *skim, const char *data, size_t size, bool *ret_read);

#endif
