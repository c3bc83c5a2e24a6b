/* SPDX-License-Identifier: MIT */
/* Reading layouts: index.json and blobs by digest, or manifest.json and files by name. Nothing of
 * them is believed that has a digest, and no path leads out of the folder. */
#include "backends/local/image/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/base/decode.h"
#include "engine/base/error.h"

#define LARGEST ((off_t)8 << 20)

/* manifest.json of `docker save`, with a key around it. */
typedef struct saved {
    const char *config;
    const char *const *tags, *const *layers;
    size_t n_tags, n_layers;
} saved;

typedef struct save {
    const saved *images;
    size_t n_images;
} save;

static const plr_field saved_fields[] = {
    { "Config", PLR_FIELD_STRING, .offset = offsetof(saved, config), .required = true },
    { "RepoTags", PLR_FIELD_STRINGS, .offset = offsetof(saved, tags),
            .n_offset = offsetof(saved, n_tags) },
    { "Layers", PLR_FIELD_STRINGS, .offset = offsetof(saved, layers),
            .n_offset = offsetof(saved, n_layers) },
};
static const plr_table saved_table = { .name = "saved image",
    .title = "a saved image",
    .size = sizeof(saved),
    .fields = saved_fields,
    .n_fields = 3 };
static const plr_field save_fields[] = {
    { "images", PLR_FIELD_LIST, .offset = offsetof(save, images),
            .n_offset = offsetof(save, n_images), .table = &saved_table },
};
static const plr_table save_table = { .name = "archive",
    .title = "an archive",
    .size = sizeof(save),
    .fields = save_fields,
    .n_fields = 1 };

static int open_file(int folder_fd, const char *path, struct stat *ret_st, plr_error *err)
{
    struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
    int fd = (int)syscall(SYS_openat2, folder_fd, path, &how, sizeof how);
    if (fd < 0 || fstat(fd, ret_st) < 0 || !S_ISREG(ret_st->st_mode)) {
        int error = fd < 0 ? errno : EINVAL;
        if (fd >= 0)
            close(fd);
        return plr_error_set(err, error == ENOENT ? PLR_ERR_NOTFOUND : PLR_ERR_IMAGE,
                "the image's file %.200s: %s", path, strerror(error));
    }
    return fd;
}

static int read_whole(int folder_fd, const char *path, plr_buf *out, plr_error *err)
{
    struct stat st;
    _cleanup_close_ int fd = open_file(folder_fd, path, &st, err);
    if (fd < 0)
        return fd;
    if (st.st_size > LARGEST)
        return plr_error_set(err, PLR_ERR_IMAGE, "the image's %.200s is too large", path);
    for (;;) {
        char piece[4096];
        ssize_t n = read(fd, piece, sizeof piece);
        if (n < 0)
            return plr_error_set(err, PLR_ERR_SYSTEM, "read %.200s: %s", path, strerror(errno));
        if (n == 0)
            return plr_buf_append(out, "", 0, err);
        int r = plr_buf_append(out, piece, (size_t)n, err);
        if (r < 0)
            return r;
    }
}

/* blobs/sha256/… of a digest. */
static void blob_path(const char *digest, char *path, size_t size)
{
    snprintf(path, size, "blobs/%.6s/%s", digest, plr_digest_hex(digest));
}

static int read_blob(int folder_fd, const char *digest, plr_buf *out, plr_error *err)
{
    char path[PLR_DIGEST_SIZE + 16];
    _cleanup_digest_ plr_digest *running = NULL;
    blob_path(digest, path, sizeof path);
    int r = read_whole(folder_fd, path, out, err);
    if (r == 0)
        r = plr_digest_new(&running, digest, err);
    if (r < 0)
        return r;
    plr_digest_update(running, out->data, out->size);
    return plr_digest_check(running, path, err);
}

/* The child that unpacks opens the very file that we have open. */
static int add_source(plr_layout_image *image, int folder_fd, const char *path, const char *digest,
        plr_error *err)
{
    size_t i = image->n_sources;
    struct stat st;
    int fd = open_file(folder_fd, path, &st, err);
    if (fd < 0)
        return fd;
    char *name = plr_arena_alloc(&image->arena, 64);
    if (name == NULL) {
        close(fd);
        return plr_error_nomem(err);
    }
    snprintf(name, 64, "/proc/%d/fd/%d", (int)getpid(), fd);
    image->files[i] = fd;
    image->sources[i] = (plr_layer_source){
        .diff_id = image->config.rootfs.diff_ids[i],
        .digest = digest,
        .size = st.st_size,
        .path = name,
    };
    image->n_sources++;
    return 0;
}

static int make_room(plr_layout_image *image, size_t n, plr_error *err)
{
    image->sources = plr_arena_array(&image->arena, n, sizeof *image->sources);
    image->files = plr_arena_array(&image->arena, n, sizeof *image->files);
    return image->sources != NULL && image->files != NULL ? 0 : plr_error_nomem(err);
}

static const char *name_of(const plr_descriptor *entry)
{
    const char *name = plr_descriptor_annotation(entry, "io.containerd.image.name");
    return name != NULL ? name
                        : plr_descriptor_annotation(entry, "org.opencontainers.image.ref.name");
}

/* From an index down to a manifest of an image; an index may hold indexes once. */
static int find_manifest(plr_layout_image *image, int folder_fd, const plr_platform *wanted,
        plr_manifest *manifest, plr_buf *index, plr_error *err)
{
    int r = plr_manifest_read(manifest, &image->arena, index->data, index->size, "index.json", err);
    for (unsigned depth = 0; r == 0 && manifest->is_index; depth++) {
        const plr_descriptor *entry = &manifest->manifests[0];
        _cleanup_buf_ plr_buf text = { 0 };
        if (depth == 3)
            return plr_error_set(err, PLR_ERR_IMAGE, "indexes in indexes in indexes");
        if (manifest->n_manifests > 1)
            r = plr_manifest_choose(&entry, manifest, wanted, "the layout", err);
        if (r == 0)
            r = read_blob(folder_fd, entry->digest, &text, err);
        if (r < 0)
            return r;
        if (depth == 0) {
            image->name = name_of(entry);
            strcpy(image->digest, entry->digest);
        }
        r = plr_manifest_read(manifest, &image->arena, text.data, text.size, entry->digest, err);
    }
    return r;
}

static int read_layout(plr_layout_image *image, int folder_fd, const plr_platform *wanted,
        plr_buf *index, plr_error *err)
{
    plr_manifest manifest = { 0 };
    _cleanup_buf_ plr_buf text = { 0 };
    int r = find_manifest(image, folder_fd, wanted, &manifest, index, err);
    if (r == 0)
        r = read_blob(folder_fd, manifest.config->digest, &text, err);
    if (r == 0)
        r = plr_image_config_read(&image->config, &image->arena, text.data, text.size,
                manifest.n_layers, "the image's config", err);
    if (r == 0)
        r = make_room(image, manifest.n_layers, err);
    for (size_t i = 0; r == 0 && i < manifest.n_layers; i++) {
        char path[PLR_DIGEST_SIZE + 16];
        blob_path(manifest.layers[i].digest, path, sizeof path);
        r = add_source(image, folder_fd, path, manifest.layers[i].digest, err);
    }
    return r;
}

static const saved *choose(const save *all, const char *name)
{
    for (size_t i = 0; name != NULL && i < all->n_images; i++)
        for (size_t j = 0; j < all->images[i].n_tags; j++)
            if (strcmp(all->images[i].tags[j], name) == 0)
                return &all->images[i];
    return all->n_images == 1 ? &all->images[0] : NULL;
}

static int read_save(
        plr_layout_image *image, int folder_fd, const char *name, plr_buf *list, plr_error *err)
{
    save all = { 0 };
    _cleanup_buf_ plr_buf object = { 0 };
    _cleanup_buf_ plr_buf text = { 0 };
    plr_buf_printf(&object, "{\"images\":%s}", list->data);
    int r = plr_buf_check(&object, err);
    if (r == 0)
        r = plr_decode_text(&all, &image->arena, &save_table, object.data, object.size,
                "manifest.json", PLR_ERR_IMAGE, err);
    if (r < 0)
        return r;
    const saved *one = choose(&all, name);
    if (one == NULL)
        return plr_error_set(err, PLR_ERR_IMAGE,
                "the archive holds %zu images: say which by the name that it has there",
                all.n_images);
    image->name = one->n_tags > 0 ? one->tags[0] : NULL;
    r = read_whole(folder_fd, one->config, &text, err);
    if (r == 0)
        r = plr_digest_of(text.data, text.size, image->digest, err);
    if (r == 0)
        r = plr_image_config_read(&image->config, &image->arena, text.data, text.size,
                one->n_layers, "the image's config", err);
    if (r == 0)
        r = make_room(image, one->n_layers, err);
    for (size_t i = 0; r == 0 && i < one->n_layers; i++)
        r = add_source(image, folder_fd, one->layers[i], NULL, err);
    return r;
}

int plr_layout_read(plr_layout_image *ret_image, int folder_fd, const plr_platform *wanted,
        const char *name, plr_error *err)
{
    plr_layout_image image = { 0 };
    _cleanup_buf_ plr_buf text = { 0 };
    plr_error missing = { 0 };
    plr_arena_init(&image.arena);
    int r = read_whole(folder_fd, "index.json", &text, &missing);
    if (r == 0)
        r = read_layout(&image, folder_fd, wanted, &text, err);
    else if (r == PLR_ERR_NOTFOUND && read_whole(folder_fd, "manifest.json", &text, err) == 0)
        r = read_save(&image, folder_fd, name, &text, err);
    if (r < 0) {
        plr_layout_image_clear(&image);
        return plr_error_set(err, r, "%s", missing.message);
    }
    *ret_image = image;
    return 0;
}

void plr_layout_image_clear(plr_layout_image *image)
{
    for (size_t i = 0; i < image->n_sources; i++)
        close(image->files[i]);
    plr_arena_clear(&image->arena);
    *image = (plr_layout_image){ 0 };
}
