/* SPDX-License-Identifier: MIT */
#include "backends/local/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backends/local/store.h"
#include "engine/base/cleanup.h"
#include "engine/base/error.h"

const char *const plr_local_rootfs_words[] = {
    [PLR_LOCAL_ROOTFS_IMAGE] = "image",
    [PLR_LOCAL_ROOTFS_AUTO] = "auto",
    [PLR_LOCAL_ROOTFS_HOST] = "host",
    NULL,
};

const plr_option_info plr_local_option_table[] = { PLR_LOCAL_OPTIONS(PLR_SETTING_INFO) };

static const plr_setting rows[] = { PLR_LOCAL_OPTIONS(PLR_SETTING_ROW) };

static const plr_setting_table table = { "local", plr_local_option_table, rows,
    PLR_LOCAL_N_OPTIONS };

/* The sandbox has a working directory of its own. */
static int make_absolute(char **path, plr_error *err)
{
    if (*path == NULL || (*path)[0] == '/')
        return 0;
    _cleanup_free_ char *given = steal(*path);
    _cleanup_free_ char *here = getcwd(NULL, 0);
    if (here != NULL && asprintf(path, "%s/%s", here, given) >= 0)
        return 0;
    *path = NULL;
    return plr_error_nomem(err);
}

int plr_local_settings_read(plr_local_settings *ret_settings, const plr_option *options,
        size_t n_options, plr_error *err)
{
    _cleanup_(plr_local_settings_clear) plr_local_settings settings = { 0 };
    int r = plr_settings_read(&table, &settings, options, n_options, err);
    if (r == 0)
        r = make_absolute(&settings.store, err);
    _cleanup_free_ char *given = steal(settings.store);
    if (r == 0)
        r = plr_store_path(&settings.store, given, err);
    if (r < 0)
        return r;
    *ret_settings = settings;
    settings = (plr_local_settings){ 0 };
    return 0;
}

void plr_local_settings_clear(plr_local_settings *settings)
{
    plr_settings_clear(&table, settings);
}

int plr_local_program(char **ret_path, const char *name, plr_error *err)
{
    const char *folder = secure_getenv("PLR_LIBEXEC_PATH");
    if (folder == NULL || folder[0] == '\0')
        folder = PLR_LIBEXEC_DIR;
    if (asprintf(ret_path, "%s/%s", folder, name) >= 0)
        return 0;
    *ret_path = NULL;
    return plr_error_nomem(err);
}
