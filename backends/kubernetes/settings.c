/* SPDX-License-Identifier: MIT */
#include "backends/kubernetes/settings.h"

#include <stdlib.h>
#include <string.h>

#include "backends/kubernetes/names.h"
#include "engine/base/cleanup.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

#define PAUSE_IMAGE "registry.k8s.io/pause:3.9"
#define CLUSTER_DOMAIN "cluster.local"
#define NO_DNS "none"
#define IMAGE_GRACE_NS (INT64_C(60) * 1000000000)
#define UNSCHEDULABLE_NS (INT64_C(10) * 60 * 1000000000)

const char *const plr_kube_layout_words[] = {
    [PLR_KUBE_LAYOUT_AUTO] = "auto",
    [PLR_KUBE_LAYOUT_ONE_POD] = "one-pod",
    [PLR_KUBE_LAYOUT_POD_PER_STEP] = "pod-per-step",
    NULL,
};

const plr_option_info plr_kube_option_table[] = { PLR_KUBE_OPTIONS(PLR_SETTING_INFO) };

static const plr_setting rows[] = { PLR_KUBE_OPTIONS(PLR_SETTING_ROW) };

static const plr_setting_table table = { "kubernetes", plr_kube_option_table, rows,
    PLR_KUBE_N_OPTIONS };

static int take_domain(plr_kube_settings *settings, plr_error *err)
{
    if (strcmp(settings->cluster_domain, NO_DNS) == 0)
        free(steal(settings->cluster_domain));
    else if (!plr_kube_is_dns_name(settings->cluster_domain))
        return plr_error_set(err, PLR_ERR_USAGE,
                "kube-cluster-domain: \"%s\" is neither a domain like " CLUSTER_DOMAIN
                " nor " NO_DNS,
                settings->cluster_domain);
    return 0;
}

int plr_kube_settings_read(plr_kube_settings *ret_settings, const plr_option *options,
        size_t n_options, plr_error *err)
{
    _cleanup_(plr_kube_settings_clear) plr_kube_settings settings = {
        .image_grace_ns = IMAGE_GRACE_NS,
        .unschedulable_ns = UNSCHEDULABLE_NS,
    };
    int r = plr_text_copy(&settings.pause_image, PAUSE_IMAGE, err);
    if (r == 0)
        r = plr_text_copy(&settings.cluster_domain, CLUSTER_DOMAIN, err);
    if (r == 0)
        r = plr_settings_read(&table, &settings, options, n_options, err);
    if (r == 0)
        r = take_domain(&settings, err);
    if (r < 0)
        return r;
    *ret_settings = settings;
    settings = (plr_kube_settings){ 0 };
    return 0;
}

void plr_kube_settings_clear(plr_kube_settings *settings)
{
    plr_settings_clear(&table, settings);
}
