/* SPDX-License-Identifier: MIT */
/* One tar in memory for the files of a step, as daemons and pods unpack it at their root. */
#ifndef PLR_NET_ARCHIVE_H
#define PLR_NET_ARCHIVE_H

#include <stddef.h>
#include <sys/types.h>

#include <pipeline/error.h>

#include "engine/base/buf.h"

typedef struct plr_archive_file {
    const char *path; /* absolute, without "." and ".." */
    const void *data;
    size_t size;
    mode_t mode; /* permission bits */
    uid_t uid;
    gid_t gid;
} plr_archive_file;

/* Appends the archive to `out`: pax (plain ustar where that suffices), regular files with full
 * paths below the root, all times 0 so that equal files give equal bytes, and the trailer.
 * Folders are not in it: an entry for one that is there already would give it another owner and
 * mode (/tmp!), and Docker makes those that are missing, 0755 and root's. */
int plr_archive_write(const plr_archive_file *files, size_t n_files, plr_buf *out, plr_error *err);

#endif
