/* SPDX-License-Identifier: MIT */
/*
 * Environment, lookup in PATH, fork and exec. The command finds what Docker would have given it:
 * the same stdio, signal mask and dispositions, nothing of the init's.
 */
#include "init/command.h"
#include "init/text.h"

#include <stdbool.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define PATH_SIZE 4096

/* Whether an entry of the environment has this name, which ends at `=`. */
static bool has_name(const char *entry, const char *name)
{
    while (*entry == *name && *name != '=') {
        entry++;
        name++;
    }
    return *entry == '=' && *name == '=';
}

/* The number of strings in `late`, or -PLR_EINVAL. */
static long count_late(const char *late, size_t size)
{
    long n = 0;
    if (size > 0 && late[size - 1] != '\0')
        return -PLR_EINVAL;
    for (const char *entry = late; entry < late + size; entry += plr_text_length(entry) + 1) {
        size_t name = plr_text_find(entry, '=');
        if (name == 0 || entry[name] != '=')
            return -PLR_EINVAL;
        n++;
    }
    return n;
}

static void *allocate(size_t size)
{
    enum { PROT_READ = 1, PROT_WRITE = 2, MAP_PRIVATE = 2, MAP_ANONYMOUS = 0x20 };
    long address =
            PLR_SYSCALL(mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    return address < 0 && address > -4096 ? NULL : (void *)address;
}

int plr_command_add_environment(plr_command *command, char *late, size_t size)
{
    long n_late = count_late(late, size);
    if (n_late <= 0)
        return (int)n_late;

    size_t n = 0;
    while (command->environment[n])
        n++;
    char **entries = allocate((n + (size_t)n_late + 1) * sizeof *entries);
    if (!entries)
        return -PLR_ENOMEM;
    memcpy(entries, command->environment, n * sizeof *entries);

    for (char *entry = late; entry < late + size; entry += plr_text_length(entry) + 1) {
        size_t kept = 0;
        for (size_t i = 0; i < n; i++)
            if (!has_name(entries[i], entry))
                entries[kept++] = entries[i];
        entries[kept++] = entry;
        n = kept;
    }
    entries[n] = NULL;
    command->environment = entries;
    return 0;
}

static const char *search_path(char **environment)
{
    for (; *environment; environment++)
        if (has_name(*environment, "PATH="))
            return *environment + 5;
    return DEFAULT_PATH;
}

static int exec_file(const plr_command *command, const char *file)
{
    return (int)PLR_SYSCALL(execve, file, command->arguments, command->environment);
}

/* As execvp: the first that can be executed; one that may not be is remembered. */
static int exec_found(const plr_command *command)
{
    const char *name = command->arguments[0];
    size_t length = plr_text_length(name);
    int result = -PLR_ENOENT;
    if (length == 0)
        return -PLR_ENOENT;
    if (name[plr_text_find(name, '/')] == '/')
        return exec_file(command, name);

    const char *path = search_path(command->environment);
    for (bool last = false; !last;) {
        char file[PATH_SIZE];
        size_t folder = plr_text_find(path, ':');
        if (folder + 1 + length + 1 <= sizeof file) {
            memcpy(file, path, folder);
            if (folder > 0)
                file[folder++] = '/';
            memcpy(file + folder, name, length + 1);
            int error = exec_file(command, file);
            if (error == -PLR_EACCES)
                result = error;
            else if (error != -PLR_ENOENT && error != -PLR_ENOTDIR)
                return error;
        }
        path += plr_text_find(path, ':');
        last = *path++ == '\0';
    }
    return result;
}

int plr_command_exec(const plr_command *command)
{
    signal_action(PLR_SIGCHLD, &command->on_chld, NULL);
    signal_mask(command->mask, NULL);
    return exec_found(command);
}

/* In the child, until it is the command. `report` closes itself when it is. */
static _Noreturn void become(const plr_command *command, int output, bool owns_terminal, int report)
{
    enum { TIOCSPGRP = 0x5410, STDOUT = 1, STDERR = 2 };
    int self = process_id();
    PLR_SYSCALL(setpgid, 0, 0);
    if (owns_terminal) /* stdin, if it is one; fails without harm otherwise */
        PLR_SYSCALL(ioctl, 0, TIOCSPGRP, &self);
    for (int fd = STDOUT; fd <= STDERR && output >= 0; fd++)
        PLR_SYSCALL(dup3, output, fd);
    int error = plr_command_exec(command);
    PLR_SYSCALL(write, report, &error, sizeof error);
    process_exit(PLR_INIT_EXIT_EXEC);
}

int plr_command_start(const plr_command *command, int output, plr_init_stage *ret_stage)
{
    int report[2];
    int error = 0;
    /* Only the leader of a session hands its terminal on: a host's own is none of our business. */
    bool leader = PLR_SYSCALL(getsid, 0) == process_id();

    *ret_stage = PLR_INIT_STAGE_FORK;
    long result = PLR_SYSCALL(pipe2, report, PLR_CLOEXEC);
    if (result < 0)
        return (int)result;
    long child = PLR_SYSCALL(clone, PLR_SIGCHLD);
    if (child == 0)
        become(command, output, leader, report[1]);
    PLR_SYSCALL(close, report[1]);
    if (child > 0) {
        /* End of file says that it was exec'd. */
        result = PLR_SYSCALL(read, report[0], &error, sizeof error);
        if (result != sizeof error)
            error = 0;
    }
    PLR_SYSCALL(close, report[0]);
    if (error) {
        *ret_stage = PLR_INIT_STAGE_EXEC;
        PLR_SYSCALL(wait4, child, NULL, 0, NULL);
        return error;
    }
    return (int)child;
}
