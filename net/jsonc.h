/* SPDX-License-Identifier: MIT */
/* json-c in the few moves that requests and replies need: building an object in a row that is
 * checked once, and reading one that may not be what it should. */
#ifndef PLR_NET_JSONC_H
#define PLR_NET_JSONC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "engine/base/cleanup.h"

static inline void plr_jsonc_put(json_object **object)
{
    json_object_put(*object);
}
#define _cleanup_json_ _cleanup_(plr_jsonc_put)

/* Adds `value`, which is taken in any case. False if there was no memory, for it or for `object`.
 */
bool plr_jsonc_add(json_object *object, const char *key, json_object *value);
bool plr_jsonc_append(json_object *array, json_object *value);

/* An object of keys and values in turn, until a NULL as key; an array of one value. The values are
 * taken in any case; NULL, for a value or the result: there is no memory. */
json_object *plr_jsonc_object(const char *key, ...) __attribute__((sentinel));
json_object *plr_jsonc_list(json_object *value);

/* The values of an object as an array, each where its key first came; of a key that came twice the
 * later. Takes the object. NULL: there is no memory. */
json_object *plr_jsonc_values(json_object *object);

/* NULL if there is no memory. */
json_object *plr_jsonc_string(const char *text);
json_object *plr_jsonc_strings(const char *const *texts, size_t n);

/* The member of that name and kind, or NULL; of an array or of NULL too. */
json_object *plr_jsonc_get(json_object *object, const char *key, json_type type);
/* Members of members: a path of keys that ends with NULL. */
json_object *plr_jsonc_at(json_object *object, json_type type, ...) __attribute__((sentinel));

/* What the member says, or "" / 0 / false where there is none. Borrowed. */
const char *plr_jsonc_text(json_object *object, const char *key);
int64_t plr_jsonc_number(json_object *object, const char *key);
bool plr_jsonc_true(json_object *object, const char *key);

/* Reads all of `text` (64 levels, well-formed UTF-8) as one JSON value, or NULL. */
json_object *plr_jsonc_parse(const char *text, size_t size);

/* "2026-01-02T03:04:05.678Z" (or "+02:00") as seconds since 1970; 0 if it is none. */
int64_t plr_jsonc_time(const char *text);

#endif
