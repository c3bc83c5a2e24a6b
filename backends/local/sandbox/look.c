/* SPDX-License-Identifier: MIT */
/* A look at a step of a run that was kept: its root as it left it, mounted again from its folder
 * (with the volumes on disk), and a shell in it that has no more rights than the step had. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/local/sandbox/files.h"
#include "backends/local/sandbox/setup.h"
#include "engine/base/error.h"

/* What the module wrote down when it left the run. One look at a time, as long as this process
 * lives: an overlay's upper folder is one's own. */
static int open_look(plr_sandbox_fields *ret_fields, const char *folder, plr_error *err)
{
    struct stat stat;
    _cleanup_close_ int place = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = place < 0 ? -1 : openat(place, "look", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &stat) < 0)
        return plr_fault(err, "there is no step that was kept in %s", folder);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return plr_fault(err, "somebody is looking at %s", folder);
    size_t size = (size_t)stat.st_size;
    const char *data = size > 0 ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : "";
    if (data == MAP_FAILED)
        return plr_fault(err, "cannot read what is known of %s", folder);
    *ret_fields = (plr_sandbox_fields){ data, data + size };
    return 0;
}

/* An overlay that was not told to sync does not take its work folder again. */
static int clear_work(const plr_setup *setup, plr_error *err)
{
    char name[32];
    snprintf(name, sizeof name, "tasks/%u", setup->number);
    int fd = openat(setup->room->folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (!entries)
        return plr_fault(err, "cannot look at %s", name);
    int r = 0;
    for (struct dirent *entry; r == 0 && (entry = readdir(entries));)
        if (strncmp(entry->d_name, "work.", 5) == 0 && plr_tree_remove(fd, entry->d_name) < 0)
            r = plr_fault(err, "cannot remove %s/%s", name, entry->d_name);
    closedir(entries);
    return r;
}

static int enter(plr_setup *setup, plr_room *room, plr_error *err)
{
    plr_net_helper none = { .report = -1 };
    if (mount("", "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return plr_fault(err, "cannot make mounts of our own");
    int r = plr_room_open_folder(room, err);
    if (r == 0)
        r = plr_room_make(room, &none, err);
    if (r == 0)
        r = clear_work(setup, err);
    return r == 0 ? plr_setup_build(setup, err) : r;
}

/* What is allocated here ends with the exec. */
static _Noreturn void become(plr_setup *setup, plr_room *room, plr_sandbox_fields fields,
        char **command, const plr_terminal *terminal)
{
    plr_error error = { 0 };
    char *term = getenv("TERM"), *entry = NULL;
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int r = plr_terminal_become(terminal, &error);
    if (r == 0)
        r = plr_task_request_read(&setup->request, fields, &error);
    if (r == 0)
        r = enter(setup, room, &error);
    if (r == 0 && term && asprintf(&entry, "TERM=%s", term) >= 0)
        r = plr_strings_add(&setup->request.environment, entry, &error);
    if (r == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
        environ = setup->request.environment.items;
        char **words = command[0] ? command : setup->request.arguments.items;
        execvp(words[0], words);
        plr_fault(&error, "cannot run %s in the step's root", words[0]);
    }
    fprintf(stderr, "plr-sandbox: %s\n", error.message);
    _exit(1);
}

/* "<run>/tasks/<number>" */
static int find_place(plr_setup *setup, plr_room *room, char *path, plr_error *err)
{
    char *tasks = path ? strrchr(path, '/') : NULL;
    if (tasks) {
        *tasks = '\0';
        setup->number = (uint32_t)strtoul(tasks + 1, NULL, 10);
        room->request.folder = dirname(path);
    }
    return tasks ? 0 : plr_fault(err, "there is no step that was kept");
}

static int look(const char *folder, char **command, plr_error *err)
{
    plr_userns_ids ids = { .uids = UINT32_MAX };
    plr_room room = { .socket = -1, .folder = -1, .init = -1, .network = -1, .viewer = -1 };
    plr_setup setup = { .room = &room, .report = -1, .root = -1 };
    plr_sandbox_fields fields;
    _cleanup_free_ char *path = realpath(folder, NULL);
    plr_terminal terminal = { .ours = -1, .theirs = -1 };
    int status, r = open_look(&fields, folder, err);
    room.request.network = PLR_SANDBOX_NETWORK_HOST;
    room.own_users = !plr_may_all();
    if (r == 0)
        r = find_place(&setup, &room, path, err);
    if (r == 0 && room.own_users)
        r = plr_userns_enter(&ids, err);
    if (r == 0)
        r = plr_terminal_open(&terminal, err);
    if (r < 0)
        return r;
    room.ids = ids.uids;
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGHUP);
    pid_t pid = plr_fork(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS, NULL);
    if (pid == 0)
        become(&setup, &room, fields, command, &terminal);
    if (pid > 0)
        plr_terminal_serve(&terminal);
    sigprocmask(SIG_UNBLOCK, &ending, NULL);
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return plr_fault(err, "cannot start a process for the look");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int plr_look(const char *folder, char **command)
{
    plr_error error = { 0 };
    int r = look(folder, command, &error);
    if (r >= 0)
        return r;
    fprintf(stderr, "plr-sandbox: %s\n", error.message);
    return EXIT_FAILURE;
}
