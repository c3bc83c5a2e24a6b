/* SPDX-License-Identifier: MIT */
/* The tables of the format as a JSON Schema (2020-12), for editors and generators. Nothing here
 * knows a field by name; what only the checks know (references, cycles) a schema cannot say. */
#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/spec.h"

#define AMOUNT "([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|ms|s|m|h)"
#define DURATION "^(|0|(" AMOUNT ")+)$"
#define BASE64 "^[A-Za-z0-9+/ \\t\\r\\n]*=?[ \\t\\r\\n]*=?[ \\t\\r\\n]*$"

size_t plr_spec_tables(const plr_table *ret_tables[PLR_SPEC_MOST_TABLES])
{
    size_t n = 1;
    ret_tables[0] = &plr_spec_table;
    for (size_t i = 0; i < n; i++) {
        const plr_table *table = ret_tables[i];
        for (size_t j = 0; j < table->n_fields; j++) {
            const plr_table *next = table->fields[j].table;
            size_t k = 0;
            if (next == NULL || !plr_field_in(&table->fields[j], table))
                continue;
            while (k < n && ret_tables[k] != next)
                k++;
            if (k == n)
                ret_tables[n++] = next;
        }
    }
    return n;
}

/* "volume mount" as a name without a space. */
static void put_name(plr_buf *out, const plr_table *table)
{
    for (const char *c = table->name; *c != '\0'; c++)
        plr_buf_putc(out, *c == ' ' ? '-' : *c);
}

/* null stands for absent wherever a key may be absent. */
static void put_type(plr_json *json, const plr_field *field, const char *type)
{
    if (field->required) {
        plr_json_string(json, "type", type);
        return;
    }
    plr_json_open(json, "type", '[');
    plr_json_string(json, NULL, type);
    plr_json_string(json, NULL, "null");
    plr_json_close(json);
}

static void put_ref(plr_json *json, const plr_table *table)
{
    _cleanup_buf_ plr_buf ref = { 0 };
    plr_buf_puts(&ref, "#/$defs/");
    put_name(&ref, table);
    if (ref.failed)
        json->out->failed = true;
    else
        plr_json_string(json, "$ref", ref.data);
}

static void put_words(plr_json *json, const plr_word *words)
{
    plr_json_open(json, "enum", '[');
    for (; words->word != NULL; words++)
        plr_json_string(json, NULL, words->word);
    plr_json_close(json);
}

/* No word has a required field: absent, null and empty are its default. */
static void put_word_field(plr_json *json, const plr_field *field)
{
    plr_json_open(json, "anyOf", '[');
    plr_json_open(json, NULL, '{');
    put_words(json, field->words);
    plr_json_close(json);
    plr_json_open(json, NULL, '{');
    put_type(json, field, "string");
    plr_json_integer(json, "maxLength", 0);
    plr_json_close(json);
    plr_json_close(json);
    if (field->type == PLR_FIELD_ENUM)
        plr_json_string(json, "default", field->words[0].word);
    else if (field->fallback != NULL)
        plr_json_string(json, "default", field->fallback);
}

static void put_items(plr_json *json, const plr_field *field)
{
    put_type(json, field, "array");
    plr_json_open(json, "items", '{');
    if (field->type == PLR_FIELD_LIST)
        put_ref(json, field->table);
    else if (field->type == PLR_FIELD_ENUMS)
        put_words(json, field->words);
    else
        plr_json_string(json, "type", "string");
    plr_json_close(json);
    if (field->required)
        plr_json_integer(json, "minItems", 1);
}

static void put_pairs(plr_json *json, const plr_field *field)
{
    put_type(json, field, "object");
    if (field->pattern != NULL) {
        plr_json_open(json, "propertyNames", '{');
        plr_json_string(json, "pattern", field->pattern);
        plr_json_close(json);
    }
    plr_json_open(json, "additionalProperties", '{');
    plr_json_open(json, "type", '[');
    plr_json_string(json, NULL, "string");
    plr_json_string(json, NULL, "null");
    plr_json_close(json);
    plr_json_close(json);
}

static void put_object(plr_json *json, const plr_field *field)
{
    plr_json_open(json, "anyOf", '[');
    plr_json_open(json, NULL, '{');
    put_ref(json, field->table);
    plr_json_close(json);
    plr_json_open(json, NULL, '{');
    plr_json_string(json, "type", "null");
    plr_json_close(json);
    plr_json_close(json);
}

/* An optional string may be empty, which is absent, too. */
static void put_pattern(plr_json *json, const plr_field *field)
{
    _cleanup_buf_ plr_buf pattern = { 0 };
    if (field->pattern == NULL)
        return;
    plr_buf_printf(&pattern, "%s%s", field->required ? "" : "^$|", field->pattern);
    if (pattern.failed)
        json->out->failed = true;
    else
        plr_json_string(json, "pattern", pattern.data);
}

static void put_field(plr_json *json, const plr_field *field)
{
    plr_json_open(json, field->name, '{');
    plr_json_string(json, "description", field->doc);
    switch (field->type) {
    case PLR_FIELD_DURATION:
        put_type(json, field, "string");
        plr_json_string(json, "pattern", DURATION);
        break;
    case PLR_FIELD_BYTES:
        put_type(json, field, "string");
        plr_json_string(json, "contentEncoding", "base64");
        plr_json_string(json, "pattern", BASE64);
        break;
    case PLR_FIELD_STRING:
        put_type(json, field, "string");
        if (field->required)
            plr_json_integer(json, "minLength", 1);
        put_pattern(json, field);
        break;
    case PLR_FIELD_WORD:
    case PLR_FIELD_ENUM:
        put_word_field(json, field);
        break;
    case PLR_FIELD_BOOL:
        put_type(json, field, "boolean");
        plr_json_bool(json, "default", false);
        break;
    case PLR_FIELD_INTEGER:
        put_type(json, field, "integer");
        plr_json_integer(json, "minimum", field->least);
        plr_json_integer(json, "maximum", field->most != 0 ? field->most : INT64_MAX);
        break;
    case PLR_FIELD_STRINGS:
    case PLR_FIELD_ENUMS:
    case PLR_FIELD_LIST:
        put_items(json, field);
        break;
    case PLR_FIELD_PAIRS:
        put_pairs(json, field);
        break;
    case PLR_FIELD_OBJECT:
    case PLR_FIELD_POINTER:
        put_object(json, field);
        break;
    }
    plr_json_close(json);
}

/* The members of a schema that say what an object holds. */
static void put_table(plr_json *json, const plr_table *table)
{
    plr_json_string(json, "description", table->doc);
    plr_json_string(json, "type", "object");
    plr_json_open(json, "properties", '{');
    for (size_t i = 0; i < table->n_fields; i++)
        if (plr_field_in(&table->fields[i], table))
            put_field(json, &table->fields[i]);
    plr_json_close(json);
    plr_json_open(json, "required", '[');
    for (size_t i = 0; i < table->n_fields; i++)
        if (table->fields[i].required && plr_field_in(&table->fields[i], table))
            plr_json_string(json, NULL, table->fields[i].name);
    plr_json_close(json);
    plr_json_bool(json, "additionalProperties", false);
}

int plr_spec_schema(char **ret_text, plr_error *err)
{
    _cleanup_buf_ plr_buf out = { 0 };
    plr_json json = { .out = &out };
    const plr_table *tables[PLR_SPEC_MOST_TABLES];
    size_t n = plr_spec_tables(tables);
    plr_json_open(&json, NULL, '{');
    plr_json_string(&json, "$schema", "https://json-schema.org/draft/2020-12/schema");
    plr_json_string(&json, "title", "pipeline document");
    plr_json_string(&json, "$comment",
            "Made from the tables that read documents. The reader takes keys in any case; here "
            "stands the lower-case form.");
    put_table(&json, &plr_spec_table);
    plr_json_open(&json, "$defs", '{');
    for (size_t i = 1; i < n; i++) {
        _cleanup_buf_ plr_buf name = { 0 };
        put_name(&name, tables[i]);
        if (name.failed)
            return plr_error_nomem(err);
        plr_json_open(&json, name.data, '{');
        put_table(&json, tables[i]);
        plr_json_close(&json);
    }
    plr_json_close(&json);
    plr_json_close(&json);
    return plr_buf_steal(&out, ret_text, err);
}
