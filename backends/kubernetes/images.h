/* SPDX-License-Identifier: MIT */
/* What images run: asked of their registries for the steps that name no command, so that plr-init
 * can stand in their place until their turn. */
#ifndef PLR_KUBE_IMAGES_H
#define PLR_KUBE_IMAGES_H

#include "backends/kubernetes/kube.h"

typedef struct plr_kube_images plr_kube_images;

/* All that can be known is known. May be freed here. */
typedef void plr_kube_images_fn(void *userdata);

/* Begins to ask for the steps of `tasks`. on_done comes from the loop, at the latest after a time
 * limit; inside this function if there is nothing to ask. What a registry does not tell stays
 * unknown, and `view` (NULL: nobody) is given a notice of it. */
int plr_kube_images_new(plr_kube_images **ret_images, plr_kube *kube, plr_run_view *view,
        const plr_document *document, plr_task *const *tasks, size_t n_tasks,
        plr_kube_images_fn *on_done, void *userdata, plr_error *err);
/* Before the end: gives up, and on_done does not come. NULL is accepted. */
void plr_kube_images_free(plr_kube_images *images);

/* By index into document->tasks: "Entrypoint", "Cmd" and others of the image's config, or NULL. */
json_object *const *plr_kube_images_all(const plr_kube_images *images);

#endif
