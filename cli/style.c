/* SPDX-License-Identifier: MIT */
/* Colours for people: the sixteen of every terminal, so that its own theme decides what they are.
 */
#include "cli/style.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool plr_style_wanted(int fd)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fd) && (no_color == NULL || *no_color == '\0') && term != NULL && *term != '\0' &&
           strcmp(term, "dumb") != 0;
}

plr_style plr_style_new(bool colours)
{
    if (!colours)
        return (plr_style){ false, "", "", "", "", "", "" };
    return (plr_style){ true, "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m" };
}

const char *plr_style_of_step(const plr_style *style, size_t index)
{
    static const char *const palette[] = { "\x1b[36m", "\x1b[35m", "\x1b[34m", "\x1b[32m",
        "\x1b[96m", "\x1b[95m", "\x1b[94m", "\x1b[92m" };
    return style->colours ? palette[index % (sizeof palette / sizeof *palette)] : "";
}
