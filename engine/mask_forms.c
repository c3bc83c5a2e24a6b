/* SPDX-License-Identifier: MIT */
/* Makes the derived forms of a secret, each in one scratch buffer that is wiped at the end. */
#include "engine/mask_forms.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/cleanup.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/mask.h"

/* The most that a byte grows to, \u0000 in JSON, and what the last of base64 may add. */
#define GROWTH 6u
#define SLACK 8u

typedef struct forms {
    const unsigned char *secret;
    size_t size;
    unsigned char *scratch;
    plr_mask_form_fn *on_form;
    void *userdata;
    plr_error *err;
} forms;

static int tell(const forms *f, const unsigned char *form, size_t size)
{
    if (size < PLR_MASK_SHORTEST_FORM)
        return 0;
    return f->on_form(form, size, f->userdata, f->err);
}

/* The six bits that begin `bit` bits into the secret; beyond its end they are 0. */
static unsigned sextet(const forms *f, size_t bit)
{
    size_t at = bit / 8;
    unsigned two = (unsigned)f->secret[at] << 8 | (at + 1 < f->size ? f->secret[at + 1] : 0u);
    return two >> (10 - bit % 8) & 63;
}

static int tell_lines(const forms *f, size_t size, size_t width)
{
    int r = 0;
    for (size_t at = 0; at < size && size > width && r == 0; at += width)
        r = tell(f, f->scratch + at, size - at < width ? size - at : width);
    return r;
}

/* Whole, and, if the text may begin with it, cut into lines as the usual tools do. */
static int tell_base64(const forms *f, size_t size, bool begins_text)
{
    int r = tell(f, f->scratch, size);
    if (r == 0 && begins_text)
        r = tell_lines(f, size, 76);
    if (r == 0 && begins_text)
        r = tell_lines(f, size, 64);
    return r;
}

static int base64_at(const forms *f, size_t offset, const char *alphabet)
{
    size_t begin = (8 * offset + 5) / 6, end = 8 * (offset + f->size) / 6;
    unsigned char *to = f->scratch;
    for (size_t i = begin; i < end; i++)
        *to++ = (unsigned char)alphabet[sextet(f, 6 * i - 8 * offset)];
    int r = tell_base64(f, (size_t)(to - f->scratch), offset == 0);
    size_t rest = (offset + f->size) % 3;
    if (r < 0 || rest == 0)
        return r;

    /* The secret ends what was encoded: one more character, then the padding. */
    *to++ = (unsigned char)alphabet[sextet(f, 6 * end - 8 * offset)];
    r = tell_base64(f, (size_t)(to - f->scratch), offset == 0);
    for (; rest < 3; rest++)
        *to++ = '=';
    return r < 0 ? r : tell_base64(f, (size_t)(to - f->scratch), offset == 0);
}

static int base64(const forms *f)
{
    static const char *const alphabets[] = {
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    };
    int r = 0;
    for (size_t i = 0; i < 2; i++)
        for (size_t offset = 0; offset < 3 && r == 0; offset++)
            r = base64_at(f, offset, alphabets[i]);
    return r;
}

static const char *digits(bool upper)
{
    return upper ? "0123456789ABCDEF" : "0123456789abcdef";
}

static bool is_alphanumeric(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_among(unsigned char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static int percent_with(const forms *f, const char *kept, bool upper, bool plus)
{
    unsigned char *to = f->scratch;
    for (size_t i = 0; i < f->size; i++) {
        unsigned char c = f->secret[i];
        if (is_alphanumeric(c) || is_among(c, kept)) {
            *to++ = c;
        } else if (c == ' ' && plus) {
            *to++ = '+';
        } else {
            *to++ = '%';
            *to++ = (unsigned char)digits(upper)[c >> 4];
            *to++ = (unsigned char)digits(upper)[c & 15];
        }
    }
    return tell(f, f->scratch, (size_t)(to - f->scratch));
}

static int percent(const forms *f)
{
    /* What an encoder leaves alone besides letters and digits. */
    static const char *const kept[] = {
        "-_.~",                 /* RFC 3986's unreserved: curl, Go's queries, jq */
        "-_.~/",                /* Python's quote */
        "-_.!~*'()",            /* JavaScript's encodeURIComponent */
        "-_.!~*'();/?:@&=+$,#", /* JavaScript's encodeURI */
        "-_.*",                 /* HTML forms, Java */
        "-_.",                  /* PHP's urlencode */
        "-_.~$&+=:@",           /* Go's path segments */
        "-_.~$&+,;=",           /* Go's user and password */
        "-_.~!$&'()*+,;=:@/",   /* RFC 3986's paths */
        "-_.~!$&'()*+,%",       /* user and password in browsers and Node */
    };
    int r = 0;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        for (unsigned way = 0; way < 4 && r == 0; way++)
            r = percent_with(f, kept[i], way & 1, way & 2);
    return r;
}

/* How an encoder of JSON writes what it need not escape. */
typedef struct json_style {
    const char *escaped; /* as \u00XX */
    bool slash;          /* as \/ */
    bool ascii;          /* all beyond ASCII as \uXXXX */
    bool upper;          /* digits */
} json_style;

static unsigned char *put_u(unsigned char *to, unsigned unit, bool upper)
{
    *to++ = '\\';
    *to++ = 'u';
    for (unsigned shift = 16; shift > 0; shift -= 4)
        *to++ = (unsigned char)digits(upper)[unit >> (shift - 4) & 15];
    return to;
}

/* The character that begins at `at`, and its length; a byte that is not UTF-8 stands for itself. */
static uint32_t character(const forms *f, size_t at, size_t *ret_length)
{
    static const unsigned char first_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    const unsigned char *c = f->secret + at;
    size_t length = *c < 0xc0 ? 1 : *c < 0xe0 ? 2 : *c < 0xf0 ? 3 : 4;
    if (length > f->size - at || plr_utf8_valid_prefix((const char *)c, length) < length)
        length = 1;
    *ret_length = length;
    if (length == 1)
        return *c;
    uint32_t code = *c & first_bits[length];
    for (size_t i = 1; i < length; i++)
        code = code << 6 | (c[i] & 0x3f);
    return code;
}

static int json_with(const forms *f, const json_style *style)
{
    static const char shorts[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
    unsigned char *to = f->scratch;
    size_t length;
    for (size_t at = 0; at < f->size; at += length) {
        unsigned char c = f->secret[at];
        uint32_t code = character(f, at, &length);
        bool separator = (code == 0x2028 || code == 0x2029) && style->escaped[0] != '\0';
        if (length > 1 && code >= 0x10000 && style->ascii) {
            to = put_u(to, 0xd800 + ((code - 0x10000) >> 10), style->upper);
            to = put_u(to, 0xdc00 + ((code - 0x10000) & 0x3ff), style->upper);
        } else if (length > 1 && (style->ascii || separator)) {
            to = put_u(to, code, style->upper);
        } else if (length > 1) {
            memcpy(to, f->secret + at, length);
            to += length;
        } else if (is_among(c, style->escaped)) {
            to = put_u(to, c, style->upper);
        } else if (is_among(c, shorts)) {
            *to++ = '\\';
            *to++ = (unsigned char)letters[strchr(shorts, c) - shorts];
        } else if (c < 0x20) {
            to = put_u(to, c, style->upper);
        } else {
            if (c == '/' && style->slash)
                *to++ = '\\';
            *to++ = c;
        }
    }
    return tell(f, f->scratch, (size_t)(to - f->scratch));
}

static int json(const forms *f)
{
    static const json_style styles[] = {
        { "", false, false, false },           /* JavaScript, jq, yajl, C libraries */
        { "", false, false, true },            /* the same with upper-case digits */
        { "", true, false, false },            /* json-c */
        { "", false, true, false },            /* Python, jq -a */
        { "", false, true, true },             /* Java and C++ libraries */
        { "", true, true, false },             /* PHP */
        { "<>&", false, false, false },        /* Go today, Rails */
        { "<>&\b\f", false, false, false },    /* Go before 1.22 */
        { "<>&='", false, false, false },      /* Gson */
        { "\"&'+<>`\x7f", false, true, true }, /* .NET */
    };
    int r = 0;
    for (size_t i = 0; i < sizeof styles / sizeof *styles && r == 0; i++)
        r = json_with(f, &styles[i]);
    return r;
}

int plr_mask_forms(const unsigned char *secret, size_t size, plr_mask_form_fn *on_form,
        void *userdata, plr_error *err)
{
    size_t scratch_size = GROWTH * size + SLACK;
    _cleanup_free_ unsigned char *scratch = malloc(scratch_size);
    if (scratch == NULL)
        return plr_error_nomem(err);
    const forms f = { secret, size, scratch, on_form, userdata, err };
    int r = base64(&f);
    if (r == 0)
        r = percent(&f);
    if (r == 0)
        r = json(&f);
    explicit_bzero(scratch, scratch_size);
    return r;
}
