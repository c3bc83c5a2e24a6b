/* SPDX-License-Identifier: MIT */
/* Making user namespaces usable: the ranges that the machine's administrator gave the user, written
 * by the setuid programs of the shadow suite, or the user's own id alone. */
#include "backends/local/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/cleanup.h"
#include "engine/base/error.h"

extern char **environ;

#define MOST_RANGES 8
#define NAME_SIZE 256 /* what login names may have */

typedef struct range {
    unsigned first, size;
} range;

typedef struct ranges {
    range items[MOST_RANGES];
    unsigned n, ids;
} ranges;

/* A line of /etc/subuid: "name:first:count", the name may be a number. */
static void take_line(ranges *all, char *line, const char *name, const char *number)
{
    char *rest = line, *end;
    const char *who = strsep(&rest, ":");
    if (rest == NULL || (strcmp(who, name) != 0 && strcmp(who, number) != 0))
        return;
    unsigned long first = strtoul(rest, &end, 10);
    unsigned long size = *end == ':' ? strtoul(end + 1, &end, 10) : 0;
    if (all->n == MOST_RANGES || size == 0 || first == 0 || first + size > UINT32_MAX ||
            all->ids + size > UINT32_MAX / 2)
        return;
    all->items[all->n++] = (range){ (unsigned)first, (unsigned)size };
    all->ids += (unsigned)size;
}

static void read_ranges(ranges *all, const char *path, const char *name, const char *number)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    *all = (ranges){ 0 };
    while (file != NULL && getline(&line, &size, file) > 0)
        take_line(all, line, name, number);
    free(line);
    if (file != NULL)
        fclose(file);
}

/* `output`: what it prints to, -1: what we do. -1: it could not be started. */
static pid_t start(char **argv, int output)
{
    posix_spawn_file_actions_t actions;
    pid_t child;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return -1;
    int r = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (r == 0 && output >= 0)
        r = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (r == 0)
        r = posix_spawnp(&child, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return r == 0 ? child : -1;
}

static bool wait_for(pid_t child)
{
    int status = -1;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The name that lines like those of /etc/passwd give a number. Takes `lines`. */
static bool find_name(FILE *lines, const char *number, char *ret_name)
{
    char *line = NULL;
    size_t size = 0;
    bool found = false;
    while (!found && lines != NULL && getline(&line, &size, lines) > 0) {
        char *rest = line;
        const char *name = strsep(&rest, ":");
        strsep(&rest, ":");
        const char *id = strsep(&rest, ":");
        found = id != NULL && strcmp(id, number) == 0;
        if (found)
            snprintf(ret_name, NAME_SIZE, "%s", name);
    }
    free(line);
    if (lines != NULL)
        fclose(lines);
    return found;
}

/* Not by getpwuid: the libc loads modules for it, which a static program cannot. getent can, and is
 * asked for whom /etc/passwd does not know. Who has no name has his number. */
static void name_user(const char *number, char *ret_name)
{
    char *argv[] = { "getent", "passwd", (char *)(uintptr_t)number, NULL };
    int line[2];
    if (find_name(fopen("/etc/passwd", "re"), number, ret_name))
        return;
    snprintf(ret_name, NAME_SIZE, "%s", number);
    if (pipe2(line, O_CLOEXEC) < 0)
        return;
    pid_t child = start(argv, line[1]);
    close(line[1]);
    FILE *lines = fdopen(line[0], "r");
    if (lines == NULL)
        close(line[0]);
    find_name(lines, number, ret_name);
    wait_for(child);
}

/* newuidmap PID 0 OWN 1 1 FIRST SIZE …; true if it did. */
static bool run_map(const char *program, pid_t pid, unsigned own, const ranges *all)
{
    enum { FIXED = 5 };
    char texts[FIXED + 3 * MOST_RANGES][16];
    char *argv[1 + FIXED + 3 * MOST_RANGES + 1] = { (char *)(uintptr_t)program };
    unsigned n = 0, next = 1;
    unsigned fixed[4] = { (unsigned)pid, 0, own, 1 };
    for (unsigned i = 0; i < 4; i++)
        snprintf(texts[n++], sizeof texts[0], "%u", fixed[i]);
    for (unsigned i = 0; i < all->n; i++) {
        snprintf(texts[n++], sizeof texts[0], "%u", next);
        snprintf(texts[n++], sizeof texts[0], "%u", all->items[i].first);
        snprintf(texts[n++], sizeof texts[0], "%u", all->items[i].size);
        next += all->items[i].size;
    }
    for (unsigned i = 0; i < n; i++)
        argv[1 + i] = texts[i];

    return wait_for(start(argv, -1));
}

static int write_file(pid_t pid, const char *name, const char *text, plr_error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "%s: %s", path, strerror(errno));
    return 0;
}

static int map_one(pid_t pid, plr_error *err)
{
    char uid[32], gid[32];
    snprintf(uid, sizeof uid, "0 %u 1\n", geteuid());
    snprintf(gid, sizeof gid, "0 %u 1\n", getegid());
    int r = write_file(pid, "setgroups", "deny", err);
    if (r == 0)
        r = write_file(pid, "gid_map", gid, err);
    return r < 0 ? r : write_file(pid, "uid_map", uid, err);
}

int plr_userns_map(pid_t pid, plr_userns_ids *ret_ids, plr_error *err)
{
    char number[16], name[NAME_SIZE];
    ranges uids, gids;
    plr_userns_ids ids = { 1, 1, { 0 } };
    snprintf(number, sizeof number, "%u", geteuid());
    name_user(number, name);
    read_ranges(&uids, "/etc/subuid", name, number);
    read_ranges(&gids, "/etc/subgid", name, number);
    if (uids.n == 0 || gids.n == 0) {
        plr_error_set(&ids.why_one, PLR_ERR_UNSUPPORTED, "%s has no range for the user %s",
                uids.n == 0 ? "/etc/subuid" : "/etc/subgid", name);
    } else if (!run_map("newgidmap", pid, getegid(), &gids)) {
        /* The groups come first: a failure leaves the namespace as it was. */
        plr_error_set(&ids.why_one, PLR_ERR_UNSUPPORTED,
                "newgidmap is not installed (Debian: uidmap) or refuses");
    } else if (!run_map("newuidmap", pid, geteuid(), &uids)) {
        return plr_error_set(err, PLR_ERR_UNSUPPORTED,
                "newuidmap refuses what /etc/subuid gives the user %s", name);
    } else {
        *ret_ids = (plr_userns_ids){ 1 + uids.ids, 1 + gids.ids, { 0 } };
        return 0;
    }
    int r = map_one(pid, err);
    if (r == 0)
        *ret_ids = ids;
    return r;
}

int plr_userns_refusal(int error, plr_error *err)
{
    static const struct {
        const char *path, *bad;
    } settings[] = {
        { "/proc/sys/user/max_user_namespaces", "0\n" },
        { "/proc/sys/kernel/unprivileged_userns_clone", "0\n" },
        { "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n" },
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        char text[8] = "";
        _cleanup_close_ int fd = open(settings[i].path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && read(fd, text, sizeof text - 1) > 0 && strcmp(text, settings[i].bad) == 0)
            return plr_error_set(err, PLR_ERR_UNSUPPORTED,
                    "this machine allows an ordinary user no user namespaces: %s is %c (%s)",
                    settings[i].path, text[0], strerror(error));
    }
    return plr_error_set(err, PLR_ERR_UNSUPPORTED, "no user namespace to be had: %s%s",
            strerror(error),
            error == EPERM ? " (a container that this runs in may forbid it, or a chroot)" : "");
}

/* What the helper process answers: outside of the namespace it writes the maps. */
typedef struct result {
    int r;
    plr_userns_ids ids;
    plr_error error;
} result;

static _Noreturn void help(pid_t pid, int go_fd, int answer_fd)
{
    char go;
    result answer = { 0 };
    if (read(go_fd, &go, 1) == 1) {
        answer.r = plr_userns_map(pid, &answer.ids, &answer.error);
        (void)!write(answer_fd, &answer, sizeof answer); /* less than PIPE_BUF */
    }
    _exit(0);
}

int plr_userns_enter(plr_userns_ids *ret_ids, plr_error *err)
{
    int go[2], back[2];
    result answer = { 0 };
    pid_t self = getpid();
    if (pipe2(go, O_CLOEXEC) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "pipe: %s", strerror(errno));
    _cleanup_close_ int go_read = go[0], go_write = go[1];
    if (pipe2(back, O_CLOEXEC) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "pipe: %s", strerror(errno));
    _cleanup_close_ int back_read = back[0], back_write = back[1];
    pid_t helper = fork();
    if (helper < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "fork: %s", strerror(errno));
    if (helper == 0) {
        close(go_write); /* else it would wait for itself if we die */
        help(self, go_read, back_write);
    }
    close(steal_fd(&back_write));

    int error = unshare(CLONE_NEWUSER) < 0 ? errno : 0;
    ssize_t n = 0;
    if (error == 0 && write(go_write, "", 1) == 1)
        while ((n = read(back_read, &answer, sizeof answer)) < 0 && errno == EINTR)
            ;
    close(steal_fd(&go_write));
    while (waitpid(helper, NULL, 0) < 0 && errno == EINTR)
        ;
    if (error != 0)
        return plr_userns_refusal(error, err);
    if (n != (ssize_t)sizeof answer)
        return plr_error_set(err, PLR_ERR_SYSTEM, "the ids of a user namespace were not written");
    if (answer.r < 0)
        return plr_error_set(err, answer.r, "%s", answer.error.message);
    if (answer.ids.gids > 1)
        (void)!setgroups(0, NULL);
    *ret_ids = answer.ids;
    return 0;
}
