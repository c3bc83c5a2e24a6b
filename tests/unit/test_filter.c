/* SPDX-License-Identifier: MIT */
/*
 * The filter of system calls as the kernel applies it: a process loads it and makes calls that the
 * kernel would refuse for another reason, or not at all, if the filter let them through.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/local/sandbox/filter.h"
#include "backends/local/sandbox/room.h"
#include "engine/base/error.h"
#include "tests/unit/harness.h"

#define HIGH (INT64_C(1) << 32)

typedef struct plr_call {
    long number;
    int64_t first, second;
    int error; /* that it has to end with, 0: none */
} plr_call;

/* What filter.c calls, without the rest of plr-sandbox. */
int plr_fault(plr_error *err, const char *format, ...)
{
    return plr_error_set(err, PLR_ERR_SYSTEM, "%s: %d", format, errno);
}

static int make(const plr_call *call)
{
    errno = 0;
    return syscall(call->number, call->first, call->second, 0, 0, 0) < 0 ? errno : 0;
}

static void expect(const plr_call *calls, size_t n)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        size_t i = 0;
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (plr_filter_load(NULL) < 0)
            _exit(255);
        while (i < n && make(&calls[i]) == calls[i].error)
            i++;
        _exit((int)i);
    }
    CU_ASSERT_TRUE(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    CU_ASSERT_EQUAL(WEXITSTATUS(status), n); /* the first one that ended otherwise */
}

static void by_number(void)
{
    static const plr_call calls[] = {
        { SYS_getpid, 0, 0, 0 },
        { SYS_close, -1, 0, EBADF },
        { SYS_unshare, 0, 0, EPERM },
        { SYS_setns, -1, 0, EPERM },
        { SYS_keyctl, KEYCTL_GET_KEYRING_ID, 0, EPERM },
        { SYS_move_mount, -1, 0, EPERM },
        { SYS_clone3, 0, 0, ENOSYS },
        { 1000, 0, 0, ENOSYS },
    };
    expect(calls, sizeof calls / sizeof *calls);
}

static void by_argument(void)
{
    static const plr_call calls[] = {
        { SYS_clone, CLONE_THREAD, 0, EINVAL },
        { SYS_clone, CLONE_NEWUSER | CLONE_FS, 0, EPERM },
        { SYS_clone, HIGH | CLONE_NEWNS | CLONE_FS, 0, EPERM },
        { SYS_socket, AF_UNIX, -1, EINVAL },
        { SYS_socket, AF_VSOCK, -1, EPERM },
        { SYS_socket, HIGH | AF_VSOCK, -1, EPERM },
        { SYS_personality, 0xffffffff, 0, 0 },
        { SYS_personality, HIGH | 0xffffffff, 0, 0 },
        { SYS_personality, 0x0020000 | 0x8, 0, 0 },
        { SYS_personality, 0x0040000, 0, ENOSYS },
    };
    expect(calls, sizeof calls / sizeof *calls);
}

static const plr_test tests[] = {
    { "a call is allowed, refused or unknown by its number", by_number },
    { "namespaces, a machine's host and odd personalities are refused, whatever is in the upper "
      "half of the argument",
            by_argument },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("filter", tests);
}
