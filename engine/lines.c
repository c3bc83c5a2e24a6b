/* SPDX-License-Identifier: MIT */
/* The line assembler. A line that stands whole in what the caller has is given from there; only
 * what waits for its end is copied. */
#include "engine/lines.h"

#include <string.h>

void plr_lines_init(plr_lines *lines, uint64_t offset)
{
    *lines = (plr_lines){ .offset = offset };
}

void plr_lines_clear(plr_lines *lines)
{
    plr_buf_clear(&lines->pending);
    plr_lines_init(lines, 0);
}

size_t plr_lines_pending(const plr_lines *lines)
{
    return lines->pending.size - lines->given;
}

/* How many bytes at the end begin a character of UTF-8 and do not finish it. */
static size_t torn(const char *data, size_t size)
{
    for (size_t back = 1; back <= 3 && back <= size; back++) {
        unsigned char c = (unsigned char)data[size - back];
        if (c >= 0xc0)
            return back < (c < 0xe0 ? 2u : c < 0xf0 ? 3u : 4u) ? back : 0;
        if (c < 0x80)
            break;
    }
    return 0;
}

static plr_line give(plr_lines *lines, const char *data, size_t size, unsigned flags)
{
    plr_line line = { data, size, lines->offset, flags };
    lines->offset += size;
    return line;
}

static void drop_given(plr_lines *lines)
{
    plr_buf_consume(&lines->pending, lines->given);
    lines->given = 0;
}

int plr_lines_next(
        plr_lines *lines, const char **data, size_t *size, plr_line *ret_line, plr_error *err)
{
    drop_given(lines);
    if (*size == 0)
        return 0;
    size_t waiting = lines->pending.size, room = PLR_LINE_MAX - waiting;
    size_t taken = *size < room ? *size : room;
    const char *newline = memchr(*data, '\n', taken);
    if (newline != NULL)
        taken = (size_t)(newline - *data) + 1;
    bool complete = newline != NULL || taken == room;
    unsigned flags = newline != NULL ? 0 : PLR_OUTPUT_SPLIT;

    if (complete && waiting == 0) {
        if (newline == NULL)
            taken -= torn(*data, taken);
        *ret_line = give(lines, *data, taken, flags);
    } else {
        int r = plr_buf_append(&lines->pending, *data, taken, err);
        if (r < 0)
            return r;
        if (complete) {
            lines->given = waiting + taken;
            if (newline == NULL)
                lines->given -= torn(lines->pending.data, lines->given);
            *ret_line = give(lines, lines->pending.data, lines->given, flags);
        }
    }
    *data += taken;
    *size -= taken;
    return complete;
}

int plr_lines_take_back(plr_lines *lines, plr_buf *out, plr_error *err)
{
    drop_given(lines);
    int r = plr_buf_append(out, lines->pending.data, lines->pending.size, err);
    plr_buf_reset(&lines->pending);
    return r;
}

bool plr_lines_flush(plr_lines *lines, bool final, plr_line *ret_line)
{
    drop_given(lines);
    size_t size = lines->pending.size;
    if (!final)
        size -= torn(lines->pending.data, size);
    if (size == 0)
        return false;
    lines->given = size;
    *ret_line = give(lines, lines->pending.data, size, PLR_OUTPUT_PARTIAL);
    return true;
}
