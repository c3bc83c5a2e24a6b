/* SPDX-License-Identifier: MIT */
/* Index, manifest, config: three questions one after the other, each by the digest that the one
 * before it promised. */
#include "net/image_resolve.h"

#include <string.h>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "net/platform.h"

#define LARGEST_CONFIG ((size_t)8 << 20)

struct plr_image_resolve {
    plr_registry *registry;
    char *text; /* the whole name, for messages */
    char *known;
    plr_platform wanted; /* its texts are in the arena */
    plr_arena arena;
    plr_registry_get *get;
    const plr_descriptor *entry; /* of an index, chosen */
    plr_image_remote remote;
    plr_image_resolve_fn *on_done;
    void *userdata;
};

void plr_image_resolve_free(plr_image_resolve *resolve)
{
    if (resolve == NULL)
        return;
    if (resolve->get != NULL)
        plr_registry_cancel(resolve->get);
    plr_arena_clear(&resolve->arena);
    free(resolve->text);
    free(resolve->known);
    free(resolve);
}

static void end(plr_image_resolve *resolve, const plr_error *err)
{
    resolve->on_done(resolve, err == NULL ? &resolve->remote : NULL, err, resolve->userdata);
}

static int verify(const plr_buf *body, const char *digest, const char *what, plr_error *err)
{
    _cleanup_digest_ plr_digest *running = NULL;
    int r = plr_digest_new(&running, digest, err);
    if (r < 0)
        return r;
    plr_digest_update(running, body->data, body->size);
    return plr_digest_check(running, what, err);
}

static int ask(plr_image_resolve *resolve, const char *kind, const char *reference,
        plr_registry_done_fn *on_done, plr_error *err)
{
    plr_registry_request request = {
        .kind = kind,
        .reference = reference,
        .accept = *kind == 'm' ? plr_manifest_accept : NULL,
        .most = *kind == 'm' ? PLR_MANIFEST_LARGEST : LARGEST_CONFIG,
        .on_done = on_done,
        .userdata = resolve,
    };
    return plr_registry_start(resolve->registry, &resolve->get, &request, err);
}

static int take_config(plr_image_resolve *resolve, const plr_buf *body, plr_error *err)
{
    plr_image_remote *remote = &resolve->remote;
    _cleanup_buf_ plr_buf what = { 0 };
    plr_buf_printf(&what, "the config of image %s", resolve->text);
    int r = plr_buf_check(&what, err);
    if (r == 0)
        r = verify(body, remote->manifest.config->digest, what.data, err);
    if (r == 0)
        r = plr_image_config_read(&remote->config, &resolve->arena, body->data, body->size,
                remote->manifest.n_layers, what.data, err);
    return r;
}

static void on_config(plr_registry_get *get, plr_buf *body, const plr_error *err, void *userdata)
{
    plr_image_resolve *resolve = userdata;
    plr_error error = { 0 };
    (void)get;
    resolve->get = NULL;
    if (err != NULL)
        end(resolve, err);
    else
        end(resolve, take_config(resolve, body, &error) < 0 ? &error : NULL);
}

static void on_manifest(plr_registry_get *get, plr_buf *body, const plr_error *err, void *userdata);

/* What the name means, or the entry of an index: then the next question. Returns 1 at the end. */
static int take_manifest(plr_image_resolve *resolve, const plr_buf *body, plr_error *err)
{
    plr_image_remote *remote = &resolve->remote;
    const char *digest = resolve->entry != NULL      ? resolve->entry->digest
                         : remote->digest[0] != '\0' ? remote->digest
                                                     : NULL;
    _cleanup_buf_ plr_buf what = { 0 };
    plr_buf_printf(&what, "the manifest of image %s", resolve->text);
    int r = plr_buf_check(&what, err);
    if (r == 0 && digest != NULL)
        r = verify(body, digest, what.data, err);
    else if (r == 0)
        r = plr_digest_of(body->data, body->size, remote->digest, err);
    if (r < 0)
        return r;
    if (resolve->known != NULL && strcmp(resolve->known, remote->digest) == 0) {
        remote->unchanged = true;
        return 1;
    }
    r = plr_manifest_read(
            &remote->manifest, &resolve->arena, body->data, body->size, what.data, err);
    if (r < 0)
        return r;
    if (!remote->manifest.is_index)
        return ask(resolve, "blobs", remote->manifest.config->digest, on_config, err);
    if (resolve->entry != NULL)
        return plr_error_set(err, PLR_ERR_UNSUPPORTED, "%s is an index in an index", what.data);
    r = plr_manifest_choose(
            &resolve->entry, &remote->manifest, &resolve->wanted, resolve->text, err);
    return r < 0 ? r : ask(resolve, "manifests", resolve->entry->digest, on_manifest, err);
}

static void on_manifest(plr_registry_get *get, plr_buf *body, const plr_error *err, void *userdata)
{
    plr_image_resolve *resolve = userdata;
    plr_error error = { 0 };
    (void)get;
    resolve->get = NULL;
    if (err != NULL) {
        end(resolve, err);
        return;
    }
    int r = body->data == NULL ? plr_error_set(&error, PLR_ERR_PROTOCOL,
                                         "an empty manifest of image %s", resolve->text)
                               : take_manifest(resolve, body, &error);
    if (r < 0)
        end(resolve, &error);
    else if (r > 0)
        end(resolve, NULL);
}

static int keep(plr_image_resolve *resolve, const char **place, plr_error *err)
{
    if (*place == NULL)
        return 0;
    *place = plr_arena_copy(&resolve->arena, *place, strlen(*place));
    return *place != NULL ? 0 : plr_error_nomem(err);
}

int plr_image_resolve_new(plr_image_resolve **ret_resolve, plr_registry *registry,
        const plr_image_name *name, const plr_platform *platform, const char *known,
        plr_image_resolve_fn *on_done, void *userdata, plr_error *err)
{
    _cleanup_buf_ plr_buf text = { 0 };
    _cleanup_(cleanup_plr_image_resolve_free) plr_image_resolve *resolve =
            calloc(1, sizeof *resolve);
    if (resolve == NULL)
        return plr_error_nomem(err);
    resolve->registry = registry;
    resolve->wanted = plr_platform_or_here(platform);
    resolve->on_done = on_done;
    resolve->userdata = userdata;
    plr_arena_init(&resolve->arena);
    if (name->digest != NULL && !plr_digest_is_valid(name->digest))
        return plr_error_set(
                err, PLR_ERR_UNSUPPORTED, "%s: only sha256 and sha512 are known", name->digest);
    if (name->digest != NULL)
        strcpy(resolve->remote.digest, name->digest);
    plr_image_name_put(name, &text);
    int r = plr_buf_steal(&text, &resolve->text, err);
    if (r == 0)
        r = plr_text_copy(&resolve->known, known, err);
    if (r == 0)
        r = keep(resolve, &resolve->wanted.os, err);
    if (r == 0)
        r = keep(resolve, &resolve->wanted.arch, err);
    if (r == 0)
        r = keep(resolve, &resolve->wanted.variant, err);
    if (r == 0)
        r = ask(resolve, "manifests",
                name->digest != NULL ? name->digest
                : name->tag != NULL  ? name->tag
                                     : "latest",
                on_manifest, err);
    if (r < 0)
        return r;
    *ret_resolve = steal(resolve);
    return 0;
}
