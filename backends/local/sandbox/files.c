/* SPDX-License-Identifier: MIT */
/*
 * Files, and trees of them: everything relative to a descriptor, so that nobody can exchange a
 * folder for a link while we work on it.
 */
#include "backends/local/sandbox/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/base/cleanup.h"

int plr_file_write_text_at(int folder, const char *path, const char *text)
{
    _cleanup_close_ int fd = openat(folder, path, O_WRONLY | O_CLOEXEC);
    size_t size = strlen(text);
    if (fd < 0)
        return -1;
    return write(fd, text, size) == (ssize_t)size ? 0 : -1;
}

int plr_file_write_text(const char *path, const char *text)
{
    return plr_file_write_text_at(AT_FDCWD, path, text);
}

ssize_t plr_file_read_text(int folder, const char *path, char *ret_text, size_t size)
{
    _cleanup_close_ int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, ret_text, size - 1);
    ret_text[n > 0 ? n : 0] = '\0';
    return n;
}

int plr_inside_open(int root, const char *path, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .mode = mode,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    int fd;
    do /* EAGAIN: somebody renames something just now */
        fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    while (fd < 0 && errno == EAGAIN);
    return fd;
}

/* One level that is not there yet. */
static int make_folder(int parent, const char *name, mode_t mode, uid_t uid, gid_t gid)
{
    if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
        return -1;
    int fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    /* mkdir obeys the umask. */
    if (fd >= 0 &&
            (fchmodat(parent, name, mode, 0) < 0 ||
                    ((uid || gid) && fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0))) {
        close(fd);
        return -1;
    }
    return fd;
}

int plr_inside_folder(int root, const char *path, mode_t mode, uid_t uid, gid_t gid)
{
    int fd = plr_inside_open(root, path, O_PATH | O_DIRECTORY, 0);
    if (fd >= 0 || errno != ENOENT)
        return fd;

    _cleanup_free_ char *prefix = strdup(path);
    if (!prefix)
        return -1;
    _cleanup_close_ int parent = plr_inside_open(root, "/", O_PATH | O_DIRECTORY, 0);
    for (char *at = prefix; parent >= 0;) {
        at += strspn(at, "/");
        if (*at == '\0')
            return steal_fd(&parent);
        char *end = at + strcspn(at, "/");
        char after = *end;
        *end = '\0';
        fd = plr_inside_open(root, prefix, O_PATH | O_DIRECTORY, 0);
        if (fd < 0 && errno == ENOENT)
            fd = make_folder(parent, at, mode, uid, gid);
        *end = after;
        close(parent);
        parent = fd;
        at = end;
    }
    return -1;
}

int plr_inside_parent(int root, const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (!slash || *name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        errno = EISDIR;
        return -1;
    }
    _cleanup_free_ char *folder = strndup(path, (size_t)(slash - path) + 1);
    if (!folder)
        return -1;
    int fd = plr_inside_folder(root, folder, 0755, 0, 0);
    if (fd >= 0)
        *ret_name = name;
    return fd;
}

int plr_inside_target(int root, const char *path, bool folder)
{
    const char *name;
    if (folder)
        return plr_inside_folder(root, path, 0755, 0, 0);
    int fd = plr_inside_open(root, path, O_PATH, 0);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    _cleanup_close_ int parent = plr_inside_parent(root, path, &name);
    if (parent < 0)
        return -1;
    _cleanup_close_ int made =
            openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    return made < 0 ? -1 : openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

static int open_to_empty(int parent, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(parent, name, flags);
    /* An overlay's own folder of work has no rights at all. */
    if (fd < 0 && errno == EACCES && fchmodat(parent, name, 0700, 0) == 0)
        fd = openat(parent, name, flags);
    return fd;
}

static int remove_folder(int parent, const char *name)
{
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if (errno != ENOTEMPTY && errno != EACCES)
        return -1;
    int folder = open_to_empty(parent, name);
    if (folder < 0 || plr_tree_empty(folder) < 0)
        return -1;
    return unlinkat(parent, name, AT_REMOVEDIR);
}

int plr_tree_remove(int parent, const char *name)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    return errno == EISDIR || errno == EPERM ? remove_folder(parent, name) : -1;
}

static int empty(int folder, char *entries, size_t size)
{
    int failed = 0;
    ssize_t n;
    while ((n = getdents64(folder, entries, size)) > 0)
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *entry = (const void *)(entries + at);
            const char *name = entry->d_name;
            at += entry->d_reclen;
            if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                continue;
            if ((entry->d_type == DT_DIR ? remove_folder : plr_tree_remove)(folder, name) < 0)
                failed = errno;
        }
    if (n < 0)
        return -1;
    errno = failed;
    return failed ? -1 : 0;
}

/* Without readdir, which asks and allocates more: most folders have a name or two in them. A step
 * may have nested them as deep as it likes, so what they are read into is not on the stack. */
int plr_tree_empty(int folder)
{
    enum { SIZE = 4096 };
    _cleanup_close_ int open = folder;
    _cleanup_free_ char *entries = malloc(SIZE);
    struct stat stat;
    if (!entries)
        return -1;
    /* A folder of the user's that nobody may write to. */
    if (fstat(folder, &stat) == 0 && (stat.st_mode & 0700) != 0700)
        fchmod(folder, 0700);
    return empty(open, entries, SIZE);
}
