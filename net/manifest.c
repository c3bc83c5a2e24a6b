/* SPDX-License-Identifier: MIT */
/* Manifests, indexes and configs of images by tables; unknown keys are passed over. */
#include "net/manifest.h"

#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/decode.h"
#include "engine/base/error.h"
#include "net/digest.h"
#include "net/platform.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define AT(type, member) .offset = offsetof(type, member)
#define AT_N(type, member, n_member)                                                               \
    .offset = offsetof(type, member), .n_offset = offsetof(type, n_member)
#define TABLE(type, list) .size = sizeof(type), .fields = list, .n_fields = COUNT(list)

const char plr_manifest_accept[] = "application/vnd.oci.image.index.v1+json, "
                                   "application/vnd.docker.distribution.manifest.list.v2+json, "
                                   "application/vnd.oci.image.manifest.v1+json, "
                                   "application/vnd.docker.distribution.manifest.v2+json";

static const plr_field platform_fields[] = {
    { "os", PLR_FIELD_STRING, AT(plr_platform, os) },
    { "architecture", PLR_FIELD_STRING, AT(plr_platform, arch) },
    { "variant", PLR_FIELD_STRING, AT(plr_platform, variant) },
};
static const plr_table platform_table = {
    .name = "platform", .title = "a platform", TABLE(plr_platform, platform_fields)
};

static const plr_field descriptor_fields[] = {
    { "mediaType", PLR_FIELD_STRING, AT(plr_descriptor, media_type), .fallback = "" },
    { "digest", PLR_FIELD_STRING, AT(plr_descriptor, digest), .required = true },
    { "size", PLR_FIELD_INTEGER, AT(plr_descriptor, size), .most = INT64_MAX / 2 },
    { "platform", PLR_FIELD_OBJECT, AT(plr_descriptor, platform), .table = &platform_table },
    { "annotations", PLR_FIELD_PAIRS, AT_N(plr_descriptor, annotations, n_annotations) },
};
static const plr_table descriptor_table = {
    .name = "descriptor", .title = "a descriptor", TABLE(plr_descriptor, descriptor_fields)
};

static const plr_field manifest_fields[] = {
    { "schemaVersion", PLR_FIELD_INTEGER, AT(plr_manifest, schema_version), .most = 99 },
    { "manifests", PLR_FIELD_LIST, AT_N(plr_manifest, manifests, n_manifests),
            .table = &descriptor_table },
    { "config", PLR_FIELD_POINTER, AT(plr_manifest, config), .table = &descriptor_table },
    { "layers", PLR_FIELD_LIST, AT_N(plr_manifest, layers, n_layers), .table = &descriptor_table },
};
static const plr_table manifest_table = {
    .name = "manifest", .title = "a manifest", TABLE(plr_manifest, manifest_fields)
};

#define CONFIG(member) AT(plr_image_config, config.member)
#define CONFIG_N(member) AT_N(plr_image_config, config.member, config.n_##member)

/* The offsets are those of the whole struct, whose first member is not the config: the table's
 * object stands at offset 0. */
static const plr_field inner_fields[] = {
    { "Entrypoint", PLR_FIELD_STRINGS, CONFIG_N(entrypoint) },
    { "Cmd", PLR_FIELD_STRINGS, CONFIG_N(cmd) },
    { "Env", PLR_FIELD_STRINGS, CONFIG_N(environment) },
    { "User", PLR_FIELD_STRING, CONFIG(user), .fallback = "" },
    { "WorkingDir", PLR_FIELD_STRING, CONFIG(working_dir), .fallback = "" },
    { "StopSignal", PLR_FIELD_STRING, CONFIG(stop_signal), .fallback = "" },
};
static const plr_table inner_table = {
    .name = "config", .title = "a config", TABLE(plr_image_config, inner_fields)
};

static const plr_field rootfs_fields[] = {
    { "diff_ids", PLR_FIELD_STRINGS, AT_N(plr_image_config, rootfs.diff_ids, rootfs.n_diff_ids) },
};
static const plr_table rootfs_table = {
    .name = "rootfs", .title = "a rootfs", TABLE(plr_image_config, rootfs_fields)
};

static const plr_field config_fields[] = {
    { "os", PLR_FIELD_STRING, AT(plr_image_config, platform.os), .fallback = "linux" },
    { "architecture", PLR_FIELD_STRING, AT(plr_image_config, platform.arch), .required = true },
    { "variant", PLR_FIELD_STRING, AT(plr_image_config, platform.variant) },
    { "config", PLR_FIELD_OBJECT, .offset = 0, .table = &inner_table },
    { "rootfs", PLR_FIELD_OBJECT, .offset = 0, .table = &rootfs_table, .required = true },
};
static const plr_table config_table = {
    .name = "image config", .title = "an image config", TABLE(plr_image_config, config_fields)
};

static int check_descriptor(const plr_descriptor *d, const char *what, plr_error *err)
{
    if (plr_digest_is_valid(d->digest))
        return 0;
    return plr_error_set(
            err, PLR_ERR_PROTOCOL, "%s: \"%.80s\" is no sha256 or sha512", what, d->digest);
}

/* Layers that are not to be had from the registry, or encrypted, or no tar at all. */
static int check_layer(const plr_descriptor *layer, const char *what, plr_error *err)
{
    if (strstr(layer->media_type, ".foreign.") != NULL ||
            strstr(layer->media_type, "nondistributable") != NULL ||
            strstr(layer->media_type, "encrypted") != NULL)
        return plr_error_set(err, PLR_ERR_UNSUPPORTED,
                "%s has a layer that no registry may give away, or an encrypted one: %.100s", what,
                layer->media_type);
    return check_descriptor(layer, what, err);
}

int plr_manifest_read(plr_manifest *ret_manifest, plr_arena *arena, const char *text, size_t size,
        const char *what, plr_error *err)
{
    plr_manifest m = { 0 };
    int r = plr_decode_text(&m, arena, &manifest_table, text, size, what, PLR_ERR_PROTOCOL, err);
    if (r < 0)
        return r;
    if (m.schema_version == 1)
        return plr_error_set(err, PLR_ERR_UNSUPPORTED,
                "%s is in Docker's first format (schema 1), which is no longer read: push it again",
                what);
    /* Readers that disagree on which of the two it is would run different images. */
    if (m.n_manifests > 0 && (m.config != NULL || m.n_layers > 0))
        return plr_error_set(
                err, PLR_ERR_PROTOCOL, "%s says that it is an index and a manifest", what);
    m.is_index = m.n_manifests > 0;
    if (!m.is_index && m.config == NULL)
        return plr_error_set(
                err, PLR_ERR_PROTOCOL, "%s is no manifest of an image, and no index", what);
    if (m.n_layers > PLR_MANIFEST_LAYERS)
        return plr_error_set(err, PLR_ERR_PROTOCOL, "%s has %zu layers, %u are the most", what,
                m.n_layers, PLR_MANIFEST_LAYERS);
    for (size_t i = 0; r == 0 && i < m.n_manifests; i++)
        r = check_descriptor(&m.manifests[i], what, err);
    for (size_t i = 0; r == 0 && i < m.n_layers; i++)
        r = check_layer(&m.layers[i], what, err);
    if (r == 0 && m.config != NULL)
        r = check_descriptor(m.config, what, err);
    if (r == 0)
        *ret_manifest = m;
    return r;
}

int plr_manifest_choose(const plr_descriptor **ret_entry, const plr_manifest *index,
        const plr_platform *wanted, const char *what, plr_error *err)
{
    _cleanup_buf_ plr_buf all = { 0 };
    const plr_descriptor *best = NULL;
    unsigned best_fit = 0;
    for (size_t i = 0; i < index->n_manifests; i++) {
        const plr_platform *platform = &index->manifests[i].platform;
        unsigned fit = plr_platform_fit(wanted, platform);
        if (fit > best_fit) {
            best = &index->manifests[i];
            best_fit = fit;
        }
        if (platform->os != NULL && platform->arch != NULL && all.size < 300)
            plr_buf_printf(&all, "%s%s/%s%s%s", all.size > 0 ? ", " : "", platform->os,
                    platform->arch, platform->variant != NULL ? "/" : "",
                    platform->variant != NULL ? platform->variant : "");
    }
    /* Who writes an index of one image for himself leaves the platform out. */
    if (best == NULL && index->n_manifests == 1 && index->manifests[0].platform.arch == NULL)
        best = &index->manifests[0];
    if (best == NULL)
        return plr_error_set(err, PLR_ERR_IMAGE, "%s has no image for %s/%s%s%s, only for %s", what,
                wanted->os, wanted->arch, wanted->variant != NULL ? "/" : "",
                wanted->variant != NULL ? wanted->variant : "",
                all.size > 0 ? all.data : "unnamed platforms");
    *ret_entry = best;
    return 0;
}

const char *plr_descriptor_annotation(const plr_descriptor *descriptor, const char *name)
{
    for (size_t i = 0; i < descriptor->n_annotations; i++)
        if (strcmp(descriptor->annotations[i].name, name) == 0)
            return descriptor->annotations[i].value;
    return NULL;
}

int plr_image_config_read(plr_image_config *ret_config, plr_arena *arena, const char *text,
        size_t size, size_t n_layers, const char *what, plr_error *err)
{
    plr_image_config c = { .config = { .user = "", .working_dir = "", .stop_signal = "" } };
    int r = plr_decode_text(&c, arena, &config_table, text, size, what, PLR_ERR_PROTOCOL, err);
    if (r < 0)
        return r;
    if (c.rootfs.n_diff_ids != n_layers || n_layers > PLR_MANIFEST_LAYERS)
        return plr_error_set(err, PLR_ERR_PROTOCOL, "%s knows %zu layers, its manifest %zu", what,
                c.rootfs.n_diff_ids, n_layers);
    for (size_t i = 0; i < n_layers; i++)
        if (!plr_digest_is_valid(c.rootfs.diff_ids[i]) ||
                strlen(plr_digest_hex(c.rootfs.diff_ids[i])) != 64)
            return plr_error_set(err, PLR_ERR_PROTOCOL, "%s: \"%.80s\" is no sha256", what,
                    c.rootfs.diff_ids[i]);
    *ret_config = c;
    return 0;
}
