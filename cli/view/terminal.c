/* SPDX-License-Identifier: MIT */
/* Text that others wrote, made safe for a screen. Works on UTF-8 whatever the locale is, because
 * that is what programs write today. */
#include "cli/view/terminal.h"

#include <locale.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <wchar.h>

#define TAB 8u

/* One character at `text`: its code point and length; a byte that is not UTF-8 is U+FFFD. */
static uint32_t decode(const unsigned char *text, size_t size, size_t *ret_length)
{
    unsigned char c = text[0];
    size_t length = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : 4;
    *ret_length = 1;
    if (c < 0x80)
        return c;
    if (c < 0xc2 || c > 0xf4 || length > size)
        return 0xfffd;
    uint32_t point = c & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0xfffd;
        point = point << 6 | (text[i] & 0x3fu);
    }
    if ((length == 3 && point < 0x800) || (length == 4 && point < 0x10000) || point > 0x10ffff ||
            (point >= 0xd800 && point < 0xe000))
        return 0xfffd;
    *ret_length = length;
    return point;
}

static size_t width(uint32_t point)
{
    static locale_t utf8;
    if (point < 0x7f)
        return 1;
    if (utf8 == NULL)
        utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
    locale_t before = utf8 != NULL ? uselocale(utf8) : NULL;
    int columns = wcwidth((wchar_t)point);
    if (before != NULL)
        uselocale(before);
    return columns < 0 ? 1 : (size_t)columns;
}

/* The length of the escape sequence at `text` (which begins with ESC); `*ret_colour` if it is one
 * that only sets colours. An unfinished one takes all that is left. */
static size_t escape(const char *text, size_t size, bool *ret_colour)
{
    *ret_colour = false;
    if (size < 2)
        return size;
    size_t at = 2;
    if (text[1] == '[') {
        bool plain = true;
        for (; at < size && text[at] >= 0x20 && text[at] < 0x40; at++)
            plain = plain && strchr("0123456789;:", text[at]) != NULL;
        *ret_colour = plain && at < size && text[at] == 'm';
        /* A byte that cannot be in a sequence ends it, and is not part of it. */
        return at < size && text[at] >= 0x40 && text[at] < 0x7f ? at + 1 : at;
    }
    if (text[1] != '\0' && strchr("]PX^_", text[1]) != NULL) {
        for (; at < size; at++) {
            if (text[at] == '\a')
                return at + 1;
            if (text[at] == '\x1b' && at + 1 < size && text[at + 1] == '\\')
                return at + 2;
        }
        return size;
    }
    for (at = 1; at < size && text[at] >= 0x20 && text[at] < 0x30; at++)
        continue;
    return at < size ? at + 1 : size;
}

/* What a line that rewrites itself shows in the end: the part after the last carriage return that
 * something follows. */
static void after_return(const char **text, size_t *size)
{
    while (*size > 0 && (*text)[*size - 1] == '\r')
        --*size;
    const char *last = memrchr(*text, '\r', *size);
    if (last != NULL) {
        *size -= (size_t)(last + 1 - *text);
        *text = last + 1;
    }
}

/* Columns of one character that may be printed, 0 for controls. */
static size_t printable(uint32_t point, size_t column)
{
    if (point == '\t')
        return TAB - column % TAB;
    if (point < 0x20 || (point >= 0x7f && point < 0xa0))
        return 0;
    return width(point);
}

static bool hidden(uint32_t point)
{
    bool control = (point < 0x20 && point != '\t') || (point >= 0x7f && point < 0xa0);
    /* Characters that turn the direction of what follows on the screen. */
    bool turns = (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
    return control || turns;
}

static void put_character(plr_text *out, const char *text, size_t length, uint32_t point, size_t n)
{
    if (point == '\t')
        plr_text_printf(out, "%*s", (int)n, "");
    else if (point == 0xfffd && length == 1)
        plr_text_puts(out, "\xef\xbf\xbd");
    else
        plr_text_put(out, text, length);
}

size_t plr_terminal_line(plr_text *out, const char *text, size_t size, size_t columns, bool colours)
{
    size_t used = 0;
    bool coloured = false;
    struct {
        size_t size, used;
    } cut = { out->size, 0 }; /* where an ellipsis fits */
    if (columns == 0)
        return 0;
    after_return(&text, &size);
    while (size > 0) {
        size_t length;
        if (text[0] == '\x1b') {
            bool colour;
            length = escape(text, size, &colour);
            if (colour && colours) {
                plr_text_put(out, text, length);
                coloured = true;
            }
        } else {
            uint32_t point = decode((const unsigned char *)text, size, &length);
            size_t n = printable(point, used);
            if (used + n > columns) {
                if (!out->failed)
                    out->size = cut.size;
                plr_text_puts(out, coloured ? "\x1b[0m~" : "~");
                return cut.used + 1;
            }
            if (!hidden(point)) {
                put_character(out, text, length, point, n);
                used += n;
            }
            if (used < columns) {
                cut.size = out->size;
                cut.used = used;
            }
        }
        text += length;
        size -= length;
    }
    if (coloured)
        plr_text_puts(out, "\x1b[0m");
    return used;
}

void plr_terminal_message(plr_text *out, const char *message)
{
    while (*message != '\0') {
        size_t size = strcspn(message, "\r\n");
        plr_terminal_line(out, message, size, SIZE_MAX, false);
        message += size;
        size = strspn(message, "\r\n");
        message += size;
        if (size > 0 && *message != '\0')
            plr_text_puts(out, " ");
    }
}

bool plr_terminal_size(int fd, size_t *ret_columns, size_t *ret_rows)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0)
        return false;
    *ret_columns = size.ws_col;
    *ret_rows = size.ws_row;
    return true;
}

bool plr_terminal_utf8(void)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    for (size_t i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && *value != '\0')
            return strcasestr(value, "utf-8") != NULL || strcasestr(value, "utf8") != NULL;
    }
    return false;
}
