/* SPDX-License-Identifier: MIT */
/* Colours for people: escape sequences, or empty strings where nobody would see colours. */
#ifndef PLR_CLI_STYLE_H
#define PLR_CLI_STYLE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct plr_style {
    bool colours;
    const char *bold, *dim, *red, *green, *yellow, *reset;
} plr_style;

/* For a terminal, unless NO_COLOR is set or TERM is dumb. */
bool plr_style_wanted(int fd);
plr_style plr_style_new(bool colours);

/* A colour of its own for each step, as far as colours go. */
const char *plr_style_of_step(const plr_style *style, size_t index);

#endif
