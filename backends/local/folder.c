/* SPDX-License-Identifier: MIT */
/* The folder of a run and its mark. The mark is written by rename, so that a sweep never reads half
 * of it; a folder without one is of a run that was killed as it began. */
#include "backends/local/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/owner.h"

/* How long past a run's own limit its leftovers are spared, and the limit of runs without one. */
#define DEADLINE_MARGIN_S 900
#define DEADLINE_DEFAULT_S (24 * 3600)

#define SECOND INT64_C(1000000000)

int plr_local_folder_path(char **ret_path, const char *store, const char *id, plr_error *err)
{
    if (asprintf(ret_path, "%s/runs/%s", store, id) >= 0)
        return 0;
    *ret_path = NULL;
    return plr_error_nomem(err);
}

void plr_local_mark_new(plr_local_mark *ret_mark, const plr_run_view *view, int64_t now_s)
{
    int64_t limit_s = DEADLINE_DEFAULT_S;
    bool keep = view->on_loss == PLR_ON_LOSS_KEEP;
    if (view->timeout_ns > 0)
        limit_s = view->timeout_ns / SECOND + DEADLINE_MARGIN_S;
    if (keep && view->keep_ns / SECOND > limit_s)
        limit_s = view->keep_ns / SECOND;
    *ret_mark = (plr_local_mark){
        .created_s = now_s,
        .deadline_s = now_s + limit_s,
        .keep = keep,
    };
    snprintf(
            ret_mark->owner, sizeof(ret_mark->owner), "%s", view->owner == NULL ? "" : view->owner);
}

static int write_mark(const char *path, const plr_local_mark *mark, plr_error *err)
{
    _cleanup_buf_ plr_buf text = { 0 };
    plr_buf_printf(&text, "owner %s\ncreated %" PRId64 "\ndeadline %" PRId64 "\nkeep %d\n",
            mark->owner, mark->created_s, mark->deadline_s, mark->keep);
    if (text.failed)
        return plr_error_nomem(err);
    _cleanup_close_ int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int fd =
            folder < 0 ? -1
                       : openat(folder, ".owner", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t n = fd < 0 ? -1 : write(fd, text.data, text.size);
    if (n >= 0 && n != (ssize_t)text.size)
        errno = ENOSPC; /* what the next write would say */
    if (n != (ssize_t)text.size || renameat(folder, ".owner", folder, "owner") < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "%s/owner: %s", path, strerror(errno));
    return 0;
}

static void take_line(plr_local_mark *mark, const char *key, const char *value)
{
    if (strcmp(key, "owner") == 0)
        snprintf(mark->owner, sizeof(mark->owner), "%s", value);
    else if (strcmp(key, "created") == 0)
        mark->created_s = strtoll(value, NULL, 10);
    else if (strcmp(key, "deadline") == 0)
        mark->deadline_s = strtoll(value, NULL, 10);
    else if (strcmp(key, "keep") == 0)
        mark->keep = value[0] == '1';
}

/* A link that leads nowhere: its text is there at once and whole. A file that replaces another is
 * written to the disk before it may be removed again, and the run's end would wait for that. */
int plr_local_mark_sandbox(const char *path, pid_t sandbox, plr_error *err)
{
    char text[16];
    _cleanup_free_ char *link = NULL;
    snprintf(text, sizeof(text), "%ld", (long)sandbox);
    if (asprintf(&link, "%s/sandbox", path) < 0) {
        link = NULL;
        return plr_error_nomem(err);
    }
    return symlink(text, link) == 0
                   ? 0
                   : plr_error_set(err, PLR_ERR_SYSTEM, "%s: %s", link, strerror(errno));
}

int plr_local_mark_read(plr_local_mark *ret_mark, const char *path, plr_error *err)
{
    char text[1024];
    struct stat info;
    plr_local_mark mark = { 0 };
    _cleanup_close_ int folder = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
        return plr_error_set(err, PLR_ERR_NOTFOUND, "there is no run in %s", path);
    if (folder < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "%s: %s", path, strerror(errno));
    if (fstat(folder, &info) == 0)
        mark.created_s = info.st_mtim.tv_sec;
    _cleanup_close_ int fd =
            openat(folder, "owner", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    char *rest = text, *line;
    while ((line = strsep(&rest, "\n")) != NULL) {
        char *value = strchr(line, ' ');
        if (value == NULL)
            continue;
        *value = '\0';
        take_line(&mark, line, value + 1);
    }
    n = readlinkat(folder, "sandbox", text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    mark.sandbox = (pid_t)strtol(text, NULL, 10);
    *ret_mark = mark;
    return 0;
}

bool plr_local_folder_drop(const char *path)
{
    static const char *const files[] = { "owner", ".owner", "sandbox" };
    _cleanup_close_ int folder = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return errno == ENOENT;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        unlinkat(folder, files[i], 0);
    return rmdir(path) == 0 || errno == ENOENT;
}

/* mkdir -p, for folders that only their owner can enter. */
static int make_folders(const char *path, plr_error *err)
{
    _cleanup_free_ char *copy = strdup(path);
    if (copy == NULL)
        return plr_error_nomem(err);
    for (char *at = copy + 1; *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(copy, 0700) < 0 && errno != EEXIST)
            return plr_error_set(err, PLR_ERR_SYSTEM, "mkdir %s: %s", copy, strerror(errno));
        *at = '/';
    }
    return 0;
}

int plr_local_folder_make(const char *path, const plr_local_mark *mark, plr_error *err)
{
    int r = mkdir(path, 0700);
    if (r < 0 && errno == ENOENT) {
        r = make_folders(path, err);
        if (r < 0)
            return r;
        r = mkdir(path, 0700);
    }
    if (r < 0)
        return plr_error_set(err, errno == EEXIST ? PLR_ERR_STATE : PLR_ERR_SYSTEM, "mkdir %s: %s",
                path, strerror(errno));
    r = write_mark(path, mark, err);
    if (r < 0)
        plr_local_folder_drop(path);
    return r;
}

bool plr_local_mark_is_over(const plr_local_mark *mark, int64_t now_s, const char *proc)
{
    bool late = mark->deadline_s <= now_s;
    switch (plr_owner_look(mark->owner, proc)) {
    case PLR_OWNER_LIVES:
        return false;
    case PLR_OWNER_DEAD:
        return late || !mark->keep;
    default:
        return late;
    }
}
