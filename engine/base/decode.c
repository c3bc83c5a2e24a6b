/* SPDX-License-Identifier: MIT */
/* One function for each type of field. Each either fills the field or makes a finding; recursion
 * follows the tables, never the document. */
#include "engine/base/decode.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <pipeline/spec.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/map.h"
#include "engine/base/text.h"

bool plr_field_in(const plr_field *field, const plr_table *table)
{
    return field->variants == 0 || (field->variants & table->variant) != 0;
}

static void *allocate(plr_decoder *d, size_t n, size_t item_size)
{
    void *memory = plr_arena_array(d->arena, n, item_size);
    if (memory == NULL)
        d->findings->failed = true;
    return memory;
}

static const char *copy(plr_decoder *d, const char *text, size_t size)
{
    const char *result = plr_arena_copy(d->arena, text, size);
    if (result == NULL)
        d->findings->failed = true;
    return result;
}

/* True if the node is of that type; else it is told, unless something about it was told before. */
static bool is(plr_decoder *d, const plr_node *node, plr_node_type type)
{
    if (node->bad)
        return false;
    if (node->type == type)
        return true;
    const char *hint = node->type == PLR_NODE_NULL ? ": leave it out instead" : "";
    plr_findings_add(d->findings, &(plr_finding){ .code = "wrong-type", .node = node },
            "expected %s, found %s%s", plr_node_type_name(type), plr_node_type_name(node->type),
            hint);
    return false;
}

/* The same for an array's element, where null has a message of its own. */
static bool is_element(plr_decoder *d, const plr_node *node, plr_node_type type)
{
    if (node->type != PLR_NODE_NULL)
        return is(d, node, type);
    plr_findings_add(d->findings, &(plr_finding){ .code = "null-element", .node = node },
            "an element of an array cannot be null");
    return false;
}

/* Which of the candidates was probably meant by a text of the document. */
static const char *meant(
        plr_decoder *d, const char *text, size_t size, const char *const *candidates, size_t n)
{
    if (plr_findings_full(d->findings))
        return NULL;
    const char *ended = plr_arena_copy(&d->findings->arena, text, size);
    if (ended == NULL) {
        d->findings->failed = true;
        return NULL;
    }
    return plr_text_nearest(ended, candidates, n);
}

/* The word at a node, or NULL: then it is told. */
static const plr_word *word(plr_decoder *d, const plr_node *node, const plr_word *words)
{
    const char *candidates[PLR_TABLE_WIDEST];
    size_t n = 0;
    for (const plr_word *w = words; w->word != NULL; w++) {
        if (strlen(w->word) == node->size && memcmp(w->word, node->text, node->size) == 0)
            return w;
        candidates[n++] = w->word;
    }
    char all[256] = "";
    for (size_t i = 0, used = 0; i < n && used < sizeof all; i++)
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s",
                i == 0      ? ""
                : i + 1 < n ? ", "
                            : " or ",
                candidates[i]);
    plr_findings_add(d->findings,
            &(plr_finding){ .code = "unknown-value",
                    .node = node,
                    .suggestion = meant(d, node->text, node->size, candidates, n) },
            "\"%.*s\" is not one of %s", plr_findings_shown(node->text, node->size), node->text,
            all);
    return NULL;
}

static void integer(plr_decoder *d, const plr_node *node, const plr_field *field, int64_t *ret)
{
    int64_t most = field->most != 0 ? field->most : INT64_MAX;
    int64_t value = 0;
    size_t i = node->text[0] == '-' ? 1 : 0;
    bool whole = true;
    for (; i < node->size && whole; i++) {
        int digit = node->text[i] - '0';
        whole = digit >= 0 && digit <= 9 && !__builtin_mul_overflow(value, 10, &value) &&
                !__builtin_sub_overflow(value, digit, &value);
    }
    /* Counted downwards, because there is one more negative number. */
    if (whole && node->text[0] != '-')
        whole = !__builtin_sub_overflow(0, value, &value);
    if (whole && value >= field->least && value <= most) {
        *ret = value;
        return;
    }
    plr_findings_add(d->findings, &(plr_finding){ .code = "number-range", .node = node },
            "expected a whole number from %" PRId64 " to %" PRId64 ", found %.*s", field->least,
            most, plr_findings_shown(node->text, node->size), node->text);
}

static void duration(plr_decoder *d, const plr_node *node, int64_t *ret)
{
    plr_error error = { 0 };
    const char *text = copy(d, node->text, node->size);
    if (text != NULL && plr_duration_parse(text, ret, &error) < 0)
        plr_findings_add(d->findings, &(plr_finding){ .code = "bad-duration", .node = node }, "%s",
                error.message);
}

static void bytes(plr_decoder *d, const plr_node *node, plr_bytes *ret)
{
    _cleanup_buf_ plr_buf buf = { 0 };
    plr_error error = { 0 };
    int r = plr_base64_decode(node->text, node->size, &buf, &error);
    if (r == PLR_ERR_NOMEM) {
        d->findings->failed = true;
    } else if (r < 0) {
        plr_findings_add(d->findings, &(plr_finding){ .code = "bad-base64", .node = node }, "%s",
                error.message);
    } else {
        ret->data = (const unsigned char *)copy(d, buf.data, buf.size);
        ret->size = buf.size;
    }
}

static void strings(plr_decoder *d, const plr_node *node, const char ***ret, size_t *ret_n)
{
    const char **items = allocate(d, node->size, sizeof *items);
    size_t n = 0;
    for (const plr_node *child = node->first; items != NULL && child != NULL; child = child->next)
        items[n++] = is_element(d, child, PLR_NODE_STRING) ? copy(d, child->text, child->size) : "";
    *ret = items;
    *ret_n = n;
}

static void enums(plr_decoder *d, const plr_node *node, const plr_field *field, const int **ret,
        size_t *ret_n)
{
    int *values = allocate(d, node->size, sizeof *values);
    size_t n = 0;
    for (const plr_node *child = node->first; values != NULL && child != NULL;
            child = child->next) {
        const plr_word *w =
                is_element(d, child, PLR_NODE_STRING) ? word(d, child, field->words) : NULL;
        if (w != NULL)
            values[n++] = w->value;
    }
    *ret = values;
    *ret_n = n;
}

static void duplicate(plr_decoder *d, const plr_node *node, size_t first_line)
{
    plr_findings_add(d->findings,
            &(plr_finding){ .code = "duplicate-key", .node = node, .key = true },
            "\"%.*s\" stands already on line %zu", plr_findings_shown(node->key, node->key_size),
            node->key, first_line);
}

/* A free map: keys keep their case, and each stands once. */
static void pairs(plr_decoder *d, const plr_node *node, const plr_pair **ret, size_t *ret_n)
{
    _cleanup_map_ plr_map seen;
    plr_map_init(&seen);
    plr_pair *items = allocate(d, node->size, sizeof *items);
    size_t n = 0;
    for (const plr_node *child = node->first; items != NULL && child != NULL; child = child->next) {
        if (child->bad_key)
            continue;
        plr_pair pair = { copy(d, child->key, child->key_size), "" };
        if (pair.name == NULL)
            return;
        size_t first_line;
        int added = plr_map_add(&seen, pair.name, child->key_line, &first_line, NULL);
        if (added < 0)
            d->findings->failed = true;
        if (added == 0)
            duplicate(d, child, first_line);
        if (child->type != PLR_NODE_NULL && is(d, child, PLR_NODE_STRING))
            pair.value = copy(d, child->text, child->size);
        items[n++] = pair;
    }
    *ret = items;
    *ret_n = n;
}

static void list(
        plr_decoder *d, const plr_node *node, const plr_table *table, void **ret, size_t *ret_n)
{
    char *items = allocate(d, node->size, table->size);
    size_t n = 0;
    for (const plr_node *child = node->first; items != NULL && child != NULL;
            child = child->next, n++)
        if (is_element(d, child, PLR_NODE_OBJECT))
            plr_decode(d, table, child, items + n * table->size);
    *ret = items;
    *ret_n = n;
}

static plr_node_type json_type(plr_field_type type)
{
    switch (type) {
    case PLR_FIELD_BOOL:
        return PLR_NODE_BOOL;
    case PLR_FIELD_INTEGER:
        return PLR_NODE_NUMBER;
    case PLR_FIELD_STRINGS:
    case PLR_FIELD_ENUMS:
    case PLR_FIELD_LIST:
        return PLR_NODE_ARRAY;
    case PLR_FIELD_PAIRS:
    case PLR_FIELD_OBJECT:
    case PLR_FIELD_POINTER:
        return PLR_NODE_OBJECT;
    default:
        return PLR_NODE_STRING;
    }
}

/* Fills one field from a node that is not null. */
static void field_from(plr_decoder *d, const plr_field *field, const plr_node *node, char *out)
{
    void *at = out + field->offset;
    size_t *n_at = (size_t *)(void *)(out + field->n_offset);
    const plr_word *w;
    if (!is(d, node, json_type(field->type)))
        return;
    switch (field->type) {
    case PLR_FIELD_STRING:
        *(const char **)at = copy(d, node->text, node->size);
        break;
    case PLR_FIELD_WORD:
        w = word(d, node, field->words);
        if (w != NULL)
            *(const char **)at = w->word;
        break;
    case PLR_FIELD_ENUM:
        w = word(d, node, field->words);
        if (w != NULL)
            *(int *)at = w->value;
        break;
    case PLR_FIELD_BOOL:
        *(bool *)at = node->truth;
        break;
    case PLR_FIELD_INTEGER:
        integer(d, node, field, at);
        break;
    case PLR_FIELD_DURATION:
        duration(d, node, at);
        break;
    case PLR_FIELD_BYTES:
        bytes(d, node, at);
        break;
    case PLR_FIELD_STRINGS:
        strings(d, node, at, n_at);
        break;
    case PLR_FIELD_ENUMS:
        enums(d, node, field, at, n_at);
        break;
    case PLR_FIELD_PAIRS:
        pairs(d, node, at, n_at);
        break;
    case PLR_FIELD_OBJECT:
        plr_decode(d, field->table, node, at);
        break;
    case PLR_FIELD_POINTER:
        *(void **)at = allocate(d, 1, field->table->size);
        if (*(void **)at != NULL)
            plr_decode(d, field->table, node, *(void **)at);
        break;
    case PLR_FIELD_LIST:
        list(d, node, field->table, at, n_at);
        break;
    }
}

static void unknown_key(plr_decoder *d, const plr_table *table, const plr_node *node)
{
    const char *candidates[PLR_TABLE_WIDEST];
    size_t n = 0;
    for (size_t i = 0; i < table->n_fields; i++)
        if (plr_field_in(&table->fields[i], table))
            candidates[n++] = table->fields[i].name;
    plr_findings_add(d->findings,
            &(plr_finding){ .severity = d->lenient ? PLR_SEVERITY_WARNING : PLR_SEVERITY_ERROR,
                    .code = "unknown-key",
                    .node = node,
                    .key = true,
                    .suggestion = meant(d, node->key, node->key_size, candidates, n) },
            "%s has no \"%.*s\"", table->title, plr_findings_shown(node->key, node->key_size),
            node->key);
}

/* The field that a key names. Generators write keys in one order, so the search goes on behind the
 * field found last. */
static const plr_field *find(const plr_table *table, const plr_node *node, size_t *hint)
{
    for (size_t i = 0; i < table->n_fields; i++) {
        size_t at = *hint + i < table->n_fields ? *hint + i : *hint + i - table->n_fields;
        const char *name = table->fields[at].name;
        bool maybe = node->key_size > 0 && ((node->key[0] ^ name[0]) & ~0x20) == 0;
        if (maybe && plr_key_is(node->key, node->key_size, name)) {
            *hint = at;
            return &table->fields[at];
        }
    }
    return NULL;
}

/* null, and an empty text. */
static bool is_absent(const plr_field *field, const plr_node *node)
{
    return node->type == PLR_NODE_NULL || (node->type == PLR_NODE_STRING && node->size == 0 &&
                                                  json_type(field->type) == PLR_NODE_STRING);
}

void plr_decode(plr_decoder *d, const plr_table *table, const plr_node *node, void *out)
{
    const plr_node *seen[PLR_TABLE_WIDEST] = { NULL };
    size_t hint = 0;
    for (const plr_node *child = node->first; child != NULL; child = child->next) {
        if (child->bad_key)
            continue;
        const plr_field *field = find(table, child, &hint);
        if (field == NULL) {
            unknown_key(d, table, child);
        } else if (seen[hint] != NULL) {
            duplicate(d, child, seen[hint]->key_line);
        } else {
            seen[hint] = child;
            bool empty_list = child->type == PLR_NODE_ARRAY && child->size == 0;
            if (is_absent(field, child))
                continue;
            if (plr_field_in(field, table))
                field_from(d, field, child, out);
            else if (!empty_list)
                plr_findings_add(d->findings,
                        &(plr_finding){ .code = "not-allowed", .node = child, .key = true },
                        "%s has no \"%s\"", table->title, field->name);
        }
    }
    for (size_t i = 0; i < table->n_fields; i++) {
        const plr_field *field = &table->fields[i];
        if (field->required && node->whole && (seen[i] == NULL || is_absent(field, seen[i])))
            plr_findings_add(d->findings, &(plr_finding){ .code = "missing-key", .node = node },
                    "%s needs \"%s\"", table->title, field->name);
        const char **text = (const char **)(void *)((char *)out + field->offset);
        if (field->fallback != NULL && *text == NULL)
            *text = field->fallback;
    }
}

int plr_decode_text(void *out, plr_arena *arena, const plr_table *table, const char *text,
        size_t size, const char *what, int code, plr_error *err)
{
    _cleanup_arena_ plr_arena tree;
    _cleanup_(plr_findings_clear) plr_findings findings;
    plr_error first = { 0 };
    plr_node *root = NULL;
    plr_arena_init(&tree);
    plr_findings_init(&findings);
    plr_decoder decoder = { arena, &findings, .lenient = true };
    int r = plr_document_parse(&root, &tree, text, size, &findings, err);
    if (r < 0)
        return r;
    if (root != NULL && is(&decoder, root, PLR_NODE_OBJECT) && root->whole)
        plr_decode(&decoder, table, root, out);
    r = plr_findings_tell(&findings, what, NULL, NULL, &first);
    if (r == PLR_ERR_NOMEM)
        return plr_error_nomem(err);
    if (r < 0)
        return plr_error_set(err, code, "%s", first.message); /* begins with `what` */
    return 0;
}
