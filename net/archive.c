/* SPDX-License-Identifier: MIT */
/* One tar in memory for the files of a step, written by libarchive. */
#include "net/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "engine/base/error.h"

/* A file's header and padding, and what pax may put before it. */
#define OVERHEAD 2048u

static la_ssize_t on_write(struct archive *archive, void *userdata, const void *data, size_t size)
{
    if (plr_buf_append(userdata, data, size, NULL) == 0)
        return (la_ssize_t)size;
    archive_set_error(archive, ENOMEM, "out of memory");
    return -1;
}

static int fail(struct archive *archive, const char *what, plr_error *err)
{
    if (archive_errno(archive) == ENOMEM)
        return plr_error_nomem(err);
    const char *text = archive_error_string(archive);
    return plr_error_set(err, PLR_ERR_CONFIGURATION, "%s does not go into an archive: %s", what,
            text != NULL ? text : "no reason given");
}

static int add(struct archive *archive, struct archive_entry *entry, const plr_archive_file *file,
        plr_error *err)
{
    const char *path = file->path;
    while (*path == '/')
        path++;
    if (*path == '\0')
        return plr_error_set(err, PLR_ERR_CONFIGURATION, "\"%s\" is no path of a file", file->path);
    archive_entry_clear(entry);
    archive_entry_set_pathname(entry, path);
    archive_entry_set_filetype(entry, S_IFREG);
    archive_entry_set_perm(entry, file->mode & 07777);
    archive_entry_set_uid(entry, file->uid);
    archive_entry_set_gid(entry, file->gid);
    archive_entry_set_mtime(entry, 0, 0);
    archive_entry_set_size(entry, (la_int64_t)file->size);
    if (archive_write_header(archive, entry) != ARCHIVE_OK)
        return fail(archive, file->path, err);
    if (file->size > 0 && archive_write_data(archive, file->data, file->size) < 0)
        return fail(archive, file->path, err);
    return 0;
}

/* Other paths must be marked as bytes, or libarchive takes them for the process's locale. Only
 * they: each marked file costs two blocks. */
static bool all_ascii(const plr_archive_file *files, size_t n_files)
{
    for (size_t i = 0; i < n_files; i++)
        for (const char *c = files[i].path; *c != '\0'; c++)
            if ((unsigned char)*c >= 0x80)
                return false;
    return true;
}

static int write_all(struct archive *archive, struct archive_entry *entry,
        const plr_archive_file *files, size_t n_files, plr_buf *out, plr_error *err)
{
    if (archive_write_set_format_pax_restricted(archive) != ARCHIVE_OK ||
            (!all_ascii(files, n_files) &&
                    archive_write_set_options(archive, "hdrcharset=BINARY") != ARCHIVE_OK) ||
            archive_write_set_bytes_per_block(archive, 0) != ARCHIVE_OK ||
            archive_write_open(archive, out, NULL, on_write, NULL) != ARCHIVE_OK)
        return fail(archive, "nothing", err);
    for (size_t i = 0; i < n_files; i++) {
        int r = add(archive, entry, &files[i], err);
        if (r < 0)
            return r;
    }
    return archive_write_close(archive) == ARCHIVE_OK ? 0 : fail(archive, "the end", err);
}

int plr_archive_write(const plr_archive_file *files, size_t n_files, plr_buf *out, plr_error *err)
{
    size_t total = OVERHEAD;
    for (size_t i = 0; i < n_files; i++)
        total += files[i].size + OVERHEAD;
    int r = plr_buf_reserve(out, total, err);
    if (r < 0)
        return r;
    size_t before = out->size;
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    if (archive == NULL || entry == NULL)
        r = plr_error_nomem(err);
    else
        r = write_all(archive, entry, files, n_files, out, err);
    if (entry != NULL)
        archive_entry_free(entry);
    if (archive != NULL)
        archive_write_free(archive); /* closes what is open, into `out` */
    if (r < 0)
        out->size = before;
    return r;
}
