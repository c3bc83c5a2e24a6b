/* SPDX-License-Identifier: MIT */
#include "backends/docker/where.h"
#include "engine/base/cleanup.h"

const plr_option_info plr_docker_option_table[] = { PLR_DOCKER_OPTIONS(PLR_SETTING_INFO) };

static const plr_setting rows[] = { PLR_DOCKER_OPTIONS(PLR_SETTING_ROW) };

static const plr_setting_table table = { "docker", plr_docker_option_table, rows,
    PLR_DOCKER_N_OPTIONS };

int plr_docker_settings_read(plr_docker_settings *ret_settings, const plr_option *options,
        size_t n_options, plr_error *err)
{
    _cleanup_(plr_docker_settings_clear) plr_docker_settings settings = { 0 };
    int r = plr_settings_read(&table, &settings, options, n_options, err);
    if (r < 0)
        return r;
    *ret_settings = settings;
    settings = (plr_docker_settings){ 0 };
    return 0;
}

void plr_docker_settings_clear(plr_docker_settings *settings)
{
    plr_settings_clear(&table, settings);
}
