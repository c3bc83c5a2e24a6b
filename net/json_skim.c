/* SPDX-License-Identifier: MIT */
/* A string that a colon follows is a name: to know more of JSON's grammar is not needed here. */
#include "net/json_skim.h"

#include <string.h>

static bool is_named(const plr_json_skim *skim)
{
    if (skim->length >= sizeof(skim->text))
        return false;
    for (size_t i = 0; skim->names[i] != NULL; i++)
        if (strlen(skim->names[i]) == skim->length &&
                memcmp(skim->names[i], skim->text, skim->length) == 0)
            return true;
    return false;
}

static void take_string(plr_json_skim *skim, char c)
{
    if (!skim->escaped && c == '"') {
        skim->in_string = false;
        return;
    }
    skim->escaped = !skim->escaped && c == '\\';
    if (skim->length < sizeof(skim->text))
        skim->text[skim->length++] = c;
}

static void open_value(plr_json_skim *skim)
{
    if (skim->depth > 0 || skim->wanted_out)
        skim->depth++;
    skim->wanted_out = false;
}

static void take(plr_json_skim *skim, char c)
{
    switch (c) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        break;
    case '"':
        skim->in_string = true;
        skim->length = 0;
        skim->wanted_out = false;
        break;
    case ':':
        skim->wanted_out = skim->depth == 0 && is_named(skim);
        break;
    case '{':
    case '[':
        open_value(skim);
        break;
    case '}':
    case ']':
        skim->depth -= skim->depth > 0;
        break;
    default:
        skim->wanted_out = false;
    }
}

size_t plr_json_skim_next(plr_json_skim *skim, const char *data, size_t size, bool *ret_read)
{
    bool reads = skim->depth == 0;
    size_t n = 0;
    *ret_read = reads;
    while (n < size) {
        if (skim->in_string)
            take_string(skim, data[n]);
        else
            take(skim, data[n]);
        /* The brackets of what is left out are read. */
        if (reads && skim->depth > 0)
            return n + 1;
        if (!reads && skim->depth == 0)
            return n; /* taken once more, it means nothing */
        n++;
    }
    return n;
}
