/* SPDX-License-Identifier: MIT */
/* JSON objects one after another from a stream, by json-c's incremental tokener within limits. */
#include "net/json_stream.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <string.h>

#include "engine/base/error.h"
#include "net/json_skim.h"

#define DEEPEST 64

struct plr_json_stream {
    json_tokener *tokener;
    size_t max_object;
    size_t size; /* of the object so far; 0: between two */
    plr_json_skim skim;
    plr_json_stream_fn *on_object;
    void *userdata;
};

int plr_json_stream_new(plr_json_stream **ret_stream, size_t max_object,
        plr_json_stream_fn *on_object, void *userdata, plr_error *err)
{
    _cleanup_json_stream_ plr_json_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return plr_error_nomem(err);
    *stream = (plr_json_stream){
        .tokener = json_tokener_new_ex(DEEPEST),
        .max_object = max_object,
        .on_object = on_object,
        .userdata = userdata,
    };
    if (stream->tokener == NULL)
        return plr_error_nomem(err);
    json_tokener_set_flags(
            stream->tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
    *ret_stream = steal(stream);
    return 0;
}

void plr_json_stream_free(plr_json_stream *stream)
{
    if (stream == NULL)
        return;
    if (stream->tokener != NULL)
        json_tokener_free(stream->tokener);
    free(stream);
}

void plr_json_stream_skip(plr_json_stream *stream, const char *const *names)
{
    stream->skim.names = names;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* One step: how many bytes belong to the object, and the object if they end it. */
static int parse(plr_json_stream *stream, const char *data, size_t size, size_t *ret_used,
        json_object **ret_object, plr_error *err)
{
    size_t room = stream->max_object - stream->size;
    size_t n = size < room ? size : room;
    json_object *object = json_tokener_parse_ex(stream->tokener, data, (int)n);
    enum json_tokener_error error = json_tokener_get_error(stream->tokener);
    if (error == json_tokener_continue) {
        if (n == room)
            return plr_error_set(err, PLR_ERR_PROTOCOL, "a JSON object of more than %zu bytes",
                    stream->max_object);
        stream->size += n;
        *ret_used = n;
    } else if (error == json_tokener_success) {
        stream->size = 0;
        *ret_used = json_tokener_get_parse_end(stream->tokener);
        *ret_object = object;
    } else {
        return plr_error_set(err, PLR_ERR_PROTOCOL, "a malformed JSON object: %s",
                json_tokener_error_desc(error));
    }
    return 0;
}

static int feed(plr_json_stream *stream, const char *at, const char *end, plr_error *err)
{
    while (at < end) {
        if (stream->size == 0 && is_space(*at)) {
            at++;
            continue;
        }
        if (stream->size == 0 && *at != '{')
            return plr_error_set(err, PLR_ERR_PROTOCOL, "something that is no JSON object");
        json_object *object = NULL;
        size_t used = 0;
        int r = parse(stream, at, (size_t)(end - at), &used, &object, err);
        if (r < 0)
            return r;
        at += used;
        if (object != NULL) {
            stream->on_object(object, stream->userdata);
            json_object_put(object);
        }
    }
    return 0;
}

int plr_json_stream_feed(plr_json_stream *stream, const void *data, size_t size, plr_error *err)
{
    static const char null[] = "null";
    const char *at = data, *end = at + size;
    if (stream->skim.names == NULL)
        return feed(stream, at, end, err);
    for (bool reads; at < end;) {
        bool goes_on = stream->skim.depth > 0;
        size_t n = plr_json_skim_next(&stream->skim, at, (size_t)(end - at), &reads);
        int r = 0;
        if (reads)
            r = feed(stream, at, at + n, err);
        else if (!goes_on)
            r = feed(stream, null, null + strlen(null), err);
        if (r < 0)
            return r;
        at += n;
    }
    return 0;
}

int plr_json_stream_end(const plr_json_stream *stream, plr_error *err)
{
    if (stream->size > 0)
        return plr_error_set(err, PLR_ERR_PROTOCOL, "the stream ends inside a JSON object");
    return 0;
}
