/* SPDX-License-Identifier: MIT */
/* The backend's options: the table that people see, and their values. */
#include "backends/kubernetes/settings.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/cleanup.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

#define PAUSE_IMAGE "registry.k8s.io/pause:3.9"
#define IMAGE_GRACE_NS (INT64_C(60) * 1000000000)
#define UNSCHEDULABLE_NS (INT64_C(10) * 60 * 1000000000)

const plr_option_info plr_kube_option_table[PLR_KUBE_N_OPTIONS] = {
    { "kube-config", "FILE", "kubeconfig of the cluster, instead of KUBECONFIG" },
    { "kube-context", "NAME", "a context of the kubeconfig, instead of its current one" },
    { "kube-url", "URL", "address of the cluster, instead of the kubeconfig's" },
    { "kube-node", "NAME", "run on this node only" },
    { "namespace", "NAME", "namespace of the cluster that runs go into" },
    { "kube-debug", NULL, "print the objects that would be created, as YAML" },
    { "kube-layout", "KIND", "one-pod, pod-per-step, or auto: one pod where that can be" },
    { "kube-pod-template", "FILE", "YAML that is laid over each pod" },
    { "kube-service-account", "NAME", "the service account of pods, with its token mounted" },
    { "kube-pause-image", "IMAGE", "what holds a place whose image says what to run" },
    { "kube-image-grace", "DURATION", "how long a step's image may fail to be pulled (60s)" },
    { "kube-schedule-timeout", "DURATION", "how long a pod may wait for a node (10m)" },
    { "config", "FILE", "registry credentials, in the format of ~/.docker/config.json" },
    { "insecure-registry", "HOST", "a registry without TLS; may be given more than once" },
};

static int read_layout(plr_kube_layout *ret_layout, const char *text, plr_error *err)
{
    static const char *const words[] = {
        [PLR_KUBE_LAYOUT_AUTO] = "auto",
        [PLR_KUBE_LAYOUT_ONE_POD] = "one-pod",
        [PLR_KUBE_LAYOUT_POD_PER_STEP] = "pod-per-step",
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i], text) == 0) {
            *ret_layout = (plr_kube_layout)i;
            return 0;
        }
    }
    return plr_error_set(err, PLR_ERR_USAGE,
            "kube-layout: \"%s\" is neither one-pod nor pod-per-step nor auto", text);
}

static int read_switch(bool *ret_on, const char *name, const char *text, plr_error *err)
{
    if (text[0] == '\0' || strcmp(text, "true") == 0 || strcmp(text, "1") == 0)
        *ret_on = true;
    else if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
        *ret_on = false;
    else
        return plr_error_set(
                err, PLR_ERR_USAGE, "%s: \"%s\" is neither true nor false", name, text);
    return 0;
}

static int read_duration(int64_t *ret_ns, const char *name, const char *text, plr_error *err)
{
    plr_error why = { 0 };
    if (plr_duration_parse(text, ret_ns, &why) == 0)
        return 0;
    return plr_error_set(err, PLR_ERR_USAGE, "%s: %s", name, why.message);
}

static int add_insecure(plr_kube_settings *settings, const char *value, plr_error *err)
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

/* Where an option that is a text goes; NULL: it is no text. */
static char **text_of(plr_kube_settings *settings, const char *name)
{
    const struct {
        const char *name;
        char **text;
    } texts[] = {
        { "kube-config", &settings->kubeconfig },
        { "kube-context", &settings->context },
        { "kube-url", &settings->url },
        { "kube-node", &settings->node },
        { "namespace", &settings->namespace_name },
        { "kube-pod-template", &settings->pod_template },
        { "kube-service-account", &settings->service_account },
        { "kube-pause-image", &settings->pause_image },
        { "config", &settings->config },
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (strcmp(texts[i].name, name) == 0)
            return texts[i].text;
    return NULL;
}

static int read_one(plr_kube_settings *settings, const plr_option *option, plr_error *err)
{
    const char *name = option->name;
    const char *value = option->value == NULL ? "" : option->value;
    if (strcmp(name, "kube-debug") == 0)
        return read_switch(&settings->debug, name, value, err);
    if (value[0] == '\0')
        return plr_error_set(err, PLR_ERR_USAGE, "%s needs a value", name);
    char **text = text_of(settings, name);
    if (text != NULL) {
        free(steal(*text));
        return plr_text_copy(text, value, err);
    }
    if (strcmp(name, "kube-layout") == 0)
        return read_layout(&settings->layout, value, err);
    if (strcmp(name, "kube-image-grace") == 0)
        return read_duration(&settings->image_grace_ns, name, value, err);
    if (strcmp(name, "kube-schedule-timeout") == 0)
        return read_duration(&settings->unschedulable_ns, name, value, err);
    if (strcmp(name, "insecure-registry") == 0)
        return add_insecure(settings, value, err);
    return plr_error_set(err, PLR_ERR_USAGE, "the kubernetes backend has no option \"%s\"", name);
}

int plr_kube_settings_read(plr_kube_settings *ret_settings, const plr_option *options,
        size_t n_options, plr_error *err)
{
    _cleanup_(plr_kube_settings_clear) plr_kube_settings settings = {
        .image_grace_ns = IMAGE_GRACE_NS,
        .unschedulable_ns = UNSCHEDULABLE_NS,
    };
    int r = plr_text_copy(&settings.pause_image, PAUSE_IMAGE, err);
    for (size_t i = 0; i < n_options && r == 0; i++)
        r = read_one(&settings, &options[i], err);
    if (r < 0)
        return r;
    *ret_settings = settings;
    settings = (plr_kube_settings){ 0 };
    return 0;
}

void plr_kube_settings_clear(plr_kube_settings *settings)
{
    for (size_t i = 0; i < settings->n_insecure; i++)
        free(settings->insecure[i]);
    free(settings->insecure);
    free(settings->kubeconfig);
    free(settings->context);
    free(settings->url);
    free(settings->node);
    free(settings->namespace_name);
    free(settings->pod_template);
    free(settings->service_account);
    free(settings->pause_image);
    free(settings->config);
    *settings = (plr_kube_settings){ 0 };
}
