/* SPDX-License-Identifier: MIT */
/* YAML that people wrote (kubeconfig, pod templates) as the same tree that JSON documents become,
 * with lines and columns; JSON is read as such. */
#ifndef PLR_KUBE_YAML_READ_H
#define PLR_KUBE_YAML_READ_H

#include <stddef.h>

#include <json-c/json.h>

#include "engine/base/document.h"

#define PLR_YAML_LARGEST ((size_t)1 << 20)

/* Reads one document of `size` bytes. The tree stands in `arena`; it may refer to `data`. An empty
 * document is PLR_NODE_NULL. Plain scalars are null, true and false as in YAML 1.2's core schema,
 * and numbers if JSON would write them so; all else is text. PLR_ERR_CONFIGURATION,
 * "file:line:column: what", for what is no YAML, for aliases, tags that change a type, duplicate
 * keys, keys that are no text, NUL, more than one document, more than 64 levels
 * (PLR_DOCUMENT_DEEPEST), and more than PLR_YAML_LARGEST bytes. */
int plr_yaml_read(plr_node **ret_root, plr_arena *arena, const char *file, const char *data,
        size_t size, plr_error *err);

/* The same as an object of json-c (null is NULL, as there), numbers as they were written. */
int plr_yaml_to_json(json_object **ret_json, const plr_node *node, plr_error *err);

#endif
