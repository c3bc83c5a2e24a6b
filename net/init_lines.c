/* SPDX-License-Identifier: MIT */
/* A line of the init's may stand behind anything the step wrote, and in two pieces of the stream.
 * So from each byte that begins one on, bytes are held back until they differ from one. */
#include "net/init_lines.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MARK PLR_INIT_LINE_PREFIX[0]

void plr_init_lines_init(plr_init_lines *lines, const char *nonce)
{
    *lines = (plr_init_lines){ 0 };
    if (nonce[0] != '\0')
        lines->n_begin = (size_t)snprintf(lines->begin, sizeof(lines->begin),
                PLR_INIT_LINE_PREFIX "%.*s ", PLR_INIT_NONCE_MAX, nonce);
}

/* " 123" times n, and then the end. */
static bool read_numbers(const char *text, uint64_t *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text[0] != ' ' || text[1] < '0' || text[1] > '9')
            return false;
        numbers[i] = 0;
        for (text++; *text >= '0' && *text <= '9'; text++) {
            uint64_t digit = (uint64_t)(*text - '0');
            if (numbers[i] > (UINT64_MAX - digit) / 10)
                return false;
            numbers[i] = numbers[i] * 10 + digit;
        }
    }
    return *text == '\0';
}

/* What a word carries, and where it is; NULL: nothing. */
typedef struct payload {
    plr_init_failure failure;
    plr_init_exit record;
    plr_init_count count;
    const void *data;
} payload;

/* " WHY", and then the end. */
static bool read_why(const char *text, payload *ret_payload)
{
    static const char *const names[] = {
#define NAME(id, name) name,
        PLR_INIT_WHYS(NAME)
#undef NAME
    };
    for (size_t i = 0; text[0] == ' ' && i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text + 1, names[i]) == 0) {
            ret_payload->data = names[i];
            return true;
        }
    }
    return false;
}

/* The word that `text` is, the line without its begin and its newline; 0: none. */
static unsigned read_word(const char *text, payload *ret_payload)
{
    static const struct {
        unsigned word;
        const char *name;
        size_t n_numbers;
    } words[] = {
        { PLR_INIT_HELD, "held", 0 },
        { PLR_INIT_RUNNING, "running", 0 },
        { PLR_INIT_ERRNO, "errno", 2 },
        { PLR_INIT_EXITED, "exited", 7 },
        { PLR_INIT_STOPPED, "stopped", 7 },
        { PLR_INIT_LOST, "lost", 0 },
        { PLR_INIT_COUNT, "count", 3 },
    };
    uint64_t numbers[7];
    *ret_payload = (payload){ .data = NULL };
    if (strncmp(text, "skipped", 7) == 0 && read_why(text + 7, ret_payload))
        return PLR_INIT_SKIPPED;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t length = strlen(words[i].name);
        if (strncmp(text, words[i].name, length) != 0 ||
                !read_numbers(text + length, numbers, words[i].n_numbers))
            continue;
        if (words[i].n_numbers == 3) {
            ret_payload->count =
                    (plr_init_count){ numbers[0], (uint32_t)numbers[1], (uint32_t)numbers[2] };
            ret_payload->data = &ret_payload->count;
        } else if (words[i].n_numbers == 2) {
            ret_payload->failure = (plr_init_failure){ (uint32_t)numbers[0], (uint32_t)numbers[1] };
            ret_payload->data = &ret_payload->failure;
        } else if (words[i].n_numbers == 7) {
            ret_payload->record = (plr_init_exit){ (uint32_t)numbers[0], 0, numbers[1], numbers[2],
                numbers[3], numbers[4], numbers[5], numbers[6] };
            ret_payload->data = &ret_payload->record;
        }
        return words[i].word;
    }
    return 0;
}

/* What was held back was no line. */
static void release(plr_init_lines *lines, plr_init_lines_fn *on_piece, void *userdata)
{
    size_t size = lines->n_line;
    lines->n_line = 0;
    if (size > 0)
        on_piece(lines->line, size, 0, NULL, userdata);
}

/* One byte behind those that are held back. False: it does not belong to them. */
static bool take(plr_init_lines *lines, char c, plr_init_lines_fn *on_piece, void *userdata)
{
    payload carried;
    if (lines->n_line < lines->n_begin ? c != lines->begin[lines->n_line]
                                       : c == MARK || lines->n_line == sizeof(lines->line) - 1)
        return false;
    lines->line[lines->n_line++] = c;
    if (c != '\n')
        return true;
    lines->line[lines->n_line - 1] = '\0';
    unsigned word = read_word(lines->line + lines->n_begin, &carried);
    lines->line[lines->n_line - 1] = c;
    if (word == 0) {
        release(lines, on_piece, userdata);
        return true;
    }
    lines->n_line = 0;
    on_piece(NULL, 0, word, carried.data, userdata);
    return true;
}

void plr_init_lines_feed(plr_init_lines *lines, const void *data, size_t size,
        plr_init_lines_fn *on_piece, void *userdata)
{
    const char *bytes = data;
    while (size > 0) {
        if (lines->n_line == 0) {
            const char *mark = lines->n_begin == 0 ? NULL : memchr(bytes, MARK, size);
            size_t before = mark == NULL ? size : (size_t)(mark - bytes);
            if (before > 0)
                on_piece(bytes, before, 0, NULL, userdata);
            bytes += before;
            size -= before;
            if (size == 0)
                return;
        }
        if (take(lines, *bytes, on_piece, userdata)) {
            bytes++;
            size--;
        } else {
            release(lines, on_piece, userdata);
        }
    }
}

void plr_init_lines_end(plr_init_lines *lines, plr_init_lines_fn *on_piece, void *userdata)
{
    release(lines, on_piece, userdata);
}
