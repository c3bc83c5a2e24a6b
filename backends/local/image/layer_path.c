/* SPDX-License-Identifier: MIT */
/* Names of entries, part by part. */
#include "backends/local/image/layer_path.h"

#include <stdbool.h>
#include <string.h>

#include "engine/base/error.h"

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"
#define META ".wh..wh." /* aufs kept its own files under such names */

static int refuse(const char *name, const char *why, plr_error *err)
{
    return plr_error_set(err, PLR_ERR_IMAGE, "a layer holds the name \"%.200s\", %s", name, why);
}

static bool begins(const char *part, size_t size, const char *with)
{
    return size >= strlen(with) && memcmp(part, with, strlen(with)) == 0;
}

/* The last part says what the whole means; takes the mark off it. */
static int classify(plr_layer_path *path, size_t last, const char *name, plr_error *err)
{
    char *part = path->path + last;
    size_t size = path->size - last;
    if (!begins(part, size, WHITEOUT))
        return 0;
    if (size == strlen(OPAQUE) && begins(part, size, OPAQUE)) {
        path->kind = PLR_LAYER_OPAQUE;
        path->size = last > 0 ? last - 1 : 0;
    } else if (begins(part, size, META)) {
        path->kind = PLR_LAYER_IGNORED;
    } else {
        size_t rest = size - strlen(WHITEOUT);
        memmove(part, part + strlen(WHITEOUT), rest);
        if (rest == 0 || (rest == 1 && part[0] == '.') || (rest == 2 && begins(part, 2, "..")))
            return refuse(name, "which hides nothing that has a name", err);
        path->kind = PLR_LAYER_WHITEOUT;
        path->size = last + rest;
    }
    path->path[path->size] = '\0';
    return 0;
}

int plr_layer_path_read(plr_layer_path *ret_path, const char *name, plr_error *err)
{
    size_t last = 0;
    unsigned depth = 0;
    ret_path->kind = PLR_LAYER_ROOT;
    ret_path->size = 0;
    ret_path->path[0] = '\0';
    for (const char *c = name; *c != '\0';) {
        size_t size = strcspn(c, "/");
        const char *part = c;
        c += size + (c[size] == '/');
        if (size == 0 || (size == 1 && *part == '.'))
            continue;
        if (size == 2 && part[0] == '.' && part[1] == '.')
            return refuse(name, "which leads out of it", err);
        if (size > NAME_MAX || ret_path->size + 1 + size >= PATH_MAX || ++depth > PLR_LAYER_DEEPEST)
            return refuse(name, "which is too long or too deep", err);
        if (ret_path->size > 0 && begins(ret_path->path + last, ret_path->size - last, WHITEOUT))
            return refuse(name, "which lies in what it hides", err);
        if (ret_path->size > 0)
            ret_path->path[ret_path->size++] = '/';
        last = ret_path->size;
        memcpy(ret_path->path + last, part, size);
        ret_path->size += size;
        ret_path->path[ret_path->size] = '\0';
        ret_path->kind = PLR_LAYER_PLAIN;
    }
    return ret_path->size > 0 ? classify(ret_path, last, name, err) : 0;
}
