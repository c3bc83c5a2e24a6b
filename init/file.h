/* SPDX-License-Identifier: MIT */
/* Files: opened, and small ones read in one go. */
#ifndef PLR_INIT_FILE_H
#define PLR_INIT_FILE_H

#include <stddef.h>

enum { AT_FDCWD = -100, O_WRONLY = 01, O_CREAT = 0100, O_EXCL = 0200, O_PATH = 010000000 };

/* Returns a descriptor that closes on exec, the caller's to close, or a negative errno. */
int plr_file_open(int folder, const char *path, int flags);

/* Returns how much there is of a file, at most `size`, or a negative errno. Does not wait for a
 * FIFO's writer. */
long plr_file_read(int folder, const char *path, int flags, char *to, size_t size);

#endif
