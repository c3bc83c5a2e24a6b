/* SPDX-License-Identifier: MIT */
/* Reading the store: where it is, its lock, and the records of images by a table of their fields.
 */
#include "backends/local/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "engine/base/buf.h"
#include "engine/base/decode.h"
#include "engine/base/error.h"
#include "net/platform.h"

#define LARGEST_RECORD ((off_t)4 << 20)

/* A record as it stands in its file. */
typedef struct config {
    const char *const *entrypoint, *const *cmd, *const *environment;
    size_t n_entrypoint, n_cmd, n_environment;
    const char *user, *working_dir, *stop_signal;
} config;

typedef struct record {
    const char *name, *digest;
    plr_platform platform;
    config config;
    const char *const *layers; /* diff ids: 64 hex digits */
    size_t n_layers;
} record;

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define AT(type, member) .offset = offsetof(type, member)
#define AT_N(type, member) .offset = offsetof(type, member), .n_offset = offsetof(type, n_##member)
#define TABLE(type, list) .size = sizeof(type), .fields = list, .n_fields = COUNT(list)

static const plr_field platform_fields[] = {
    { "os", PLR_FIELD_STRING, AT(plr_platform, os), .required = true },
    { "arch", PLR_FIELD_STRING, AT(plr_platform, arch), .required = true },
    { "variant", PLR_FIELD_STRING, AT(plr_platform, variant) },
};
static const plr_table platform_table = {
    .name = "platform", .title = "a platform", TABLE(plr_platform, platform_fields)
};

static const plr_field config_fields[] = {
    { "entrypoint", PLR_FIELD_STRINGS, AT_N(config, entrypoint) },
    { "cmd", PLR_FIELD_STRINGS, AT_N(config, cmd) },
    { "env", PLR_FIELD_STRINGS, AT_N(config, environment) },
    { "user", PLR_FIELD_STRING, AT(config, user), .fallback = "" },
    { "working_dir", PLR_FIELD_STRING, AT(config, working_dir), .fallback = "" },
    { "stop_signal", PLR_FIELD_STRING, AT(config, stop_signal), .fallback = "" },
};
static const plr_table config_table = {
    .name = "config", .title = "a config", TABLE(config, config_fields)
};

static const plr_field record_fields[] = {
    { "name", PLR_FIELD_STRING, AT(record, name), .required = true },
    { "digest", PLR_FIELD_STRING, AT(record, digest), .required = true },
    { "platform", PLR_FIELD_OBJECT, AT(record, platform), .table = &platform_table,
            .required = true },
    { "config", PLR_FIELD_OBJECT, AT(record, config), .table = &config_table, .required = true },
    { "layers", PLR_FIELD_STRINGS, AT_N(record, layers) },
};
static const plr_table record_table = {
    .name = "record", .title = "a record", TABLE(record, record_fields)
};

int plr_store_path(char **ret_path, const char *option, plr_error *err)
{
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    _cleanup_buf_ plr_buf path = { 0 };
    if (option != NULL && *option != '\0')
        plr_buf_puts(&path, option);
    else if (geteuid() == 0)
        plr_buf_puts(&path, "/var/lib/pipeline-runtime");
    else if (data != NULL && *data == '/')
        plr_buf_printf(&path, "%s/pipeline-runtime", data);
    else if (home != NULL && *home != '\0')
        plr_buf_printf(&path, "%s/.local/share/pipeline-runtime", home);
    else
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "no place for images: set HOME, XDG_DATA_HOME or the option store");
    int r = plr_buf_check(&path, err);
    if (r < 0)
        return r;
    if (path.data[0] != '/')
        return plr_error_set(
                err, PLR_ERR_CONFIGURATION, "the store %s is no absolute path", path.data);
    return plr_buf_steal(&path, ret_path, err);
}

static int make_folder(const char *path, mode_t mode, plr_error *err)
{
    if (mkdir(path, mode) == 0 || errno == EEXIST)
        return 0;
    return plr_error_set(err, PLR_ERR_SYSTEM, "mkdir %s: %s", path, strerror(errno));
}

/* The store with all folders above it, and what stands in it. It is its owner's alone: the setuid
 * programs of images are not for everybody on this machine. */
static int make_store(const char *store, plr_error *err)
{
    static const char *const folders[] = { "images", "layers", "partial" };
    _cleanup_buf_ plr_buf path = { 0 };
    int r = plr_buf_append(&path, store, strlen(store), err);
    for (char *slash = path.data; r == 0 && (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        r = make_folder(path.data, 0755, err);
        *slash = '/';
    }
    if (r == 0)
        r = make_folder(store, 0700, err);
    for (size_t i = 0; r == 0 && i < COUNT(folders); i++) {
        plr_buf_reset(&path);
        plr_buf_printf(&path, "%s/%s", store, folders[i]);
        r = plr_buf_check(&path, err);
        if (r == 0)
            r = make_folder(path.data, 0700, err);
    }
    return r;
}

int plr_store_lock(int *ret_fd, const char *store, bool exclusive, plr_error *err)
{
    _cleanup_buf_ plr_buf path = { 0 };
    plr_buf_printf(&path, "%s/lock", store);
    int r = plr_buf_check(&path, err);
    if (r == 0)
        r = make_store(store, err);
    if (r < 0)
        return r;
    _cleanup_close_ int fd = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "open %s: %s", path.data, strerror(errno));
    if (flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return plr_error_set(err, PLR_ERR_SYSTEM, "flock %s: %s", path.data, strerror(errno));
        return plr_error_set(err, PLR_ERR_STATE, "the store %s is in use: %s", store,
                exclusive ? "a pipeline runs on it, or pulls an image"
                          : "images are being removed");
    }
    *ret_fd = steal_fd(&fd);
    return 0;
}

int plr_store_record_path(char **ret_path, const char *store, const char *name, plr_error *err)
{
    _cleanup_buf_ plr_buf path = { 0 };
    plr_buf_printf(&path, "%s/images/", store);
    size_t folder = path.size;
    for (const char *c = name; *c != '\0'; c++) {
        if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                (strchr("._-", *c) != NULL && c > name))
            plr_buf_putc(&path, *c);
        else
            plr_buf_printf(&path, "%%%02X", (unsigned char)*c);
    }
    plr_buf_puts(&path, ".json");
    /* Room for what is put around the name of a file that is being written. */
    if (!path.failed && path.size - folder > NAME_MAX - 10)
        return plr_error_set(
                err, PLR_ERR_UNSUPPORTED, "the name of image %s is too long for the store", name);
    return plr_buf_steal(&path, ret_path, err);
}

static int read_file(const char *path, plr_buf *out, plr_error *err)
{
    struct stat st;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return plr_error_set(err, PLR_ERR_NOTFOUND, "there is no %s", path);
    if (fd < 0 || fstat(fd, &st) < 0)
        return plr_error_set(err, PLR_ERR_CONFIGURATION, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size > LARGEST_RECORD)
        return plr_error_set(err, PLR_ERR_CONFIGURATION, "%s: no file of at most 4 MiB", path);
    int r = plr_buf_reserve(out, (size_t)st.st_size, err);
    while (r == 0 && out->size < (size_t)st.st_size) {
        ssize_t n = read(fd, out->data + out->size, (size_t)st.st_size - out->size);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            r = plr_error_set(err, PLR_ERR_CONFIGURATION, "%s: %s", path, strerror(errno));
        else if (n > 0)
            out->size += (size_t)n;
    }
    return r;
}

static bool is_diff_id(const char *text)
{
    return strspn(text, "0123456789abcdef") == 64 && text[64] == '\0';
}

/* From diff ids to the folders, each of which must be there. */
static int find_layers(
        plr_store_image *image, const record *from, const char *store, plr_error *err)
{
    const char **paths = plr_arena_array(&image->arena, from->n_layers, sizeof *paths);
    size_t size = strlen(store) + strlen("/layers/") + 64;
    if (paths == NULL)
        return plr_error_nomem(err);
    for (size_t i = 0; i < from->n_layers; i++) {
        char *path = plr_arena_alloc(&image->arena, size + 1);
        struct stat st;
        if (path == NULL)
            return plr_error_nomem(err);
        if (!is_diff_id(from->layers[i]))
            return plr_error_set(err, PLR_ERR_CONFIGURATION,
                    "the record of image %s names a layer that is none", from->name);
        stpcpy(stpcpy(stpcpy(path, store), "/layers/"), from->layers[i]);
        if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
            return plr_error_set(err, PLR_ERR_NOTFOUND,
                    "image %s is not whole in the store: there is no %s", from->name, path);
        paths[i] = path;
    }
    image->layers = paths;
    image->n_layers = from->n_layers;
    return 0;
}

int plr_store_record_read(
        plr_store_image **ret_image, const char *store, const char *path, plr_error *err)
{
    _cleanup_buf_ plr_buf text = { 0 };
    record from = { 0 };
    _cleanup_store_image_ plr_store_image *image = calloc(1, sizeof *image);
    if (image == NULL)
        return plr_error_nomem(err);
    plr_arena_init(&image->arena);
    int r = read_file(path, &text, err);
    if (r == 0)
        r = plr_decode_text(&from, &image->arena, &record_table, text.data, text.size, path,
                PLR_ERR_CONFIGURATION, err);
    if (r == 0)
        r = find_layers(image, &from, store, err);
    if (r < 0)
        return r;
    image->name = from.name;
    image->digest = from.digest;
    image->platform = from.platform;
    image->entrypoint = from.config.entrypoint;
    image->n_entrypoint = from.config.n_entrypoint;
    image->cmd = from.config.cmd;
    image->n_cmd = from.config.n_cmd;
    image->environment = from.config.environment;
    image->n_environment = from.config.n_environment;
    image->user = from.config.user;
    image->working_dir = from.config.working_dir;
    image->stop_signal = from.config.stop_signal;
    *ret_image = steal(image);
    return 0;
}

int plr_store_image_read(plr_store_image **ret_image, const char *store, const char *name,
        const plr_platform *platform, plr_error *err)
{
    _cleanup_free_ char *path = NULL;
    _cleanup_store_image_ plr_store_image *image = NULL;
    plr_platform wanted = plr_platform_or_here(platform);
    int r = plr_store_record_path(&path, store, name, err);
    if (r == 0)
        r = plr_store_record_read(&image, store, path, err);
    if (r < 0)
        return r;
    if (strcmp(image->name, name) != 0)
        return plr_error_set(err, PLR_ERR_CONFIGURATION, "%s is the record of another image: %s",
                path, image->name);
    if (plr_platform_fit(&wanted, &image->platform) == 0)
        return plr_error_set(err, PLR_ERR_NOTFOUND, "image %s in the store is made for %s/%s", name,
                image->platform.os, image->platform.arch);
    *ret_image = steal(image);
    return 0;
}

void plr_store_image_free(plr_store_image *image)
{
    if (image == NULL)
        return;
    plr_arena_clear(&image->arena);
    free(image);
}
