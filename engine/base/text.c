/* SPDX-License-Identifier: MIT */
/* Small questions about text: UTF-8, ASCII folding, base64, durations, likeness of names. */
#include "engine/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/error.h"

/* How many bytes the character at `text` has; 0 if it is not well-formed (table 3-7 of Unicode). */
static size_t utf8_length(const unsigned char *text, size_t size)
{
    unsigned char c = text[0];
    if (c < 0x80)
        return 1;
    size_t length = c >= 0xc2 && c <= 0xdf   ? 2
                    : c >= 0xe0 && c <= 0xef ? 3
                    : c >= 0xf0 && c <= 0xf4 ? 4
                                             : 0;
    if (length == 0 || length > size)
        return 0;
    unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

size_t plr_utf8_valid_prefix(const char *text, size_t size)
{
    size_t at = 0;
    while (at < size) {
        uint64_t eight;
        while (size - at >= sizeof eight) {
            memcpy(&eight, text + at, sizeof eight);
            if ((eight & 0x8080808080808080u) != 0)
                break;
            at += sizeof eight;
        }
        if (at == size)
            break;
        size_t length = utf8_length((const unsigned char *)text + at, size - at);
        if (length == 0)
            break;
        at += length;
    }
    return at;
}

size_t plr_utf8_cut(const char *text, size_t at)
{
    /* Only a character that would be torn is given up; bytes that are not UTF-8 stay. */
    size_t start = at;
    while (start > 0 && at - start < 3 && ((unsigned char)text[start] & 0xc0) == 0x80)
        start--;
    return ((unsigned char)text[start] & 0xc0) == 0xc0 ? start : at;
}

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool plr_text_equal_fold(const char *a, const char *b)
{
    while (*a != '\0' && fold(*a) == fold(*b)) {
        a++;
        b++;
    }
    return fold(*a) == fold(*b);
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int plr_base64_decode(const char *text, size_t size, plr_buf *out, plr_error *err)
{
    uint32_t bits = 0;
    size_t n = 0, padding = 0;
    int r = plr_buf_reserve(out, size / 4 * 3 + 3, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (c == '\n' || c == '\r' || c == ' ' || c == '\t')
            continue;
        if (c == '=') {
            padding++;
            continue;
        }
        int value = base64_value(c);
        if (value < 0 || padding > 0)
            return plr_error_set(
                    err, PLR_ERR_DOCUMENT, "not base64: its byte %zu is no character of it", i + 1);
        bits = bits << 6 | (uint32_t)value;
        if (++n % 4 == 0) {
            char bytes[3] = { (char)(bits >> 16), (char)(bits >> 8), (char)bits };
            plr_buf_put(out, bytes, 3);
        }
    }
    size_t rest = n % 4;
    if (rest == 1 || (padding > 0 && (rest == 0 || rest + padding != 4)))
        return plr_error_set(err, PLR_ERR_DOCUMENT, "not base64: its length is wrong");
    if (rest >= 2) {
        bits <<= 6 * (4 - rest);
        char bytes[2] = { (char)(bits >> 16), (char)(bits >> 8) };
        plr_buf_put(out, bytes, rest - 1);
    }
    return plr_buf_check(out, err);
}

int plr_base64_encode(const void *data, size_t size, bool url, plr_buf *out, plr_error *err)
{
    const char *alphabet = url ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                               : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *bytes = data;
    int r = plr_buf_reserve(out, (size / 3 + 1) * 4, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < size; i += 3) {
        size_t n = size - i < 3 ? size - i : 3;
        uint32_t bits = (uint32_t)bytes[i] << 16 | (n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                        (n > 2 ? (uint32_t)bytes[i + 2] : 0);
        char group[4] = { alphabet[bits >> 18], alphabet[bits >> 12 & 63],
            n > 1 ? alphabet[bits >> 6 & 63] : '=', n > 2 ? alphabet[bits & 63] : '=' };
        plr_buf_put(out, group, 4);
    }
    return plr_buf_check(out, err);
}

static const struct {
    const char *name;
    int64_t ns;
} units[] = {
    { "ns", 1 },
    { "us", 1000 },
    { "ms", 1000000 },
    { "s", 1000000000 },
    { "m", 60000000000 },
    { "h", 3600000000000 },
};

/* The unit at `text`: the longest that fits ("ms" before "m"); NULL if there is none. */
static const char *parse_unit(const char *text, int64_t *ret_ns)
{
    size_t best = 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t length = strlen(units[i].name);
        if (length > best && strncmp(text, units[i].name, length) == 0) {
            best = length;
            *ret_ns = units[i].ns;
        }
    }
    return best > 0 ? text + best : NULL;
}

int plr_duration_parse(const char *text, int64_t *ret_ns, plr_error *err)
{
    int64_t total = 0;
    const char *at = text;
    if (strcmp(text, "0") == 0) {
        *ret_ns = 0;
        return 0;
    }
    while (*at != '\0') {
        int64_t whole = 0, fraction = 0, scale = 1, unit = 0, part;
        const char *start = at;
        for (; *at >= '0' && *at <= '9'; at++)
            if (__builtin_mul_overflow(whole, 10, &whole) ||
                    __builtin_add_overflow(whole, *at - '0', &whole))
                goto range;
        if (*at == '.')
            for (at++; *at >= '0' && *at <= '9'; at++)
                if (scale < 1000000000) {
                    fraction = fraction * 10 + (*at - '0');
                    scale *= 10;
                }
        const char *end = at > start ? parse_unit(at, &unit) : NULL;
        if (end == NULL || (at == start + 1 && *start == '.'))
            goto syntax;
        at = end;
        if (__builtin_mul_overflow(whole, unit, &part) ||
                __builtin_add_overflow(total, part, &total) ||
                __builtin_add_overflow(total, (int64_t)((__int128)fraction * unit / scale), &total))
            goto range;
    }
    if (at == text)
        goto syntax;
    *ret_ns = total;
    return 0;
range:
    return plr_error_set(err, PLR_ERR_DOCUMENT, "\"%s\" is longer than 292 years", text);
syntax:
    return plr_error_set(
            err, PLR_ERR_DOCUMENT, "\"%s\" is not a duration like 1h30m, 90s or 250ms", text);
}

void plr_duration_format(int64_t ns, char *buffer, size_t size)
{
    int64_t ms = ns / 1000000, s = ns / 1000000000;
    if (ms < 1000)
        snprintf(buffer, size, "%" PRId64 "ms", ms);
    else if (s < 60)
        snprintf(buffer, size, "%" PRId64 ".%" PRId64 "s", s, ms / 100 % 10);
    else if (s < 3600)
        snprintf(buffer, size, "%" PRId64 "m%02" PRId64 "s", s / 60, s % 60);
    else
        snprintf(buffer, size, "%" PRId64 "h%02" PRId64 "m%02" PRId64 "s", s / 3600, s / 60 % 60,
                s % 60);
}

/* Edit distance with neighbours swapped counted once, without case; names above 63 bytes are far.
 */
static size_t distance(const char *a, const char *b)
{
    enum { LONGEST = 63 };
    size_t n = strlen(a), m = strlen(b);
    if (n > LONGEST || m > LONGEST)
        return LONGEST;
    size_t before[LONGEST + 1], last[LONGEST + 1], now[LONGEST + 1];
    for (size_t j = 0; j <= m; j++)
        last[j] = before[j] = j;
    for (size_t i = 1; i <= n; i++) {
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t change = last[j - 1] + (fold(a[i - 1]) != fold(b[j - 1]));
            size_t best = change < last[j] + 1 ? change : last[j] + 1;
            best = best < now[j - 1] + 1 ? best : now[j - 1] + 1;
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
                    fold(a[i - 2]) == fold(b[j - 1]) && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
        memcpy(before, last, sizeof before);
        memcpy(last, now, sizeof last);
    }
    return last[m];
}

const char *plr_text_nearest(const char *text, const char *const *candidates, size_t n)
{
    const char *nearest = NULL;
    size_t limit = strlen(text) / 3 + 1; /* a third of the letters wrong is still a slip */
    for (size_t i = 0; i < n; i++) {
        size_t d = distance(text, candidates[i]);
        if (d <= limit && d < strlen(candidates[i])) {
            nearest = candidates[i];
            limit = d > 0 ? d - 1 : 0;
            if (d == 0)
                break;
        }
    }
    return nearest;
}

int plr_text_copy(char **ret_copy, const char *text, plr_error *err)
{
    char *copy = NULL;
    if (text != NULL) {
        copy = strdup(text);
        if (copy == NULL)
            return plr_error_nomem(err);
    }
    *ret_copy = copy;
    return 0;
}
