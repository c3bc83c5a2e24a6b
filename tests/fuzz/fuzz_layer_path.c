/* SPDX-License-Identifier: MIT */
/* Names of a layer's entries: whatever is taken is a place below the root, and means the same when
 * it is read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/local/image/layer_path.h"
#include "engine/base/buf.h"

static void must_be_below(const plr_layer_path *path)
{
    const char *part = path->path;
    if (strlen(path->path) != path->size || path->size >= PATH_MAX || path->path[0] == '/')
        abort();
    while (*part != '\0') {
        size_t size = strcspn(part, "/");
        if (size == 0 || size > NAME_MAX || (size == 1 && part[0] == '.') ||
                (size == 2 && part[0] == '.' && part[1] == '.'))
            abort();
        part += size;
        if (*part == '/' && *++part == '\0')
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static plr_layer_path path, again;
    plr_error err = { 0 };
    plr_buf name = { 0 };
    plr_buf_put(&name, data, size);
    int r = plr_layer_path_read(&path, name.data != NULL ? name.data : "", &err);
    if (r != err.code)
        abort();
    if (r == 0) {
        must_be_below(&path);
        if ((path.kind == PLR_LAYER_ROOT || path.kind == PLR_LAYER_PLAIN) &&
                (plr_layer_path_read(&again, path.path, NULL) < 0 || again.kind != path.kind ||
                        strcmp(again.path, path.path) != 0))
            abort();
    }
    plr_buf_clear(&name);
    return 0;
}
