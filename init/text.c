/* SPDX-License-Identifier: MIT */
/*
 * Strings and lines without libc. Short and plain: all of it together handles a few hundred bytes
 * in the life of a step.
 */
#include "init/text.h"
#include "init/syscall.h"

size_t plr_text_length(const char *text)
{
    return plr_text_find(text, '\0');
}

bool plr_text_equal(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

size_t plr_text_find(const char *text, char c)
{
    size_t i = 0;
    while (text[i] && text[i] != c) {
        __asm__ volatile("");
        i++;
    }
    return i;
}

bool plr_text_number(const char *text, uint64_t max, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        number = number * 10 + (uint64_t)(*text - '0');
        if (number > max)
            return false;
    }
    *ret_number = number;
    return true;
}

void plr_line_put(plr_line *line, const char *text)
{
    for (; *text && line->size < sizeof line->text; text++)
        line->text[line->size++] = *text;
}

void plr_line_put_number(plr_line *line, uint64_t number)
{
    char digits[21];
    char *first = digits + sizeof digits - 1;
    *first = '\0';
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    plr_line_put(line, first);
}

void plr_line_write(const plr_line *line, int fd)
{
    enum { PATIENCE_MS = 1000 };
    plr_pollfd room = { fd, PLR_POLLOUT, 0 };
    /* What the command did to the pipe that we share with it, it did to us. */
    while (PLR_SYSCALL(write, fd, line->text, line->size) == -PLR_EAGAIN) {
        poll_wait(&room, 1, PATIENCE_MS);
        if (!room.ready)
            break;
    }
}
