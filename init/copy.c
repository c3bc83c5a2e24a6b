/* SPDX-License-Identifier: MIT */
/*
 * Open, read, write, fchmod: the mode is set at the end, and whatever the mask of new files is.
 */
#include "init/copy.h"
#include "init/file.h"
#include "init/syscall.h"
#include "init/text.h"

static long write_all(int fd, const char *data, long size)
{
    long done = 0;
    while (done < size) {
        long n = PLR_SYSCALL(write, fd, data + done, size - done);
        if (n < 0)
            return n;
        done += n;
    }
    return 0;
}

static long copy_bytes(int from, int to)
{
    char piece[4096];
    long n, error = 0;
    while (error == 0 && (n = PLR_SYSCALL(read, from, piece, sizeof piece)) != 0)
        error = n < 0 ? n : write_all(to, piece, n);
    return error;
}

int plr_copy(const char *from, const char *to, const char *mode)
{
    uint64_t bits;
    if (!plr_text_number(mode, 07777, &bits))
        return -PLR_EINVAL;
    int source = plr_file_open(AT_FDCWD, from, 0);
    if (source < 0)
        return source;
    int target =
            (int)PLR_SYSCALL(openat, AT_FDCWD, to, O_WRONLY | O_CREAT | O_EXCL | PLR_CLOEXEC, 0600);
    if (target < 0)
        return target;
    long error = copy_bytes(source, target);
    if (error == 0)
        error = PLR_SYSCALL(fchmod, target, bits);
    /* Descriptors end with the init, which does nothing else. */
    return (int)error;
}
