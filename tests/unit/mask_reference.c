/* SPDX-License-Identifier: MIT */
/*
 * The reference of the mask: simple and slow. It takes only the derived forms from the engine;
 * those have tests of their own.
 */
#include "tests/unit/mask_reference.h"

#include <stdlib.h>
#include <string.h>

#include "engine/mask_forms.h"

typedef struct addition {
    plr_reference *reference;
    size_t begins_from, masks_from;
} addition;

/* Whether the pattern, or its first `n` bytes, stands there. */
static bool stands(const plr_reference_pattern *p, size_t n, const unsigned char *text)
{
    size_t same = 0;
    while (same < n && p->bytes[same] == text[same])
        same++;
    return same == n;
}

static int add_pattern(const unsigned char *bytes, size_t size, void *userdata, plr_error *err)
{
    (void)err;
    const addition *a = userdata;
    plr_reference *reference = a->reference;
    for (size_t i = 0; i < reference->n; i++)
        if (reference->patterns[i].size == size && stands(&reference->patterns[i], size, bytes))
            return 0;
    unsigned char *copy = malloc(size);
    plr_reference_pattern *patterns =
            realloc(reference->patterns, (reference->n + 1) * sizeof *patterns);
    if (copy == NULL || patterns == NULL)
        abort();
    memcpy(copy, bytes, size);
    reference->patterns = patterns;
    patterns[reference->n++] = (plr_reference_pattern){ copy, size, a->begins_from, a->masks_from };
    return 0;
}

static bool ends_line(unsigned char c)
{
    return c == '\n' || c == '\r';
}

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || ends_line(c);
}

void plr_reference_add(plr_reference *reference, const unsigned char *secret, size_t size,
        size_t begins_from, size_t masks_from)
{
    addition a = { reference, begins_from, masks_from };
    const unsigned char *from = secret, *to = secret + size;
    while (from < to && ends_line(*from))
        from++;
    while (from < to && ends_line(to[-1]))
        to--;
    if (to - from < 3)
        return;
    add_pattern(from, (size_t)(to - from), &a, NULL);
    plr_mask_forms(from, (size_t)(to - from), add_pattern, &a, NULL);
    plr_mask_forms(secret, size, add_pattern, &a, NULL);

    const unsigned char *end = secret + size, *next;
    for (const unsigned char *line = secret; line < end; line = next + 1) {
        next = line;
        while (next < end && !ends_line(*next))
            next++;
        from = line;
        to = next;
        while (from < to && is_blank(*from))
            from++;
        while (from < to && is_blank(to[-1]))
            to--;
        if (to - from < 3)
            continue;
        add_pattern(from, (size_t)(to - from), &a, NULL);
        plr_mask_forms(from, (size_t)(to - from), add_pattern, &a, NULL);
    }
}

void plr_reference_clear(plr_reference *reference)
{
    for (size_t i = 0; i < reference->n; i++)
        free(reference->patterns[i].bytes);
    free(reference->patterns);
    *reference = (plr_reference){ 0 };
}

void plr_reference_cover(
        const plr_reference *reference, const unsigned char *text, size_t size, bool *covered)
{
    memset(covered, 0, size * sizeof *covered);
    for (size_t i = 0; i < reference->n; i++) {
        const plr_reference_pattern *p = &reference->patterns[i];
        for (size_t at = p->begins_from; at + p->size <= size; at++) {
            if (!stands(p, p->size, text + at))
                continue;
            for (size_t k = at; k < at + p->size; k++)
                covered[k] = covered[k] || k >= p->masks_from;
        }
    }
}

size_t plr_reference_open(const plr_reference *reference, const unsigned char *text, size_t size)
{
    size_t longest = 0;
    for (size_t i = 0; i < reference->n; i++) {
        const plr_reference_pattern *p = &reference->patterns[i];
        for (size_t n = 1; n < p->size && n + p->begins_from <= size; n++)
            if (n > longest && stands(p, n, text + size - n))
                longest = n;
    }
    return longest;
}

void plr_reference_render(const unsigned char *text, const bool *covered, size_t size, plr_buf *out)
{
    for (size_t i = 0; i < size; i++) {
        if (!covered[i])
            plr_buf_putc(out, (char)text[i]);
        else if (i == 0 || !covered[i - 1])
            plr_buf_puts(out, "******");
    }
}
