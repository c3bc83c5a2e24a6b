/* SPDX-License-Identifier: MIT */
/* One entry of a layer becomes a file, folder, link, or what an overlay takes for a whiteout. The
 * process can see nothing but the layer's folder, so a link that leads anywhere leads into it. */
#include "backends/local/image/unpack_entry.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backends/local/image/layer_path.h"
#include "backends/local/remove.h"
#include "engine/base/cleanup.h"
#include "engine/base/error.h"

/* Of the list of folders' times. */
#define MOST_FOLDERS ((size_t)64 << 20)

static int failed(const char *what, const char *path, plr_error *err)
{
    if (errno == ENOSPC || errno == EDQUOT)
        return plr_error_set(err, PLR_ERR_SYSTEM, "no space left for %.200s", path);
    return plr_error_set(err, PLR_ERR_SYSTEM, "%s %.200s: %s", what, path, strerror(errno));
}

static bool is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

static int set_opaque(const plr_unpacking *unpacking, const char *path, plr_error *err)
{
    const char *name = unpacking->root ? "trusted.overlay.opaque" : "user.overlay.opaque";
    if (setxattr(*path != '\0' ? path : ".", name, "y", 1, 0) < 0)
        return failed("set the attribute opaque of", path, err);
    return 0;
}

/* A folder that may be there. One that this layer has hidden first is new: nothing shines through.
 */
static int make_folder(plr_unpacking *unpacking, const char *path, mode_t mode, plr_error *err)
{
    struct stat st;
    if (mkdir(path, mode) == 0)
        return 0;
    if (errno != EEXIST || lstat(path, &st) < 0)
        return failed("mkdir", path, err);
    if (S_ISDIR(st.st_mode))
        return 0;
    unpacking->parent[0] = '\0'; /* it may have led through what goes now */
    if (unlink(path) < 0 || mkdir(path, mode) < 0)
        return failed("mkdir", path, err);
    return is_whiteout(&st) ? set_opaque(unpacking, path, err) : 0;
}

/* The folders above; those that the layer does not name are root's. A link is as good as a folder,
 * and its end is looked at when something is put there. */
static int make_parents(plr_unpacking *unpacking, plr_layer_path *path, plr_error *err)
{
    char *slash = strrchr(path->path, '/');
    struct stat st;
    int r = 0;
    if (slash == NULL)
        return 0;
    *slash = '\0';
    bool known = strcmp(path->path, unpacking->parent) == 0;
    if (!known && stat(path->path, &st) == 0 && S_ISDIR(st.st_mode))
        known = true;
    for (char *c = path->path; !known && r == 0 && c != NULL;) {
        c = strchr(c, '/');
        if (c != NULL)
            *c = '\0';
        if (lstat(path->path, &st) < 0 || !S_ISLNK(st.st_mode))
            r = make_folder(unpacking, path->path, 0755, err);
        if (c != NULL)
            *c++ = '/';
    }
    if (r == 0)
        strcpy(unpacking->parent, path->path);
    *slash = '/';
    return r;
}

/* What was there under a name that is given again. */
static int clear(plr_unpacking *unpacking, const char *path, plr_error *err)
{
    unpacking->parent[0] = '\0'; /* it may have been there */
    return plr_remove_tree(AT_FDCWD, path, err);
}

static int make_whiteout(plr_unpacking *unpacking, const char *path, plr_error *err)
{
    struct stat st;
    if (mknod(path, S_IFCHR, makedev(0, 0)) == 0)
        return 0;
    if (errno != EEXIST || lstat(path, &st) < 0)
        return failed("make a whiteout for", path, err);
    /* What this layer itself brings is never hidden by it. */
    return S_ISDIR(st.st_mode) ? set_opaque(unpacking, path, err) : 0;
}

/* Attributes that mean something in any container. Those of overlays would be read as our own. */
static bool is_welcome(const char *name)
{
    return strcmp(name, "security.capability") == 0 ||
           (strncmp(name, "user.", 5) == 0 && strncmp(name, "user.overlay.", 13) != 0);
}

static void set_attributes(plr_unpacking *unpacking, struct archive_entry *entry, const char *path)
{
    const char *name;
    const void *value;
    size_t size;
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
        if (!is_welcome(name) || lsetxattr(path, name, value, size, 0) < 0)
            unpacking->attributes++;
}

static void take_owner(
        plr_unpacking *unpacking, struct archive_entry *entry, uid_t *ret_uid, gid_t *ret_gid)
{
    int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
    bool fits = uid >= 0 && uid < unpacking->uids && gid >= 0 && gid < unpacking->gids;
    *ret_uid = uid >= 0 && uid < unpacking->uids ? (uid_t)uid : 0;
    *ret_gid = gid >= 0 && gid < unpacking->gids ? (gid_t)gid : 0;
    unpacking->squashed += !fits;
}

static void take_times(struct archive_entry *entry, struct timespec times[2])
{
    times[1] = (struct timespec){ archive_entry_mtime(entry), archive_entry_mtime_nsec(entry) };
    times[0] = times[1];
}

/* Owner before mode, since a change of owner takes setuid bits and capabilities away. */
static int set_all(plr_unpacking *unpacking, struct archive_entry *entry, const char *path,
        bool link, plr_error *err)
{
    struct timespec times[2];
    uid_t uid;
    gid_t gid;
    take_owner(unpacking, entry, &uid, &gid);
    take_times(entry, times);
    if (lchown(path, uid, gid) < 0)
        return failed("chown", path, err);
    if (!link && chmod(path, archive_entry_mode(entry) & 07777) < 0)
        return failed("chmod", path, err);
    if (!link)
        set_attributes(unpacking, entry, path);
    if (utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) < 0)
        return failed("set the time of", path, err);
    return 0;
}

static int keep_times(
        plr_unpacking *unpacking, struct archive_entry *entry, const char *path, plr_error *err)
{
    struct timespec times[2];
    take_times(entry, times);
    if (unpacking->folders.size > MOST_FOLDERS)
        return plr_error_set(err, PLR_ERR_IMAGE, "a layer has too many folders");
    plr_buf_put(&unpacking->folders, times, sizeof times);
    plr_buf_put(&unpacking->folders, path, strlen(path) + 1);
    return plr_buf_check(&unpacking->folders, err);
}

int plr_unpack_folders(plr_unpacking *unpacking, plr_error *err)
{
    for (size_t at = 0; at < unpacking->folders.size;) {
        struct timespec times[2];
        const char *path = unpacking->folders.data + at + sizeof times;
        memcpy(times, unpacking->folders.data + at, sizeof times);
        at += sizeof times + strlen(path) + 1;
        /* A later entry may have put something else there. */
        if (utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
            return failed("set the time of", path, err);
    }
    return 0;
}

static int make_directory(
        plr_unpacking *unpacking, struct archive_entry *entry, const char *path, plr_error *err)
{
    int r = make_folder(unpacking, path, 0700, err);
    if (r == 0)
        r = set_all(unpacking, entry, path, false, err);
    return r < 0 ? r : keep_times(unpacking, entry, path, err);
}

static int copy_data(plr_unpacking *unpacking, struct archive *archive, int fd, const char *path,
        int64_t size, plr_error *err)
{
    const void *data;
    size_t n;
    la_int64_t offset;
    int r;
    if (size < 0 || (uint64_t)size > unpacking->most)
        return plr_error_set(err, PLR_ERR_IMAGE, "a layer is too large: %.200s", path);
    while ((r = archive_read_data_block(archive, &data, &n, &offset)) == ARCHIVE_OK) {
        for (size_t done = 0; done < n;) {
            ssize_t m = pwrite(fd, (const char *)data + done, n - done, offset + (off_t)done);
            if (m < 0 && errno != EINTR)
                return failed("write", path, err);
            done += m > 0 ? (size_t)m : 0;
        }
    }
    if (r != ARCHIVE_EOF)
        return plr_error_set(err, PLR_ERR_IMAGE, "a layer is damaged at %.200s: %s", path,
                archive_error_string(archive));
    /* What is a hole at its end was not written. */
    if (ftruncate(fd, size) < 0)
        return failed("write", path, err);
    return 0;
}

static int make_file(plr_unpacking *unpacking, struct archive *archive, struct archive_entry *entry,
        const char *path, plr_error *err)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    _cleanup_close_ int fd = open(path, flags, 0600);
    if (fd < 0 && errno == EEXIST) {
        int r = clear(unpacking, path, err);
        if (r < 0)
            return r;
        fd = open(path, flags, 0600);
    }
    if (fd < 0)
        return failed("make", path, err);
    int r = copy_data(unpacking, archive, fd, path, archive_entry_size(entry), err);
    return r < 0 ? r : set_all(unpacking, entry, path, false, err);
}

static int make_symlink(
        plr_unpacking *unpacking, struct archive_entry *entry, const char *path, plr_error *err)
{
    const char *target = archive_entry_symlink(entry);
    if (target == NULL || *target == '\0')
        return plr_error_set(err, PLR_ERR_IMAGE, "a layer's link leads nowhere: %.200s", path);
    if (symlink(target, path) < 0) {
        int r = errno == EEXIST ? clear(unpacking, path, err) : failed("make the link", path, err);
        if (r < 0)
            return r;
        if (symlink(target, path) < 0)
            return failed("make the link", path, err);
    }
    return set_all(unpacking, entry, path, true, err);
}

static int make_hard_link(
        plr_unpacking *unpacking, const char *target, const char *path, plr_error *err)
{
    static plr_layer_path from; /* large, and this process does one thing at a time */
    struct stat a, b;
    int r = plr_layer_path_read(&from, target, err);
    if (r < 0)
        return r;
    if (from.kind != PLR_LAYER_PLAIN)
        return plr_error_set(err, PLR_ERR_IMAGE, "a layer links %.200s to no file", path);
    if (linkat(AT_FDCWD, from.path, AT_FDCWD, path, 0) == 0)
        return 0;
    if (errno == EEXIST && lstat(from.path, &a) == 0 && lstat(path, &b) == 0) {
        if (a.st_dev == b.st_dev && a.st_ino == b.st_ino)
            return 0;
        r = clear(unpacking, path, err);
        if (r < 0)
            return r;
        if (linkat(AT_FDCWD, from.path, AT_FDCWD, path, 0) == 0)
            return 0;
    }
    if (errno == ENOENT || errno == EPERM || errno == ENOTDIR)
        return plr_error_set(err, PLR_ERR_IMAGE,
                "a layer links %.200s to %.200s, which is no file of the same layer", path,
                from.path);
    return failed("link", path, err);
}

/* Devices and pipes. As an ordinary user there are none; a step gets its /dev from us anyway. */
static int make_node(
        plr_unpacking *unpacking, struct archive_entry *entry, const char *path, plr_error *err)
{
    mode_t type = archive_entry_filetype(entry);
    dev_t device = type == AE_IFIFO ? 0 : archive_entry_rdev(entry);
    if ((type == AE_IFCHR && device == 0) || (type != AE_IFIFO && !unpacking->root) ||
            (type != AE_IFIFO && type != AE_IFCHR && type != AE_IFBLK)) {
        unpacking->devices++;
        return 0;
    }
    if (mknod(path, type | 0600, device) < 0) {
        int r = errno == EEXIST ? clear(unpacking, path, err) : 0;
        if (r < 0)
            return r;
        if (errno == EPERM && type != AE_IFIFO) {
            unpacking->devices++;
            return 0;
        }
        if (mknod(path, type | 0600, device) < 0)
            return failed("make the node", path, err);
    }
    return set_all(unpacking, entry, path, false, err);
}

static int make_plain(plr_unpacking *unpacking, struct archive *archive,
        struct archive_entry *entry, const char *path, plr_error *err)
{
    const char *hard_link = archive_entry_hardlink(entry);
    if (hard_link != NULL)
        return make_hard_link(unpacking, hard_link, path, err);
    switch (archive_entry_filetype(entry)) {
    case AE_IFDIR:
        return make_directory(unpacking, entry, path, err);
    case AE_IFREG:
        return make_file(unpacking, archive, entry, path, err);
    case AE_IFLNK:
        return make_symlink(unpacking, entry, path, err);
    default:
        return make_node(unpacking, entry, path, err);
    }
}

int plr_unpack_entry(plr_unpacking *unpacking, struct archive *archive, struct archive_entry *entry,
        plr_error *err)
{
    static plr_layer_path path;
    const char *name = archive_entry_pathname(entry);
    if (name == NULL)
        return plr_error_set(err, PLR_ERR_IMAGE, "a layer holds an entry without a name");
    int r = plr_layer_path_read(&path, name, err);
    if (r < 0 || path.kind == PLR_LAYER_IGNORED)
        return r;
    if (path.kind == PLR_LAYER_ROOT)
        return archive_entry_filetype(entry) == AE_IFDIR
                       ? make_directory(unpacking, entry, ".", err)
                       : plr_error_set(err, PLR_ERR_IMAGE, "a layer's root is no folder");
    r = make_parents(unpacking, &path, err);
    if (r < 0)
        return r;
    if (path.kind == PLR_LAYER_WHITEOUT)
        return make_whiteout(unpacking, path.path, err);
    if (path.kind == PLR_LAYER_PLAIN)
        return make_plain(unpacking, archive, entry, path.path, err);
    r = *path.path != '\0' ? make_folder(unpacking, path.path, 0755, err) : 0;
    return r < 0 ? r : set_opaque(unpacking, path.path, err);
}
