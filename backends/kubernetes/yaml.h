/* SPDX-License-Identifier: MIT */
/* Objects as YAML, for people and kubectl. What reads YAML is yaml_read.h. */
#ifndef PLR_KUBE_YAML_H
#define PLR_KUBE_YAML_H

#include <json-c/json.h>

#include "engine/base/buf.h"

/* Appends one YAML document. Texts that would read as something else are quoted. A failure is
 * remembered by the buffer. */
void plr_yaml_put(plr_buf *out, json_object *json);

#endif
