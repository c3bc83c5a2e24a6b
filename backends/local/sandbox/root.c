/* SPDX-License-Identifier: MIT */
/*
 * A task's root: an overlay of the image's layers, or of folders of this machine, whose changes go
 * to the task's folder on disk. The overlay is "volatile": nobody needs it after a crash, so it is
 * never synced.
 */
#include "backends/local/sandbox/setup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/local/sandbox/files.h"
#include "backends/local/sandbox/host_etc.h"
#include "backends/local/sandbox/mounts.h"
#include "engine/base/error.h"

#define FD_PATH_SIZE 32

static uint64_t root_attributes(const plr_setup *setup)
{
    /* An image may bring device nodes and set-id programs of its own. */
    return setup->request.privileged ? 0 : MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID;
}

/* A folder in the task's: KIND.NAME. */
static int make_below(const plr_setup *setup, const char *kind, const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "%s.%s", kind, name);
    if (mkdirat(setup->folder, path, 0755) < 0 && errno != EEXIST)
        return -1;
    return openat(setup->folder, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void fd_path(char *ret_path, int fd)
{
    snprintf(ret_path, FD_PATH_SIZE, "/proc/self/fd/%d", fd);
}

/* Kernels before 6.5 take all lower folders in one string, the topmost first. */
static int join_layers(const int *layers, size_t n_layers, char **ret_text, plr_error *err)
{
    plr_buf text = { 0 };
    for (size_t i = n_layers; i-- > 0;)
        plr_buf_printf(&text, "/proc/self/fd/%d%s", layers[i], i ? ":" : "");
    return plr_buf_steal(&text, ret_text, err);
}

int plr_setup_overlay(const plr_setup *setup, const int *layers, size_t n_layers, const char *name,
        int *ret_mount, plr_error *err)
{
    /* Named by descriptors: no character in a path is special, and a step that reads its mounts
     * learns nothing of this machine's folders. */
    char upper_path[FD_PATH_SIZE], work_path[FD_PATH_SIZE];
    _cleanup_close_ int upper = make_below(setup, "upper", name);
    _cleanup_close_ int work = make_below(setup, "work", name);
    if (upper < 0 || work < 0)
        return plr_fault(err, "cannot make the folders of a step's changes");
    fd_path(upper_path, upper);
    fd_path(work_path, work);

    char(*paths)[FD_PATH_SIZE] = calloc(n_layers, sizeof *paths);
    plr_mount_option *options = calloc(n_layers + 5, sizeof *options);
    if (!paths || !options)
        return plr_error_nomem(err);
    size_t n = 0;
    options[n++] = (plr_mount_option){ "upperdir", upper_path };
    options[n++] = (plr_mount_option){ "workdir", work_path };
    options[n++] = (plr_mount_option){ "volatile", NULL };
    if (setup->room->own_users)
        options[n++] = (plr_mount_option){ "userxattr", NULL };
    size_t first = n;
    for (size_t i = n_layers; i-- > 0;) {
        fd_path(paths[i], layers[i]);
        options[n++] = (plr_mount_option){ "lowerdir+", paths[i] };
    }
    int mount = plr_mount_new("overlay", options, root_attributes(setup));
    if (mount < 0 && errno == EINVAL) {
        char *joined;
        int r = join_layers(layers, n_layers, &joined, err);
        if (r < 0)
            return r;
        options[first] = (plr_mount_option){ "lowerdir", joined };
        options[first + 1] = (plr_mount_option){ NULL, NULL };
        mount = plr_mount_new("overlay", options, root_attributes(setup));
    }
    if (mount < 0 && errno == ENODEV)
        return plr_error_set(err, PLR_ERR_UNSUPPORTED,
                "this kernel has no overlay file system; load it: modprobe overlay");
    if (mount < 0 && errno == EPERM && setup->room->own_users)
        return plr_error_set(err, PLR_ERR_UNSUPPORTED,
                "the kernel refuses an overlay in a user namespace (it needs Linux 5.11 or newer)");
    if (mount < 0)
        return plr_fault(err, "cannot mount the overlay of %s", name);
    *ret_mount = mount;
    return 0;
}

/* Over the task's folder, which nobody looks for there any more. */
static int attach_root(plr_setup *setup, int mount, plr_error *err)
{
    int copy = fcntl(mount, F_DUPFD_CLOEXEC, 3);
    if (copy < 0 || plr_mount_attach(copy, setup->folder) < 0)
        return plr_fault(err, "cannot attach a step's root");
    setup->root = mount;
    return 0;
}

static int image_root(plr_setup *setup, plr_error *err)
{
    size_t n = setup->request.layers.n;
    int *layers = calloc(n + 1, sizeof *layers);
    if (!layers)
        return plr_error_nomem(err);
    for (size_t i = 0; i < n; i++) {
        const char *layer = setup->request.layers.items[i];
        layers[i] = open(layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (layers[i] < 0)
            return plr_fault(err, "cannot open the image's layer %s", layer);
    }
    if (n == 0) { /* an image of nothing */
        layers[n++] = make_below(setup, "lower", "empty");
        if (layers[0] < 0)
            return plr_fault(err, "cannot make an empty layer");
    }
    int mount;
    int r = plr_setup_overlay(setup, layers, n, "image", &mount, err);
    for (size_t i = 0; i < n; i++)
        close(layers[i]);
    return r < 0 ? r : attach_root(setup, mount, err);
}

static bool is_allowed(const char *name)
{
    return strcmp(name, "usr") == 0 || strcmp(name, "bin") == 0 || strcmp(name, "sbin") == 0 ||
           strcmp(name, "opt") == 0 || strcmp(name, "etc") == 0 || strncmp(name, "lib", 3) == 0;
}

/* /etc, without what is private in it. */
static int view_etc(const plr_setup *setup, int etc, int *ret_mount, plr_error *err)
{
    int filter, copy;
    plr_error refused = { 0 };
    int r = plr_host_etc_open(setup->room, setup->number, false, &filter, err);
    if (r < 0)
        return r;
    r = plr_setup_overlay(setup, (int[]){ etc, filter }, 2, "etc", ret_mount, &refused);
    close(filter);
    if (r == 0 || !setup->room->own_users)
        return r == 0 ? 0 : plr_error_set(err, r, "%s", refused.message);
    r = plr_host_etc_open(setup->room, setup->number, true, &copy, err);
    if (r == 0) {
        /* Another name: a volatile overlay does not take folders that one has used. */
        r = plr_setup_overlay(setup, &copy, 1, "etc-copy", ret_mount, err);
        close(copy);
    }
    return r;
}

/* One folder of this machine below an overlay of its own. */
static int view_folder(const plr_setup *setup, const char *name, plr_error *err)
{
    char path[300];
    int mount = -1;
    plr_error refused = { 0 };
    snprintf(path, sizeof path, "/%s", name);
    _cleanup_close_ int source = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (source < 0)
        return plr_fault(err, "cannot open %s", path);
    if (strcmp(name, "etc") == 0) {
        int r = view_etc(setup, source, &mount, err);
        if (r < 0)
            return r;
    } else if (plr_setup_overlay(setup, &source, 1, name, &mount, &refused) < 0) {
        /* The kernel lays nothing over a folder with mounts of others in it, for an ordinary user:
         * it is shown as it is. */
        if (!setup->room->own_users)
            return plr_error_set(err, refused.code, "%s", refused.message);
        mount = plr_mount_copy(source, true, root_attributes(setup) | MOUNT_ATTR_RDONLY);
        if (mount < 0)
            return plr_fault(err, "cannot show %s", path);
    }
    _cleanup_close_ int target = plr_inside_folder(setup->root, path, 0755, 0, 0);
    if (target < 0 || plr_mount_attach(mount, target) < 0)
        return plr_fault(err, "cannot attach the view of %s", path);
    return 0;
}

static int view_entry(const plr_setup *setup, const struct dirent *entry, plr_error *err)
{
    char path[300], target[4096];
    if (!is_allowed(entry->d_name))
        return 0;
    snprintf(path, sizeof path, "/%s", entry->d_name);
    ssize_t size = readlink(path, target, sizeof target - 1);
    if (size < 0)
        return entry->d_type == DT_DIR ? view_folder(setup, entry->d_name, err) : 0;
    target[size] = '\0';
    if (symlinkat(target, setup->root, entry->d_name) < 0 && errno != EEXIST)
        return plr_fault(err, "cannot copy the link %s", path);
    return 0;
}

int plr_setup_host_root(plr_setup *setup, plr_error *err)
{
    static const struct {
        const char *path;
        mode_t mode;
    } empty[] = { { "/home", 0755 }, { "/mnt", 0755 }, { "/root", 0700 }, { "/run", 0755 },
        { "/srv", 0755 }, { "/tmp", 01777 }, { "/var", 0755 }, { "/var/cache", 0755 },
        { "/var/lib", 0755 }, { "/var/log", 0755 }, { "/var/tmp", 01777 } };

    _cleanup_close_ int folder = make_below(setup, "upper", "root");
    int mount = folder < 0 ? -1 : plr_mount_copy(folder, false, root_attributes(setup));
    if (mount < 0)
        return plr_fault(err, "cannot make a root for the view of this machine");
    int r = attach_root(setup, mount, err);
    DIR *entries = opendir("/");
    if (!entries)
        return plr_fault(err, "cannot list /");
    for (struct dirent *entry; r == 0 && (entry = readdir(entries));)
        r = view_entry(setup, entry, err);
    closedir(entries);
    for (size_t i = 0; r == 0 && i < sizeof empty / sizeof *empty; i++) {
        int made = plr_inside_folder(setup->root, empty[i].path, empty[i].mode, 0, 0);
        if (made < 0)
            return plr_fault(err, "cannot make %s", empty[i].path);
        close(made);
    }
    return r;
}

int plr_setup_root(plr_setup *setup, plr_error *err)
{
    return setup->request.host_root ? plr_setup_host_root(setup, err) : image_root(setup, err);
}
