/* SPDX-License-Identifier: MIT */
/* The backend's options: what people may say, and what it means where they say nothing. */
#ifndef PLR_KUBE_SETTINGS_H
#define PLR_KUBE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/backend.h>

typedef enum plr_kube_layout {
    PLR_KUBE_LAYOUT_AUTO,
    PLR_KUBE_LAYOUT_ONE_POD,
    PLR_KUBE_LAYOUT_POD_PER_STEP,
} plr_kube_layout;

/* Texts are NULL where the option was not given, unless said otherwise. */
typedef struct plr_kube_settings {
    char *kubeconfig;         /* kube-config */
    char *context;            /* kube-context */
    char *url;                /* kube-url */
    char *node;               /* kube-node */
    char *namespace_name;     /* namespace */
    bool debug;               /* kube-debug: the objects are shown, nothing is created */
    plr_kube_layout layout;   /* kube-layout */
    char *pod_template;       /* kube-pod-template: a file */
    char *service_account;    /* kube-service-account */
    char *pause_image;        /* kube-pause-image; never NULL */
    int64_t image_grace_ns;   /* kube-image-grace; from the step's turn */
    int64_t unschedulable_ns; /* kube-schedule-timeout */
    char *config;             /* config: a config.json with registry credentials */
    char **insecure;          /* insecure-registry, each */
    size_t n_insecure;
} plr_kube_settings;

#define PLR_KUBE_N_OPTIONS 14
extern const plr_option_info plr_kube_option_table[PLR_KUBE_N_OPTIONS];

/* Copies. PLR_ERR_USAGE for an option that is none or a value that it does not take. */
int plr_kube_settings_read(plr_kube_settings *ret_settings, const plr_option *options,
        size_t n_options, plr_error *err);
void plr_kube_settings_clear(plr_kube_settings *settings);

#endif
