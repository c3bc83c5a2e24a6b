/* SPDX-License-Identifier: MIT */
/* The Secrets that a pod mounts: plr-init, which all runs of a namespace share; a run's own secrets
 * and files; the credentials of its registries. Pure. */
#ifndef PLR_KUBE_SECRET_H
#define PLR_KUBE_SECRET_H

#include "backends/kubernetes/pod.h"

/* The API refuses a Secret with more data than this. */
#define PLR_KUBE_SECRET_MAX ((size_t)1 << 20)

/* Room for a key of the run's Secret, with its NUL. */
#define PLR_KUBE_KEY_SIZE 64

/* Where in the run's Secret the i-th secret and the i-th file of a step are. Steps that name the
 * same one share it. */
void plr_kube_secret_key(
        char ret_key[PLR_KUBE_KEY_SIZE], const plr_document *document, size_t task, size_t i);
void plr_kube_file_key(char ret_key[PLR_KUBE_KEY_SIZE], const plr_file_mount *file);

/* "plr-init-" and 16 hex digits of what it holds. `architecture` as plr_kube_architecture has it;
 * PLR_ERR_CONFIGURATION for none. */
int plr_kube_init_name(char ret_name[PLR_KUBE_NAME_SIZE], const char *architecture, plr_error *err);
/* The Secret with plr-init: shared by runs, so that it exists already (409) is fine. Not `filled`
 * it is what a dry run of its creation takes, to ask whether it exists. */
int plr_kube_init_secret(json_object **ret_secret, const char *architecture,
        const plr_kube_place *place, bool filled, plr_error *err);

/* NULL on success: there is nothing to put into it. PLR_ERR_CONFIGURATION above the API's limit. */
int plr_kube_run_secret(json_object **ret_secret, const plr_run_view *run, plr_task *const *tasks,
        size_t n_tasks, const plr_kube_place *place, plr_error *err);
int plr_kube_pull_secret(json_object **ret_secret, const plr_run_view *run,
        const plr_kube_place *place, plr_error *err);

#endif
