/* SPDX-License-Identifier: MIT */
/* An archive of an image is a stranger's too: every path is opened so that it cannot leave the
 * folder, and what is no plain file is left out. */
#include "backends/local/image/unpack_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backends/local/image/layer_path.h"
#include "engine/base/cleanup.h"
#include "engine/base/error.h"

#define MOST_FILES 20000u

static int open_below(int folder_fd, const char *path, unsigned long long flags)
{
    struct open_how how = {
        .flags = flags | O_CLOEXEC,
        .mode = flags & O_CREAT ? 0600 : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };
    return (int)syscall(SYS_openat2, folder_fd, path, &how, sizeof how);
}

/* The folder that holds `path`, made if missing; `*ret_name` is the last part. */
static int open_parent(int folder_fd, char *path, const char **ret_name)
{
    char *slash = strrchr(path, '/');
    *ret_name = slash != NULL ? slash + 1 : path;
    for (char *c = path; slash != NULL && c != NULL && c <= slash; c++) {
        c = strchr(c, '/');
        *c = '\0';
        int r = mkdirat(folder_fd, path, 0700); /* no link is followed at its end */
        int fd = r == 0 || errno == EEXIST ? open_below(folder_fd, path, O_PATH | O_DIRECTORY) : -1;
        if (c == slash || fd < 0)
            return fd;
        close(fd);
        *c = '/';
    }
    return open_below(folder_fd, ".", O_PATH | O_DIRECTORY);
}

static int copy_file(struct archive *archive, int fd, plr_error *err)
{
    const void *data;
    size_t size;
    la_int64_t offset;
    int r;
    while ((r = archive_read_data_block(archive, &data, &size, &offset)) == ARCHIVE_OK)
        for (size_t done = 0; done < size;) {
            ssize_t n = pwrite(fd, (const char *)data + done, size - done, offset + (off_t)done);
            if (n < 0 && errno != EINTR)
                return plr_error_set(err, PLR_ERR_SYSTEM, "write: %s", strerror(errno));
            done += n > 0 ? (size_t)n : 0;
        }
    if (r != ARCHIVE_EOF)
        return plr_error_set(
                err, PLR_ERR_IMAGE, "the archive is damaged: %s", archive_error_string(archive));
    return 0;
}

static int take(struct archive *archive, struct archive_entry *entry, int folder_fd, plr_error *err)
{
    static plr_layer_path path;
    const char *name = archive_entry_pathname(entry);
    const char *link = archive_entry_symlink(entry);
    mode_t type = archive_entry_filetype(entry);
    int r = plr_layer_path_read(&path, name != NULL ? name : "", err);
    if (r < 0 || path.kind != PLR_LAYER_PLAIN || archive_entry_hardlink(entry) != NULL ||
            (type != AE_IFREG && type != AE_IFLNK))
        return r;
    const char *last;
    _cleanup_close_ int parent = open_parent(folder_fd, path.path, &last);
    if (parent < 0)
        return plr_error_set(err, PLR_ERR_IMAGE, "the archive's %.200s: %s", name, strerror(errno));
    /* Old archives name equal layers once and link the others. Reading follows links below only. */
    if (type == AE_IFLNK && link != NULL && symlinkat(link, parent, last) == 0)
        return 0;
    _cleanup_close_ int fd =
            type == AE_IFREG ? openat(parent, last,
                                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)
                             : -1;
    if (fd < 0)
        return plr_error_set(err, PLR_ERR_IMAGE, "the archive's %.200s: %s", name, strerror(errno));
    return copy_file(archive, fd, err);
}

int plr_unpack_archive(const char *path, int folder_fd, plr_error *err)
{
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    unsigned n = 0;
    int r = 0, state = ARCHIVE_OK;
    if (archive == NULL)
        return plr_error_nomem(err);
    archive_read_support_filter_gzip(archive);
    archive_read_support_filter_zstd(archive);
    archive_read_support_format_tar(archive);
    if (archive_read_open_filename(archive, path, (size_t)256 << 10) != ARCHIVE_OK)
        r = plr_error_set(err, PLR_ERR_IMAGE, "%s is no archive of an image: %s", path,
                archive_error_string(archive));
    while (r == 0 && ((state = archive_read_next_header(archive, &entry)) == ARCHIVE_OK ||
                             state == ARCHIVE_WARN))
        r = ++n <= MOST_FILES ? take(archive, entry, folder_fd, err)
                              : plr_error_set(err, PLR_ERR_IMAGE, "%s has too many files", path);
    if (r == 0 && state != ARCHIVE_EOF)
        r = plr_error_set(
                err, PLR_ERR_IMAGE, "%s is damaged: %s", path, archive_error_string(archive));
    archive_read_free(archive);
    return r;
}
