/* SPDX-License-Identifier: MIT */
/* Objects from a stream: the first byte says how the rest is cut, and what is well-formed comes out
 * the same both ways. (Of what is not, json-c takes more when it is cut: "2-" is 2 if a piece ends
 * between the two.) */
#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "net/json_stream.h"

static void on_object(json_object *object, void *userdata)
{
    if (!json_object_is_type(object, json_type_object))
        abort();
    plr_buf_puts(userdata, json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
}

static int feed(const uint8_t *data, size_t size, size_t piece, plr_buf *out)
{
    plr_json_stream *stream = NULL;
    int r = plr_json_stream_new(&stream, 1000, on_object, out, NULL);
    for (size_t at = 0; r == 0 && at < size; at += piece)
        r = plr_json_stream_feed(stream, data + at, size - at < piece ? size - at : piece, NULL);
    if (r == 0)
        r = plr_json_stream_end(stream, NULL);
    plr_json_stream_free(stream);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    plr_buf whole = { 0 }, pieces = { 0 };
    if (size == 0)
        return 0;
    size_t piece = data[0] > 0 ? data[0] : 1;
    int r = feed(data + 1, size - 1, size, &whole);
    int in_pieces = feed(data + 1, size - 1, piece, &pieces);
    if (r == 0 && in_pieces != 0)
        abort();
    if (r == 0 && (whole.size != pieces.size ||
                          (whole.size > 0 && memcmp(whole.data, pieces.data, whole.size) != 0)))
        abort();
    plr_buf_clear(&whole);
    plr_buf_clear(&pieces);
    return 0;
}
