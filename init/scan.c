/* SPDX-License-Identifier: MIT */
/*
 * Lines, words, names and numbers of a text of any bytes. No function looks beyond its end.
 */
#include "init/scan.h"

static const char *find(const plr_scan *scan, char c)
{
    const char *at = scan->at;
    while (at < scan->end && *at != c)
        at++;
    return at;
}

bool plr_scan_line(plr_scan *text, plr_scan *ret_line)
{
    const char *end = find(text, '\n');
    if (end == text->end)
        return false;
    *ret_line = (plr_scan){ text->at, end };
    text->at = end + 1;
    return true;
}

bool plr_scan_word(plr_scan *line, plr_scan *ret_word)
{
    const char *end = find(line, ' ');
    if (end == line->at)
        return false;
    *ret_word = (plr_scan){ line->at, end };
    line->at = end < line->end ? end + 1 : end;
    return true;
}

static bool is_name(plr_scan word, const char *name)
{
    while (word.at < word.end && *word.at == *name && *name != '\0') {
        word.at++;
        name++;
    }
    return word.at == word.end && *name == '\0';
}

bool plr_scan_name(plr_scan *line, const char *const *names, size_t n_names, size_t *ret_index)
{
    plr_scan word;
    if (!plr_scan_word(line, &word))
        return false;
    for (size_t i = 0; i < n_names; i++)
        if (is_name(word, names[i])) {
            *ret_index = i;
            return true;
        }
    return false;
}

bool plr_scan_number(plr_scan *line, uint64_t max, uint64_t *ret_number)
{
    plr_scan word;
    uint64_t number = 0;
    if (!plr_scan_word(line, &word))
        return false;
    for (; word.at < word.end; word.at++) {
        if (*word.at < '0' || *word.at > '9' || number > max / 10)
            return false;
        number = number * 10 + (uint64_t)(*word.at - '0');
    }
    *ret_number = number;
    return number <= max;
}

bool plr_scan_is_done(const plr_scan *line)
{
    return line->at == line->end;
}
