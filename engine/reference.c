/* SPDX-License-Identifier: MIT */
/* The tables of the format as a page for people, in Markdown: docs/document.md is what comes out.
 * The introduction says what no table can. */
#include <inttypes.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/spec.h"

static const char introduction[] =
        "# Pipeline documents\n"
        "\n"
        "<!-- Made from engine/spec_tables.c by `make document`; tests/schema holds it to that. "
        "-->\n"
        "\n"
        "A document is one JSON object (RFC 8259, UTF-8, a byte order mark is skipped), at most 64 "
        "MiB, nested at most 64 levels deep. What it means when it runs is in "
        "[meaning.md](meaning.md).\n"
        "\n"
        "- Keys match without case: `Name` is `name`. Two keys of an object that are the same this "
        "way are an error. The keys of free maps (environment, labels) keep their case.\n"
        "- Unknown keys and unknown words are errors; `--lenient` turns unknown keys into "
        "warnings.\n"
        "- `null` is the same as absent, except as an element of a list (an error) and as a value "
        "in a free map (empty). An empty text is absent, too.\n"
        "- A duration is a text of numbers with units: `1h30m`, `1.5s`, `250ms`. Units are `ns`, "
        "`us`, `ms`, `s`, `m`, `h`.\n"
        "- Numbers are whole and written with digits only.\n"
        "- Paths are absolute and have no `..`; `//`, `/.` and a `/` at the end mean nothing. Two "
        "things in one step cannot stand at the same path.\n"
        "- Names are free text without control characters. Steps, services and hooks share one "
        "space of names; volumes, files and secrets have one each. Without a name the uid is the "
        "name.\n"
        "- An environment variable's name is not empty and holds no `=`; names that begin with "
        "`PIPELINE_` are reserved. One variable holds one secret.\n";

/* The heading's anchor, as renderers make it. */
static void put_link(plr_buf *out, const plr_table *table)
{
    plr_buf_printf(out, "[%s](#", table->name);
    for (const char *c = table->name; *c != '\0'; c++)
        plr_buf_putc(out, *c == ' ' ? '-' : *c);
    plr_buf_puts(out, ")");
}

static void put_words(plr_buf *out, const plr_field *field)
{
    for (const plr_word *w = field->words; w->word != NULL; w++)
        plr_buf_printf(out, "%s`%s`", w == field->words ? "" : ", ", w->word);
}

static void put_type(plr_buf *out, const plr_field *field)
{
    switch (field->type) {
    case PLR_FIELD_STRING:
        plr_buf_puts(out, "text");
        break;
    case PLR_FIELD_WORD:
    case PLR_FIELD_ENUM:
        put_words(out, field);
        break;
    case PLR_FIELD_BOOL:
        plr_buf_puts(out, "`true` or `false`");
        break;
    case PLR_FIELD_INTEGER:
        if (field->most != 0)
            plr_buf_printf(out, "number, %" PRId64 " to %" PRId64, field->least, field->most);
        else
            plr_buf_puts(out, "number");
        break;
    case PLR_FIELD_DURATION:
        plr_buf_puts(out, "duration");
        break;
    case PLR_FIELD_BYTES:
        plr_buf_puts(out, "base64");
        break;
    case PLR_FIELD_STRINGS:
        plr_buf_puts(out, "list of texts");
        break;
    case PLR_FIELD_ENUMS:
        plr_buf_puts(out, "list of ");
        put_words(out, field);
        break;
    case PLR_FIELD_PAIRS:
        plr_buf_puts(out, "map of texts");
        break;
    case PLR_FIELD_OBJECT:
    case PLR_FIELD_POINTER:
        put_link(out, field->table);
        break;
    case PLR_FIELD_LIST:
        plr_buf_puts(out, "list of ");
        put_link(out, field->table);
        break;
    }
}

static void put_table(plr_buf *out, const plr_table *table)
{
    plr_buf_printf(out, "\n## %s\n\n%s\n\n| Key | Value | Meaning |\n|---|---|---|\n", table->name,
            table->doc);
    for (size_t i = 0; i < table->n_fields; i++) {
        const plr_field *field = &table->fields[i];
        if (!plr_field_in(field, table))
            continue;
        plr_buf_printf(out, "| `%s` | ", field->name);
        put_type(out, field);
        plr_buf_printf(out, " | %s%s", field->required ? "Required. " : "", field->doc);
        if (field->fallback != NULL && field->fallback[0] != '\0')
            plr_buf_printf(out, " `%s` if absent.", field->fallback);
        plr_buf_puts(out, " |\n");
    }
}

int plr_spec_reference(char **ret_text, plr_error *err)
{
    _cleanup_buf_ plr_buf out = { 0 };
    const plr_table *tables[PLR_SPEC_MOST_TABLES];
    size_t n = plr_spec_tables(tables);
    plr_buf_puts(&out, introduction);
    for (size_t i = 0; i < n; i++)
        put_table(&out, tables[i]);
    return plr_buf_steal(&out, ret_text, err);
}
