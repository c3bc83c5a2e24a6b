/* SPDX-License-Identifier: MIT */
/*
 * What a task may not do: capabilities beyond those that containers have by default (and without
 * MKNOD), anything by a set-id program, and the system calls that the filter knows. Then the user.
 */
#include "backends/local/sandbox/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backends/local/sandbox/files.h"
#include "backends/local/sandbox/filter.h"
#include "engine/base/error.h"

#define BIT(capability) (UINT64_C(1) << (capability))

/* Docker's list of old, without MKNOD. */
#define KEPT                                                                                       \
    (BIT(CAP_AUDIT_WRITE) | BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) |             \
            BIT(CAP_FSETID) | BIT(CAP_KILL) | BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_NET_RAW) |       \
            BIT(CAP_SETFCAP) | BIT(CAP_SETGID) | BIT(CAP_SETPCAP) | BIT(CAP_SETUID) |              \
            BIT(CAP_SYS_CHROOT))

static int set_capabilities(uint64_t kept)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { 0 };
    for (int i = 0; i < 2; i++)
        data[i].effective = data[i].permitted = (uint32_t)(kept >> 32 * i);
    return (int)syscall(SYS_capset, &header, data);
}

/* What no exec can give back. */
static int bound_capabilities(void)
{
    for (unsigned long i = 0; i < 64; i++)
        if (!(KEPT >> i & 1) && prctl(PR_CAPBSET_DROP, i) < 0)
            return errno == EINVAL ? 0 : -1; /* there are no more */
    return 0;
}

/*
 * With the one id of an ordinary user there is nobody but root. Another user is root's id under a
 * number of its own, in a namespace of its own.
 */
static int rename_root(const plr_user *user, plr_error *err)
{
    char uids[32], gids[32];
    snprintf(uids, sizeof uids, "%u 0 1", user->uid);
    snprintf(gids, sizeof gids, "%u 0 1", user->gid);
    if (unshare(CLONE_NEWUSER) < 0 || plr_file_write_text("/proc/self/uid_map", uids) < 0 ||
            plr_file_write_text("/proc/self/gid_map", gids) < 0)
        return plr_fault(err, "cannot become user %u", user->uid);
    return 0;
}

static int become_user(const plr_setup *setup, plr_error *err)
{
    const plr_user *user = &setup->user;
    if (setup->room->ids == 1) {
        if (user->uid != 0 || user->gid != 0)
            return rename_root(user, err);
        return 0;
    }
    if (setgroups(user->n_groups, user->groups) == 0 &&
            setresgid(user->gid, user->gid, user->gid) == 0 &&
            setresuid(user->uid, user->uid, user->uid) == 0)
        return 0;
    if (errno == EINVAL && setup->room->own_users)
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "user %u:%u is beyond the %u ids that /etc/subuid gives this user", user->uid,
                user->gid, setup->room->ids);
    return plr_fault(err, "cannot become user %u:%u", user->uid, user->gid);
}

int plr_setup_drop(const plr_setup *setup, plr_error *err)
{
    const bool privileged = setup->request.privileged;
    if (!privileged && bound_capabilities() < 0)
        return plr_fault(err, "cannot give up capabilities");
    /* Before the user: a filter needs either its right or no_new_privs, and the user has neither
     * if set-id programs shall work, as they do for who is privileged. */
    if (!privileged && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return plr_fault(err, "cannot set no_new_privs");
    int r = become_user(setup, err);
    if (r < 0 || privileged)
        return r;
    /* Another user than root has lost them already. */
    bool root = setup->user.uid == 0;
    if (set_capabilities(root ? KEPT : 0) < 0)
        return plr_fault(err, "cannot give up capabilities");
    return plr_filter_load(err);
}
