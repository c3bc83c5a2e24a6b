/* SPDX-License-Identifier: MIT */
/* Listing and removing. What goes is renamed while nobody uses the store, which takes moments, and
 * deleted afterwards, which takes as long as it takes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "backends/local/image/record.h"
#include "backends/local/image/say.h"
#include "backends/local/remove.h"
#include "backends/local/store.h"
#include "backends/local/userns.h"
#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/map.h"
#include "net/image_name.h"

static void cleanup_dir(DIR **dir)
{
    if (*dir != NULL)
        closedir(*dir);
}

static int open_folder(DIR **ret_dir, const char *store, const char *name, plr_error *err)
{
    _cleanup_buf_ plr_buf path = { 0 };
    plr_buf_printf(&path, "%s/%s", store, name);
    int r = plr_buf_check(&path, err);
    if (r < 0)
        return r;
    *ret_dir = opendir(path.data);
    if (*ret_dir == NULL)
        return plr_error_set(err, PLR_ERR_SYSTEM, "%s: %s", path.data, strerror(errno));
    return 0;
}

static bool is_record(const char *name)
{
    size_t size = strlen(name);
    return name[0] != '.' && size > 5 && strcmp(name + size - 5, ".json") == 0;
}

typedef int record_fn(const char *path, const plr_store_image *image, const plr_error *wrong,
        void *userdata, plr_error *err);

/* `image` is NULL and `wrong` says why if a record cannot be used. */
static int each_record(const char *store, record_fn *on_record, void *userdata, plr_error *err)
{
    _cleanup_(cleanup_dir) DIR *dir = NULL;
    struct dirent *entry;
    int r = open_folder(&dir, store, "images", err);
    while (r == 0 && (entry = readdir(dir)) != NULL) {
        _cleanup_store_image_ plr_store_image *image = NULL;
        _cleanup_buf_ plr_buf path = { 0 };
        plr_error wrong = { 0 };
        if (!is_record(entry->d_name))
            continue;
        plr_buf_printf(&path, "%s/images/%s", store, entry->d_name);
        r = plr_buf_check(&path, err);
        if (r == 0) {
            plr_store_record_read(&image, store, path.data, &wrong);
            r = on_record(path.data, image, &wrong, userdata, err);
        }
    }
    return r;
}

static int list_one(const char *path, const plr_store_image *image, const plr_error *wrong,
        void *userdata, plr_error *err)
{
    (void)path, (void)userdata, (void)err;
    if (image == NULL) {
        plr_say_text("warning", wrong->message);
        return 0;
    }
    _cleanup_buf_ plr_buf platform = { 0 };
    plr_buf_printf(&platform, "%s/%s%s%s", image->platform.os, image->platform.arch,
            image->platform.variant != NULL ? "/" : "",
            image->platform.variant != NULL ? image->platform.variant : "");
    json_object *object = json_object_new_object();
    json_object_object_add(object, "name", json_object_new_string(image->name));
    json_object_object_add(object, "digest", json_object_new_string(image->digest));
    json_object_object_add(
            object, "platform", json_object_new_string(platform.data != NULL ? platform.data : ""));
    json_object_object_add(object, "layers", json_object_new_uint64(image->n_layers));
    plr_say("image", object);
    return 0;
}

int plr_store_list(const char *store, plr_error *err)
{
    return each_record(store, list_one, NULL, err);
}

/* The layers that images need, by their folders' names. */
typedef struct needed_layers {
    plr_map map;
    plr_arena names;
} needed_layers;

static int note_needed(const char *path, const plr_store_image *image, const plr_error *wrong,
        void *userdata, plr_error *err)
{
    needed_layers *needed = userdata;
    if (image == NULL && wrong->code != PLR_ERR_NOTFOUND)
        return plr_error_set(err, wrong->code, "%s", wrong->message);
    if (image == NULL) {
        /* It has to be pulled again anyway. */
        plr_say_text("notice", wrong->message);
        return unlink(path) == 0
                       ? 0
                       : plr_error_set(err, PLR_ERR_SYSTEM, "unlink %s: %s", path, strerror(errno));
    }
    for (size_t i = 0; i < image->n_layers; i++) {
        const char *name = strrchr(image->layers[i], '/') + 1;
        const char *copy = plr_arena_copy(&needed->names, name, strlen(name));
        if (copy == NULL)
            return plr_error_nomem(err);
        int r = plr_map_add(&needed->map, copy, 0, NULL, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Whether a process that lost its parent still makes the layer; if not, its lock goes, too. */
static bool is_being_made(int layers, const char *hex)
{
    char name[96];
    snprintf(name, sizeof name, ".lock-%.64s", hex);
    _cleanup_close_ int fd = openat(layers, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return true;
    unlinkat(layers, name, 0);
    return false;
}

static int put_aside(int layers, const char *name, plr_error *err)
{
    char aside[NAME_MAX + 1];
    snprintf(aside, sizeof aside, ".old-%.200s", name);
    if (renameat(layers, name, layers, aside) == 0)
        return 0;
    return plr_error_set(err, PLR_ERR_SYSTEM, "rename %s: %s", name, strerror(errno));
}

static int sort_out_layers(const char *store, const needed_layers *needed, plr_error *err)
{
    _cleanup_(cleanup_dir) DIR *dir = NULL;
    struct dirent *entry;
    int r = open_folder(&dir, store, "layers", err);
    while (r == 0 && (entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;
        size_t index;
        bool half = strncmp(name, ".new-", 5) == 0;
        if ((name[0] == '.' && !half) || (!half && plr_map_find(&needed->map, name, &index)) ||
                is_being_made(dirfd(dir), half ? name + 5 : name))
            continue;
        r = put_aside(dirfd(dir), name, err);
        if (r == 0 && !half)
            plr_say_text("removed", name);
    }
    return r;
}

/* Whole files, of downloads that nobody goes on with or of records that nobody finished. */
static int remove_files(const char *store, const char *folder, const char *begin, plr_error *err)
{
    _cleanup_(cleanup_dir) DIR *dir = NULL;
    struct dirent *entry;
    int r = open_folder(&dir, store, folder, err);
    while (r == 0 && (entry = readdir(dir)) != NULL)
        if (strncmp(entry->d_name, begin, strlen(begin)) == 0 && strcmp(entry->d_name, ".") != 0 &&
                strcmp(entry->d_name, "..") != 0)
            r = plr_remove_tree(dirfd(dir), entry->d_name, err);
    return r;
}

static int put_all_aside(const char *store, plr_error *err)
{
    needed_layers needed;
    plr_map_init(&needed.map);
    plr_arena_init(&needed.names);
    int r = each_record(store, note_needed, &needed, err);
    if (r == 0)
        r = sort_out_layers(store, &needed, err);
    if (r == 0)
        r = remove_files(store, "partial", "", err);
    if (r == 0)
        r = remove_files(store, "images", ".new-", err);
    plr_map_clear(&needed.map);
    plr_arena_clear(&needed.names);
    return r;
}

int plr_store_prune(const char *store, plr_error *err)
{
    _cleanup_(cleanup_dir) DIR *dir = NULL;
    plr_userns_ids ids;
    int lock;
    int r = plr_store_lock(&lock, store, true, err);
    if (r < 0)
        return r;
    r = put_all_aside(store, err);
    close(lock);
    if (r == 0)
        r = open_folder(&dir, store, "layers", err);
    if (r == 0 && flock(dirfd(dir), LOCK_EX) < 0) /* one after the other */
        r = plr_error_set(err, PLR_ERR_SYSTEM, "flock: %s", strerror(errno));
    if (r == 0 && geteuid() != 0)
        r = plr_userns_enter(&ids, err);
    return r < 0 ? r : remove_files(store, "layers", ".old-", err);
}

int plr_store_remove(const char *store, const char *name, plr_error *err)
{
    _cleanup_image_name_ plr_image_name parsed = { 0 };
    _cleanup_buf_ plr_buf whole = { 0 };
    _cleanup_free_ char *path = NULL;
    plr_error busy = { 0 };
    int r = plr_image_name_parse(&parsed, name, err);
    if (r < 0)
        return r;
    plr_image_name_put(&parsed, &whole);
    r = plr_buf_check(&whole, err);
    if (r == 0)
        r = plr_store_record_path(&path, store, whole.data, err);
    if (r < 0)
        return r;
    if (unlink(path) < 0)
        return errno == ENOENT
                       ? plr_error_set(
                                 err, PLR_ERR_NOTFOUND, "image %s is not in the store", whole.data)
                       : plr_error_set(err, PLR_ERR_SYSTEM, "unlink %s: %s", path, strerror(errno));
    plr_say_text("removed", whole.data);
    r = plr_store_prune(store, &busy);
    if (r == PLR_ERR_STATE) {
        plr_say_text("notice", "its layers go with the next prune: something runs or is pulled");
        return 0;
    }
    return r < 0 ? plr_error_set(err, r, "%s", busy.message) : 0;
}
