/* SPDX-License-Identifier: MIT */
/*
 * /etc holds keys and passwords under names nobody can list, so what is shown is what is listed:
 * entries that programs need to run. And of these only what everybody may read, whoever we are.
 * Everything else is hidden by whiteouts, as an overlay calls a device node 0:0.
 */
#include "backends/local/sandbox/host_etc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/local/sandbox/files.h"
#include "engine/base/cleanup.h"

#define DEPTH_MAX 8

static const char *const shown[] = { "ImageMagick*", "X11", "adjtime", "alternatives", "ant*",
    "bash.bashrc", "bash_completion*", "bindresvport.blacklist", "ca-certificates*", "chromium*",
    "clang*", "crypto-policies", "debian_version", "dpkg", "emacs", "environment", "ethertypes",
    "filesystems", "fonts", "gai.conf", "gitconfig", "gnutls", "gradle*", "group", "groff", "gtk-*",
    "host.conf", "hosts", "inputrc", "issue", "java*", "kernel-img.conf", "ld.so.*", "lesskey",
    "libaudit.conf", "libibverbs.d", "libnl-3", "locale*", "localtime", "login.defs", "logcheck",
    "lsb-release", "machine-info", "magic*", "mailcap*", "man_db.conf", "manpath.config", "maven*",
    "mime.types", "mke2fs.conf", "mono", "nanorc", "netconfig", "networks", "node*",
    "nsswitch.conf", "openmpi*", "OpenCL", "os-release", "papersize", "passwd", "pcp", "perl",
    "php*", "pkcs11", "pki", "profile", "profile.d", "protocols", "python*", "R", "redhat-release",
    "resolv.conf", "rpc", "ruby*", "scala*", "screenrc", "selinux", "services", "sgml", "shells",
    "skel", "ssl", "system-release*", "terminfo", "texmf", "timezone", "tmux.conf", "vim", "vulkan",
    "wgetrc", "xattr.conf", "xdg", "xml", "zsh*" };

static bool is_shown(const char *name)
{
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        if (fnmatch(shown[i], name, 0) == 0)
            return true;
    return false;
}

/* Hides what is in `folder` and not for everybody; `layer` gets whiteouts, in folders of its own
 * that are made when one is needed. Takes both descriptors. */
static int hide(int folder, int layer, int depth, bool listed_only);

static int hide_entry(int folder, int layer, const struct dirent *entry, int depth, bool listed)
{
    const char *name = entry->d_name;
    struct stat stat;
    bool hidden = listed && !is_shown(name);
    if (!hidden && entry->d_type == DT_LNK)
        return 0;
    if (!hidden && fstatat(folder, name, &stat, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -1;
    if (!hidden && S_ISDIR(stat.st_mode)) {
        hidden = (stat.st_mode & 0005) != 0005 || depth == DEPTH_MAX;
        if (!hidden) {
            int below = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (below >= 0 && mkdirat(layer, name, 0755) == 0)
                return hide(below, openat(layer, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                        depth + 1, false);
            if (below >= 0)
                close(below);
            hidden = below < 0;
            if (!hidden)
                return -1;
        }
    } else if (!hidden) {
        hidden = !S_ISREG(stat.st_mode) || (stat.st_mode & 0004) == 0;
    }
    return hidden ? mknodat(layer, name, S_IFCHR, 0) : 0;
}

static int hide(int folder, int layer, int depth, bool listed_only)
{
    DIR *entries = fdopendir(folder);
    int r = layer >= 0 && entries ? 0 : -1;
    for (struct dirent *entry; r == 0 && (entry = readdir(entries));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            r = hide_entry(folder, layer, entry, depth, listed_only);
    int error = errno;
    if (entries)
        closedir(entries);
    if (layer >= 0)
        close(layer);
    errno = error;
    return r;
}

int plr_host_etc_open(const plr_room *room, uint32_t task, int *ret_layer, plr_error *err)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    char name[32];
    int layer = openat(room->folder, "view/etc", flags);
    if (layer < 0) {
        /* Two tasks may do this at once: each makes its own, the first one's stays. */
        snprintf(name, sizeof name, "view/etc.%u", task);
        int folder = open("/etc", flags);
        if (folder < 0 || mkdirat(room->folder, name, 0755) < 0)
            return plr_fault(err, "cannot look at /etc");
        if (hide(folder, openat(room->folder, name, flags), 0, true) < 0)
            return plr_fault(err, "cannot hide what is private in /etc");
        if (renameat(room->folder, name, room->folder, "view/etc") < 0)
            plr_tree_remove(room->folder, name);
        layer = openat(room->folder, "view/etc", flags);
    }
    if (layer < 0)
        return plr_fault(err, "cannot open the filter of /etc");
    *ret_layer = layer;
    return 0;
}
