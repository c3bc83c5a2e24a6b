/* SPDX-License-Identifier: MIT */
/* Reading the store of images, which plr-image fills: a record of each image, and its layers as
 * folders that an overlay takes as they are. For the engine's process: no I/O but small files. */
#ifndef PLR_LOCAL_STORE_H
#define PLR_LOCAL_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include <pipeline/error.h>
#include <pipeline/spec.h>

#include "engine/base/arena.h"
#include "engine/base/cleanup.h"

/* The folder: `option` if given, else /var/lib/pipeline-runtime for root, and for others
 * $XDG_DATA_HOME/pipeline-runtime or ~/.local/share/pipeline-runtime. It need not exist.
 * PLR_ERR_CONFIGURATION if there is no home, or the path is not absolute. */
int plr_store_path(char **ret_path, const char *option, plr_error *err);

/* What holds a store's images in place: shared for who runs or pulls, until the descriptor is
 * closed; a child that inherits it holds it, too. Makes the store's folders if they are missing.
 * `exclusive` is prune's, and fails with PLR_ERR_STATE while anybody shares; the shared one fails
 * with it while a prune or remove decides what goes (some milliseconds: ask again). */
int plr_store_lock(int *ret_fd, const char *store, bool exclusive, plr_error *err);

typedef struct plr_store_image {
    const char *name;   /* whole: "docker.io/library/alpine:latest" */
    const char *digest; /* "sha256:…" of its manifest */
    plr_platform platform;
    const char *const *entrypoint, *const *cmd;
    size_t n_entrypoint, n_cmd;
    const char *const *environment; /* "NAME=value" */
    size_t n_environment;
    const char *user;          /* "name", "1000:1000", ...; "" is root */
    const char *working_dir;   /* "" is / */
    const char *stop_signal;   /* "SIGTERM", "15"; "": the usual one */
    const char *const *layers; /* absolute paths of folders, the lowest first */
    size_t n_layers;
    plr_arena arena; /* all of this stands here */
} plr_store_image;

/* Reads the record of an image by its whole name (plr_image_name_put) and sees that its layers are
 * there. `platform` may be NULL or leave things open, as in a document.
 *   PLR_ERR_NOTFOUND       not in the store, not whole, or another platform's (then the message
 *                          says so): to be pulled
 *   PLR_ERR_CONFIGURATION  it is there and cannot be read; the message names the file */
int plr_store_image_read(plr_store_image **ret_image, const char *store, const char *name,
        const plr_platform *platform, plr_error *err);

/* The same from the record's own path, as plr-image names it in its last line. */
int plr_store_record_read(
        plr_store_image **ret_image, const char *store, const char *path, plr_error *err);

void plr_store_image_free(plr_store_image *image);

PLR_DEFINE_CLEANUP(plr_store_image, plr_store_image_free)
#define _cleanup_store_image_ _cleanup_(cleanup_plr_store_image_free)

/* Where the record of an image is: images/<name, all but letters, digits, . _ and - as %XX>.json.
 * PLR_ERR_UNSUPPORTED for a name too long for that. */
int plr_store_record_path(char **ret_path, const char *store, const char *name, plr_error *err);

#endif
