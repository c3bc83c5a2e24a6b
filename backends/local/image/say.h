/* SPDX-License-Identifier: MIT */
/* What plr-image tells: one line of JSON after the other on its stdout. */
#ifndef PLR_IMAGE_SAY_H
#define PLR_IMAGE_SAY_H

#include <json-c/json_types.h>
#include <stdint.h>

#include <pipeline/error.h>

/* {"progress":{"layer":…,"status":…,"current":…,"total":…}}; total 0: not known. */
void plr_say_progress(const char *layer, const char *status, uint64_t current, uint64_t total);

/* {"warning":…}, {"notice":…} */
void plr_say_text(const char *kind, const char *text);

/* {"image":{…}} for each line of a list, {"removed":…}: takes over the value. */
void plr_say(const char *kind, struct json_object *value);

/* The last line: {"error":{"code":…,"message":…}}. Says so much and no more if memory is out. */
void plr_say_error(const plr_error *err);

#endif
