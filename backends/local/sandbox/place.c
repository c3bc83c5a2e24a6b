/* SPDX-License-Identifier: MIT */
/*
 * What the document puts into a task's root: volumes, files, the names of other steps. Everything
 * is looked up inside the root, whatever links an image has there.
 */
#include "backends/local/sandbox/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backends/local/sandbox/files.h"
#include "backends/local/sandbox/mounts.h"
#include "engine/base/error.h"

/* The descriptor of what is to be mounted. */
static int open_source(const plr_setup *setup, const plr_mount_request *mount, plr_error *err)
{
    char name[48];
    int fd;
    if (mount->source) {
        fd = open(mount->source, O_PATH | O_CLOEXEC);
        if (fd < 0)
            return plr_error_set(err, PLR_ERR_CONFIGURATION, "volume at %s: %s: %s", mount->target,
                    mount->source, strerror(errno));
        return fd;
    }
    snprintf(name, sizeof name, "volumes/%llu", (unsigned long long)mount->volume);
    fd = openat(setup->room->folder, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? plr_fault(err, "volume at %s", mount->target) : fd;
}

static int add_volume(plr_setup *setup, const plr_mount_request *mount, plr_error *err)
{
    struct stat stat;
    struct statfs system;
    _cleanup_close_ int source = open_source(setup, mount, err);
    if (source < 0)
        return source;
    if (fstat(source, &stat) < 0)
        return plr_fault(err, "volume at %s", mount->target);
    /* A volume in memory is seen by its kind: those on disk are in the run's folder. */
    if (!mount->source && fstatfs(source, &system) == 0 && system.f_type == 0x01021994 &&
            setup->n_tmpfs < PLR_TMPFS_MAX)
        setup->tmpfs[setup->n_tmpfs++] = stat.st_dev;
    _cleanup_close_ int target =
            plr_inside_target(setup->root, mount->target, S_ISDIR(stat.st_mode));
    if (target < 0)
        return plr_error_set(err, PLR_ERR_CONFIGURATION, "no place for a volume at %s: %s",
                mount->target, strerror(errno));
    int copy = plr_mount_copy(
            source, true, setup->request.privileged ? 0 : MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    if (copy < 0 || plr_mount_attach(copy, target) < 0)
        return plr_error_set(err, PLR_ERR_CONFIGURATION, "cannot mount a volume at %s: %s",
                mount->target, strerror(errno));
    return 0;
}

int plr_setup_volumes(plr_setup *setup, plr_error *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < setup->request.n_mounts; i++)
        r = add_volume(setup, &setup->request.mounts[i], err);
    return r;
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0)
            return -1;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

/* Whatever was there before, a link too, makes room. */
static int replace_file(int folder, const char *name, const char *data, size_t size)
{
    if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
        return -1;
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0 && write_all(fd, data, size) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool is_tmpfs(const plr_setup *setup, int folder)
{
    struct stat stat;
    if (fstat(folder, &stat) < 0)
        return false;
    for (size_t i = 0; i < setup->n_tmpfs; i++)
        if (setup->tmpfs[i] == stat.st_dev)
            return true;
    return false;
}

static int add_file(plr_setup *setup, const plr_file_request *file, plr_error *err)
{
    const char *name;
    _cleanup_close_ int folder = plr_inside_parent(setup->root, file->target, &name);
    if (folder < 0)
        return plr_error_set(
                err, PLR_ERR_CONFIGURATION, "file %s: %s", file->target, strerror(errno));
    if (is_tmpfs(setup, folder))
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "file %s: its place is in memory and not in the step's root", file->target);
    _cleanup_close_ int fd = replace_file(folder, name, file->data, file->size);
    if (fd < 0)
        return plr_error_set(
                err, PLR_ERR_CONFIGURATION, "file %s: %s", file->target, strerror(errno));
    uid_t uid = (uid_t)file->uid;
    gid_t gid = (gid_t)file->gid;
    /* The one user there is. */
    if (setup->room->ids == 1)
        uid = gid = 0;
    if (fchown(fd, uid, gid) < 0 || fchmod(fd, (mode_t)file->mode) < 0)
        return plr_error_set(err, PLR_ERR_CONFIGURATION, "file %s: owner %u:%u: %s", file->target,
                uid, gid, strerror(errno));
    return 0;
}

/* The names that the run gives to its steps, instead of what an image has there. */
static int add_names(int etc, const char *name, plr_bytes_request bytes, plr_error *err)
{
    if (!bytes.data)
        return 0;
    _cleanup_close_ int fd = replace_file(etc, name, bytes.data, bytes.size);
    if (fd < 0 || fchmod(fd, 0644) < 0)
        return plr_fault(err, "cannot write /etc/%s", name);
    return 0;
}

int plr_setup_names(plr_setup *setup, int etc, plr_error *err)
{
    int r = add_names(etc, "hosts", setup->request.hosts, err);
    if (r == 0)
        r = add_names(etc, "resolv.conf", setup->request.resolv, err);
    setup->has_names = r == 0;
    return r;
}

static int place_names(plr_setup *setup, plr_error *err)
{
    if (setup->has_names || !(setup->request.hosts.data || setup->request.resolv.data))
        return 0;
    _cleanup_close_ int etc = plr_inside_folder(setup->root, "/etc", 0755, 0, 0);
    return etc < 0 ? plr_fault(err, "cannot make /etc") : plr_setup_names(setup, etc, err);
}

int plr_setup_files(plr_setup *setup, plr_error *err)
{
    const plr_task_request *request = &setup->request;
    int r = place_names(setup, err);
    for (size_t i = 0; r == 0 && i < request->n_files; i++)
        r = add_file(setup, &request->files[i], err);
    if (r < 0 || !request->working_dir)
        return r;
    uid_t uid = setup->room->ids > 1 ? setup->user.uid : 0;
    gid_t gid = setup->room->ids > 1 ? setup->user.gid : 0;
    _cleanup_close_ int folder =
            plr_inside_folder(setup->root, request->working_dir, 0755, uid, gid);
    if (folder < 0)
        return plr_error_set(err, PLR_ERR_CONFIGURATION, "working directory %s: %s",
                request->working_dir, strerror(errno));
    return 0;
}
