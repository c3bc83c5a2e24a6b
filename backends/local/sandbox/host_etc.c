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
#include <stdbool.h>
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
    /* No pattern begins with a wildcard. */
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        if (shown[i][0] == name[0] && fnmatch(shown[i], name, 0) == 0)
            return true;
    return false;
}

static int copy_file(int folder, const char *name, mode_t mode, int layer)
{
    char data[8192];
    ssize_t n = 0;
    _cleanup_close_ int from = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0) /* readable for everybody, but not for us */
        return 0;
    _cleanup_close_ int to = openat(layer, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        return -1;
    while ((n = read(from, data, sizeof data)) > 0)
        if (write(to, data, (size_t)n) != n)
            return -1;
    return n < 0 ? -1 : fchmod(to, mode & 0777);
}

static int copy_link(int folder, const char *name, int layer)
{
    char target[4096];
    ssize_t size = readlinkat(folder, name, target, sizeof target - 1);
    if (size < 0)
        return -1;
    target[size] = '\0';
    return symlinkat(target, layer, name);
}

/* What is done to all of /etc. */
typedef struct etc_job {
    bool copy;          /* what is shown; else whiteouts for what is not */
    int top;            /* of the layer */
    char whiteout[256]; /* the first one's name there, "": none yet */
} etc_job;

/* A folder of the layer, made when something is put into it. */
typedef struct etc_layer {
    struct etc_layer *above; /* NULL: the top, whose fd is there */
    const char *name;
    int fd; /* -1: not made */
} etc_layer;

static int layer_fd(etc_layer *folder)
{
    if (folder->fd >= 0)
        return folder->fd;
    int above = layer_fd(folder->above);
    if (above < 0 || mkdirat(above, folder->name, 0755) < 0)
        return -1;
    folder->fd = openat(above, folder->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder->fd;
}

/* Whether everybody may read it, and it is a file, a folder or a link. */
static bool is_public(const struct stat *stat)
{
    if (S_ISDIR(stat->st_mode))
        return (stat->st_mode & 0005) == 0005;
    return S_ISLNK(stat->st_mode) || (S_ISREG(stat->st_mode) && stat->st_mode & 0004);
}

/* All are links to one: a name costs less than a node. */
static int put_whiteout(etc_job *job, int folder, const char *name)
{
    if (job->whiteout[0])
        return linkat(job->top, job->whiteout, folder, name, 0);
    if (folder == job->top)
        snprintf(job->whiteout, sizeof job->whiteout, "%s", name);
    return mknodat(folder, name, S_IFCHR, 0);
}

/* Fills `to` with whiteouts for what is hidden of `folder`, or with copies of what is shown. Takes
 * the descriptor `folder`. */
static int walk(etc_job *job, int folder, etc_layer *to, int depth);

static int walk_entry(
        etc_job *job, int folder, etc_layer *to, const struct dirent64 *entry, int depth)
{
    const char *name = entry->d_name;
    struct stat stat = { .st_mode = S_IFLNK };
    int below = -1;
    bool public = (depth > 0 || is_shown(name)) && depth < DEPTH_MAX;
    if (public && entry->d_type != DT_LNK) {
        if (fstatat(folder, name, &stat, AT_SYMLINK_NOFOLLOW) < 0)
            return errno == ENOENT ? 0 : -1;
        public = is_public(&stat);
    }
    if (public && S_ISDIR(stat.st_mode)) {
        below = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        public = below >= 0;
    }
    if (public && below >= 0)
        return walk(job, below, &(etc_layer){ to, name, -1 }, depth + 1);
    if (public != job->copy) /* shown by what lies below the layer, or hidden by not being copied */
        return 0;
    int fd = layer_fd(to);
    if (fd < 0)
        return -1;
    if (!public)
        return put_whiteout(job, fd, name);
    return S_ISLNK(stat.st_mode) ? copy_link(folder, name, fd)
                                 : copy_file(folder, name, stat.st_mode, fd);
}

/* Without readdir, which would ask and allocate more than it reads: there are many small folders.
 */
static int walk(etc_job *job, int folder, etc_layer *to, int depth)
{
    _Alignas(struct dirent64) char entries[16384];
    int r = folder >= 0 && (!job->copy || layer_fd(to) >= 0) ? 0 : -1;
    ssize_t n = 0;
    while (r == 0 && (n = getdents64(folder, entries, sizeof entries)) > 0)
        for (ssize_t at = 0; r == 0 && at < n;) {
            const struct dirent64 *entry = (const void *)(entries + at);
            at += entry->d_reclen;
            if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                r = walk_entry(job, folder, to, entry, depth);
        }
    int error = errno;
    if (folder >= 0)
        close(folder);
    if (to->fd >= 0 && to->above)
        close(to->fd);
    errno = error;
    return n < 0 ? -1 : r;
}

static int walk_all(int layer, bool copy)
{
    etc_job job = { .copy = copy, .top = layer };
    return walk(
            &job, open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), &(etc_layer){ .fd = layer }, 0);
}

int plr_host_etc_hide(int layer)
{
    return walk_all(layer, false);
}

int plr_host_etc_copy(int layer)
{
    return walk_all(layer, true);
}
