/* SPDX-License-Identifier: MIT */
/* The unpacking process: takes the layer's lock, goes below the layer's folder, and reads the file
 * through two archives of libarchive's: the first takes the compression off, what comes out of it
 * is hashed for the diff id, and the second reads it as a tar. */
#include "backends/local/image/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/local/image/unpack_entry.h"
#include "backends/local/remove.h"
#include "backends/local/userns.h"
#include "engine/base/error.h"
#include "net/digest.h"

#define PIECE ((size_t)256 << 10)
#define MOST_ENTRIES 2000000u
#define PROGRESS ((uint64_t)4 << 20)

typedef struct layer_job {
    const char *diff_id; /* "sha256:…" */
    uint64_t most;       /* bytes that may come out */
    int file;            /* the compressed layer, growing */
    uint64_t available, taken;
    bool whole;
    char *piece, *tar_piece;
    struct archive *packed, *tar;
    plr_digest *digest; /* of the tar */
    uint64_t unpacked, told;
    plr_error error; /* why a reader stopped */
    plr_unpacking unpacking;
} layer_job;

static void say(plr_unpack_kind kind, int code, uint64_t number, const char *text)
{
    plr_unpack_word word = { .kind = kind, .code = code, .number = number };
    if (text != NULL)
        snprintf(word.text, sizeof word.text, "%s", text);
    /* Less than PIPE_BUF: whole or not at all. A parent that is gone has closed stdin, too. */
    (void)!write(STDOUT_FILENO, &word, sizeof word);
}

/* Waits for the parent's next number. False at the end of stdin. */
static bool hear(layer_job *job)
{
    uint64_t words[64];
    ssize_t n = read(STDIN_FILENO, words, sizeof words);
    if (n < 0 && errno == EINTR)
        return true;
    if (n < (ssize_t)sizeof *words)
        return false;
    /* The parent writes whole words, and only the last one counts. */
    uint64_t last = words[(size_t)n / sizeof *words - 1];
    job->whole = last & PLR_UNPACK_WHOLE;
    job->available = last & ~PLR_UNPACK_WHOLE;
    return true;
}

static la_ssize_t read_packed(struct archive *archive, void *userdata, const void **ret_data)
{
    layer_job *job = userdata;
    while (job->taken == job->available && !job->whole)
        if (!hear(job)) {
            plr_error_set(&job->error, PLR_ERR_CANCELLED, "given up");
            archive_set_error(archive, ECANCELED, "given up");
            return ARCHIVE_FATAL;
        }
    uint64_t left = job->available - job->taken;
    ssize_t n =
            pread(job->file, job->piece, left < PIECE ? (size_t)left : PIECE, (off_t)job->taken);
    if (n < 0 || (n == 0 && left > 0)) {
        archive_set_error(archive, n < 0 ? errno : EIO, "its file cannot be read");
        return ARCHIVE_FATAL;
    }
    job->taken += (uint64_t)n;
    *ret_data = job->piece;
    return n;
}

static la_ssize_t read_tar(struct archive *archive, void *userdata, const void **ret_data)
{
    layer_job *job = userdata;
    la_ssize_t n = archive_read_data(job->packed, job->tar_piece, PIECE);
    if (n < 0) {
        plr_error_set(&job->error, PLR_ERR_IMAGE, "a layer cannot be decompressed: %s",
                archive_error_string(job->packed));
        archive_set_error(archive, EIO, "cannot be decompressed");
        return ARCHIVE_FATAL;
    }
    plr_digest_update(job->digest, job->tar_piece, (size_t)n);
    job->unpacked += (uint64_t)n;
    if (job->unpacked > job->most) {
        plr_error_set(&job->error, PLR_ERR_IMAGE,
                "a layer becomes larger than %llu MiB, which for its size is not believed",
                (unsigned long long)(job->most >> 20));
        archive_set_error(archive, EFBIG, "too large");
        return ARCHIVE_FATAL;
    }
    if (job->unpacked - job->told >= PROGRESS) {
        job->told = job->unpacked;
        say(PLR_UNPACK_PROGRESS, 0, job->unpacked, NULL);
    }
    *ret_data = job->tar_piece;
    return n;
}

static int open_archives(layer_job *job, plr_error *err)
{
    struct archive_entry *entry;
    job->piece = malloc(PIECE);
    job->tar_piece = malloc(PIECE);
    job->packed = archive_read_new();
    job->tar = archive_read_new();
    if (job->piece == NULL || job->tar_piece == NULL || job->packed == NULL || job->tar == NULL)
        return plr_error_nomem(err);
    /* Not "all": some of libarchive's filters run programs. */
    archive_read_support_filter_gzip(job->packed);
    archive_read_support_filter_zstd(job->packed);
    archive_read_support_format_raw(job->packed);
    archive_read_support_format_empty(job->packed);
    archive_read_support_format_tar(job->tar);
    archive_read_support_format_empty(job->tar);
    if (archive_read_open(job->packed, job, NULL, read_packed, NULL) != ARCHIVE_OK ||
            archive_read_next_header(job->packed, &entry) != ARCHIVE_OK)
        return plr_error_set(err, PLR_ERR_IMAGE, "a layer is neither gzip nor zstd nor tar: %s",
                archive_error_string(job->packed));
    if (archive_read_open(job->tar, job, NULL, read_tar, NULL) != ARCHIVE_OK)
        return plr_error_set(
                err, PLR_ERR_IMAGE, "a layer is no tar: %s", archive_error_string(job->tar));
    return 0;
}

/* The names of entries come as bytes: in the C locale libarchive gives those that are not ASCII as
 * they are, with a warning that says so. */
static int unpack_entries(layer_job *job, plr_error *err)
{
    struct archive_entry *entry;
    unsigned n = 0;
    int r;
    while ((r = archive_read_next_header(job->tar, &entry)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
        if (++n > MOST_ENTRIES)
            return plr_error_set(
                    err, PLR_ERR_IMAGE, "a layer has more than %u entries", MOST_ENTRIES);
        r = plr_unpack_entry(&job->unpacking, job->tar, entry, err);
        if (r < 0)
            return r;
    }
    if (r != ARCHIVE_EOF)
        return plr_error_set(
                err, PLR_ERR_IMAGE, "a layer is damaged: %s", archive_error_string(job->tar));
    return plr_unpack_folders(&job->unpacking, err);
}

/* Behind the last entry there may be more, which counts for the diff id. */
static int finish(layer_job *job, plr_error *err)
{
    const void *data;
    la_ssize_t n;
    while ((n = read_tar(job->tar, job, &data)) > 0)
        ;
    if (n < 0)
        return plr_error_set(err, PLR_ERR_IMAGE, "a layer is damaged at its end");
    /* All of the file is read, but only the parent knows whether it is the right one. */
    while (!job->whole)
        if (!hear(job))
            return plr_error_set(err, PLR_ERR_CANCELLED, "given up");
    return plr_digest_check(job->digest, "a layer, decompressed,", err);
}

/* 1 if the layer is there, 0 if it is ours to make. Old pieces of it are nobody's: we have the
 * lock.
 */
static int take_layer(int layers, const char *hex, plr_error *err)
{
    char name[96];
    struct stat st;
    snprintf(name, sizeof name, ".lock-%s", hex);
    /* Never closed: the end of the process lets go of it. */
    int lock = openat(layers, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "open %s: %s", name, strerror(errno));
    if (flock(lock, LOCK_EX | LOCK_NB) < 0) {
        say(PLR_UNPACK_WAITING, 0, 0, NULL);
        while (flock(lock, LOCK_EX) < 0)
            if (errno != EINTR)
                return plr_error_set(err, PLR_ERR_SYSTEM, "flock %s: %s", name, strerror(errno));
    }
    if (fstatat(layers, hex, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        return 1;
    return 0;
}

/* The layer's folder becomes the root; what the process has open beside it is the layer's file. */
static int go_below(layer_job *job, int layers, const char *hex, plr_error *err)
{
    char name[96];
    plr_userns_ids ids = { UINT32_MAX, UINT32_MAX, { 0 } };
    int r = 0;
    job->unpacking.root = geteuid() == 0;
    if (!job->unpacking.root)
        r = plr_userns_enter(&ids, err);
    if (r < 0)
        return r;
    job->unpacking.uids = ids.uids;
    job->unpacking.gids = ids.gids;
    job->unpacking.most = job->most;
    snprintf(name, sizeof name, ".new-%s", hex);
    r = plr_remove_tree(layers, name, err);
    if (r < 0)
        return r;
    if (mkdirat(layers, name, 0755) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "mkdir %s: %s", name, strerror(errno));
    /* glibc reads its list of character sets when it first converts: not in there. */
    iconv_t warm = iconv_open("ASCII", "UTF-8");
    if (warm != (iconv_t)-1)
        iconv_close(warm);
    int folder = openat(layers, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0 || fchdir(folder) < 0 || chroot(".") < 0 || chdir("/") < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "chroot to %s: %s", name, strerror(errno));
    close(folder);
    umask(0);
    return 0;
}

static int work(layer_job *job, plr_error *err)
{
    int r = plr_digest_new(&job->digest, job->diff_id, err);
    if (r == 0)
        r = open_archives(job, err);
    if (r == 0)
        r = unpack_entries(job, err);
    if (r == 0)
        r = finish(job, err);
    /* The readers know better than who asked them. */
    if (r < 0 && job->error.code != PLR_OK)
        *err = job->error;
    return r;
}

static void tell_notes(const layer_job *job)
{
    char text[200];
    const plr_unpacking *u = &job->unpacking;
    if (u->squashed > 0) {
        snprintf(text, sizeof text,
                "%llu files have owners that are not mapped here: they are root's",
                (unsigned long long)u->squashed);
        say(PLR_UNPACK_NOTE, 0, 0, text);
    }
    if (u->devices > 0) {
        snprintf(text, sizeof text, "%llu device nodes were left out",
                (unsigned long long)u->devices);
        say(PLR_UNPACK_NOTE, 0, 0, text);
    }
    if (u->attributes > 0) {
        snprintf(text, sizeof text, "%llu extended attributes were left out",
                (unsigned long long)u->attributes);
        say(PLR_UNPACK_NOTE, 0, 0, text);
    }
}

static int unpack(layer_job *job, const char *path, const char *folder, plr_error *err)
{
    const char *hex = plr_digest_hex(job->diff_id);
    int layers = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (layers < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "%s: %s", folder, strerror(errno));
    int r = take_layer(layers, hex, err);
    if (r != 0) {
        if (r > 0)
            say(PLR_UNPACK_PRESENT, 0, 0, NULL);
        return r;
    }
    job->file = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    if (job->file < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "open %s: %s", path, strerror(errno));
    r = go_below(job, layers, hex, err);
    if (r < 0)
        return r;
    /* Out of the layer's reach, but for its removal if this fails. */
    say(PLR_UNPACK_READY, 0, 0, NULL);
    r = work(job, err);
    if (r == 0 && syncfs(layers) < 0)
        r = plr_error_set(err, PLR_ERR_SYSTEM, "no space left: %s", strerror(errno));
    if (r < 0) {
        char name[96];
        plr_error ignored = { 0 };
        snprintf(name, sizeof name, ".new-%s", hex);
        plr_remove_tree(layers, name, &ignored);
        return r;
    }
    tell_notes(job);
    say(PLR_UNPACK_DONE, 0, job->unpacked, NULL);
    while (hear(job))
        ;
    return 0;
}

int plr_unpack_main(char **arguments)
{
    layer_job job = { 0 };
    plr_error err = { 0 };
    int n = 0;
    while (arguments[n] != NULL)
        n++;
    if (n != 4 || !plr_digest_is_valid(arguments[2]))
        return 2;
    prctl(PR_SET_NAME, "plr-unpack");
    job.diff_id = arguments[2];
    job.most = strtoull(arguments[3], NULL, 10);
    int r = unpack(&job, arguments[0], arguments[1], &err);
    if (r < 0)
        say(PLR_UNPACK_FAILED, err.code, 0, err.message);
    return r < 0 ? 1 : 0;
}
