/* SPDX-License-Identifier: MIT */
/* Removing trees without recursion: folders are moved up and emptied one after the other, so
 * neither the stack nor the number of open files grows with the depth. */
#include "backends/local/remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/error.h"

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static DIR *open_folder(int parent_fd, const char *name)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == EACCES && fchmodat(parent_fd, name, 0700, 0) == 0)
        fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    DIR *folder = fdopendir(fd);
    if (folder == NULL)
        close(fd);
    return folder;
}

/* Removes what is in a folder but for folders that are not empty: those go up into `top_fd`. */
static int empty(int parent_fd, const char *name, int top_fd, unsigned long *number)
{
    DIR *folder = open_folder(parent_fd, name);
    struct dirent *entry;
    int error = folder == NULL ? errno : 0;
    while (error == 0 && (entry = readdir(folder)) != NULL) {
        char moved[32];
        if (is_dots(entry->d_name) || unlinkat(dirfd(folder), entry->d_name, 0) == 0)
            continue;
        if (errno == EISDIR && unlinkat(dirfd(folder), entry->d_name, AT_REMOVEDIR) == 0)
            continue;
        bool full = errno == ENOTEMPTY || errno == EEXIST;
        error = full ? 0 : errno;
        while (full) {
            snprintf(moved, sizeof moved, ".removed-%lu", (*number)++);
            if (renameat2(dirfd(folder), entry->d_name, top_fd, moved, RENAME_NOREPLACE) == 0)
                break;
            full = errno == EEXIST;
            error = full ? 0 : errno;
        }
    }
    if (folder != NULL)
        closedir(folder);
    return error;
}

int plr_remove_tree(int parent_fd, const char *name, plr_error *err)
{
    unsigned long number = 0;
    int error = 0;
    if (unlinkat(parent_fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    DIR *top = errno == EISDIR || errno == EPERM ? open_folder(parent_fd, name) : NULL;
    if (top == NULL)
        return plr_error_set(err, PLR_ERR_SYSTEM, "remove %s: %s", name, strerror(errno));
    for (bool any = true; any && error == 0;) {
        struct dirent *entry;
        any = false;
        rewinddir(top);
        while (error == 0 && (entry = readdir(top)) != NULL) {
            if (is_dots(entry->d_name) || unlinkat(dirfd(top), entry->d_name, 0) == 0)
                continue;
            any = true;
            if (errno != EISDIR)
                error = errno;
            else if (unlinkat(dirfd(top), entry->d_name, AT_REMOVEDIR) < 0)
                error = empty(dirfd(top), entry->d_name, dirfd(top), &number);
        }
    }
    closedir(top);
    if (error == 0 && unlinkat(parent_fd, name, AT_REMOVEDIR) < 0)
        error = errno;
    return error == 0 ? 0
                      : plr_error_set(err, PLR_ERR_SYSTEM, "remove %s: %s", name, strerror(error));
}
