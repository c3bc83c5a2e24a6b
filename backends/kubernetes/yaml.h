/* SPDX-License-Identifier: MIT */
/* Between json-c and YAML: what was read as a tree, for those who work on json-c, and objects as
 * text for people and kubectl. */
#ifndef PLR_KUBE_YAML_H
#define PLR_KUBE_YAML_H

#include <json-c/json.h>

#include "engine/base/buf.h"
#include "engine/base/document.h"

/* A tree of plr_yaml_read as json-c; of PLR_NODE_NULL, NULL. The caller puts it. PLR_ERR_NOMEM. */
int plr_yaml_to_json(json_object **ret_json, const plr_node *node, plr_error *err);

/* Appends one YAML document. Texts that would read as something else are quoted. A failure is
 * remembered by the buffer. */
void plr_yaml_put(plr_buf *out, json_object *json);

#endif
