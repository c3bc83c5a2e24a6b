/* SPDX-License-Identifier: MIT */
/* Findings about a document as people read them, in the form that editors know:
 * file:line:column: error: text. */
#include "cli/diagnostic.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli/view/terminal.h"

#define WIDEST_LINE ((size_t)100)

/* Line `number` (from 1) of the source. */
static const char *find_line(const plr_diagnostics *all, size_t number, size_t *ret_size)
{
    const char *at = all->source, *end = all->source + all->size;
    for (; number > 1; number--) {
        at = memchr(at, '\n', (size_t)(end - at));
        if (at == NULL)
            return NULL;
        at++;
    }
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    size_t size = (size_t)((newline != NULL ? newline : end) - at);
    if (size > 0 && at[size - 1] == '\r')
        size--;
    *ret_size = size;
    return at;
}

/* Of a long line, what stands around the place; columns are bytes, and a cut inside a character
 * shows as one that is broken. */
static void put_source(plr_diagnostics *all, size_t line, size_t column)
{
    size_t size, begin = 0;
    const char *text = find_line(all, line, &size);
    if (text == NULL || column == 0 || column > size + 1)
        return;
    if (column > WIDEST_LINE / 2 + 1 && size > WIDEST_LINE)
        begin = column - 1 - WIDEST_LINE / 2;
    while (begin < column - 1 && ((unsigned char)text[begin] & 0xc0) == 0x80)
        begin++;
    char margin[24];
    int n = snprintf(margin, sizeof margin, "%6zu | ", line);
    plr_text_puts(&all->out, margin);
    plr_terminal_line(&all->out, text + begin, size - begin, WIDEST_LINE, false);
    plr_text before = { 0 };
    size_t columns = plr_terminal_line(&before, text + begin, column - 1 - begin, SIZE_MAX, false);
    plr_text_clear(&before);
    plr_text_printf(&all->out, "\n%*s| %*s%s^%s\n", n - 2, "", (int)columns, "", all->style.green,
            all->style.reset);
}

static void put_place(plr_diagnostics *all, const plr_diagnostic *diagnostic)
{
    plr_text_puts(&all->out, all->style.bold);
    plr_terminal_message(&all->out, diagnostic->source != NULL ? diagnostic->source : "document");
    if (diagnostic->line > 0)
        plr_text_printf(&all->out, ":%zu:%zu", diagnostic->line, diagnostic->column);
    plr_text_printf(&all->out, ":%s ", all->style.reset);
}

void plr_diagnostics_take(const plr_diagnostic *diagnostic, void *userdata)
{
    plr_diagnostics *all = userdata;
    plr_text *out = &all->out;
    const plr_style *style = &all->style;
    bool warning = diagnostic->severity == PLR_SEVERITY_WARNING;
    all->n_errors += !warning;
    all->n_warnings += warning;

    put_place(all, diagnostic);
    plr_text_printf(out, "%s%s:%s ", warning ? style->yellow : style->red,
            warning ? "warning" : "error", style->reset);
    plr_terminal_message(out, diagnostic->text != NULL ? diagnostic->text : "");
    if (diagnostic->suggestion != NULL) {
        plr_text_puts(out, "; did you mean \"");
        plr_terminal_message(out, diagnostic->suggestion);
        plr_text_puts(out, "\"?");
    }
    if (diagnostic->pointer != NULL && *diagnostic->pointer != '\0') {
        plr_text_printf(out, " %s[", style->dim);
        plr_terminal_message(out, diagnostic->pointer);
        plr_text_printf(out, "]%s", style->reset);
    }
    plr_text_puts(out, "\n");
    if (all->carets && all->source != NULL && diagnostic->line > 0)
        put_source(all, diagnostic->line, diagnostic->column);
}
