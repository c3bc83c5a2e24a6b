/* SPDX-License-Identifier: MIT */
/*
 * What opening and reading a file takes without a libc.
 */
#include "init/file.h"
#include "init/syscall.h"

int plr_file_open(int folder, const char *path, int flags)
{
    return (int)PLR_SYSCALL(openat, folder, path, flags | PLR_CLOEXEC, 0644);
}

long plr_file_read(int folder, const char *path, int flags, char *to, size_t size)
{
    size_t have = 0;
    long n;
    int fd = plr_file_open(folder, path, flags | PLR_NONBLOCK);
    if (fd < 0)
        return fd;
    do {
        n = PLR_SYSCALL(read, fd, to + have, size - have);
        if (n > 0)
            have += (size_t)n;
    } while (n > 0 && have < size);
    PLR_SYSCALL(close, fd);
    return n < 0 ? n : (long)have;
}
