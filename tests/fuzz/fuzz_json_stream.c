/* SPDX-License-Identifier: MIT */
/* Objects from a stream: the first byte says how the rest is cut, and what is well-formed comes out
 * the same both ways, with all members and with those left out that nobody asks for. (Of what is
 * not, json-c takes more when it is cut: "2-" is 2 if a piece ends between the two.) */
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

static int feed(
        const uint8_t *data, size_t size, size_t piece, const char *const *names, plr_buf *out)
{
    plr_json_stream *stream = NULL;
    int r = plr_json_stream_new(&stream, 1000, on_object, out, NULL);
    if (r == 0)
        plr_json_stream_skip(stream, names);
    for (size_t at = 0; r == 0 && at < size; at += piece)
        r = plr_json_stream_feed(stream, data + at, size - at < piece ? size - at : piece, NULL);
    if (r == 0)
        r = plr_json_stream_end(stream, NULL);
    plr_json_stream_free(stream);
    return r;
}

static void compare(const uint8_t *data, size_t size, size_t piece, const char *const *names)
{
    plr_buf whole = { 0 }, pieces = { 0 };
    int r = feed(data, size, size, names, &whole);
    int in_pieces = feed(data, size, piece, names, &pieces);
    if (r == 0 && in_pieces != 0)
        abort();
    if (r == 0 && (whole.size != pieces.size ||
                          (whole.size > 0 && memcmp(whole.data, pieces.data, whole.size) != 0)))
        abort();
    plr_buf_clear(&whole);
    plr_buf_clear(&pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = { "a", "spec", NULL };
    if (size < 2)
        return 0;
    size_t piece = data[0] > 0 ? data[0] : 1;
    compare(data + 1, size - 1, piece, NULL);
    compare(data + 1, size - 1, piece, names);
    return 0;
}
