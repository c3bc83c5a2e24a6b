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
        skim->depth += skim->depth > 0 || skim->wanted_out;
        skim->wanted_out = false;
        break;
    case '}':
    case ']':
        skim->depth -= skim->depth > 0;
        break;
    default:
        skim->wanted_out = false;
    }
}

/* The value that this begins is to be left out. */
static bool opens(const plr_json_skim *skim, char c)
{
    return skim->wanted_out && (c == '{' || c == '[');
}

size_t plr_json_skim_next(plr_json_skim *skim, const char *data, size_t size, bool *ret_read)
{
    bool reads = skim->depth == 0 && !opens(skim, data[0]);
    size_t n = 0;
    do {
        if (skim->in_string)
            take_string(skim, data[n]);
        else
            take(skim, data[n]);
        n++;
    } while (n < size && (reads ? !opens(skim, data[n]) : skim->depth > 0));
    *ret_read = reads;
    return n;
}
