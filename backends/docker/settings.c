/* SPDX-License-Identifier: MIT */
/* The backend's options: the table that people see, and their values. */
#include "backends/docker/where.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/cleanup.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

const plr_option_info plr_docker_option_table[PLR_DOCKER_N_OPTIONS] = {
    { "docker-host", "URL", "where the daemon is, instead of DOCKER_HOST (unix://..., tcp://...)" },
    { "docker-context", "NAME", "a context of the docker CLI, instead of DOCKER_CONTEXT" },
    { "config", "FILE", "registry credentials, in the format of ~/.docker/config.json" },
    { "docker-mtu", "BYTES", "MTU of the networks made for runs" },
    { "docker-ipv6", NULL, "IPv6 in the networks made for runs" },
    { "docker-folder", "DIR", "where the program that holds steps is put; not mounted noexec" },
};
static int read_mtu(int64_t *ret_mtu, const char *text, plr_error *err)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < 68 || value > 65535)
        return plr_error_set(
                err, PLR_ERR_USAGE, "docker-mtu: \"%s\" is not a number from 68 to 65535", text);
    *ret_mtu = value;
    return 0;
}

static int read_switch(bool *ret_on, const char *name, const char *text, plr_error *err)
{
    if (text == NULL || strcmp(text, "") == 0 || strcmp(text, "true") == 0 ||
            strcmp(text, "1") == 0)
        *ret_on = true;
    else if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
        *ret_on = false;
    else
        return plr_error_set(
                err, PLR_ERR_USAGE, "%s: \"%s\" is neither true nor false", name, text);
    return 0;
}

static int read_one(plr_docker_settings *settings, const plr_option *option, plr_error *err)
{
    const char *value = option->value == NULL ? "" : option->value;
    char **text = strcmp(option->name, "docker-host") == 0      ? &settings->host
                  : strcmp(option->name, "docker-context") == 0 ? &settings->context
                  : strcmp(option->name, "config") == 0         ? &settings->config
                  : strcmp(option->name, "docker-folder") == 0  ? &settings->folder
                                                                : NULL;
    if (text != NULL) {
        if (value[0] == '\0')
            return plr_error_set(err, PLR_ERR_USAGE, "%s needs a value", option->name);
        free(*text);
        *text = NULL;
        return plr_text_copy(text, value, err);
    }
    if (strcmp(option->name, "docker-mtu") == 0)
        return read_mtu(&settings->mtu, value, err);
    if (strcmp(option->name, "docker-ipv6") == 0)
        return read_switch(&settings->ipv6, option->name, value, err);
    return plr_error_set(
            err, PLR_ERR_USAGE, "the docker backend has no option \"%s\"", option->name);
}

int plr_docker_settings_read(plr_docker_settings *ret_settings, const plr_option *options,
        size_t n_options, plr_error *err)
{
    _cleanup_(plr_docker_settings_clear) plr_docker_settings settings = { 0 };
    for (size_t i = 0; i < n_options; i++) {
        int r = read_one(&settings, &options[i], err);
        if (r < 0)
            return r;
    }
    *ret_settings = settings;
    settings = (plr_docker_settings){ 0 };
    return 0;
}

void plr_docker_settings_clear(plr_docker_settings *settings)
{
    free(settings->host);
    free(settings->context);
    free(settings->config);
    free(settings->folder);
    *settings = (plr_docker_settings){ 0 };
}
