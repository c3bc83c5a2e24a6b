/* SPDX-License-Identifier: MIT */
/* Indented JSON, value by value. */
#include "engine/base/json.h"

#include <inttypes.h>

static void put_quoted(plr_buf *out, const char *text)
{
    plr_buf_putc(out, '"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            plr_buf_putc(out, '\\');
        if (c == '\n')
            plr_buf_puts(out, "\\n");
        else if (c < 0x20 || c == 0x7f)
            plr_buf_printf(out, "\\u%04x", c);
        else
            plr_buf_putc(out, (char)c);
    }
    plr_buf_putc(out, '"');
}

static void new_line(plr_json *json)
{
    plr_buf_putc(json->out, '\n');
    for (unsigned i = 0; i < json->depth; i++)
        plr_buf_puts(json->out, "  ");
}

/* What stands before each value: a comma, its line, its key. */
static void begin(plr_json *json, const char *key)
{
    if (json->depth > 0) {
        bool *any = &json->any[json->depth - 1];
        if (*any)
            plr_buf_putc(json->out, ',');
        *any = true;
        new_line(json);
    }
    if (key != NULL) {
        put_quoted(json->out, key);
        plr_buf_puts(json->out, ": ");
    }
}

void plr_json_open(plr_json *json, const char *key, char bracket)
{
    begin(json, key);
    plr_buf_putc(json->out, bracket);
    json->closing[json->depth] = bracket == '{' ? '}' : ']';
    json->any[json->depth++] = false;
}

void plr_json_close(plr_json *json)
{
    bool any = json->any[--json->depth];
    if (any)
        new_line(json);
    plr_buf_putc(json->out, json->closing[json->depth]);
    if (json->depth == 0)
        plr_buf_putc(json->out, '\n');
}

void plr_json_string(plr_json *json, const char *key, const char *text)
{
    begin(json, key);
    put_quoted(json->out, text);
}

void plr_json_integer(plr_json *json, const char *key, int64_t number)
{
    begin(json, key);
    plr_buf_printf(json->out, "%" PRId64, number);
}

void plr_json_bool(plr_json *json, const char *key, bool truth)
{
    begin(json, key);
    plr_buf_puts(json->out, truth ? "true" : "false");
}
