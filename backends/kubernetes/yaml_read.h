/* SPDX-License-Identifier: MIT */
/* YAML that people wrote (kubeconfig, pod templates) as the same tree that JSON documents become,
 * with lines and columns; JSON is read as such. */
#ifndef PLR_KUBE_YAML_READ_H
#define PLR_KUBE_YAML_READ_H

#include <stddef.h>

#include "engine/base/document.h"

#define PLR_YAML_LARGEST ((size_t)1 << 20)

/* Reads one document of `size` bytes. The tree stands in `arena`; it may refer to `data`. An empty
 * document is PLR_NODE_NULL. Plain scalars are null, true, false and numbers as in YAML 1.2's core
 * schema, all else is text. PLR_ERR_CONFIGURATION, "file:line:column: what", for what is no YAML,
 * for aliases, duplicate keys, keys that are no text, more than one document, more than 64 levels,
 * and more than PLR_YAML_LARGEST bytes. */
int plr_yaml_read(plr_node **ret_root, plr_arena *arena, const char *file, const char *data,
        size_t size, plr_error *err);

#endif
