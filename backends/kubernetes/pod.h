/* SPDX-License-Identifier: MIT */
/* A run as the objects that are created for it: one pod, whose containers are the attempts of its
 * steps, and the Secrets that it mounts. Pure: no I/O, no clock. */
#ifndef PLR_KUBE_POD_H
#define PLR_KUBE_POD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>
#include <pipeline/backend.h>

#include "backends/kubernetes/names.h"
#include "backends/kubernetes/settings.h"
#include "engine/base/cleanup.h"

/* What is known of a run besides what its document says. All is borrowed. */
typedef struct plr_kube_place {
    const plr_kube_settings *settings;
    const char *namespace_name; /* NULL: the objects say none */
    const char *nonce;          /* of the marks of the run's plr-inits */
    /* By index into document->tasks: the image's config as a registry has it ("Entrypoint", "Cmd"
     * beside others), NULL where it is not known. NULL: none is. Only those of steps for which
     * plr_kube_needs_image says so are looked at. */
    json_object *const *images;
    json_object *pod_template; /* as plr_kube_template_read gives it, or NULL */
    /* "auths" of a config.json that the user named, or NULL: given to the pull Secret beside the
     * document's. */
    json_object *registry_auths;
    int64_t now_s; /* wall time, for the deadline */

    /* POD_PER_STEP, or one pod. The rest is for the pod of one attempt of the first. */
    plr_kube_layout layout;
    const plr_task *only; /* the attempt; NULL: one pod for all */
    bool with_claims;     /* it brings those of the run */
    /* By index into document->tasks: where a living step is; NULL: nowhere. NULL: nobody is. */
    const char *const *addresses;
    const char *node;  /* that has to take the pod; NULL: any */
    const char *words; /* that its plr-init finds; NULL: none */
} plr_kube_place;

/* How a container waits for its turn.
 *   HELD    its command is plr-init, which decides by the plan or waits for "go"
 *   RENEWED its plr-init is in the pause image first; at its turn the step's own is patched in, so
 *           that the registry is asked and volumes are mounted then. From then on it is as HELD
 *   FREE    it starts with the pod, without plr-init: no marks, no record, no words
 *   PAUSED  nobody knows what its image runs: it holds the pause image until its own image is
 *           patched in, at its turn; then as FREE */
typedef enum plr_kube_hold {
    PLR_KUBE_HELD,
    PLR_KUBE_RENEWED,
    PLR_KUBE_FREE,
    PLR_KUBE_PAUSED,
} plr_kube_hold;

plr_kube_hold plr_kube_hold_of(
        const plr_run_view *run, const plr_kube_place *place, size_t task, unsigned attempt);

/* Its command stands behind plr-init. */
static inline bool plr_kube_has_init(plr_kube_hold hold)
{
    return hold == PLR_KUBE_HELD || hold == PLR_KUBE_RENEWED;
}

/* It begins with the pause image, and its own is patched in at its turn. */
static inline bool plr_kube_image_comes_later(plr_kube_hold hold)
{
    return hold == PLR_KUBE_PAUSED || hold == PLR_KUBE_RENEWED;
}

/* How many containers a step has: one for each attempt that there may be. */
unsigned plr_kube_attempts(const plr_step *step);

/* Whether a step's image must be asked for what it runs, or be paused. */
bool plr_kube_needs_image(const plr_step *step);

/* What is executed in a step's container: the first word, for messages. Borrowed; NULL: what the
 * image says, and nobody knows it. */
const char *plr_kube_command(const plr_step *step, json_object *image);

/* The architecture of the pod's node ("amd64", "arm64"): the document's, the template's, or this
 * machine's. Borrowed from them, or constant. NULL: none that there is a plr-init for. */
const char *plr_kube_architecture(const plr_run_view *run, const plr_kube_place *place);

/* What belongs to a run. The Secret with plr-init is every run's: secret.h. */
typedef struct plr_kube_objects {
    json_object *run_secret;  /* NULL: the run has no secrets and no files */
    json_object *pull_secret; /* NULL: no credentials for registries */
    json_object *claims;      /* an array, or NULL */
    json_object *pod;         /* those before are to belong to it, and so come after it */
} plr_kube_objects;

/* `tasks` are the first attempts of the steps that may run, as plr_backend_module.setup has them;
 * or place->only alone.
 * PLR_ERR_CONFIGURATION for what only the tasks can show: a folder of this machine as workspace, a
 * Secret or a pod above the API's limits. */
int plr_kube_objects_new(plr_kube_objects *ret_objects, const plr_run_view *run,
        plr_task *const *tasks, size_t n_tasks, const plr_kube_place *place, plr_error *err);
void plr_kube_objects_clear(plr_kube_objects *objects);
#define _cleanup_kube_objects_ _cleanup_(plr_kube_objects_clear)

#endif
