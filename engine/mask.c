/* SPDX-License-Identifier: MIT */
/* The set of secrets. Its patterns are compiled when a stream next needs them, so that adding many
 * secrets costs one compilation. */
#include "engine/mask.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/mask_forms.h"
#include "engine/mask_table.h"

struct plr_mask {
    unsigned references;
    plr_pattern **patterns;
    size_t n_patterns, capacity;
    plr_mask_table *table; /* NULL: not compiled, or nothing to mask */
};

int plr_mask_new(plr_mask **ret_mask, plr_error *err)
{
    plr_mask *mask = calloc(1, sizeof *mask);
    if (mask == NULL)
        return plr_error_nomem(err);
    mask->references = 1;
    *ret_mask = mask;
    return 0;
}

plr_mask *plr_mask_ref(plr_mask *mask)
{
    mask->references++;
    return mask;
}

static void free_pattern(plr_pattern *pattern)
{
    explicit_bzero(pattern, sizeof *pattern + pattern->size);
    free(pattern);
}

void plr_mask_unref(plr_mask *mask)
{
    if (mask == NULL || --mask->references > 0)
        return;
    for (size_t i = 0; i < mask->n_patterns; i++)
        free_pattern(mask->patterns[i]);
    free(mask->patterns);
    plr_mask_table_unref(mask->table);
    free(mask);
}

static int add_pattern(const unsigned char *bytes, size_t size, void *userdata, plr_error *err)
{
    plr_mask *mask = userdata;
    if (mask->n_patterns == mask->capacity) {
        size_t capacity = mask->capacity == 0 ? 64 : 2 * mask->capacity;
        plr_pattern **patterns = realloc(mask->patterns, capacity * sizeof(plr_pattern *));
        if (patterns == NULL)
            return plr_error_nomem(err);
        mask->patterns = patterns;
        mask->capacity = capacity;
    }
    plr_pattern *pattern = malloc(sizeof *pattern + size);
    if (pattern == NULL)
        return plr_error_nomem(err);
    pattern->size = size;
    memcpy(pattern->bytes, bytes, size);
    mask->patterns[mask->n_patterns++] = pattern;
    return 0;
}

static bool is_line_break(unsigned char c)
{
    return c == '\n' || c == '\r';
}

static bool is_space(unsigned char c)
{
    return c == ' ' || c == '\t' || is_line_break(c);
}

/* [*from, *to) without what `is` says at its begin and end. */
static void trim(const unsigned char *text, size_t *from, size_t *to, bool (*is)(unsigned char))
{
    while (*from < *to && is(text[*from]))
        ++*from;
    while (*from < *to && is(text[*to - 1]))
        --*to;
}

static int add_secret(plr_mask *mask, const unsigned char *secret, size_t size, plr_error *err)
{
    int r = add_pattern(secret, size, mask, err);
    return r < 0 ? r : plr_mask_forms(secret, size, add_pattern, mask, err);
}

/* Each line for itself: a terminal ends them otherwise, a view prefixes them, jq indents them. */
static int add_lines(plr_mask *mask, const unsigned char *secret, size_t size, plr_error *err)
{
    int r = 0;
    for (size_t begin = 0, end; begin < size && r == 0; begin = end + 1) {
        for (end = begin; end < size && !is_line_break(secret[end]); end++)
            continue;
        size_t from = begin, to = end;
        trim(secret, &from, &to, is_space);
        if (to - from >= PLR_MASK_SHORTEST && to - from < size)
            r = add_secret(mask, secret + from, to - from, err);
    }
    return r;
}

int plr_mask_add(
        plr_mask *mask, const void *secret, size_t size, bool *ret_too_short, plr_error *err)
{
    const unsigned char *bytes = secret;
    size_t from = 0, to = size, n_before = mask->n_patterns;
    trim(bytes, &from, &to, is_line_break);
    bool too_short = to - from < PLR_MASK_SHORTEST;
    int r = 0;
    if (size > PLR_MASK_LONGEST)
        r = plr_error_set(err, PLR_ERR_USAGE, "a secret of %zu bytes: at most %u can be masked",
                size, PLR_MASK_LONGEST);
    if (r == 0 && !too_short)
        r = add_secret(mask, bytes + from, to - from, err);
    if (r == 0 && !too_short && to - from < size)
        r = plr_mask_forms(bytes, size, add_pattern, mask, err);
    if (r == 0 && !too_short)
        r = add_lines(mask, bytes, size, err);
    if (r < 0) {
        while (mask->n_patterns > n_before)
            free_pattern(mask->patterns[--mask->n_patterns]);
        return r;
    }
    if (mask->n_patterns > n_before) {
        plr_mask_table_unref(mask->table);
        mask->table = NULL;
    }
    if (ret_too_short != NULL)
        *ret_too_short = too_short && to > from;
    return 0;
}

int plr_mask_compile(plr_mask *mask, plr_mask_table **ret_table, plr_error *err)
{
    if (mask->table == NULL && mask->n_patterns > 0) {
        qsort(mask->patterns, mask->n_patterns, sizeof(plr_pattern *), plr_pattern_compare);
        size_t n = 1;
        for (size_t i = 1; i < mask->n_patterns; i++) {
            if (plr_pattern_compare(&mask->patterns[n - 1], &mask->patterns[i]) != 0)
                mask->patterns[n++] = mask->patterns[i];
            else
                free_pattern(mask->patterns[i]);
        }
        mask->n_patterns = n;
        int r = plr_mask_table_new(&mask->table, mask->patterns, n, err);
        if (r < 0)
            return r;
    }
    *ret_table = mask->table;
    return 0;
}
