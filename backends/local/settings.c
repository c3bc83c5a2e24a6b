/* SPDX-License-Identifier: MIT */
/* The backend's options: the table that people see, and their values. */
#include "backends/local/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/local/store.h"
#include "engine/base/cleanup.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

const plr_option_info plr_local_option_table[PLR_LOCAL_N_OPTIONS] = {
    { "rootfs", "KIND",
            "image, host (a view of this machine), or auto: host if there is no image" },
    { "store", "DIR", "where images and runs are kept; not on a tmpfs" },
    { "config", "FILE", "registry credentials, in the format of ~/.docker/config.json" },
    { "insecure-registry", "HOST", "a registry without TLS; may be given more than once" },
    { "local-ipv6", NULL, "IPv6 addresses for the steps of an isolated network" },
};

static int read_rootfs(plr_local_rootfs *ret_rootfs, const char *text, plr_error *err)
{
    static const char *const words[] = {
        [PLR_LOCAL_ROOTFS_IMAGE] = "image",
        [PLR_LOCAL_ROOTFS_AUTO] = "auto",
        [PLR_LOCAL_ROOTFS_HOST] = "host",
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i], text) == 0) {
            *ret_rootfs = (plr_local_rootfs)i;
            return 0;
        }
    }
    return plr_error_set(
            err, PLR_ERR_USAGE, "rootfs: \"%s\" is neither image nor host nor auto", text);
}

static int add_insecure(plr_local_settings *settings, const char *value, plr_error *err)
{
    char **all = realloc(settings->insecure, (settings->n_insecure + 1) * sizeof(*all));
    if (all == NULL)
        return plr_error_nomem(err);
    settings->insecure = all;
    int r = plr_text_copy(&all[settings->n_insecure], value, err);
    if (r == 0)
        settings->n_insecure++;
    return r;
}

static int take_text(char **text, const char *value, plr_error *err)
{
    free(steal(*text));
    return plr_text_copy(text, value, err);
}

/* A switch without a value is on. */
static int read_switch(bool *ret_on, const plr_option *option, plr_error *err)
{
    const char *value = option->value == NULL ? "true" : option->value;
    *ret_on = strcmp(value, "true") == 0;
    return *ret_on || strcmp(value, "false") == 0
                   ? 0
                   : plr_error_set(err, PLR_ERR_USAGE, "%s: \"%s\" is neither true nor false",
                             option->name, value);
}

static int read_one(plr_local_settings *settings, const plr_option *option, plr_error *err)
{
    const char *value = option->value == NULL ? "" : option->value;
    if (strcmp(option->name, "local-ipv6") == 0)
        return read_switch(&settings->ipv6, option, err);
    if (value[0] == '\0')
        return plr_error_set(err, PLR_ERR_USAGE, "%s needs a value", option->name);
    if (strcmp(option->name, "rootfs") == 0)
        return read_rootfs(&settings->rootfs, value, err);
    if (strcmp(option->name, "store") == 0) {
        /* The sandbox has a working directory of its own. */
        if (value[0] == '/')
            return take_text(&settings->store, value, err);
        _cleanup_free_ char *here = getcwd(NULL, 0);
        free(steal(settings->store));
        if (here == NULL || asprintf(&settings->store, "%s/%s", here, value) < 0) {
            settings->store = NULL;
            return plr_error_nomem(err);
        }
        return 0;
    }
    if (strcmp(option->name, "config") == 0)
        return take_text(&settings->config, value, err);
    if (strcmp(option->name, "insecure-registry") == 0)
        return add_insecure(settings, value, err);
    return plr_error_set(
            err, PLR_ERR_USAGE, "the local backend has no option \"%s\"", option->name);
}

int plr_local_settings_read(plr_local_settings *ret_settings, const plr_option *options,
        size_t n_options, plr_error *err)
{
    _cleanup_(plr_local_settings_clear) plr_local_settings settings = { 0 };
    int r = 0;
    for (size_t i = 0; i < n_options && r == 0; i++)
        r = read_one(&settings, &options[i], err);
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
    for (size_t i = 0; i < settings->n_insecure; i++)
        free(settings->insecure[i]);
    free(settings->insecure);
    free(settings->store);
    free(settings->config);
    *settings = (plr_local_settings){ 0 };
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
