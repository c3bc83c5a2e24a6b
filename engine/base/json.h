/* SPDX-License-Identifier: MIT */
/* Writes indented JSON into a buffer: commas, line breaks and escapes come by themselves. What goes
 * wrong is remembered by the buffer. */
#ifndef PLR_BASE_JSON_H
#define PLR_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buf.h"

#define PLR_JSON_DEEPEST 32

typedef struct plr_json {
    plr_buf *out;
    unsigned depth;
    char closing[PLR_JSON_DEEPEST]; /* what ends each open one */
    bool any[PLR_JSON_DEEPEST];     /* it holds something already */
} plr_json;

/* `key` is NULL in an array and for the outermost value. `bracket` is '{' or '['. */
void plr_json_open(plr_json *json, const char *key, char bracket);
void plr_json_close(plr_json *json);
void plr_json_string(plr_json *json, const char *key, const char *text);
void plr_json_integer(plr_json *json, const char *key, int64_t number);
void plr_json_bool(plr_json *json, const char *key, bool truth);

#endif
