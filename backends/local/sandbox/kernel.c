/* SPDX-License-Identifier: MIT */
/*
 * What the kernel shows to a task: /proc of its own processes, /sys to read, /dev with the usual
 * nodes and the devices that were asked for. What would tell of the machine, or change it, is
 * covered up or read-only, as in containers.
 */
#include "backends/local/sandbox/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "backends/local/sandbox/files.h"
#include "backends/local/sandbox/mounts.h"
#include "engine/base/error.h"

#define QUIET (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* A mount to its place, which is made if it is not there. Takes `mount`. */
static int place(plr_setup *setup, int mount, const char *path, plr_error *err)
{
    if (mount < 0)
        return plr_fault(err, "cannot mount %s", path);
    struct stat stat;
    _cleanup_close_ int there = plr_inside_open(setup->root, path, O_PATH | O_NOFOLLOW, 0);
    if (there >= 0 && fstat(there, &stat) == 0 && S_ISLNK(stat.st_mode)) {
        /* What is covered up below /proc must be there and nowhere else. */
        close(mount);
        return plr_error_set(err, PLR_ERR_CONFIGURATION, "%s is a link in the image", path);
    }
    _cleanup_close_ int target = plr_inside_target(setup->root, path, true);
    if (target < 0) {
        close(mount);
        return plr_fault(err, "cannot make %s in the step's root", path);
    }
    return plr_mount_attach(mount, target) < 0 ? plr_fault(err, "cannot mount %s", path) : 0;
}

/* A file system that is gone with the task; remembered, for files that must not go there. */
static int place_tmpfs(plr_setup *setup, const char *path, const char *mode, const char *size,
        uint64_t attributes, plr_error *err)
{
    const plr_mount_option options[] = { { "mode", mode }, { "size", size }, { NULL, NULL } };
    struct stat stat;
    int mount = plr_mount_new("tmpfs", options, attributes);
    if (mount >= 0 && setup->n_tmpfs < PLR_TMPFS_MAX && fstat(mount, &stat) == 0)
        setup->tmpfs[setup->n_tmpfs++] = stat.st_dev;
    return place(setup, mount, path, err);
}

static int mount_proc(plr_setup *setup, plr_error *err)
{
    int mount = plr_mount_new("proc", NULL, QUIET);
    if (mount < 0 && errno == EPERM)
        return plr_error_set(err, PLR_ERR_UNSUPPORTED,
                "the kernel refuses a /proc of its own to a step: this runs in a container whose "
                "/proc is masked (docker: --security-opt systempaths=unconfined)");
    return place(setup, mount, "/proc", err);
}

static const struct {
    const char *path;
    bool covered; /* else read-only */
} guarded[] = {
    { "/proc/bus", false },
    { "/proc/fs", false },
    { "/proc/irq", false },
    { "/proc/sys", false },
    { "/proc/sysrq-trigger", false },
    { "/proc/acpi", true },
    { "/proc/asound", true },
    { "/proc/interrupts", true },
    { "/proc/kcore", true },
    { "/proc/keys", true },
    { "/proc/latency_stats", true },
    { "/proc/sched_debug", true },
    { "/proc/scsi", true },
    { "/proc/timer_list", true },
    { "/proc/timer_stats", true },
    { "/sys/devices/virtual/powercap", true },
    { "/sys/firmware", true },
};

static int guard(plr_setup *setup, const char *path, bool cover, plr_error *err)
{
    struct stat stat;
    int mount;
    _cleanup_close_ int target = plr_inside_open(setup->root, path, O_PATH, 0);
    if (target < 0 || fstat(target, &stat) < 0)
        return errno == ENOENT ? 0 : plr_fault(err, "cannot look at %s", path);
    if (!cover) {
        mount = plr_mount_copy(target, true, MOUNT_ATTR_RDONLY | QUIET);
    } else if (S_ISDIR(stat.st_mode)) {
        const plr_mount_option options[] = { { "mode", "555" }, { "size", "0" }, { NULL, NULL } };
        mount = plr_mount_new("tmpfs", options, QUIET | MOUNT_ATTR_RDONLY);
    } else {
        _cleanup_close_ int null = open("/dev/null", O_PATH | O_CLOEXEC);
        mount = null < 0 ? -1 : plr_mount_copy(null, false, 0);
    }
    if (mount < 0 || plr_mount_attach(mount, target) < 0)
        return plr_fault(err, "cannot guard %s", path);
    return 0;
}

/* Programs look at their limits in the groups that they are in, and see those only. `covered`: the
 * machine's are mounted there. */
static int mount_groups(plr_setup *setup, bool covered, plr_error *err)
{
    const plr_cgroups *cgroups = &setup->room->cgroups;
    const plr_mount_option options[] = { { "mode", "755" }, { "size", "64k" }, { NULL, NULL } };
    struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };
    if (cgroups->version == 2) {
        int mount = plr_mount_new("cgroup2", NULL, QUIET | MOUNT_ATTR_RDONLY);
        return place(setup, mount, "/sys/fs/cgroup", err);
    }
    const plr_task_request *request = &setup->request;
    if (!covered && !request->memory && !request->cpu && !request->pids)
        return 0;
    int mount = plr_mount_new("tmpfs", options, QUIET);
    _cleanup_close_ int top = mount < 0 ? -1 : fcntl(mount, F_DUPFD_CLOEXEC, 3);
    int r = place(setup, mount, "/sys/fs/cgroup", err);
    for (int i = 0; r == 0 && i < PLR_CONTROLLERS; i++) {
        _cleanup_close_ int group = plr_cgroups_open(cgroups, (plr_controller)i, setup->number);
        if (group < 0)
            continue;
        const char *name = plr_controller_name((plr_controller)i);
        mkdirat(top, name, 0755);
        _cleanup_close_ int target = openat(top, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int copy = plr_mount_copy(group, false, QUIET | MOUNT_ATTR_RDONLY);
        if (target < 0 || copy < 0 || plr_mount_attach(copy, target) < 0)
            return plr_fault(err, "cannot show a step its control groups");
    }
    if (r == 0 && mount_setattr(top, "", AT_EMPTY_PATH, &read_only, sizeof read_only) < 0)
        return plr_fault(err, "cannot mount /sys/fs/cgroup");
    return r;
}

static int mount_sys(plr_setup *setup, plr_error *err)
{
    uint64_t attributes = QUIET | (setup->request.privileged ? 0 : MOUNT_ATTR_RDONLY);
    bool covered = false;
    int mount = plr_mount_new("sysfs", NULL, attributes);
    if (mount < 0 && errno == EPERM) {
        /* /sys shows the network, and that of the machine is not ours: the machine's /sys then,
         * but not what its control groups tell. */
        _cleanup_close_ int sys = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
        mount = sys < 0 ? -1 : plr_mount_copy(sys, true, attributes);
        covered = !setup->request.privileged;
    }
    int r = place(setup, mount, "/sys", err);
    return r == 0 ? mount_groups(setup, covered, err) : r;
}

/* One node of /dev: made where we may, else the machine's own, bound. */
static int add_device(plr_setup *setup, const char *source, const char *target, plr_error *err)
{
    struct stat stat;
    const char *name;
    _cleanup_close_ int device = open(source, O_PATH | O_CLOEXEC);
    if (device < 0 || fstat(device, &stat) < 0)
        return plr_error_set(err, PLR_ERR_CONFIGURATION, "device %s: %s", source, strerror(errno));
    if (!S_ISCHR(stat.st_mode) && !S_ISBLK(stat.st_mode))
        return plr_error_set(err, PLR_ERR_CONFIGURATION, "%s is not a device", source);
    if (!setup->room->own_users) {
        _cleanup_close_ int folder = plr_inside_parent(setup->root, target, &name);
        struct stat in;
        if (folder < 0)
            return plr_fault(err, "cannot make device %s", target);
        /* Elsewhere the root has no devices. */
        if (fstat(folder, &in) == 0 && in.st_dev == setup->tmpfs[0]) {
            if (mknodat(folder, name, stat.st_mode, stat.st_rdev) < 0 ||
                    fchmodat(folder, name, stat.st_mode & 0777, 0) < 0 ||
                    fchownat(folder, name, stat.st_uid, stat.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
                return plr_fault(err, "cannot make device %s", target);
            return 0;
        }
    }
    _cleanup_close_ int place_fd = plr_inside_target(setup->root, target, false);
    int mount = place_fd < 0 ? -1 : plr_mount_copy(device, false, MOUNT_ATTR_NOSUID);
    if (mount < 0 || plr_mount_attach(mount, place_fd) < 0)
        return plr_fault(err, "cannot bind device %s", target);
    return 0;
}

static int mount_pts(plr_setup *setup, plr_error *err)
{
    plr_mount_option options[] = { { "newinstance", NULL }, { "ptmxmode", "0666" },
        { "mode", "0620" }, { "gid", "5" }, { NULL, NULL } };
    /* The group tty is a group that a single id does not have. */
    if (setup->room->ids == 1)
        options[3].key = NULL;
    return place(setup, plr_mount_new("devpts", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC),
            "/dev/pts", err);
}

static int make_dev(plr_setup *setup, plr_error *err)
{
    static const char *const nodes[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random",
        "/dev/urandom", "/dev/tty" };
    static const struct {
        const char *name, *target;
    } links[] = { { "fd", "/proc/self/fd" }, { "stdin", "/proc/self/fd/0" },
        { "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" }, { "core", "/proc/kcore" },
        { "ptmx", "pts/ptmx" } };
    char size[32];

    int r = place_tmpfs(setup, "/dev", "755", "64k", MOUNT_ATTR_NOSUID, err);
    for (size_t i = 0; r == 0 && i < sizeof nodes / sizeof *nodes; i++)
        r = add_device(setup, nodes[i], nodes[i], err);
    _cleanup_close_ int dev = plr_inside_open(setup->root, "/dev", O_PATH | O_DIRECTORY, 0);
    for (size_t i = 0; r == 0 && i < sizeof links / sizeof *links; i++)
        if (symlinkat(links[i].target, dev, links[i].name) < 0)
            r = plr_fault(err, "cannot make /dev/%s", links[i].name);
    if (r == 0)
        r = mount_pts(setup, err);
    snprintf(size, sizeof size, "%llu", (unsigned long long)setup->request.shm_size);
    if (r == 0)
        r = place_tmpfs(setup, "/dev/shm", "1777", size, QUIET, err);
    int mount = plr_mount_new("mqueue", NULL, QUIET);
    if (r == 0 && mount >= 0)
        r = place(setup, mount, "/dev/mqueue", err);
    return r;
}

/* In memory, in place of the root until that is there. */
static int open_place(plr_setup *setup, plr_error *err)
{
    char path[32];
    snprintf(path, sizeof path, "view/%u", setup->number);
    if (mkdirat(setup->room->folder, path, 0755) < 0 && errno != EEXIST)
        return plr_fault(err, "cannot make a step's folder in memory");
    setup->kernel = openat(setup->room->folder, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    setup->root = setup->kernel;
    return setup->kernel < 0 ? plr_fault(err, "cannot open a step's folder in memory") : 0;
}

int plr_setup_kernel(plr_setup *setup, plr_error *err)
{
    int r = open_place(setup, err);
    if (r == 0)
        r = make_dev(setup, err);
    if (r == 0)
        r = mount_proc(setup, err);
    if (r == 0)
        r = mount_sys(setup, err);
    for (size_t i = 0; r == 0 && !setup->request.privileged && i < sizeof guarded / sizeof *guarded;
            i++)
        r = guard(setup, guarded[i].path, guarded[i].covered, err);
    return r;
}

int plr_setup_kernel_place(plr_setup *setup, plr_error *err)
{
    static const char *const paths[] = { "/dev", "/proc", "/sys" };
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof paths / sizeof *paths; i++) {
        int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
        r = place(setup, openat(setup->kernel, paths[i] + 1, flags), paths[i], err);
    }
    return r;
}

int plr_setup_devices(plr_setup *setup, plr_error *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < setup->request.n_devices; i++)
        r = add_device(
                setup, setup->request.devices[i].source, setup->request.devices[i].target, err);
    return r;
}
