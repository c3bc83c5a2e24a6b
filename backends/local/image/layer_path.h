/* SPDX-License-Identifier: MIT */
/* What the name of an entry in a layer's tar means: a place below the root, or a word about the
 * layers below (a whiteout). Pure, because the names are strangers'. */
#ifndef PLR_IMAGE_LAYER_PATH_H
#define PLR_IMAGE_LAYER_PATH_H

#include <limits.h>
#include <stddef.h>

#include <pipeline/error.h>

#define PLR_LAYER_DEEPEST 256u

typedef enum plr_layer_path_kind {
    PLR_LAYER_ROOT,     /* the layer's own folder; path is "" */
    PLR_LAYER_PLAIN,    /* path */
    PLR_LAYER_WHITEOUT, /* path is not there, whatever is below */
    PLR_LAYER_OPAQUE,   /* the folder path shows nothing of what is below; may be "" */
    PLR_LAYER_IGNORED,  /* for another file system's eyes */
} plr_layer_path_kind;

typedef struct plr_layer_path {
    plr_layer_path_kind kind;
    size_t size;
    char path[PATH_MAX]; /* relative, no empty part, no "." or ".." */
} plr_layer_path;

/* A leading "/" means the root as "./" does. PLR_ERR_IMAGE for "..", for what is too long or too
 * deep, and for whiteouts of nothing. */
int plr_layer_path_read(plr_layer_path *ret_path, const char *name, plr_error *err);

#endif
