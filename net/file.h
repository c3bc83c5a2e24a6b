/* SPDX-License-Identifier: MIT */
/* A small file that somebody named (credentials, tokens, kubeconfig), read whole. */
#ifndef PLR_NET_FILE_H
#define PLR_NET_FILE_H

#include "engine/base/buf.h"

/* Appends all of a regular file of at most `most` bytes, nothing of /dev/null.
 * PLR_ERR_CONFIGURATION names the file. */
int plr_file_read(plr_buf *out, const char *path, size_t most, plr_error *err);

#endif
