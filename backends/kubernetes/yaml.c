/* SPDX-License-Identifier: MIT */
/* json-c as YAML: block style, two spaces a level, texts in double quotes where they could read as
 * something else. */
#include "backends/kubernetes/yaml.h"

#include <stdio.h>
#include <string.h>

/* Whether a text reads as itself without quotes, in every YAML that there has been: "no", "1e3",
 * "0x1f" and "12:30" do not. */
static bool is_plain(const char *text, size_t size)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char others[] =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
    static const char *const words[] = { "y", "n", "yes", "no", "on", "off", "true", "false",
        "null" };
    if (size == 0 || strlen(text) != size || strchr(letters, text[0]) == NULL ||
            text[strspn(text, others)] != '\0')
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasecmp(words[i], text) == 0)
            return false;
    return true;
}

/* The bytes of a character that YAML does not let stand, and what is written for it: the rest of
 * the control characters, the line breaks of Unicode, and the byte order mark. */
static size_t hidden(const char *text, size_t left, char ret_escape[8])
{
    unsigned char c[3] = { 0 };
    memcpy(c, text, left < 3 ? left : 3);
    if (c[0] == 0x7f) {
        snprintf(ret_escape, 8, "\\x7f");
        return 1;
    }
    if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) {
        snprintf(ret_escape, 8, "\\x%02x", c[1]);
        return 2;
    }
    unsigned code = (c[0] & 0x0fu) << 12 | (c[1] & 0x3fu) << 6 | (c[2] & 0x3fu);
    if ((c[0] & 0xf0u) == 0xe0u &&
            (code == 0x2028 || code == 0x2029 || code == 0xfeff || code >= 0xfffe)) {
        snprintf(ret_escape, 8, "\\u%04x", code);
        return 3;
    }
    return 0;
}

static void put_quoted(plr_buf *out, const char *text, size_t size)
{
    char escape[8];
    plr_buf_putc(out, '"');
    for (size_t i = 0; i < size;) {
        size_t n = hidden(text + i, size - i, escape);
        if (n > 0) {
            plr_buf_puts(out, escape);
            i += n;
            continue;
        }
        char c = text[i++];
        if (c == '"' || c == '\\')
            plr_buf_putc(out, '\\');
        if (c == '\n')
            plr_buf_puts(out, "\\n");
        else if (c == '\t')
            plr_buf_puts(out, "\\t");
        else if ((unsigned char)c < 0x20)
            plr_buf_printf(out, "\\x%02x", (unsigned)(unsigned char)c);
        else
            plr_buf_putc(out, c);
    }
    plr_buf_putc(out, '"');
}

static void put_text(plr_buf *out, const char *text, size_t size)
{
    if (is_plain(text, size))
        plr_buf_put(out, text, size);
    else
        put_quoted(out, text, size);
}

static void put_value(plr_buf *out, json_object *json, int indent, bool in_line);

static void put_indent(plr_buf *out, int indent)
{
    plr_buf_printf(out, "%*s", indent, "");
}

static void put_object(plr_buf *out, json_object *json, int indent, bool in_line)
{
    json_object_object_foreach(json, key, value)
    {
        if (!in_line)
            put_indent(out, indent);
        in_line = false;
        put_text(out, key, strlen(key));
        plr_buf_putc(out, ':');
        put_value(out, value, indent + 2, false);
    }
}

static void put_array(plr_buf *out, json_object *json, int indent)
{
    for (size_t i = 0; i < json_object_array_length(json); i++) {
        put_indent(out, indent);
        plr_buf_putc(out, '-');
        put_value(out, json_object_array_get_idx(json, i), indent + 2, true);
    }
}

/* Behind "key:" or "-". `in_item`: an object's first member stands on the line of its dash. */
static void put_value(plr_buf *out, json_object *json, int indent, bool in_item)
{
    bool object =
            json_object_is_type(json, json_type_object) && json_object_object_length(json) > 0;
    bool array = json_object_is_type(json, json_type_array) && json_object_array_length(json) > 0;
    if (object && in_item) {
        plr_buf_putc(out, ' ');
        put_object(out, json, indent, true);
        return;
    }
    if (object || array) {
        plr_buf_putc(out, '\n');
        if (object)
            put_object(out, json, indent, false);
        else
            put_array(out, json, indent);
        return;
    }
    plr_buf_putc(out, ' ');
    if (json_object_is_type(json, json_type_string))
        put_text(out, json_object_get_string(json), (size_t)json_object_get_string_len(json));
    else
        plr_buf_puts(out, json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN));
    plr_buf_putc(out, '\n');
}

void plr_yaml_put(plr_buf *out, json_object *json)
{
    plr_buf_puts(out, "---");
    put_value(out, json, 0, false);
}
