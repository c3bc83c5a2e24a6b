/* SPDX-License-Identifier: MIT */
/* Reads a regular file without ever waiting: what is none (a pipe, a device) could block. */
#include "net/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/error.h"

int plr_file_read(plr_buf *out, const char *path, size_t most, plr_error *err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return plr_error_set(err, PLR_ERR_CONFIGURATION, "%s: %s", path, strerror(errno));
    /* A device has no size and so reads as empty: /dev/null is what people name for "none". */
    if ((!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode)) || st.st_size > (off_t)most)
        return plr_error_set(
                err, PLR_ERR_CONFIGURATION, "%s: no regular file of at most %zu bytes", path, most);
    int r = plr_buf_reserve(out, (size_t)st.st_size, err);
    size_t end = out->size + (size_t)st.st_size;
    while (r == 0 && out->size < end) {
        ssize_t n = read(fd, out->data + out->size, end - out->size);
        if (n < 0 && errno != EINTR)
            r = plr_error_set(err, PLR_ERR_CONFIGURATION, "%s: %s", path, strerror(errno));
        else if (n == 0)
            break;
        else if (n > 0)
            out->size += (size_t)n;
    }
    if (r == 0 && out->data != NULL)
        out->data[out->size] = '\0';
    return r;
}
