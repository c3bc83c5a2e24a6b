/* SPDX-License-Identifier: MIT */
/* What registries and image layouts say about an image: indexes, manifests and configs, in Docker's
 * words (schema 2) and OCI's, which are the same but for the media types. */
#ifndef PLR_NET_MANIFEST_H
#define PLR_NET_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pipeline/error.h>
#include <pipeline/spec.h>

#include "engine/base/arena.h"

#define PLR_MANIFEST_LARGEST ((size_t)4 << 20)
#define PLR_MANIFEST_LAYERS 512u /* an overlay takes 500 at most */

/* The value of an Accept header for all that is understood. */
extern const char plr_manifest_accept[];

/* A thing by its digest, which is valid. */
typedef struct plr_descriptor {
    const char *media_type, *digest;
    int64_t size;
    plr_platform platform; /* in an index, if it says so */
    const plr_pair *annotations;
    size_t n_annotations;
} plr_descriptor;

/* Either an index (manifests) or a manifest (config and layers). Stands in an arena. */
typedef struct plr_manifest {
    int64_t schema_version;
    bool is_index;
    const plr_descriptor *manifests;
    size_t n_manifests;
    const plr_descriptor *config;
    const plr_descriptor *layers;
    size_t n_layers;
} plr_manifest;

/* `what` begins the messages. PLR_ERR_PROTOCOL if it is neither, or both; PLR_ERR_UNSUPPORTED for
 * Docker's schema 1 and for layers of unknown kinds. */
int plr_manifest_read(plr_manifest *ret_manifest, plr_arena *arena, const char *text, size_t size,
        const char *what, plr_error *err);

/* The entry of an index that fits best, the first of equals; PLR_ERR_IMAGE says which there are.
 * `wanted` as plr_platform_or_here gives it. */
int plr_manifest_choose(const plr_descriptor **ret_entry, const plr_manifest *index,
        const plr_platform *wanted, const char *what, plr_error *err);

/* The value of an annotation, or NULL. */
const char *plr_descriptor_annotation(const plr_descriptor *descriptor, const char *name);

typedef struct plr_image_config {
    plr_platform platform;
    struct {
        const char *const *entrypoint, *const *cmd, *const *environment;
        size_t n_entrypoint, n_cmd, n_environment;
        const char *user, *working_dir, *stop_signal; /* "" if silent */
    } config;
    struct {
        const char *const *diff_ids; /* valid sha256 digests */
        size_t n_diff_ids;
    } rootfs;
} plr_image_config;

/* `n_layers` is the manifest's. PLR_ERR_PROTOCOL if the layers are not as many, or more than
 * PLR_MANIFEST_LAYERS. */
int plr_image_config_read(plr_image_config *ret_config, plr_arena *arena, const char *text,
        size_t size, size_t n_layers, const char *what, plr_error *err);

#endif
