/* SPDX-License-Identifier: MIT */
/* An import: an archive is taken apart beside the downloads first, then its layers go the way of
 * all layers. */
#include "backends/local/image/import.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "backends/local/image/layout.h"
#include "backends/local/image/record.h"
#include "backends/local/image/unpack_archive.h"
#include "backends/local/remove.h"
#include "engine/base/error.h"
#include "net/image_name.h"
#include "net/platform.h"

struct plr_import {
    const plr_image_request *request;
    const char *store;
    plr_buf name;
    char *aside; /* the archive's folder, ours to remove */
    int folder;
    plr_layout_image image;
    plr_layers_options options;
    plr_layers *layers;
    plr_import_fn *on_done;
    void *userdata;
};

void plr_import_free(plr_import *import)
{
    plr_error ignored = { 0 };
    if (import == NULL)
        return;
    plr_layers_free(import->layers);
    plr_layout_image_clear(&import->image);
    cleanup_close(&import->folder);
    if (import->aside != NULL)
        plr_remove_tree(AT_FDCWD, import->aside, &ignored);
    plr_buf_clear(&import->name);
    free(import->aside);
    free(import);
}

static void on_layers(plr_layers *layers, const plr_error *err, void *userdata)
{
    plr_import *import = userdata;
    _cleanup_free_ char *path = NULL;
    plr_error error = { 0 };
    (void)layers;
    if (err == NULL && plr_record_write(&path, import->store, import->name.data,
                               import->image.digest, &import->image.config, &error) < 0)
        err = &error;
    import->on_done(path, err, import->userdata);
}

static int open_path(plr_import *import, plr_error *err)
{
    const char *path = import->request->path;
    _cleanup_buf_ plr_buf aside = { 0 };
    import->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (import->folder >= 0)
        return 0;
    if (errno != ENOTDIR)
        return plr_error_set(err, PLR_ERR_CONFIGURATION, "%s: %s", path, strerror(errno));
    plr_buf_printf(&aside, "%s/partial/import-XXXXXX", import->store);
    int r = plr_buf_check(&aside, err);
    if (r == 0 && mkdtemp(aside.data) == NULL)
        r = plr_error_set(err, PLR_ERR_SYSTEM, "mkdtemp %s: %s", aside.data, strerror(errno));
    if (r == 0)
        r = plr_buf_steal(&aside, &import->aside, err);
    if (r < 0)
        return r;
    import->folder = open(import->aside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (import->folder < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "%s: %s", import->aside, strerror(errno));
    return plr_unpack_archive(path, import->folder, err);
}

static int take_name(plr_import *import, plr_error *err)
{
    const char *name = import->request->image != NULL ? import->request->image : import->image.name;
    _cleanup_image_name_ plr_image_name parsed = { 0 };
    if (name == NULL)
        return plr_error_set(err, PLR_ERR_USAGE, "%s does not say the image's name: give it one",
                import->request->path);
    int r = plr_image_name_parse(&parsed, name, err);
    if (r < 0)
        return r;
    plr_image_name_put(&parsed, &import->name);
    return plr_buf_check(&import->name, err);
}

PLR_DEFINE_CLEANUP(plr_import, plr_import_free)

int plr_import_new(plr_import **ret_import, const plr_host *host, plr_loop *loop,
        const plr_image_request *request, const char *store, plr_import_fn *on_done, void *userdata,
        plr_error *err)
{
    plr_platform wanted = plr_platform_or_here(&request->platform);
    _cleanup_(cleanup_plr_import_free) plr_import *import = calloc(1, sizeof *import);
    if (import == NULL)
        return plr_error_nomem(err);
    import->request = request;
    import->store = store;
    import->folder = -1;
    import->on_done = on_done;
    import->userdata = userdata;
    int r = open_path(import, err);
    if (r == 0)
        r = plr_layout_read(&import->image, import->folder, &wanted, request->image, err);
    if (r == 0)
        r = take_name(import, err);
    if (r < 0)
        return r;
    import->options = (plr_layers_options){
        .store = store,
        .sources = import->image.sources,
        .n_sources = import->image.n_sources,
    };
    r = plr_layers_new(&import->layers, host, loop, &import->options, on_layers, import, err);
    if (r < 0)
        return r;
    *ret_import = steal(import);
    return 0;
}
