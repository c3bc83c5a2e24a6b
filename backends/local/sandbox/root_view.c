/* SPDX-License-Identifier: MIT */
/*
 * A task's root that shows this machine: folders of it that programs need, below overlays whose
 * changes go to the task's folder on disk, in a root with nothing else in it. What all tasks of a
 * run share of this lies in the room's memory and is made by the first that wants it.
 *
 * An overlay on disk costs a folder here and there, and each of those a millisecond of the disk's
 * journal in the end. So root has one of them for all; an ordinary user, whom the kernel allows no
 * overlay over the whole machine, has one for the root, and in memory what he cannot write much to.
 */
#include "backends/local/sandbox/setup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backends/local/sandbox/files.h"
#include "backends/local/sandbox/host_etc.h"
#include "backends/local/sandbox/mounts.h"
#include "engine/base/error.h"

/* Fills an empty folder. -1 and errno: it could not. */
typedef int part_fn(int folder);

static int open_part(const plr_room *room, uint32_t number, const char *name, part_fn *fill,
        int *ret_folder, plr_error *err)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    int run = room->folder;
    char path[64], own[80], end;
    snprintf(path, sizeof path, "view/%s", name);
    int folder = openat(run, path, flags);
    /* The viewer may be at it; it says nothing and ends. */
    if (folder < 0 && room->viewer >= 0 && read(room->viewer, &end, 1) == 0)
        folder = openat(run, path, flags);
    if (folder < 0) {
        /* Two tasks may do this at once: each makes its own, the first one's stays. */
        snprintf(own, sizeof own, "%s.%u", path, number);
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
    } empty[] = { { "dev", 0755 }, { "home", 0755 }, { "mnt", 0755 }, { "proc", 0755 },
        { "root", 0700 }, { "run", 0755 }, { "srv", 0755 }, { "sys", 0755 }, { "tmp", 01777 },
        { "var", 0755 }, { "var/cache", 0755 }, { "var/lib", 0755 }, { "var/log", 0755 },
        { "var/tmp", 01777 } };

    DIR *entries = opendir("/");
    int r = entries ? 0 : -1;
    for (struct dirent *entry; r == 0 && (entry = readdir(entries));)
        if (is_allowed(entry->d_name))
            r = copy_entry(root, entry->d_name);
    if (entries)
        closedir(entries);
    for (size_t i = 0; r == 0 && i < sizeof empty / sizeof *empty; i++) {
        r = mkdirat(root, empty[i].path, empty[i].mode);
        if (r == 0 && empty[i].mode & 0022)
            r = fchmodat(root, empty[i].path, empty[i].mode, 0);
    }
    return r;
}

/* The task's own folder in memory, for what does not have to outlive it; -1: there is none. */
static int open_memory(const plr_setup *setup)
{
    char path[32];
    snprintf(path, sizeof path, "view/%u", setup->number);
    if (setup->request.look || (mkdirat(setup->room->folder, path, 0755) < 0 && errno != EEXIST))
        return -1;
    return openat(setup->room->folder, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Shows a folder of this machine at its place in the root. Takes the mount. */
static int attach(const plr_setup *setup, int mount, const char *name, plr_error *err)
{
    _cleanup_close_ int target = openat(setup->root, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (mount < 0 || target < 0 || plr_mount_attach(mount, target) < 0)
        return plr_fault(err, "cannot attach the view of /%s", name);
    return 0;
}

/* Whether what is there already can be changed by an ordinary user, as its first level tells. */
static bool is_writable(int parent, const char *name)
{
    int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = folder < 0 ? NULL : fdopendir(folder);
    bool found = false;
    for (struct dirent *entry; entries && !found && (entry = readdir(entries));)
        found = entry->d_type == DT_DIR && strcmp(entry->d_name, "..") != 0 &&
                faccessat(folder, entry->d_name, W_OK, AT_EACCESS) == 0;
    if (entries)
        closedir(entries);
    return found;
}

/* Where changes below a folder of this machine are kept: in memory if all that an ordinary user can
 * do is add something at its top. There an overlay wants attributes (on a tmpfs since Linux 6.6).
 */
static int choose_place(const plr_setup *setup, int memory, int source)
{
    if (memory < 0 || !setup->room->own_users || is_writable(source, ".") ||
            is_writable(source, "local") || fsetxattr(memory, "user.overlay.try", "", 0, 0) < 0)
        return setup->folder;
    return memory;
}

/* /etc, without what is private in it. */
static int view_etc(const plr_setup *setup, int etc, int changes, int *ret_mount, plr_error *err)
{
    int filter, copy;
    plr_error refused = { 0 };
    int r = open_part(setup->room, setup->number, "etc", plr_host_etc_hide, &filter, err);
    if (r < 0)
        return r;
    const plr_overlay hidden = { "etc", (int[]){ etc, filter }, 2, changes, false };
    r = plr_setup_overlay(setup, &hidden, ret_mount, &refused);
    close(filter);
    if (r == 0 || !setup->room->own_users)
        return r == 0 ? 0 : plr_error_set(err, r, "%s", refused.message);
    r = open_part(setup->room, setup->number, "etc-copy", plr_host_etc_copy, &copy, err);
    if (r == 0) {
        /* Another name: a volatile overlay does not take folders that one has used. */
        const plr_overlay copied = { "etc-copy", &copy, 1, changes, false };
        r = plr_setup_overlay(setup, &copied, ret_mount, err);
        close(copy);
    }
    return r;
}

/* One folder of this machine below an overlay of its own. */
static int view_folder(const plr_setup *setup, int memory, const char *name, plr_error *err)
{
    char path[300];
    int mount = -1;
    plr_error refused = { 0 };
    snprintf(path, sizeof path, "/%s", name);
    _cleanup_close_ int source = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (source < 0)
        return plr_fault(err, "cannot open %s", path);
    const plr_overlay overlay = { name, &source, 1, choose_place(setup, memory, source), false };
    if (strcmp(name, "etc") == 0) {
        int r = view_etc(setup, source, overlay.changes, &mount, err);
        if (r < 0)
            return r;
    } else if (plr_setup_overlay(setup, &overlay, &mount, &refused) < 0) {
        /* The kernel lays nothing over a folder with mounts of others in it, for an ordinary user:
         * it is shown as it is. */
        if (!setup->room->own_users)
            return plr_error_set(err, refused.code, "%s", refused.message);
        mount = plr_mount_copy(source, true, plr_setup_root_attributes(setup) | MOUNT_ATTR_RDONLY);
        if (mount < 0)
            return plr_fault(err, "cannot show %s", path);
    }
    return attach(setup, mount, name, err);
}

/* A layer for all of the machine: the root of a step, under a name that the machine does not have,
 * and what hides what is private in /etc. */
#define ROOT ".plr-root"

static int fill_machine(int layer)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    if (mkdirat(layer, ROOT, 0755) < 0 || mkdirat(layer, "etc", 0755) < 0)
        return -1;
    _cleanup_close_ int root = openat(layer, ROOT, flags);
    _cleanup_close_ int etc = openat(layer, "etc", flags);
    return root < 0 || etc < 0 || fill_root(root) < 0 ? -1 : plr_host_etc_hide(etc);
}

/* The topmost layer, where there is memory for it: the names of other steps. -1: there is none, and
 * they are written when all is mounted. */
static int make_names(plr_setup *setup, int memory)
{
    if (memory < 0 || mkdirat(memory, "names", 0755) < 0 || mkdirat(memory, "names/etc", 0755) < 0)
        return -1;
    _cleanup_close_ int etc = openat(memory, "names/etc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (etc < 0 || plr_setup_names(setup, etc, NULL) < 0)
        return -1;
    return openat(memory, "names", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* An overlay over all of the machine, in place of the root that will hide it. -1: the kernel wants
 * none, as where the machine's root is a stack of overlays already. */
static int lay_whole(plr_setup *setup, int memory, int *ret_whole, plr_error *err)
{
    plr_error refused = { 0 };
    int filter;
    *ret_whole = -1;
    _cleanup_close_ int machine = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int names = make_names(setup, memory);
    int r = open_part(setup->room, setup->number, "machine", fill_machine, &filter, err);
    if (r < 0)
        return r;
    const plr_overlay overlay = { "machine", (int[]){ machine, filter, names }, names < 0 ? 2 : 3,
        setup->folder, true };
    r = plr_setup_overlay(setup, &overlay, ret_whole, &refused);
    close(filter);
    return r < 0 ? 0 : plr_setup_attach_root(setup, *ret_whole, err);
}

/* The root, and nothing in it. */
static int lay_root(plr_setup *setup, int whole, plr_error *err)
{
    int skeleton, mount;
    if (whole >= 0) {
        _cleanup_close_ int root = openat(whole, ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
        mount = root < 0 ? -1 : plr_mount_copy(root, false, 0);
        return mount < 0 ? plr_fault(err, "cannot make a root of the view of this machine")
                         : plr_setup_attach_root(setup, mount, err);
    }
    int r = open_part(setup->room, setup->number, "root", fill_root, &skeleton, err);
    if (r < 0)
        return r;
    const plr_overlay overlay = { "root", &skeleton, 1, setup->folder, false };
    r = plr_setup_overlay(setup, &overlay, &mount, err);
    close(skeleton);
    return r < 0 ? r : plr_setup_attach_root(setup, mount, err);
}

/* What is mounted there is not in an overlay over the root. */
static bool is_mounted(const char *path)
{
    struct statx info;
    return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, 0, &info) < 0 ||
           !(info.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) ||
           info.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

static int show(plr_setup *setup, int whole, int memory, const char *name, plr_error *err)
{
    char path[300];
    snprintf(path, sizeof path, "/%s", name);
    if (whole < 0 || is_mounted(path)) {
        setup->has_names &= strcmp(name, "etc") != 0;
        return view_folder(setup, memory, name, err);
    }
    _cleanup_close_ int folder = openat(whole, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return attach(setup, folder < 0 ? -1 : plr_mount_copy(folder, false, 0), name, err);
}

void plr_view_make(const plr_room *room)
{
    int folder;
    if (!room->own_users) {
        open_part(room, 0, "machine", fill_machine, &folder, NULL);
    } else if (open_part(room, 0, "root", fill_root, &folder, NULL) == 0) {
        close(folder);
        open_part(room, 0, "etc", plr_host_etc_hide, &folder, NULL);
    }
}

int plr_setup_host_root(plr_setup *setup, plr_error *err)
{
    int whole = -1, memory = open_memory(setup);
    int r = setup->room->own_users ? 0 : lay_whole(setup, memory, &whole, err);
    if (r == 0)
        r = lay_root(setup, whole, err);
    int root = r < 0 ? -1 : openat(setup->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = root < 0 ? NULL : fdopendir(root);
    if (r == 0 && !entries)
        r = plr_fault(err, "cannot read a step's root");
    for (struct dirent *entry; r == 0 && (entry = readdir(entries));)
        if (entry->d_type == DT_DIR && is_allowed(entry->d_name))
            r = show(setup, whole, memory, entry->d_name, err);
    if (entries)
        closedir(entries);
    return r;
}
