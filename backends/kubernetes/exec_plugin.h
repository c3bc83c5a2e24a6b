/* SPDX-License-Identifier: MIT */
/* A program that kubeconfig names to say who we are (aws, gcloud, ...): run without a shell, with
 * nothing to read, a limit on its time and its output, and its errors never shown. */
#ifndef PLR_KUBE_EXEC_PLUGIN_H
#define PLR_KUBE_EXEC_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#include <pipeline/backend.h>

#include "backends/kubernetes/kubeconfig.h"
#include "engine/base/cleanup.h"

/* What it answered. */
typedef struct plr_kube_credential {
    char *token;              /* or NULL */
    char *cert_pem, *key_pem; /* both or none */
    int64_t expires_s;        /* since 1970; 0: never */
} plr_kube_credential;

void plr_kube_credential_clear(plr_kube_credential *credential);
#define _cleanup_kube_credential_ _cleanup_(plr_kube_credential_clear)

/* An ExecCredential of this version. `command` is for messages, which never show what stands in
 * `text`: PLR_ERR_CONFIGURATION. */
int plr_kube_credential_parse(plr_kube_credential *ret_credential, const plr_kube_exec *exec,
        const char *text, size_t size, plr_error *err);

typedef struct plr_kube_plugin plr_kube_plugin;

/* The end, exactly once, from the loop: a credential, which may be taken out, or `err`
 * (PLR_ERR_CONFIGURATION, PLR_ERR_TIMEOUT, ...). The plugin may be freed here. */
typedef void plr_kube_plugin_fn(plr_kube_plugin *plugin, plr_kube_credential *credential,
        const plr_error *err, void *userdata);

/* Starts it. The config is borrowed until the end. */
int plr_kube_plugin_new(plr_kube_plugin **ret_plugin, const plr_host *host, plr_loop *loop,
        const plr_kube_config *config, uint64_t timeout_ns, plr_kube_plugin_fn *on_end,
        void *userdata, plr_error *err);

/* Kills the program if it lives; then on_end does not come. NULL is accepted. */
void plr_kube_plugin_free(plr_kube_plugin *plugin);

PLR_DEFINE_CLEANUP(plr_kube_plugin, plr_kube_plugin_free)
#define _cleanup_kube_plugin_ _cleanup_(cleanup_plr_kube_plugin_free)

#endif
