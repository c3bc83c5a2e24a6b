/* SPDX-License-Identifier: MIT */
/* The record of an image: written aside, synced, renamed. A reader sees a whole one or none. */
#include "backends/local/image/record.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backends/local/store.h"
#include "engine/base/buf.h"
#include "engine/base/cleanup.h"
#include "engine/base/error.h"
#include "net/digest.h"

static void add_text(json_object *object, const char *key, const char *text)
{
    if (text != NULL && *text != '\0')
        json_object_object_add(object, key, json_object_new_string(text));
}

static void add_list(json_object *object, const char *key, const char *const *texts, size_t n)
{
    json_object *list = json_object_new_array();
    for (size_t i = 0; i < n; i++)
        json_object_array_add(list, json_object_new_string(texts[i]));
    json_object_object_add(object, key, list);
}

/* Whether a layer shows nothing of those below it. An overlay does not ask this of its roots. */
static bool is_opaque(const char *store, const char *hex)
{
    _cleanup_buf_ plr_buf path = { 0 };
    char value[2];
    plr_buf_printf(&path, "%s/layers/%s", store, hex);
    return !path.failed && (getxattr(path.data, "trusted.overlay.opaque", value, 2) == 1 ||
                                   getxattr(path.data, "user.overlay.opaque", value, 2) == 1);
}

/* The layers as an overlay takes them: each once, where it is highest (whatever lies between, it
 * overrides it again), and nothing below an opaque one. */
static void add_layers(json_object *object, const char *store, const plr_image_config *config)
{
    const char *const *ids = config->rootfs.diff_ids;
    size_t n = config->rootfs.n_diff_ids, first = n;
    while (first > 0 && (first == n || !is_opaque(store, plr_digest_hex(ids[first]))))
        first--;
    json_object *list = json_object_new_array();
    for (size_t i = first; i < n; i++) {
        bool again = false;
        for (size_t j = i + 1; j < n; j++)
            again = again || strcmp(ids[i], ids[j]) == 0;
        if (!again)
            json_object_array_add(list, json_object_new_string(plr_digest_hex(ids[i])));
    }
    json_object_object_add(object, "layers", list);
}

static json_object *make_record(
        const char *store, const char *name, const char *digest, const plr_image_config *config)
{
    json_object *record = json_object_new_object();
    json_object *platform = json_object_new_object();
    json_object *inner = json_object_new_object();
    add_text(record, "name", name);
    add_text(record, "digest", digest);
    add_text(platform, "os", config->platform.os);
    add_text(platform, "arch", config->platform.arch);
    add_text(platform, "variant", config->platform.variant);
    json_object_object_add(record, "platform", platform);
    add_list(inner, "entrypoint", config->config.entrypoint, config->config.n_entrypoint);
    add_list(inner, "cmd", config->config.cmd, config->config.n_cmd);
    add_list(inner, "env", config->config.environment, config->config.n_environment);
    add_text(inner, "user", config->config.user);
    add_text(inner, "working_dir", config->config.working_dir);
    add_text(inner, "stop_signal", config->config.stop_signal);
    json_object_object_add(record, "config", inner);
    add_layers(record, store, config);
    return record;
}

static int write_file(const char *path, const char *text, plr_error *err)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    size_t size = strlen(text);
    if (fd < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "open %s: %s", path, strerror(errno));
    ssize_t n = write(fd, text, size);
    if (n == (ssize_t)size && fsync(fd) == 0)
        return 0;
    return plr_error_set(err, PLR_ERR_SYSTEM, "write %s: %s", path,
            n < 0 || n == (ssize_t)size ? strerror(errno) : "no space left");
}

static void sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

int plr_record_write(char **ret_path, const char *store, const char *name, const char *digest,
        const plr_image_config *config, plr_error *err)
{
    _cleanup_free_ char *path = NULL;
    _cleanup_buf_ plr_buf aside = { 0 };
    unsigned long long number = 0;
    int r = plr_store_record_path(&path, store, name, err);
    if (r < 0)
        return r;
    if (getrandom(&number, sizeof number, 0) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "getrandom: %s", strerror(errno));
    plr_buf_printf(&aside, "%s/images/.new-%llx", store, number);
    r = plr_buf_check(&aside, err);
    if (r < 0)
        return r;
    json_object *record = make_record(store, name, digest, config);
    const char *text = json_object_to_json_string_ext(
            record, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
    r = text != NULL ? write_file(aside.data, text, err) : plr_error_nomem(err);
    json_object_put(record);
    if (r == 0 && rename(aside.data, path) < 0)
        r = plr_error_set(err, PLR_ERR_SYSTEM, "rename %s: %s", path, strerror(errno));
    if (r < 0) {
        unlink(aside.data);
        return r;
    }
    *strrchr(aside.data, '/') = '\0';
    sync_folder(aside.data);
    *ret_path = steal(path);
    return 0;
}
