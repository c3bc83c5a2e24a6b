/* SPDX-License-Identifier: MIT */
/* JSON objects one after another from a stream, with or without line breaks between them, as
 * daemons and clusters send events and progress. */
#ifndef PLR_NET_JSON_STREAM_H
#define PLR_NET_JSON_STREAM_H

#include <json-c/json_types.h>
#include <stddef.h>

#include <pipeline/error.h>

#include "engine/base/cleanup.h"

typedef struct plr_json_stream plr_json_stream;

/* One whole object, borrowed: json_object_get keeps it. */
typedef void plr_json_stream_fn(struct json_object *object, void *userdata);

/* Objects above `max_object` bytes (at most INT_MAX) or nested deeper than 64 are errors. */
int plr_json_stream_new(plr_json_stream **ret_stream, size_t max_object,
        plr_json_stream_fn *on_object, void *userdata, plr_error *err);
void plr_json_stream_free(plr_json_stream *stream);

PLR_DEFINE_CLEANUP(plr_json_stream, plr_json_stream_free)
#define _cleanup_json_stream_ _cleanup_(cleanup_plr_json_stream_free)

/* Objects and arrays that are members of these names, wherever they stand, are read as null: what
 * nobody looks at costs no memory, and does not count for `max_object`. The list ends with
 * NULL and lives as long as the stream; json_skim.h. */
void plr_json_stream_skip(plr_json_stream *stream, const char *const *names);

/* Calls back for each object that is complete. PLR_ERR_PROTOCOL for anything that is no object or
 * breaks a limit; nothing more may be fed then. The callback must not free the stream. */
int plr_json_stream_feed(plr_json_stream *stream, const void *data, size_t size, plr_error *err);

/* At the end of the input: PLR_ERR_PROTOCOL if it tore an object. */
int plr_json_stream_end(const plr_json_stream *stream, plr_error *err);

#endif
