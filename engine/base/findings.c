/* SPDX-License-Identifier: MIT */
/* The list of findings: pointers and texts in an arena of its own, sorted when they are told. */
#include "engine/base/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

#define LONGEST_SHOWN 80

void plr_findings_init(plr_findings *findings)
{
    *findings = (plr_findings){ 0 };
    plr_arena_init(&findings->arena);
}

void plr_findings_clear(plr_findings *findings)
{
    free(findings->items);
    plr_arena_clear(&findings->arena);
    plr_findings_init(findings);
}

bool plr_findings_full(const plr_findings *findings)
{
    return findings->n >= PLR_FINDINGS_MOST;
}

int plr_findings_shown(const char *text, size_t size)
{
    return (int)(size <= LONGEST_SHOWN ? size : plr_utf8_cut(text, LONGEST_SHOWN));
}

/* "~" and "/" are the two characters that a JSON pointer escapes. */
static void put_key(plr_buf *buf, const char *key, size_t size)
{
    plr_buf_putc(buf, '/');
    for (size_t i = 0; i < size; i++) {
        if (key[i] == '~')
            plr_buf_puts(buf, "~0");
        else if (key[i] == '/')
            plr_buf_puts(buf, "~1");
        else
            plr_buf_putc(buf, key[i]);
    }
}

static void put_pointer(plr_buf *buf, const plr_node *node)
{
    const plr_node *path[PLR_DOCUMENT_DEEPEST + 1];
    size_t n = 0;
    for (; node != NULL && node->parent != NULL; node = node->parent)
        path[n++] = node;
    while (n-- > 0) {
        if (path[n]->parent->type == PLR_NODE_OBJECT) {
            put_key(buf, path[n]->key, path[n]->key_size);
            continue;
        }
        size_t index = 0;
        for (const plr_node *child = path[n]->parent->first; child != path[n]; child = child->next)
            index++;
        plr_buf_printf(buf, "/%zu", index);
    }
}

/* Moves the text of a buffer into the arena. NULL when there is no memory. */
static const char *settle(plr_findings *findings, plr_buf *buf)
{
    const char *text = NULL;
    if (!buf->failed)
        text = plr_arena_copy(&findings->arena, buf->data != NULL ? buf->data : "", buf->size);
    plr_buf_reset(buf);
    return text;
}

static bool reserve(plr_findings *findings)
{
    if (findings->n < findings->capacity)
        return true;
    size_t capacity = findings->capacity > 0 ? findings->capacity * 2 : 8;
    plr_finding *items = realloc(findings->items, capacity * sizeof *items);
    if (items == NULL)
        return false;
    findings->items = items;
    findings->capacity = capacity;
    return true;
}

static void place(plr_finding *finding)
{
    const plr_node *node = finding->node;
    if (finding->line != 0 || node == NULL)
        return;
    finding->line = finding->key ? node->key_line : node->line;
    finding->column = finding->key ? node->key_column : node->column;
}

void plr_findings_add(plr_findings *findings, const plr_finding *finding, const char *format, ...)
{
    plr_finding added = *finding;
    if (added.severity == 0)
        added.severity = PLR_SEVERITY_ERROR;
    if (added.severity == PLR_SEVERITY_ERROR)
        findings->n_errors++;
    if (plr_findings_full(findings)) {
        findings->n_dropped++;
        return;
    }
    _cleanup_buf_ plr_buf buf = { 0 };
    place(&added);
    put_pointer(&buf, added.node);
    added.pointer = settle(findings, &buf);
    va_list arguments;
    va_start(arguments, format);
    plr_buf_vprintf(&buf, format, arguments);
    va_end(arguments);
    /* What a document puts into our sentences shall not move a terminal's cursor. */
    for (size_t i = 0; i < buf.size; i++)
        if ((unsigned char)buf.data[i] < 0x20 || buf.data[i] == 0x7f)
            buf.data[i] = '?';
    added.text = settle(findings, &buf);
    if (added.suggestion != NULL)
        added.suggestion =
                plr_arena_copy(&findings->arena, added.suggestion, strlen(added.suggestion));
    bool whole = added.pointer != NULL && added.text != NULL &&
                 (finding->suggestion == NULL || added.suggestion != NULL);
    if (!whole || !reserve(findings)) {
        findings->failed = true;
        return;
    }
    added.order = findings->n;
    findings->items[findings->n++] = added;
}

static int compare(const void *a, const void *b)
{
    const plr_finding *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

int plr_findings_tell(plr_findings *findings, const char *source, plr_diagnostic_fn *on_diagnostic,
        void *userdata, plr_error *err)
{
    int r = findings->failed ? plr_error_nomem(err) : 0;
    if (findings->n > 0)
        qsort(findings->items, findings->n, sizeof *findings->items, compare);
    for (size_t i = 0; i < findings->n; i++) {
        const plr_finding *f = &findings->items[i];
        if (f->severity == PLR_SEVERITY_ERROR && r == 0)
            r = plr_error_set(
                    err, PLR_ERR_DOCUMENT, "%s:%zu:%zu: %s", source, f->line, f->column, f->text);
        plr_diagnostic diagnostic = {
            .size = sizeof diagnostic,
            .severity = f->severity,
            .code = f->code,
            .source = source,
            .pointer = f->pointer,
            .line = f->line,
            .column = f->column,
            .text = f->text,
            .suggestion = f->suggestion,
        };
        if (on_diagnostic != NULL)
            on_diagnostic(&diagnostic, userdata);
    }
    if (findings->n_dropped > 0 && on_diagnostic != NULL) {
        char text[64];
        snprintf(text, sizeof text, "%zu more findings are not shown", findings->n_dropped);
        plr_diagnostic diagnostic = {
            .size = sizeof diagnostic,
            .severity = findings->n_errors > 0 ? PLR_SEVERITY_ERROR : PLR_SEVERITY_WARNING,
            .code = "too-many",
            .source = source,
            .pointer = "",
            .text = text,
        };
        on_diagnostic(&diagnostic, userdata);
    }
    if (r == 0 && findings->n_errors > 0)
        r = plr_error_set(err, PLR_ERR_DOCUMENT, "%s: %zu errors", source, findings->n_errors);
    return r;
}
