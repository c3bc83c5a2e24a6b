/* SPDX-License-Identifier: MIT */
/* Durations, likeness of names, and bytes that grow. */
#include "cli/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int64_t ns;
} units[] = {
    { "ms", 1000000 }, /* before "m" */
    { "s", 1000000000 },
    { "m", 60000000000 },
    { "h", 3600000000000 },
};

static size_t unit_at(const char *text, int64_t *ret_ns)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strncmp(text, units[i].name, strlen(units[i].name)) == 0) {
            *ret_ns = units[i].ns;
            return strlen(units[i].name);
        }
    return 0;
}

bool plr_cli_duration(const char *text, int64_t *ret_ns)
{
    int64_t total = 0, unit, part;
    if (strcmp(text, "0") == 0) {
        *ret_ns = 0;
        return true;
    }
    for (const char *at = text; *at != '\0';) {
        int64_t whole = 0, fraction = 0, scale = 1;
        size_t digits = strspn(at, "0123456789");
        if (digits == 0 || digits > 12)
            return false;
        for (; digits > 0; digits--)
            whole = whole * 10 + (*at++ - '0');
        if (*at == '.')
            for (at++; *at >= '0' && *at <= '9'; at++)
                if (scale < 1000000) {
                    fraction = fraction * 10 + (*at - '0');
                    scale *= 10;
                }
        size_t length = unit_at(at, &unit);
        if (length == 0 || __builtin_mul_overflow(whole, unit, &part) ||
                __builtin_add_overflow(total, part, &total) ||
                __builtin_add_overflow(total, unit / scale * fraction, &total))
            return false;
        at += length;
    }
    *ret_ns = total;
    return *text != '\0';
}

bool plr_cli_size(const char *text, uint64_t *ret_bytes)
{
    static const char letters[] = "kMG";
    char *end;
    errno = 0;
    unsigned long long bytes = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || errno != 0)
        return false;
    const char *unit = *end != '\0' ? strchr(letters, *end == 'K' ? 'k' : *end) : NULL;
    unsigned shift = unit != NULL ? 10 * (unsigned)(unit - letters + 1) : 0;
    if (end[unit != NULL] != '\0' || bytes > UINT64_MAX >> shift)
        return false;
    *ret_bytes = bytes << shift;
    return true;
}

void plr_cli_duration_text(uint64_t ns, char *buffer, size_t size)
{
    uint64_t ms = ns / 1000000, s = ms / 1000;
    if (ms < 1000)
        snprintf(buffer, size, "%" PRIu64 "ms", ms);
    else if (s < 60)
        snprintf(buffer, size, "%" PRIu64 ".%" PRIu64 "s", s, ms / 100 % 10);
    else if (s < 3600)
        snprintf(buffer, size, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
    else
        snprintf(buffer, size, "%" PRIu64 "h%02" PRIu64 "m%02" PRIu64 "s", s / 3600, s / 60 % 60,
                s % 60);
}

size_t plr_cli_distance(const char *a, const char *b)
{
    enum { LONGEST = 40 };
    size_t n = strlen(a), m = strlen(b), row[LONGEST + 1];
    if (n > LONGEST || m > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            size_t one_more = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = change < one_more ? change : one_more;
        }
    }
    return row[m];
}

bool plr_cli_near(const char *text, const char *candidate)
{
    size_t distance = plr_cli_distance(text, candidate);
    return distance <= strlen(text) / 3 + 1 && distance < strlen(candidate);
}

static bool grow(plr_text *text, size_t more)
{
    if (text->failed)
        return false;
    size_t wanted = text->size + more + 1, capacity = text->capacity > 0 ? text->capacity : 256;
    if (wanted <= text->capacity)
        return true;
    while (capacity < wanted)
        capacity *= 2;
    char *data = realloc(text->data, capacity);
    if (data == NULL) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void plr_text_put(plr_text *text, const void *data, size_t size)
{
    if (!grow(text, size))
        return;
    if (size > 0)
        memcpy(text->data + text->size, data, size);
    text->size += size;
    text->data[text->size] = '\0';
}

void plr_text_puts(plr_text *text, const char *string)
{
    plr_text_put(text, string, strlen(string));
}

void plr_text_printf(plr_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || !grow(text, (size_t)length))
        return;
    va_start(arguments, format);
    vsnprintf(text->data + text->size, (size_t)length + 1, format, arguments);
    va_end(arguments);
    text->size += (size_t)length;
}

void plr_text_clear(plr_text *text)
{
    free(text->data);
    *text = (plr_text){ 0 };
}

int plr_cli_no_memory(plr_error *err)
{
    return plr_error_set(err, PLR_ERR_NOMEM, "out of memory");
}
