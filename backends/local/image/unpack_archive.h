/* SPDX-License-Identifier: MIT */
/* Taking an archive of `docker save` or of an OCI layout apart, into a folder of ours. */
#ifndef PLR_IMAGE_UNPACK_ARCHIVE_H
#define PLR_IMAGE_UNPACK_ARCHIVE_H

#include <pipeline/error.h>

/* Regular files, folders and links that stay below `folder_fd`, which must be empty; compressed by
 * gzip or zstd, or not. */
int plr_unpack_archive(const char *path, int folder_fd, plr_error *err);

#endif
