/* SPDX-License-Identifier: MIT */
/* Finds places in a document's text by JSON pointers. The text is parsed once more: positions of
 * all values are not worth keeping for those few that something is found about. */
#include <stdlib.h>
#include <string.h>

#include <pipeline/spec.h>

#include "engine/base/buf.h"
#include "engine/base/document.h"
#include "engine/base/error.h"
#include "engine/base/findings.h"

/* The next part of a pointer, without its escapes. */
static const char *read_part(const char *at, plr_buf *part)
{
    plr_buf_reset(part);
    for (; *at != '\0' && *at != '/'; at++) {
        bool escaped = at[0] == '~' && (at[1] == '0' || at[1] == '1');
        plr_buf_putc(part, !escaped ? *at : at[1] == '0' ? '~' : '/');
        at += escaped;
    }
    return at;
}

static const plr_node *child(const plr_node *node, const plr_buf *part)
{
    char *end = NULL;
    if (node->type == PLR_NODE_OBJECT)
        return plr_node_get(node, part->data);
    if (node->type != PLR_NODE_ARRAY || part->data[0] < '0' || part->data[0] > '9')
        return NULL;
    size_t index = strtoul(part->data, &end, 10);
    return *end == '\0' ? plr_node_at(node, index) : NULL;
}

static plr_position locate(const plr_node *root, const char *pointer, plr_buf *part)
{
    const plr_node *node = root, *next = root;
    while (*pointer == '/' && next != NULL) {
        node = next;
        pointer = read_part(pointer + 1, part);
        next = part->size > 0 ? child(node, part) : NULL;
    }
    node = next != NULL ? next : node;
    return (plr_position){ node->line, node->column };
}

int plr_spec_locate(const void *data, size_t size, const char *const *pointers, size_t n,
        plr_position *ret_positions, plr_error *err)
{
    _cleanup_arena_ plr_arena tree;
    _cleanup_(plr_findings_clear) plr_findings findings;
    _cleanup_buf_ plr_buf part = { 0 };
    plr_node *root = NULL;
    plr_arena_init(&tree);
    plr_findings_init(&findings);
    int r = plr_document_parse(&root, &tree, data, size, &findings, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++)
        ret_positions[i] = root != NULL && pointers[i] != NULL ? locate(root, pointers[i], &part)
                                                               : (plr_position){ 0, 0 };
    return plr_buf_check(&part, err);
}
