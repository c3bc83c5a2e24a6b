/* SPDX-License-Identifier: MIT */
/* Which cluster, as whom, in which namespace: from kubeconfig files, or from what Kubernetes puts
 * into every pod. Only what the chosen context names is looked at, as kubectl does. */
#ifndef PLR_KUBE_KUBECONFIG_H
#define PLR_KUBE_KUBECONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include <pipeline/spec.h>

#include "backends/kubernetes/settings.h"
#include "engine/base/arena.h"
#include "engine/base/document.h"

/* Texts are NULL where nothing was said; paths are absolute, or relative to our own folder. */
typedef struct plr_kube_cluster {
    const char *server; /* "https://...", what net/http takes as its base */
    const char *ca_file;
    plr_bytes ca; /* PEM; wins over the file */
    const char *tls_server_name, *proxy_url;
    bool insecure;
    const char *exec_config; /* JSON for exec plugins (an extension of the cluster's), or NULL */
} plr_kube_cluster;

typedef struct plr_kube_variable {
    const char *name, *value;
} plr_kube_variable;

/* A program that says who we are. */
typedef struct plr_kube_exec {
    const char *command; /* a path, or a name for PATH */
    const char *const *args;
    size_t n_args;
    const plr_kube_variable *env;
    size_t n_env;
    const char *api_version;  /* "client.authentication.k8s.io/v1" or ".../v1beta1" */
    const char *install_hint; /* or NULL */
    const char *interactive;  /* "Never", "IfAvailable", "Always", or NULL */
    bool provide_cluster_info;
} plr_kube_exec;

/* At most one of token_file, token, username, exec is to be used: in this order. */
typedef struct plr_kube_user {
    const char *cert_file, *key_file;
    plr_bytes cert, key; /* PEM; win over the files */
    const char *token_file, *token;
    const char *username, *password;
    const plr_kube_exec *exec;
    const char *as, *as_uid; /* impersonation */
    const char *const *as_groups;
    size_t n_as_groups;
} plr_kube_user;

typedef struct plr_kube_config {
    plr_arena arena; /* all texts stand in it */
    plr_kube_cluster cluster;
    plr_kube_user user;
    const char *namespace_name; /* never NULL */
    const char *origin;         /* "context build of /home/me/.kube/config", for people */
    const char *warning;        /* what a user should know of it, or NULL */
} plr_kube_config;

/* What of the process is looked at. */
typedef struct plr_kube_surroundings {
    const char *(*get)(const char *name); /* of the environment */
    const char *service_account;          /* the folder of a pod's service account */
} plr_kube_surroundings;

/* --kube-config, else the files of KUBECONFIG, else ~/.kube/config, else the pod that we are in.
 * PLR_ERR_CONFIGURATION names file, line and what was expected; secrets are not shown. */
int plr_kube_config_find(plr_kube_config *ret_config, const plr_kube_settings *settings,
        const plr_kube_surroundings *place, plr_error *err);
void plr_kube_config_clear(plr_kube_config *config);

#define _cleanup_kube_config_ _cleanup_(plr_kube_config_clear)

/* One file's text, as it is read for plr_kube_config_find (`file` is for messages and for paths
 * that are relative to it); the fuzz target's way in. */
int plr_kube_config_read(plr_kube_config *ret_config, const plr_kube_settings *settings,
        const char *file, const char *text, size_t size, plr_error *err);

#endif
