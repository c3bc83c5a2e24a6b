/* SPDX-License-Identifier: MIT */
/* The entries of a kubeconfig file: a context, a cluster, a user, from the tree to a struct, with
 * what they refer to looked at, so that a mistake is told with its line. */
#ifndef PLR_KUBE_KUBECONFIG_ENTRY_H
#define PLR_KUBE_KUBECONFIG_ENTRY_H

#include "backends/kubernetes/kubeconfig.h"
#include "engine/base/findings.h"

/* A file that was read. */
typedef struct plr_kube_source {
    const char *path;
    const plr_node *root;
} plr_kube_source;

typedef struct plr_kube_entry {
    const plr_kube_source *source;
    const plr_node *node; /* an object */
} plr_kube_entry;

typedef struct plr_kube_context {
    const char *cluster, *user, *namespace_name;
} plr_kube_context;

/* "file:line:column: …", PLR_ERR_CONFIGURATION. */
int plr_kube_source_refuse(const plr_kube_source *source, const plr_node *node, plr_error *err,
        const char *format, ...) PLR_PRINTF(4, 5);

int plr_kube_context_decode(plr_kube_context *ret_context, const plr_kube_entry *entry,
        plr_arena *arena, plr_error *err);
/* Fills config->cluster. `elsewhere`: another server is to be used than the entry's. */
int plr_kube_cluster_decode(
        plr_kube_config *config, const plr_kube_entry *entry, bool elsewhere, plr_error *err);
int plr_kube_user_decode(
        plr_kube_user *ret_user, const plr_kube_entry *entry, plr_arena *arena, plr_error *err);

/* Copies. `where` is what the text is, for messages. */
int plr_kube_cluster_set_server(
        plr_kube_config *config, const char *text, const char *where, plr_error *err);

#endif
