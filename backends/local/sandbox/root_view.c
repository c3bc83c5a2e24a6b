/* SPDX-License-Identifier: MIT */
/*
 * A task's root that shows this machine: overlays over folders of it that programs need, whose
 * changes go to the task's folder on disk, in a root with nothing else in it. What all tasks of a
 * run share of this lies in the room's memory and is made by the first that wants it.
 */
#include "backends/local/sandbox/setup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/local/sandbox/files.h"
#include "backends/local/sandbox/host_etc.h"
#include "backends/local/sandbox/mounts.h"
#include "engine/base/error.h"

/* Fills an empty folder. -1 and errno: it could not. */
typedef int part_fn(int folder);

static int open_part(
        const plr_setup *setup, const char *name, part_fn *fill, int *ret_folder, plr_error *err)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    int run = setup->room->folder;
    char path[64], own[80];
    snprintf(path, sizeof path, "view/%s", name);
    int folder = openat(run, path, flags);
    if (folder < 0) {
        /* Two tasks may do this at once: each makes its own, the first one's stays. */
        snprintf(own, sizeof own, "%s.%u", path, setup->number);
        int made = mkdirat(run, own, 0755) < 0 ? -1 : openat(run, own, flags);
        if (made < 0 || fill(made) < 0)
            return plr_fault(err, "cannot make %s of the view of this machine", name);
        close(made);
        if (renameat(run, own, run, path) < 0)
            plr_tree_remove(run, own);
        folder = openat(run, path, flags);
    }
    if (folder < 0)
        return plr_fault(err, "cannot open %s of the view of this machine", name);
    *ret_folder = folder;
    return 0;
}

static bool is_allowed(const char *name)
{
    return strcmp(name, "usr") == 0 || strcmp(name, "bin") == 0 || strcmp(name, "sbin") == 0 ||
           strcmp(name, "opt") == 0 || strcmp(name, "etc") == 0 || strncmp(name, "lib", 3) == 0;
}

/* The links of this machine's root, and its folders, empty. */
static int copy_entry(int root, const char *name)
{
    char path[300], target[4096];
    struct stat stat;
    snprintf(path, sizeof path, "/%s", name);
    if (lstat(path, &stat) < 0 || !(S_ISLNK(stat.st_mode) || S_ISDIR(stat.st_mode)))
        return 0;
    if (S_ISDIR(stat.st_mode))
        return mkdirat(root, name, 0755);
    ssize_t size = readlink(path, target, sizeof target - 1);
    if (size < 0)
        return -1;
    target[size] = '\0';
    return symlinkat(target, root, name);
}

static int fill_root(int root)
{
    static const struct {
        const char *path;
        mode_t mode;
    } empty[] = { { "/dev", 0755 }, { "/home", 0755 }, { "/mnt", 0755 }, { "/proc", 0755 },
        { "/root", 0700 }, { "/run", 0755 }, { "/srv", 0755 }, { "/sys", 0755 }, { "/tmp", 01777 },
        { "/var", 0755 }, { "/var/cache", 0755 }, { "/var/lib", 0755 }, { "/var/log", 0755 },
        { "/var/tmp", 01777 } };

    DIR *entries = opendir("/");
    int r = entries ? 0 : -1;
    for (struct dirent *entry; r == 0 && (entry = readdir(entries));)
        if (is_allowed(entry->d_name))
            r = copy_entry(root, entry->d_name);
    if (entries)
        closedir(entries);
    for (size_t i = 0; r == 0 && i < sizeof empty / sizeof *empty; i++) {
        int made = plr_inside_folder(root, empty[i].path, empty[i].mode, 0, 0);
        r = made < 0 ? -1 : 0;
        if (made >= 0)
            close(made);
    }
    return r;
}

/* /etc, without what is private in it. */
static int view_etc(const plr_setup *setup, int etc, int *ret_mount, plr_error *err)
{
    int filter, copy;
    plr_error refused = { 0 };
    int r = open_part(setup, "etc", plr_host_etc_hide, &filter, err);
    if (r < 0)
        return r;
    r = plr_setup_overlay(setup, (int[]){ etc, filter }, 2, "etc", ret_mount, &refused);
    close(filter);
    if (r == 0 || !setup->room->own_users)
        return r == 0 ? 0 : plr_error_set(err, r, "%s", refused.message);
    r = open_part(setup, "etc-copy", plr_host_etc_copy, &copy, err);
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
        mount = plr_mount_copy(source, true, plr_setup_root_attributes(setup) | MOUNT_ATTR_RDONLY);
        if (mount < 0)
            return plr_fault(err, "cannot show %s", path);
    }
    _cleanup_close_ int target = plr_inside_folder(setup->root, path, 0755, 0, 0);
    if (target < 0 || plr_mount_attach(mount, target) < 0)
        return plr_fault(err, "cannot attach the view of %s", path);
    return 0;
}

int plr_setup_host_root(plr_setup *setup, plr_error *err)
{
    int skeleton, mount;
    int r = open_part(setup, "root", fill_root, &skeleton, err);
    if (r == 0)
        r = plr_setup_overlay(setup, &skeleton, 1, "root", &mount, err);
    if (r == 0)
        r = plr_setup_attach_root(setup, mount, err);
    if (r < 0)
        return r;
    lseek(skeleton, 0, SEEK_SET);
    DIR *entries = fdopendir(skeleton);
    if (!entries)
        return plr_error_nomem(err);
    for (struct dirent *entry; r == 0 && (entry = readdir(entries));)
        if (entry->d_type == DT_DIR && is_allowed(entry->d_name))
            r = view_folder(setup, entry->d_name, err);
    closedir(entries);
    return r;
}
