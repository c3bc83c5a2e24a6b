/* SPDX-License-Identifier: MIT */
/* Lines of JSON on stdout, each in one write as far as the pipe takes it. */
#include "backends/local/image/say.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <unistd.h>

/* The reader may be slow: then we wait, and with us the pull. */
static void put(const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = write(STDOUT_FILENO, text, size);
        if (n < 0 && errno != EINTR)
            return;
        text += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
}

void plr_say(const char *kind, json_object *value)
{
    json_object *line = json_object_new_object();
    if (line == NULL || json_object_object_add(line, kind, value) < 0) {
        json_object_put(value);
        json_object_put(line);
        return;
    }
    size_t size = 0;
    const char *text = json_object_to_json_string_length(
            line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
    if (text != NULL) {
        put(text, size);
        put("\n", 1);
    }
    json_object_put(line);
}

void plr_say_text(const char *kind, const char *text)
{
    plr_say(kind, json_object_new_string(text));
}

void plr_say_progress(const char *layer, const char *status, uint64_t current, uint64_t total)
{
    json_object *progress = json_object_new_object();
    json_object_object_add(progress, "layer", json_object_new_string(layer));
    json_object_object_add(progress, "status", json_object_new_string(status));
    json_object_object_add(progress, "current", json_object_new_uint64(current));
    json_object_object_add(progress, "total", json_object_new_uint64(total));
    plr_say("progress", progress);
}

void plr_say_error(const plr_error *err)
{
    if (err->code == PLR_ERR_NOMEM) {
        static const char line[] =
                "{\"error\":{\"code\":\"NOMEM\",\"message\":\"out of memory\"}}\n";
        put(line, sizeof line - 1);
        return;
    }
    json_object *error = json_object_new_object();
    json_object_object_add(error, "code", json_object_new_string(plr_error_name(err->code)));
    json_object_object_add(error, "message", json_object_new_string(err->message));
    plr_say("error", error);
}
