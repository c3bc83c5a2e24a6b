/* SPDX-License-Identifier: MIT */
/* A child process: posix_spawn, and a pidfd in the loop that tells its end. */
#include "engine/io/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "engine/base/error.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

extern char **environ;

struct plr_child {
    pid_t pid;
    int pidfd; /* -1: reaped by somebody else before we could look */
    plr_watch *watch;
    plr_work gone; /* tells the end of a child without a pidfd */
    plr_loop *loop;
    plr_child_fn *on_end;
    void *userdata;
    bool ended;
};

static int add_stdio(posix_spawn_file_actions_t *actions, int fd, int target)
{
    if (fd < 0)
        return posix_spawn_file_actions_addopen(
                actions, target, "/dev/null", target == STDIN_FILENO ? O_RDONLY : O_WRONLY, 0);
    return posix_spawn_file_actions_adddup2(actions, fd, target);
}

/* The child starts with no signal blocked and none ignored, whatever the host does with its own. */
static int set_signals(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int r = posix_spawnattr_setsigmask(attributes, &none);
    if (r == 0)
        r = posix_spawnattr_setsigdefault(attributes, &all);
    if (r == 0)
        r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return r;
}

static int spawn(pid_t *ret_pid, const plr_child_options *options)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int r = posix_spawn_file_actions_init(&actions);
    if (r != 0)
        return r;
    r = posix_spawnattr_init(&attributes);
    if (r == 0) {
        const int fds[] = { options->stdin_fd, options->stdout_fd, options->stderr_fd };
        for (int i = 0; i < 3 && r == 0; i++)
            r = add_stdio(&actions, fds[i], i);
        if (r == 0)
            r = set_signals(&attributes);
        if (r == 0)
            r = posix_spawnp(ret_pid, options->path, &actions, &attributes,
                    (char *const *)(uintptr_t)options->argv,
                    options->environment != NULL ? (char *const *)(uintptr_t)options->environment
                                                 : environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

/* The status of the ended child, -1 if somebody else has taken it. */
static int reap(const plr_child *child)
{
    siginfo_t info = { 0 };
    int r = -1;
    if (child->pidfd >= 0)
        do
            r = waitid((idtype_t)P_PIDFD, (id_t)child->pidfd, &info, WEXITED);
        while (r < 0 && errno == EINTR); /* the host's signals are none of our business */
    if (r < 0)
        return -1;
    return info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8 : info.si_status & 0x7f;
}

static void end(plr_child *child)
{
    int status = reap(child);
    child->ended = true;
    plr_watch_free(steal(child->watch));
    child->on_end(child, status, child->userdata);
}

static void on_pidfd(plr_watch *watch, unsigned events, void *userdata)
{
    (void)watch;
    (void)events;
    end(userdata);
}

static void on_gone(plr_work *work, void *userdata)
{
    (void)work;
    end(userdata);
}

int plr_child_new(plr_loop *loop, plr_child **ret_child, const plr_child_options *options,
        plr_child_fn *on_end, void *userdata, plr_error *err)
{
    plr_child *child = calloc(1, sizeof *child);
    if (child == NULL)
        return plr_error_nomem(err);
    *child = (plr_child){ .loop = loop,
        .pidfd = -1,
        .on_end = on_end,
        .userdata = userdata,
        .gone = { .run = on_gone, .userdata = child } };
    int r = spawn(&child->pid, options);
    if (r != 0) {
        free(child);
        return plr_error_set(err, r == ENOMEM ? PLR_ERR_NOMEM : PLR_ERR_SYSTEM,
                "cannot start %s: %s", options->path, strerror(r));
    }
    child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    if (child->pidfd < 0 && errno != ESRCH) {
        r = plr_error_set(
                err, PLR_ERR_SYSTEM, "cannot watch %s: %s", options->path, strerror(errno));
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
        free(child);
        return r;
    }
    if (child->pidfd < 0) {
        plr_loop_defer(loop, &child->gone);
    } else {
        r = plr_watch_new(loop, &child->watch, child->pidfd, PLR_WATCH_READ, on_pidfd, child, err);
        if (r < 0) {
            syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
            reap(child);
            child->ended = true;
            plr_child_free(child);
            return r;
        }
    }
    *ret_child = child;
    return 0;
}

pid_t plr_child_pid(const plr_child *child)
{
    return child->pid;
}

void plr_child_free(plr_child *child)
{
    if (child == NULL)
        return;
    if (!child->ended) {
        /* SIGKILL cannot be refused, so the wait for the end is short. */
        if (child->pidfd >= 0)
            syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
        reap(child);
        plr_watch_free(child->watch);
        plr_loop_cancel_work(child->loop, &child->gone);
    }
    cleanup_close(&child->pidfd);
    free(child);
}
