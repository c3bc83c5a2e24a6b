/* SPDX-License-Identifier: MIT */
/* yajl's callbacks as a tree. Between two callbacks lie only white space, commas and colons, so a
 * token begins where they end: that gives each value its line and column. */
#include "engine/base/document.h"

#include <setjmp.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "engine/base/error.h"
#include "engine/base/findings.h"
#include "engine/base/text.h"

typedef struct parser {
    jmp_buf no_memory; /* yajl does not check its allocations: they leave through this */
    plr_arena *arena;  /* nodes, and strings that had escapes */
    plr_arena scratch; /* yajl's own */
    plr_findings *findings;
    yajl_handle yajl;
    const char *data;
    size_t size;
    size_t at;               /* the end of the last token, later the begin of the one at hand */
    size_t line, line_start; /* of `at` */
    plr_node key;            /* only its key fields: read, its value is to come */
    plr_node *root;          /* NULL until the first value */
    plr_node *open;          /* innermost */
    plr_node *last[PLR_DOCUMENT_DEEPEST + 1]; /* youngest child of each open one */
    size_t depth;
    bool too_deep;
} parser;

/* Arena memory cannot grow in place: a block remembers its size in front. */
#define HEADER sizeof(max_align_t)

static void *yajl_malloc(void *userdata, size_t size)
{
    parser *p = userdata;
    char *block = size <= SIZE_MAX - HEADER ? plr_arena_alloc(&p->scratch, size + HEADER) : NULL;
    if (block == NULL)
        longjmp(p->no_memory, 1);
    memcpy(block, &size, sizeof size);
    return block + HEADER;
}

static void *yajl_realloc(void *userdata, void *old, size_t size)
{
    char *block = yajl_malloc(userdata, size);
    if (old != NULL) {
        size_t old_size;
        memcpy(&old_size, (char *)old - HEADER, sizeof old_size);
        memcpy(block, old, old_size < size ? old_size : size);
    }
    return block;
}

static void yajl_no_free(void *userdata, void *block)
{
    (void)userdata;
    (void)block;
}

/* Moves `at` over what lies between tokens, to the begin of the next one, or to `limit`. Newlines
 * are nowhere else: strings cannot hold them. */
static void skip(parser *p, size_t limit)
{
    for (; p->at < limit; p->at++) {
        char c = p->data[p->at];
        if (c == '\n') {
            p->line++;
            p->line_start = p->at + 1;
        } else if (c != ' ' && c != ',' && c != ':' && c != '\t' && c != '\r') {
            return;
        }
    }
}

static uint32_t column_of(const parser *p, size_t offset)
{
    return (uint32_t)(offset - p->line_start + 1);
}

/* A finding at `at`, within the value at hand or the innermost open one. */
static void complain(
        parser *p, const plr_node *node, size_t offset, const char *code, const char *text)
{
    plr_findings_add(p->findings,
            &(plr_finding){
                    .code = code, .node = node, .line = p->line, .column = column_of(p, offset) },
            "%s", text);
}

static unsigned hex4(const char *text)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        char c = text[i];
        value = value << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* yajl turns a lone surrogate into a question mark without a word, and \u0000 would end our strings
 * early: both are found in the token as written. True if there is one; it is told. */
static bool has_bad_escape(parser *p, const plr_node *node, const char *raw, size_t size)
{
    for (size_t i = 0; i + 1 < size; i++) {
        if (raw[i] != '\\')
            continue;
        size_t escape = i++;
        if (raw[i] != 'u')
            continue;
        unsigned unit = hex4(raw + i + 1);
        i += 4;
        size_t offset = (size_t)(raw - p->data) + escape;
        if (unit == 0) {
            complain(p, node, offset, "nul", "a string cannot hold \\u0000");
            return true;
        }
        if (unit < 0xd800 || unit > 0xdfff)
            continue;
        bool pair = unit < 0xdc00 && i + 6 < size && raw[i + 1] == '\\' && raw[i + 2] == 'u' &&
                    hex4(raw + i + 3) >= 0xdc00 && hex4(raw + i + 3) <= 0xdfff;
        if (!pair) {
            complain(p, node, offset, "lone-surrogate",
                    "half of a surrogate pair is not a character");
            return true;
        }
        i += 6;
    }
    return false;
}

/* Goes to the begin of the token whose callback runs; returns the size of it as written. */
static size_t begin_token(parser *p)
{
    size_t end = yajl_get_bytes_consumed(p->yajl);
    skip(p, p->size);
    return end > p->at ? end - p->at : 0;
}

/* Keeps the text of a string: as written if it has no escapes, else a copy. */
static const char *keep(parser *p, const unsigned char *text, size_t size, size_t raw_size)
{
    if (raw_size == size)
        return p->data + p->at + 1;
    const char *copy = plr_arena_copy(p->arena, (const char *)text, size);
    if (copy == NULL)
        longjmp(p->no_memory, 1);
    return copy;
}

static plr_node *add(parser *p, plr_node_type type)
{
    plr_node *node = plr_arena_alloc(p->arena, sizeof *node);
    if (node == NULL)
        longjmp(p->no_memory, 1);
    *node = p->key;
    p->key = (plr_node){ 0 };
    node->type = type;
    node->line = (uint32_t)p->line;
    node->column = column_of(p, p->at);
    node->parent = p->open;
    if (p->open == NULL)
        p->root = node;
    else if (p->open->size++ == 0)
        p->open->first = node;
    else
        p->last[p->depth]->next = node;
    p->last[p->depth] = node;
    return node;
}

static int on_null(void *userdata)
{
    parser *p = userdata;
    size_t token = begin_token(p);
    add(p, PLR_NODE_NULL);
    p->at += token;
    return 1;
}

static int on_boolean(void *userdata, int truth)
{
    parser *p = userdata;
    size_t token = begin_token(p);
    add(p, PLR_NODE_BOOL)->truth = truth != 0;
    p->at += token;
    return 1;
}

/* The text that yajl gives may stand in a buffer of its own; ours lasts. */
static int on_number(void *userdata, const char *text, size_t size)
{
    parser *p = userdata;
    size_t token = begin_token(p);
    plr_node *node = add(p, PLR_NODE_NUMBER);
    (void)text;
    node->text = p->data + p->at;
    node->size = (uint32_t)size;
    p->at += token;
    return 1;
}

static int on_string(void *userdata, const unsigned char *text, size_t size)
{
    parser *p = userdata;
    size_t token = begin_token(p);
    size_t raw_size = token - 2;
    plr_node *node = add(p, PLR_NODE_STRING);
    node->text = keep(p, text, size, raw_size);
    node->size = (uint32_t)size;
    if (raw_size != size)
        node->bad = has_bad_escape(p, node, p->data + p->at + 1, raw_size);
    p->at += token;
    return 1;
}

static int on_key(void *userdata, const unsigned char *text, size_t size)
{
    parser *p = userdata;
    size_t token = begin_token(p);
    size_t raw_size = token - 2;
    p->key.key = keep(p, text, size, raw_size);
    p->key.key_size = (uint32_t)size;
    p->key.key_line = (uint32_t)p->line;
    p->key.key_column = column_of(p, p->at);
    if (raw_size != size)
        p->key.bad_key = has_bad_escape(p, p->open, p->data + p->at + 1, raw_size);
    p->at += token;
    return 1;
}

static int on_open(parser *p, plr_node_type type)
{
    size_t token = begin_token(p);
    if (p->depth == PLR_DOCUMENT_DEEPEST) {
        p->too_deep = true;
        return 0;
    }
    p->open = add(p, type);
    p->depth++;
    p->at += token;
    return 1;
}

static int on_close(void *userdata)
{
    parser *p = userdata;
    p->at += begin_token(p);
    p->open->whole = true;
    p->open = p->open->parent;
    p->depth--;
    return 1;
}

static int on_object(void *userdata)
{
    return on_open(userdata, PLR_NODE_OBJECT);
}

static int on_array(void *userdata)
{
    return on_open(userdata, PLR_NODE_ARRAY);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_object,
    .yajl_map_key = on_key,
    .yajl_end_map = on_close,
    .yajl_start_array = on_array,
    .yajl_end_array = on_close,
};

/* "parse error: premature EOF\n" without what goes before and after the words. */
static const char *yajl_words(parser *p, bool *ret_lexical)
{
    char *words = (char *)yajl_get_error(p->yajl, 0, NULL, 0);
    char *colon = strstr(words, ": ");
    words[strcspn(words, "\n")] = '\0';
    *ret_lexical = strncmp(words, "lexical", strlen("lexical")) == 0;
    return colon != NULL ? colon + 2 : words;
}

/* yajl has consumed a token that it did not expect, or stands before a character that is in none.
 * In a string that is the place to tell, else the begin of the token. */
static void tell_syntax_error(parser *p, size_t consumed)
{
    bool lexical;
    const char *words = yajl_words(p, &lexical);
    if (consumed >= p->size && strcmp(words, "premature EOF") == 0) {
        skip(p, p->size);
        complain(p, p->open, p->size, "syntax",
                p->root == NULL ? "the document is empty" : "the document ends too early");
        return;
    }
    bool trailing = strcmp(words, "trailing garbage") == 0;
    size_t limit = lexical || consumed <= p->at ? consumed : consumed - 1;
    skip(p, limit);
    bool in_string = lexical && p->at < p->size && p->data[p->at] == '"';
    complain(p, p->open, in_string ? consumed : p->at, trailing ? "trailing-data" : "syntax",
            trailing ? "there is more after the end of the document" : words);
}

/* Feeds all that is UTF-8 to yajl and tells the one thing that stopped it. */
static void parse(parser *p, size_t valid)
{
    yajl_alloc_funcs allocator = { yajl_malloc, yajl_realloc, yajl_no_free, p };
    p->yajl = yajl_alloc(&callbacks, &allocator, p);
    yajl_config(p->yajl, yajl_dont_validate_strings, 1); /* done already, with a position */
    yajl_status status =
            yajl_parse(p->yajl, (const unsigned char *)p->data, valid < p->size ? valid : p->size);
    size_t consumed = yajl_get_bytes_consumed(p->yajl);
    if (status == yajl_status_ok && valid < p->size) {
        skip(p, valid);
        complain(p, p->open, valid, "bad-utf8", "this byte is not UTF-8");
        return;
    }
    if (status == yajl_status_ok)
        status = yajl_complete_parse(p->yajl);
    if (status == yajl_status_ok)
        return;
    if (p->too_deep)
        complain(p, p->open, p->at, "too-deep", "nesting is deeper than 64 levels");
    else
        tell_syntax_error(p, consumed);
}

/* The frame to which a lack of memory leads; nothing of it changes after setjmp. */
static int parse_guarded(parser *p, size_t valid, plr_error *err)
{
    if (setjmp(p->no_memory) != 0)
        return plr_error_nomem(err);
    parse(p, valid);
    return 0;
}

int plr_document_parse(plr_node **ret_root, plr_arena *arena, const char *data, size_t size,
        plr_findings *findings, plr_error *err)
{
    if (size > PLR_DOCUMENT_LARGEST) {
        plr_findings_add(findings, &(plr_finding){ .code = "too-large" },
                "the document has %zu bytes, more than 64 MiB", size);
        *ret_root = NULL;
        return 0;
    }
    if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
        data += 3;
        size -= 3;
    }
    parser p = { .arena = arena, .findings = findings, .data = data, .size = size, .line = 1 };
    plr_arena_init(&p.scratch);
    int r = parse_guarded(&p, plr_utf8_valid_prefix(data, size), err);
    plr_arena_clear(&p.scratch);
    if (r == 0)
        *ret_root = p.root;
    return r;
}

bool plr_key_is(const char *text, size_t size, const char *name)
{
    for (size_t i = 0; i < size; i++) {
        char a = text[i], b = name[i];
        if (b == '\0')
            return false;
        if (a != b && !((a ^ b) == 0x20 && (a | 0x20) >= 'a' && (a | 0x20) <= 'z'))
            return false;
    }
    return name[size] == '\0';
}

const plr_node *plr_node_get(const plr_node *object, const char *name)
{
    if (object == NULL || object->type != PLR_NODE_OBJECT)
        return NULL;
    for (const plr_node *child = object->first; child != NULL; child = child->next)
        if (plr_key_is(child->key, child->key_size, name))
            return child;
    return NULL;
}

const plr_node *plr_node_at(const plr_node *parent, size_t index)
{
    if (parent == NULL || parent->type < PLR_NODE_ARRAY)
        return NULL;
    const plr_node *child = parent->first;
    while (child != NULL && index-- > 0)
        child = child->next;
    return child;
}

const char *plr_node_type_name(plr_node_type type)
{
    static const char *const names[] = { "null", "a boolean", "a number", "a string", "an array",
        "an object" };
    return names[type];
}
