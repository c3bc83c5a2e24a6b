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
#include "backends/local/sandbox/mounts.h"
#include "engine/base/error.h"

#define FD_PATH_SIZE 32

uint64_t plr_setup_root_attributes(const plr_setup *setup)
{
    /* An image may bring device nodes and set-id programs of its own. */
    return setup->request.privileged ? 0 : MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID;
}

/* A folder in another: KIND.NAME. */
static int make_below(int folder, const char *kind, const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "%s.%s", kind, name);
    if (mkdirat(folder, path, 0755) < 0 && errno != EEXIST)
        return -1;
    return openat(folder, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void fd_path(char *ret_path, int fd)
{
    snprintf(ret_path, FD_PATH_SIZE, "/proc/self/fd/%d", fd);
}

/* Kernels before 6.5 take all lower folders in one string, the topmost first. */
static int join_layers(const plr_overlay *overlay, char **ret_text, plr_error *err)
{
    plr_buf text = { 0 };
    for (size_t i = overlay->n_layers; i-- > 0;)
        plr_buf_printf(&text, "/proc/self/fd/%d%s", overlay->layers[i], i ? ":" : "");
    return plr_buf_steal(&text, ret_text, err);
}

int plr_setup_overlay(
        const plr_setup *setup, const plr_overlay *overlay, int *ret_mount, plr_error *err)
{
    /* Named by descriptors: no character in a path is special, and a step that reads its mounts
     * learns nothing of this machine's folders. */
    char upper_path[FD_PATH_SIZE], work_path[FD_PATH_SIZE];
    _cleanup_close_ int upper = make_below(overlay->changes, "upper", overlay->name);
    _cleanup_close_ int work = make_below(overlay->changes, "work", overlay->name);
    if (upper < 0 || work < 0)
        return plr_fault(err, "cannot make the folders of a step's changes");
    fd_path(upper_path, upper);
    fd_path(work_path, work);

    char(*paths)[FD_PATH_SIZE] = calloc(overlay->n_layers, sizeof *paths);
    plr_mount_option *options = calloc(overlay->n_layers + 6, sizeof *options);
    if (!paths || !options)
        return plr_error_nomem(err);
    size_t n = 0;
    options[n++] = (plr_mount_option){ "upperdir", upper_path };
    options[n++] = (plr_mount_option){ "workdir", work_path };
    options[n++] = (plr_mount_option){ "volatile", NULL };
    /* All files are on one device, and keep their numbers when they are changed. */
    if (overlay->mixed)
        options[n++] = (plr_mount_option){ "xino", "on" };
    if (setup->room->own_users)
        options[n++] = (plr_mount_option){ "userxattr", NULL };
    size_t first = n;
    for (size_t i = overlay->n_layers; i-- > 0;) {
        fd_path(paths[i], overlay->layers[i]);
        options[n++] = (plr_mount_option){ "lowerdir+", paths[i] };
    }
    int mount = plr_mount_new("overlay", options, plr_setup_root_attributes(setup));
    if (mount < 0 && errno == EINVAL) {
        char *joined;
        int r = join_layers(overlay, &joined, err);
        if (r < 0)
            return r;
        options[first] = (plr_mount_option){ "lowerdir", joined };
        options[first + 1] = (plr_mount_option){ NULL, NULL };
        mount = plr_mount_new("overlay", options, plr_setup_root_attributes(setup));
    }
    if (mount < 0 && errno == ENODEV)
        return plr_error_set(err, PLR_ERR_UNSUPPORTED,
                "this kernel has no overlay file system; load it: modprobe overlay");
    if (mount < 0 && errno == EPERM && setup->room->own_users)
        return plr_error_set(err, PLR_ERR_UNSUPPORTED,
                "the kernel refuses an overlay in a user namespace (it needs Linux 5.11 or newer)");
    if (mount < 0)
        return plr_fault(err, "cannot mount the overlay of %s", overlay->name);
    *ret_mount = mount;
    return 0;
}

int plr_setup_attach_root(plr_setup *setup, int mount, plr_error *err)
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
        layers[n++] = make_below(setup->folder, "lower", "empty");
        if (layers[0] < 0)
            return plr_fault(err, "cannot make an empty layer");
    }
    const plr_overlay overlay = { "image", layers, n, setup->folder, false };
    int mount;
    int r = plr_setup_overlay(setup, &overlay, &mount, err);
    for (size_t i = 0; i < n; i++)
        close(layers[i]);
    return r < 0 ? r : plr_setup_attach_root(setup, mount, err);
}

int plr_setup_root(plr_setup *setup, plr_error *err)
{
    return setup->request.host_root ? plr_setup_host_root(setup, err) : image_root(setup, err);
}
