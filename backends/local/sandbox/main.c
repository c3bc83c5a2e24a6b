/* SPDX-License-Identifier: MIT */
/*
 * plr-sandbox: started once for each run, with its socket to the engine as stdin (protocol.h). This
 * is the outer process: it stays in the machine's namespaces, makes what must be made there, starts
 * the inner one, and when that has ended it removes what is left.
 *
 *     plr-sandbox                    serve a run
 *     plr-sandbox --remove FOLDER    remove what a run has left that died with all its processes
 *     plr-sandbox --look FOLDER/tasks/N [COMMAND ARGS...]
 *                                    a shell, or a command, in the root of a step that was kept
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/local/sandbox/files.h"
#include "backends/local/sandbox/room.h"
#include "engine/base/error.h"
#include "init/embed.h"

#if defined(__x86_64__)
#define INIT plr_init_amd64
#define INIT_SIZE plr_init_amd64_size
#elif defined(__aarch64__)
#define INIT plr_init_arm64
#define INIT_SIZE plr_init_arm64_size
#endif

#ifndef MFD_EXEC
#define MFD_EXEC 0x10u
#endif

int plr_fault(plr_error *err, const char *format, ...)
{
    char text[PLR_ERROR_MESSAGE_SIZE];
    int error = errno;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return plr_error_set(
            err, error == ENOMEM ? PLR_ERR_NOMEM : PLR_ERR_SYSTEM, "%s: %s", text, strerror(error));
}

pid_t plr_fork_into(int cgroup, uint64_t flags, int *ret_pidfd)
{
    struct clone_args args = {
        .flags = flags | (ret_pidfd ? CLONE_PIDFD : 0) | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
        .pidfd = (uint64_t)(uintptr_t)ret_pidfd,
        .exit_signal = SIGCHLD,
        .cgroup = cgroup >= 0 ? (unsigned)cgroup : 0u,
    };
    return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

pid_t plr_fork(uint64_t flags, int *ret_pidfd)
{
    return plr_fork_into(-1, flags, ret_pidfd);
}

int plr_room_open_folder(plr_room *room, plr_error *err)
{
    cleanup_close(&room->folder);
    room->folder = open(room->request.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return room->folder < 0 ? plr_fault(err, "cannot open %s", room->request.folder) : 0;
}

void plr_room_say_failed(const plr_room *room, const plr_error *failure)
{
    const plr_sandbox_header header = { .word = PLR_SANDBOX_FAILED };
    struct {
        plr_sandbox_failure failure;
        char text[PLR_ERROR_MESSAGE_SIZE];
    } payload = { .failure = { .code = failure->code } };
    snprintf(payload.text, sizeof payload.text, "%s", failure->message);
    plr_sandbox_send(room->socket, &header, &payload, sizeof payload.failure + strlen(payload.text),
            NULL, 0, NULL);
}

void plr_room_warn(const plr_room *room, const char *text)
{
    const plr_sandbox_header header = { .word = PLR_SANDBOX_WARNING };
    plr_sandbox_send(room->socket, &header, text, strlen(text), NULL, 0, NULL);
}

bool plr_may_all(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2];
    if (geteuid() != 0 || syscall(SYS_capget, &header, data) < 0)
        return false;
    return data[CAP_SYS_ADMIN / 32].effective >> CAP_SYS_ADMIN % 32 & 1;
}

/* plr-init, in memory that nobody can write to: a step sees it as /proc/1/exe. */
static int open_init(int *ret_init, plr_error *err)
{
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    _cleanup_close_ int init = memfd_create("plr-init", flags | MFD_EXEC);
    if (init < 0 && errno == EINVAL) /* before Linux 6.3 all are executable */
        init = memfd_create("plr-init", flags);
    if (init < 0 || write(init, INIT, INIT_SIZE) != (ssize_t)INIT_SIZE ||
            fcntl(init, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        return plr_fault(err, "cannot put plr-init into memory");
    *ret_init = steal_fd(&init);
    return 0;
}

static int read_room(plr_room *room, plr_error *err)
{
    plr_sandbox_message message;
    plr_sandbox_fields fields;
    struct pollfd socket = { room->socket, POLLIN, 0 };
    int r;
    do
        r = plr_sandbox_receive(room->socket, &message, err);
    while (r == 0 && poll(&socket, 1, -1) > 0);
    if (r < 0)
        return r;
    if (message.header.word != PLR_SANDBOX_ROOM)
        r = plr_error_set(err, PLR_ERR_PROTOCOL, "the first word is not a room");
    else if ((r = plr_sandbox_fields_map(message.fds[0], &fields, err)) == 0)
        r = plr_room_request_read(&room->request, fields, err);
    plr_sandbox_message_clear(&message);
    if (r < 0)
        return r;
    return plr_room_open_folder(room, err);
}

/* The new process, when it has its ids. */
static _Noreturn void become_inner(plr_room *room, int outer)
{
    char go[sizeof room->ids];
    plr_error error = { 0 };
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* End of file: whoever that signal would come from is gone already. */
    if (read(outer, go, sizeof go) != sizeof go)
        _exit(1);
    memcpy(&room->ids, go, sizeof go);
    /* What is mounted or taken away here does not show on the machine; what is unmounted there
     * goes away here too. */
    if (mount("", "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        plr_fault(&error, "cannot make the run's mounts its own");
    else
        plr_room_open_folder(room, &error);
    if (error.code) {
        plr_room_say_failed(room, &error);
        _exit(1);
    }
    plr_room_serve(room, outer);
}

static int start_inner(
        plr_room *room, int cgroup, pid_t *ret_pid, int *ret_pidfd, int *ret_line, plr_error *err)
{
    plr_userns_ids users = { .uids = UINT32_MAX };
    uint64_t flags = CLONE_NEWPID | CLONE_NEWNS | (room->own_users ? CLONE_NEWUSER : 0);
    int line[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line) < 0)
        return plr_fault(err, "socketpair");
    pid_t pid = plr_fork_into(cgroup, flags, ret_pidfd);
    if (pid < 0 && cgroup >= 0) {
        /* Groups may be made here, but not entered from where we are: a login session's. */
        plr_cgroups_remove(&room->cgroups);
        room->cgroups.version = 0;
        pid = plr_fork(flags, ret_pidfd);
    }
    if (pid == 0) {
        close(line[0]);
        become_inner(room, line[1]);
    }
    int error = errno;
    close(line[1]);
    *ret_line = line[0];
    errno = error;
    if (pid < 0 && room->own_users)
        return plr_userns_refusal(error, err);
    if (pid < 0)
        return plr_fault(err, "cannot make the namespaces of a run");
    *ret_pid = pid;
    if (room->own_users) {
        int r = plr_userns_map(pid, &users, err);
        if (r < 0)
            return r;
        if (users.uids == 1)
            plr_room_warn(room, users.why_one.message);
    }
    /* The other side has a copy of ours from before that. */
    return write(line[0], &users.uids, sizeof users.uids) == sizeof users.uids
                   ? 0
                   : plr_fault(err, "the run's first process died");
}

/* Until the inner process has ended, or says that it is about to and that nobody else is left,
 * which is when the engine is gone. */
static void wait_inner(const plr_room *room, pid_t pid, int pidfd, int line)
{
    enum { ENDED, ALONE, ENGINE };
    struct pollfd fds[] = { { pidfd, POLLIN, 0 }, { line, POLLIN, 0 },
        { room->socket, POLLRDHUP, 0 } };
    int limit = -1;
    for (;;) {
        int n = poll(fds, 3, limit);
        if (n < 0)
            continue;
        if (n == 0)
            kill(pid, SIGKILL); /* it should have ended by itself */
        if (fds[ENDED].revents || fds[ALONE].revents & POLLIN)
            break;
        if (fds[ALONE].revents)
            fds[ALONE].fd = -1;
        if (fds[ENGINE].revents) {
            fds[ENGINE].fd = -1;
            uint64_t linger = room->request.linger_ms + 1000;
            limit = linger > INT32_MAX ? INT32_MAX : (int)linger;
        }
    }
}

/* `users`: the namespace whose ids the files have, -1: our own. We stay in it: this comes last. */
static int remove_folder(const char *folder, int users)
{
    if (users >= 0 && setns(users, CLONE_NEWUSER) < 0)
        return -1;
    return plr_tree_remove(AT_FDCWD, folder);
}

static int open_users(pid_t pid)
{
    char path[48];
    snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static int serve(void)
{
    plr_room room = { .socket = fcntl(0, F_DUPFD_CLOEXEC, 3),
        .folder = -1,
        .init = -1,
        .network = -1,
        .viewer = -1 };
    plr_error error = { 0 };
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (room.socket < 0 || null < 0 || dup2(null, 0) < 0)
        return EXIT_FAILURE;
    close(null);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        room.files = files;
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    int r = open_init(&room.init, &error); /* while the run's folder is made */
    if (r == 0)
        r = read_room(&room, &error);
    pid_t pid = 0;
    int pidfd = -1, line = -1, users = -1;
    if (r == 0) {
        room.own_users = !plr_may_all();
        int cgroup;
        plr_cgroups_make(&room.cgroups, room.request.run_id, &cgroup);
        if (room.cgroups.version == 2)
            plr_cgroups_note(&room.cgroups, room.folder);
        r = start_inner(&room, cgroup, &pid, &pidfd, &line, &error);
    }
    if (pid > 0 && room.own_users)
        users = open_users(pid);
    if (r < 0) {
        plr_room_say_failed(&room, &error);
        if (pid > 0)
            kill(pid, SIGKILL);
    }
    if (pid > 0)
        wait_inner(&room, pid, pidfd, line);
    if (room.folder >= 0)
        remove_folder(room.request.folder, users);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    plr_cgroups_remove(&room.cgroups);
    plr_room_request_clear(&room.request);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* A process that holds a namespace open until we have gone in. */
static int remove_left(const char *folder)
{
    plr_userns_ids ids;
    plr_cgroups cgroups;
    plr_error error = { 0 };
    plr_cgroups_recall(&cgroups, folder);
    plr_cgroups_remove(&cgroups);
    if (plr_may_all())
        return remove_folder(folder, -1);
    int line[2], users = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line) < 0)
        return -1;
    pid_t pid = plr_fork(CLONE_NEWUSER, NULL);
    if (pid == 0) {
        char end;
        close(line[0]);
        _exit(read(line[1], &end, 1) != 0);
    }
    if (pid > 0 && plr_userns_map(pid, &ids, &error) == 0)
        users = open_users(pid);
    int r = remove_folder(folder, users);
    close(line[0]);
    close(line[1]);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return r;
}

int main(int argc, char **argv)
{
    /* A host program's descriptors, mask of modes and terminal's signals are none of our business:
     * what we serve ends when the socket does, and not before. */
    umask(022);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    close_range(3, ~0u, 0);
    if (argc == 3 && strcmp(argv[1], "--remove") == 0) {
        if (remove_left(argv[2]) == 0)
            return EXIT_SUCCESS;
        fprintf(stderr, "plr-sandbox: cannot remove all of %s\n", argv[2]);
        return EXIT_FAILURE;
    }
    if (argc >= 3 && strcmp(argv[1], "--look") == 0)
        return plr_look(argv[2], argv + 3);
    if (argc != 1) {
        fprintf(stderr, "plr-sandbox: it is started by the local backend of pipeline-runtime\n");
        return 2;
    }
    setsid();
    return serve();
}
