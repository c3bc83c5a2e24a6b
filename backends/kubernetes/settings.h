/* SPDX-License-Identifier: MIT */
/* The backend's options: what people may say, and what it means where they say nothing. */
#ifndef PLR_KUBE_SETTINGS_H
#define PLR_KUBE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/backend.h>

#include "engine/base/settings.h"

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
    char *storage_class;      /* kube-storage-class */
    char *cluster_domain;     /* kube-cluster-domain; NULL: the cluster has no DNS */
    char *pod_template;       /* kube-pod-template: a file */
    char *service_account;    /* kube-service-account */
    char *pause_image;        /* kube-pause-image; never NULL */
    int64_t image_grace_ns;   /* kube-image-grace; from the step's turn */
    int64_t unschedulable_ns; /* kube-schedule-timeout */
    char *config;             /* config: a config.json with registry credentials */
    plr_texts insecure;       /* insecure-registry, each */
} plr_kube_settings;

extern const char *const plr_kube_layout_words[];

#define PLR_KUBE_OPTIONS(X)                                                                        \
    X("kube-config", "FILE", "kubeconfig of the cluster, instead of KUBECONFIG",                   \
            .type = PLR_SETTING_TEXT, .offset = offsetof(plr_kube_settings, kubeconfig))           \
    X("kube-context", "NAME", "a context of the kubeconfig, instead of its current one",           \
            .type = PLR_SETTING_TEXT, .offset = offsetof(plr_kube_settings, context))              \
    X("kube-url", "URL", "address of the cluster, instead of the kubeconfig's",                    \
            .type = PLR_SETTING_TEXT, .offset = offsetof(plr_kube_settings, url))                  \
    X("kube-node", "NAME", "run on this node only", .type = PLR_SETTING_TEXT,                      \
            .offset = offsetof(plr_kube_settings, node))                                           \
    X("namespace", "NAME", "namespace of the cluster that runs go into", .type = PLR_SETTING_TEXT, \
            .offset = offsetof(plr_kube_settings, namespace_name))                                 \
    X("kube-debug", NULL, "print the objects that would be created, as YAML",                      \
            .type = PLR_SETTING_SWITCH, .offset = offsetof(plr_kube_settings, debug))              \
    X("kube-layout", "KIND", "one-pod, pod-per-step, or auto: one pod where that can be",          \
            .type = PLR_SETTING_WORD, .offset = offsetof(plr_kube_settings, layout),               \
            .words = plr_kube_layout_words)                                                        \
    X("kube-storage-class", "NAME",                                                                \
            "of the claims that pods of a run share, instead of the default",                      \
            .type = PLR_SETTING_TEXT, .offset = offsetof(plr_kube_settings, storage_class))        \
    X("kube-cluster-domain", "DOMAIN",                                                             \
            "of the cluster's DNS (cluster.local), by which pods of a run find each other, or "    \
            "none",                                                                                \
            .type = PLR_SETTING_TEXT, .offset = offsetof(plr_kube_settings, cluster_domain))       \
    X("kube-pod-template", "FILE", "YAML that is laid over each pod", .type = PLR_SETTING_TEXT,    \
            .offset = offsetof(plr_kube_settings, pod_template))                                   \
    X("kube-service-account", "NAME", "the service account of pods, with its token mounted",       \
            .type = PLR_SETTING_TEXT, .offset = offsetof(plr_kube_settings, service_account))      \
    X("kube-pause-image", "IMAGE", "what holds a place whose image says what to run",              \
            .type = PLR_SETTING_TEXT, .offset = offsetof(plr_kube_settings, pause_image))          \
    X("kube-image-grace", "DURATION", "how long a step's image may fail to be pulled (60s)",       \
            .type = PLR_SETTING_DURATION, .offset = offsetof(plr_kube_settings, image_grace_ns))   \
    X("kube-schedule-timeout", "DURATION", "how long a pod may wait for a node (10m)",             \
            .type = PLR_SETTING_DURATION, .offset = offsetof(plr_kube_settings, unschedulable_ns)) \
    X("config", "FILE", "registry credentials, in the format of ~/.docker/config.json",            \
            .type = PLR_SETTING_TEXT, .offset = offsetof(plr_kube_settings, config))               \
    X("insecure-registry", "HOST", "a registry without TLS; may be given more than once",          \
            .type = PLR_SETTING_TEXTS, .offset = offsetof(plr_kube_settings, insecure))

enum { PLR_KUBE_N_OPTIONS = 0 PLR_KUBE_OPTIONS(PLR_SETTING_COUNT) };
extern const plr_option_info plr_kube_option_table[PLR_KUBE_N_OPTIONS];

/* Copies. PLR_ERR_USAGE for an option that is none or a value that it does not take. */
int plr_kube_settings_read(plr_kube_settings *ret_settings, const plr_option *options,
        size_t n_options, plr_error *err);
void plr_kube_settings_clear(plr_kube_settings *settings);

#endif
