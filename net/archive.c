/* SPDX-License-Identifier: MIT */
/* One tar in memory for the files of a step: ustar, with a pax record before a file whose path,
 * size or owner does not fit. Ours, because libarchive costs 2 MB of each run's memory
 * (docs/decisions.md). */
#include "net/archive.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/error.h"

#define BLOCK 512u

/* POSIX.1-2017, pax, "ustar Interchange Format". Numbers are octal digits. */
typedef struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8];
    char type, link[100], magic[6], version[2], user[32], group[32], major[8], minor[8];
    char prefix[155], padding[12];
} header;

_Static_assert(sizeof(header) == BLOCK, "a header is one block");

static bool put_octal(char *field, size_t size, uint64_t value)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%0*" PRIo64, (int)size - 1, value);
    if ((size_t)length >= size)
        return false;
    memcpy(field, digits, size);
    return true;
}

/* The sum of the header's bytes, with blanks in its own place. */
static void put_checksum(header *h)
{
    unsigned sum = 0;
    memset(h->checksum, ' ', sizeof h->checksum);
    for (size_t i = 0; i < sizeof *h; i++)
        sum += ((const unsigned char *)h)[i];
    put_octal(h->checksum, sizeof h->checksum - 1, sum);
}

static void put_padded(plr_buf *out, const void *data, size_t size)
{
    static const char zeros[BLOCK];
    plr_buf_put(out, data, size);
    plr_buf_put(out, zeros, (BLOCK - size % BLOCK) % BLOCK);
}

static header make_header(char type, size_t size, mode_t mode)
{
    header h = { .type = type, .magic = "ustar", .version = { '0', '0' } };
    put_octal(h.mode, sizeof h.mode, mode & 07777);
    put_octal(h.uid, sizeof h.uid, 0);
    put_octal(h.gid, sizeof h.gid, 0);
    put_octal(h.mtime, sizeof h.mtime, 0);
    put_octal(h.size, sizeof h.size, size);
    return h;
}

/* "<length> <key>=<value>\n", where the length counts its own digits too. */
static void put_record(plr_buf *records, const char *key, const char *value)
{
    size_t rest = strlen(key) + strlen(value) + 3, length = rest + 1;
    for (size_t before = 0; before != length;) {
        before = length;
        length = rest + (size_t)snprintf(NULL, 0, "%zu", length);
    }
    plr_buf_printf(records, "%zu %s=%s\n", length, key, value);
}

static void put_number_record(plr_buf *records, const char *key, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    put_record(records, key, text);
}

static void put_records(plr_buf *out, const plr_buf *records)
{
    header h = make_header('x', records->size, 0644);
    memcpy(h.name, "pax", sizeof "pax");
    put_checksum(&h);
    plr_buf_put(out, &h, sizeof h);
    put_padded(out, records->data, records->size);
}

static int put_file(plr_buf *out, const plr_archive_file *file, plr_error *err)
{
    _cleanup_buf_ plr_buf records = { 0 };
    header h = make_header('0', file->size, file->mode);
    const char *path = file->path + strspn(file->path, "/");
    size_t length = strlen(path);
    if (length == 0)
        return plr_error_set(err, PLR_ERR_CONFIGURATION, "\"%s\" is no path of a file", file->path);
    memcpy(h.name, path, length < sizeof h.name ? length : sizeof h.name);
    if (length > sizeof h.name)
        put_record(&records, "path", path);
    if (!put_octal(h.size, sizeof h.size, file->size))
        put_number_record(&records, "size", file->size);
    if (!put_octal(h.uid, sizeof h.uid, file->uid))
        put_number_record(&records, "uid", file->uid);
    if (!put_octal(h.gid, sizeof h.gid, file->gid))
        put_number_record(&records, "gid", file->gid);
    put_checksum(&h);
    if (records.size > 0)
        put_records(out, &records);
    plr_buf_put(out, &h, sizeof h);
    put_padded(out, file->data, file->size);
    out->failed |= records.failed;
    return 0;
}

int plr_archive_write(const plr_archive_file *files, size_t n_files, plr_buf *out, plr_error *err)
{
    static const char trailer[2 * BLOCK];
    size_t before = out->size;
    int r = 0;
    for (size_t i = 0; i < n_files && r == 0; i++)
        r = put_file(out, &files[i], err);
    plr_buf_put(out, trailer, sizeof trailer);
    if (r == 0)
        r = plr_buf_check(out, err);
    if (r < 0) {
        plr_buf_truncate(out, before);
    }
    return r;
}
