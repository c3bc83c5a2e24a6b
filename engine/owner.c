/* SPDX-License-Identifier: MIT */
/* Who an engine is, for the labels of what it creates: boot, PID namespace, pid, start time.
 * A sweep compares these to see whether the owner still lives. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/engine.h"

static int read_line(const char *path, char *line, size_t size, plr_error *err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, line, size - 1) : -1;
    if (n < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "cannot read %s: %s", path, strerror(errno));
    line[n] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return 0;
}

/* Field 22 of /proc/self/stat; the fields are counted from the last ')', since names hold anything.
 */
static const char *start_time(char *stat)
{
    char *at = strrchr(stat, ')');
    for (int field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        return "0";
    at++;
    at[strcspn(at, " ")] = '\0';
    return at;
}

int plr_owner_text(char **ret_text, plr_error *err)
{
    char boot[64], name_space[64] = "", stat[1024];
    int r = read_line("/proc/sys/kernel/random/boot_id", boot, sizeof boot, err);
    if (r == 0)
        r = read_line("/proc/self/stat", stat, sizeof stat, err);
    if (r < 0)
        return r;
    ssize_t length = readlink("/proc/self/ns/pid", name_space, sizeof name_space - 1);
    if (length < 0)
        return plr_error_set(
                err, PLR_ERR_SYSTEM, "cannot read /proc/self/ns/pid: %s", strerror(errno));
    name_space[length] = '\0';
    const char *inode = strchr(name_space, '[');
    _cleanup_buf_ plr_buf text = { 0 };
    plr_buf_printf(&text, "%s/%.*s/%ld/%s", boot, inode != NULL ? (int)strcspn(inode + 1, "]") : 0,
            inode != NULL ? inode + 1 : "", (long)getpid(), start_time(stat));
    return plr_buf_steal(&text, ret_text, err);
}
