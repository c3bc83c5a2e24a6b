/* SPDX-License-Identifier: MIT */
/*
 * The kernel's mount calls with descriptors, three steps made one.
 */
#include "backends/local/sandbox/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "engine/base/cleanup.h"

int plr_mount_new(const char *type, const plr_mount_option *options, uint64_t attributes)
{
    _cleanup_close_ int context = fsopen(type, FSOPEN_CLOEXEC);
    if (context < 0)
        return -1;
    for (; options && options->key; options++) {
        int r = options->value
                        ? fsconfig(context, FSCONFIG_SET_STRING, options->key, options->value, 0)
                        : fsconfig(context, FSCONFIG_SET_FLAG, options->key, NULL, 0);
        if (r < 0)
            return -1;
    }
    if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -1;
    return fsmount(context, FSMOUNT_CLOEXEC, (unsigned)attributes);
}

int plr_mount_copy(int source, bool recursive, uint64_t attributes)
{
    struct mount_attr attr = { .attr_set = attributes };
    unsigned flags = AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
    _cleanup_close_ int mount = open_tree(source, "", flags | (recursive ? AT_RECURSIVE : 0));
    if (mount < 0)
        return -1;
    if (attributes && mount_setattr(mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0),
                              &attr, sizeof attr) < 0)
        return -1;
    return steal_fd(&mount);
}

int plr_mount_attach(int mount, int target)
{
    int r = move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
    int error = errno;
    close(mount);
    errno = error;
    return r;
}
