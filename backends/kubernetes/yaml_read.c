/* SPDX-License-Identifier: MIT */
/* libyaml's events as a tree. What YAML could do besides (aliases, types by tags, several
 * documents) is refused: nobody needs it here, and all of it has been used to attack readers. */
#include "backends/kubernetes/yaml_read.h"

#include <string.h>
#include <yaml.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/findings.h"
#include "engine/base/map.h"

typedef struct reader {
    plr_arena *arena;
    const char *file;
    plr_error *err;
    yaml_parser_t parser;
    yaml_event_t event;
    plr_node key;                             /* only its key fields: read, its value is to come */
    plr_node *root;                           /* NULL until the first value */
    plr_node *open;                           /* innermost */
    plr_node *last[PLR_DOCUMENT_DEEPEST + 1]; /* youngest child of each open one */
    size_t depth;
    bool done;
} reader;

static int refuse(const reader *r, yaml_mark_t at, const char *what)
{
    return plr_error_set(r->err, PLR_ERR_CONFIGURATION, "%s:%zu:%zu: %s", r->file, at.line + 1,
            at.column + 1, what);
}

static int syntax_error(const reader *r)
{
    if (r->parser.error == YAML_MEMORY_ERROR)
        return plr_error_nomem(r->err);
    yaml_mark_t at = r->parser.problem_mark;
    if (r->parser.error == YAML_READER_ERROR) {
        /* It has an offset only. */
        at = (yaml_mark_t){ .line = r->parser.mark.line, .column = r->parser.mark.column };
    }
    return refuse(r, at, r->parser.problem != NULL ? r->parser.problem : "this is no YAML");
}

static bool is_one_of(const char *text, size_t size, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strlen(*words) == size && memcmp(*words, text, size) == 0)
            return true;
    return false;
}

static size_t digits(const char *text, size_t size)
{
    size_t n = 0;
    while (n < size && text[n] >= '0' && text[n] <= '9')
        n++;
    return n;
}

/* A number as JSON writes it. A zero in front of others means octal to some and nothing to others:
 * that is text. */
static bool is_number(const char *text, size_t size)
{
    size_t at = size > 0 && text[0] == '-' ? 1 : 0;
    size_t n = digits(text + at, size - at);
    if (n == 0 || (n > 1 && text[at] == '0'))
        return false;
    at += n;
    if (at < size && text[at] == '.') {
        n = digits(text + at + 1, size - at - 1);
        if (n == 0)
            return false;
        at += n + 1;
    }
    if (at < size && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        if (at < size && (text[at] == '+' || text[at] == '-'))
            at++;
        n = digits(text + at, size - at);
        if (n == 0)
            return false;
        at += n;
    }
    return at == size;
}

static plr_node_type type_of(const char *text, size_t size)
{
    static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
    static const char *const bools[] = { "true", "True", "TRUE", "false", "False", "FALSE", NULL };
    if (is_one_of(text, size, nulls))
        return PLR_NODE_NULL;
    if (is_one_of(text, size, bools))
        return PLR_NODE_BOOL;
    return is_number(text, size) ? PLR_NODE_NUMBER : PLR_NODE_STRING;
}

static bool awaits_key(const reader *r)
{
    return r->open != NULL && r->open->type == PLR_NODE_OBJECT && r->key.key == NULL;
}

static int add(reader *r, plr_node_type type, plr_node **ret_node)
{
    yaml_mark_t at = r->event.start_mark;
    if (awaits_key(r))
        return refuse(r, at, "expected a key, found a list or a map");
    plr_node *node = plr_arena_alloc(r->arena, sizeof *node);
    if (node == NULL)
        return plr_error_nomem(r->err);
    *node = r->key;
    r->key = (plr_node){ 0 };
    node->type = type;
    node->line = (uint32_t)at.line + 1;
    node->column = (uint32_t)at.column + 1;
    node->parent = r->open;
    if (r->open == NULL)
        r->root = node;
    else if (r->open->size++ == 0)
        r->open->first = node;
    else
        r->last[r->depth]->next = node;
    r->last[r->depth] = node;
    *ret_node = node;
    return 0;
}

static int on_scalar(reader *r)
{
    const char *value = (const char *)r->event.data.scalar.value;
    size_t size = r->event.data.scalar.length;
    yaml_mark_t at = r->event.start_mark;
    if (memchr(value, '\0', size) != NULL)
        return refuse(r, at, "a text cannot hold NUL");
    const char *text = plr_arena_copy(r->arena, value, size);
    if (text == NULL)
        return plr_error_nomem(r->err);
    if (awaits_key(r)) {
        r->key.key = text;
        r->key.key_size = (uint32_t)size;
        r->key.key_line = (uint32_t)at.line + 1;
        r->key.key_column = (uint32_t)at.column + 1;
        return 0;
    }
    plr_node *node;
    int code = add(
            r, r->event.data.scalar.plain_implicit ? type_of(text, size) : PLR_NODE_STRING, &node);
    if (code < 0)
        return code;
    if (node->type == PLR_NODE_BOOL) {
        node->truth = text[0] == 't' || text[0] == 'T';
    } else if (node->type != PLR_NODE_NULL) {
        node->text = text;
        node->size = (uint32_t)size;
    }
    return 0;
}

static int on_open(reader *r, plr_node_type type)
{
    plr_node *node;
    if (r->depth == PLR_DOCUMENT_DEEPEST)
        return refuse(r, r->event.start_mark, "nesting is deeper than 64 levels");
    int code = add(r, type, &node);
    if (code < 0)
        return code;
    r->open = node;
    r->depth++;
    return 0;
}

static void on_close(reader *r)
{
    r->open->whole = true;
    r->open = r->open->parent;
    r->depth--;
}

static int check_tag(const reader *r, const yaml_char_t *tag, const char *usual)
{
    if (tag == NULL || strcmp((const char *)tag, "!") == 0 || strcmp((const char *)tag, usual) == 0)
        return 0;
    return refuse(r, r->event.start_mark, "tags are not supported here");
}

static int on_event(reader *r)
{
    int code;
    switch (r->event.type) {
    case YAML_ALIAS_EVENT:
        return refuse(r, r->event.start_mark, "aliases are not supported: write it out");
    case YAML_SCALAR_EVENT:
        code = check_tag(r, r->event.data.scalar.tag, YAML_STR_TAG);
        return code < 0 ? code : on_scalar(r);
    case YAML_SEQUENCE_START_EVENT:
        code = check_tag(r, r->event.data.sequence_start.tag, YAML_SEQ_TAG);
        return code < 0 ? code : on_open(r, PLR_NODE_ARRAY);
    case YAML_MAPPING_START_EVENT:
        code = check_tag(r, r->event.data.mapping_start.tag, YAML_MAP_TAG);
        return code < 0 ? code : on_open(r, PLR_NODE_OBJECT);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        on_close(r);
        return 0;
    case YAML_DOCUMENT_START_EVENT:
        return r->root == NULL ? 0 : refuse(r, r->event.start_mark, "expected one document");
    case YAML_STREAM_END_EVENT:
        r->done = true;
        return 0;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return 0;
}

static int read_events(reader *r)
{
    int code = 0;
    while (code == 0 && !r->done) {
        if (!yaml_parser_parse(&r->parser, &r->event))
            return syntax_error(r);
        code = on_event(r);
        yaml_event_delete(&r->event);
    }
    if (code == 0 && r->root == NULL)
        code = add(r, PLR_NODE_NULL, &r->root);
    return code;
}

static int read_yaml(plr_node **ret_root, plr_arena *arena, const char *file, const char *data,
        size_t size, plr_error *err)
{
    reader r = { .arena = arena, .file = file, .err = err };
    if (!yaml_parser_initialize(&r.parser))
        return plr_error_nomem(err);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)data, size);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    int code = read_events(&r);
    yaml_parser_delete(&r.parser);
    if (code == 0)
        *ret_root = r.root;
    return code;
}

/* PLR_ERR_CONFIGURATION without a word: it is none, and may still be YAML. */
static int read_json(
        plr_node **ret_root, plr_arena *arena, const char *data, size_t size, plr_error *err)
{
    _cleanup_(plr_findings_clear) plr_findings findings;
    plr_findings_init(&findings);
    int code = plr_document_parse(ret_root, arena, data, size, &findings, err);
    if (code == 0 && findings.failed)
        code = plr_error_nomem(err);
    return code < 0 ? code : findings.n_errors > 0 ? PLR_ERR_CONFIGURATION : 0;
}

/* Each key of a map once. */
static int check_map(const plr_node *object, plr_arena *arena, const char *file, plr_error *err)
{
    _cleanup_map_ plr_map seen;
    plr_map_init(&seen);
    for (const plr_node *child = object->first; child != NULL; child = child->next) {
        size_t line = 0;
        const char *key = plr_arena_copy(arena, child->key, child->key_size);
        if (key == NULL)
            return plr_error_nomem(err);
        int added = plr_map_add(&seen, key, child->key_line, &line, err);
        if (added < 0)
            return added;
        if (added == 0)
            return plr_error_set(err, PLR_ERR_CONFIGURATION,
                    "%s:%u:%u: \"%.*s\" stands already on line %zu", file, child->key_line,
                    child->key_column, plr_findings_shown(key, child->key_size), key, line);
    }
    return 0;
}

/* The tree is as deep as PLR_DOCUMENT_DEEPEST at most. */
static int check_keys(const plr_node *node, plr_arena *arena, const char *file, plr_error *err)
{
    if (node->type != PLR_NODE_ARRAY && node->type != PLR_NODE_OBJECT)
        return 0;
    int code = node->type == PLR_NODE_OBJECT ? check_map(node, arena, file, err) : 0;
    for (const plr_node *child = node->first; code == 0 && child != NULL; child = child->next)
        code = check_keys(child, arena, file, err);
    return code;
}

static bool may_be_json(const char *data, size_t size)
{
    size_t at = 0;
    while (at < size && memchr("\xef\xbb\xbf \t\r\n", data[at], 7) != NULL)
        at++;
    return at < size && data[at] == '{';
}

int plr_yaml_read(plr_node **ret_root, plr_arena *arena, const char *file, const char *data,
        size_t size, plr_error *err)
{
    plr_node *root = NULL;
    if (size > PLR_YAML_LARGEST)
        return plr_error_set(
                err, PLR_ERR_CONFIGURATION, "%s: %zu bytes, more than 1 MiB", file, size);
    /* libyaml reads most of JSON, but not all its escapes; and a map of YAML's may begin like it.
     */
    int code = PLR_ERR_CONFIGURATION;
    if (may_be_json(data, size))
        code = read_json(&root, arena, data, size, err);
    if (code == PLR_ERR_CONFIGURATION)
        code = read_yaml(&root, arena, file, data, size, err);
    if (code == 0)
        code = check_keys(root, arena, file, err);
    if (code == 0)
        *ret_root = root;
    return code;
}

static int children_to_json(json_object *json, const plr_node *node, plr_error *err)
{
    for (const plr_node *child = node->first; child != NULL; child = child->next) {
        json_object *value = NULL;
        int code = plr_yaml_to_json(&value, child, err);
        if (code < 0)
            return code;
        _cleanup_free_ char *key = child->key != NULL ? strndup(child->key, child->key_size) : NULL;
        bool added = node->type == PLR_NODE_ARRAY
                             ? json_object_array_add(json, value) == 0
                             : key != NULL && json_object_object_add(json, key, value) == 0;
        if (!added) {
            json_object_put(value);
            return plr_error_nomem(err);
        }
    }
    return 0;
}

/* Text of the tree is not NUL-terminated, if it was JSON. */
static json_object *number_to_json(const plr_node *node)
{
    _cleanup_free_ char *text = strndup(node->text, node->size);
    int64_t number;
    if (text == NULL)
        return NULL;
    if (strpbrk(text, ".eE") == NULL && json_parse_int64(text, &number) == 0)
        return json_object_new_int64(number);
    return json_object_new_double_s(strtod(text, NULL), text);
}

int plr_yaml_to_json(json_object **ret_json, const plr_node *node, plr_error *err)
{
    json_object *json = NULL;
    switch (node->type) {
    case PLR_NODE_NULL:
        *ret_json = NULL;
        return 0;
    case PLR_NODE_BOOL:
        json = json_object_new_boolean(node->truth);
        break;
    case PLR_NODE_NUMBER:
        json = number_to_json(node);
        break;
    case PLR_NODE_STRING:
        json = json_object_new_string_len(node->text, (int)node->size);
        break;
    case PLR_NODE_ARRAY:
        json = json_object_new_array();
        break;
    case PLR_NODE_OBJECT:
        json = json_object_new_object();
        break;
    }
    if (json == NULL)
        return plr_error_nomem(err);
    int code = node->type >= PLR_NODE_ARRAY ? children_to_json(json, node, err) : 0;
    if (code == 0)
        *ret_json = json;
    else
        json_object_put(json);
    return code;
}
