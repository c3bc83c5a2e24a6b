/* SPDX-License-Identifier: MIT */
/*
 * Runs while the project is built, on a machine like those that it is built for: prints the filter
 * of system calls as the kernel takes it. libseccomp tells the names of calls; a step neither loads
 * it nor waits for it (3 ms and 1 MB), and what it exports would be four times as long. The tables
 * follow what container engines allow by default without further capabilities. What is in neither
 * table is newer than they are: ENOSYS, so that a libc goes on with what it used before. So is
 * clone3, whose flags are in memory, where a filter cannot look: clone is used then.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char *const allowed[] = { "_llseek", "_newselect", "accept", "accept4", "access",
    "adjtimex", "alarm", "arch_prctl", "arm_fadvise64_64", "arm_sync_file_range", "bind",
    "breakpoint", "brk", "cacheflush", "cachestat", "capget", "capset", "chdir", "chmod", "chown",
    "chown32", "chroot", "clock_adjtime", "clock_adjtime64", "clock_getres", "clock_getres_time64",
    "clock_gettime", "clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64", "close",
    "close_range", "connect", "copy_file_range", "creat", "dup", "dup2", "dup3", "epoll_create",
    "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd",
    "eventfd2", "execve", "execveat", "exit", "exit_group", "faccessat", "faccessat2", "fadvise64",
    "fadvise64_64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchown32",
    "fchownat", "fcntl", "fcntl64", "fdatasync", "fgetxattr", "file_getattr", "file_setattr",
    "flistxattr", "flock", "fork", "fremovexattr", "fsetxattr", "fstat", "fstat64", "fstatat64",
    "fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64", "futex", "futex_requeue",
    "futex_time64", "futex_wait", "futex_waitv", "futex_wake", "futimesat", "get_robust_list",
    "get_thread_area", "getcpu", "getcwd", "getdents", "getdents64", "getegid", "getegid32",
    "geteuid", "geteuid32", "getgid", "getgid32", "getgroups", "getgroups32", "getitimer",
    "getpeername", "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom",
    "getresgid", "getresgid32", "getresuid", "getresuid32", "getrlimit", "getrusage", "getsid",
    "getsockname", "getsockopt", "gettid", "gettimeofday", "getuid", "getuid32", "getxattr",
    "getxattrat", "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch",
    "io_cancel", "io_destroy", "io_getevents", "io_pgetevents", "io_pgetevents_time64", "io_setup",
    "io_submit", "ioctl", "ioprio_get", "ioprio_set", "ipc", "kill", "landlock_add_rule",
    "landlock_create_ruleset", "landlock_restrict_self", "lchown", "lchown32", "lgetxattr", "link",
    "linkat", "listen", "listxattr", "listxattrat", "llistxattr", "lremovexattr", "lseek",
    "lsetxattr", "lstat", "lstat64", "madvise", "map_shadow_stack", "membarrier", "memfd_create",
    "memfd_secret", "mincore", "mkdir", "mkdirat", "mknod", "mknodat", "mlock", "mlock2",
    "mlockall", "mmap", "mmap2", "modify_ldt", "mprotect", "mq_getsetattr", "mq_notify", "mq_open",
    "mq_timedreceive", "mq_timedreceive_time64", "mq_timedsend", "mq_timedsend_time64", "mq_unlink",
    "mremap", "mseal", "msgctl", "msgget", "msgrcv", "msgsnd", "msync", "munlock", "munlockall",
    "munmap", "name_to_handle_at", "nanosleep", "newfstatat", "nice", "open", "openat", "openat2",
    "pause", "pidfd_open", "pidfd_send_signal", "pipe", "pipe2", "pkey_alloc", "pkey_free",
    "pkey_mprotect", "poll", "ppoll", "ppoll_time64", "prctl", "pread64", "preadv", "preadv2",
    "prlimit64", "process_madvise", "process_mrelease", "process_vm_readv", "process_vm_writev",
    "pselect6", "pselect6_time64", "ptrace", "pwrite64", "pwritev", "pwritev2", "read", "readahead",
    "readdir", "readlink", "readlinkat", "readv", "recvfrom", "recvmmsg", "recvmmsg_time64",
    "recvmsg", "remap_file_pages", "removexattr", "removexattrat", "rename", "renameat",
    "renameat2", "restart_syscall", "rmdir", "rseq", "rt_sigaction", "rt_sigpending",
    "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
    "rt_sigtimedwait_time64", "rt_tgsigqueueinfo", "sched_get_priority_max",
    "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam",
    "sched_getscheduler", "sched_rr_get_interval", "sched_rr_get_interval_time64",
    "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield",
    "seccomp", "select", "semctl", "semget", "semop", "semtimedop", "semtimedop_time64", "sendfile",
    "sendfile64", "sendmmsg", "sendmsg", "sendto", "set_robust_list", "set_thread_area",
    "set_tid_address", "set_tls", "setfsgid", "setfsgid32", "setfsuid", "setfsuid32", "setgid",
    "setgid32", "setgroups", "setgroups32", "setitimer", "setpgid", "setpriority", "setregid",
    "setregid32", "setresgid", "setresgid32", "setresuid", "setresuid32", "setreuid", "setreuid32",
    "setrlimit", "setsid", "setsockopt", "setuid", "setuid32", "setxattr", "setxattrat", "sgetmask",
    "shmat", "shmctl", "shmdt", "shmget", "shutdown", "sigaction", "sigaltstack", "signal",
    "signalfd", "signalfd4", "sigpending", "sigprocmask", "sigreturn", "sigsuspend", "socketcall",
    "socketpair", "splice", "ssetmask", "stat", "stat64", "statfs", "statfs64", "statx", "symlink",
    "symlinkat", "sync", "sync_file_range", "sync_file_range2", "syncfs", "sysinfo", "tee",
    "tgkill", "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime",
    "timer_gettime64", "timer_settime", "timer_settime64", "timerfd_create", "timerfd_gettime",
    "timerfd_gettime64", "timerfd_settime", "timerfd_settime64", "times", "tkill", "truncate",
    "truncate64", "ugetrlimit", "umask", "uname", "unlink", "unlinkat", "uretprobe", "utime",
    "utimensat", "utimensat_time64", "utimes", "vfork", "vmsplice", "wait4", "waitid", "waitpid",
    "write", "writev" };

/* Known, and not for steps: mounts and namespaces, modules, the clock, keys, other processes'
 * memory and descriptors, what traces or bypasses the kernel's own rules. */
static const char *const denied[] = { "_sysctl", "acct", "add_key", "bpf", "clock_settime",
    "clock_settime64", "create_module", "delete_module", "fanotify_init", "fanotify_mark",
    "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "get_mempolicy", "init_module",
    "io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm", "iopl", "kcmp",
    "kexec_file_load", "kexec_load", "keyctl", "listmount", "lookup_dcookie", "mbind",
    "migrate_pages", "mount", "mount_setattr", "move_mount", "move_pages", "nfsservctl",
    "open_by_handle_at", "open_tree", "perf_event_open", "pidfd_getfd", "pivot_root",
    "query_module", "quotactl", "quotactl_fd", "reboot", "request_key", "set_mempolicy",
    "set_mempolicy_home_node", "setdomainname", "sethostname", "setns", "settimeofday", "statmount",
    "stime", "swapoff", "swapon", "sysfs", "syslog", "umount", "umount2", "unshare", "uselib",
    "userfaultfd", "ustat", "vhangup", "vm86", "vm86old" };

/* What is done about a call: its number says it, or its first argument. */
typedef enum plr_verdict {
    UNKNOWN,
    ALLOWED,
    DENIED,
    BY_PERSONALITY,
    BY_NAMESPACES,
    BY_FAMILY,
} plr_verdict;

static const uint32_t personalities[] = { 0x0, 0x8, 0x20000, 0x20008, 0xffffffff };

/* CLONE_NEWTIME has no number in clone, where its bit is part of the signal. */
#define NAMESPACES                                                                                 \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
            CLONE_NEWNET)

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* More than any architecture has, and those that are Arm's own. */
#define CALLS 1024u
#define ARM_FIRST 0xf0000u
#define ARM_CALLS 16u

/* The calls from this number to the first of the next range. */
typedef struct range {
    uint32_t first;
    plr_verdict verdict;
} range;

static struct sock_filter program[BPF_MAXINSNS];
static size_t length;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "filter_make: %s\n", what);
    exit(EXIT_FAILURE);
}

static struct sock_filter *put(unsigned code, uint32_t value)
{
    if (length == COUNT(program))
        fail("the filter is too long for the kernel");
    program[length] = (struct sock_filter){ .code = (uint16_t)code, .k = value };
    return &program[length++];
}

/* If what `jump` asks is so, it goes to what is put next. */
static void land(struct sock_filter *jump)
{
    ptrdiff_t distance = program + length - jump - 1;
    if (distance > UINT8_MAX)
        fail("a jump is too long");
    jump->jt = (uint8_t)distance;
}

/* The first argument has 32 bits for these calls, whatever a step has written above them. */
static void put_argument(void)
{
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the lower half comes first");
    put(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args));
}

static void put_verdict(plr_verdict verdict)
{
    struct sock_filter *jumps[COUNT(personalities)];
    switch (verdict) {
    case UNKNOWN:
        put(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
        break;
    case ALLOWED:
        put(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        break;
    case DENIED:
        put(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
        break;
    case BY_PERSONALITY:
        put_argument();
        for (size_t i = 0; i < COUNT(personalities); i++)
            jumps[i] = put(BPF_JMP | BPF_JEQ | BPF_K, personalities[i]);
        put_verdict(UNKNOWN);
        for (size_t i = 0; i < COUNT(personalities); i++)
            land(jumps[i]);
        put_verdict(ALLOWED);
        break;
    case BY_NAMESPACES:
    case BY_FAMILY: /* a machine's host is no peer of a step */
        put_argument();
        jumps[0] = verdict == BY_FAMILY ? put(BPF_JMP | BPF_JEQ | BPF_K, AF_VSOCK)
                                        : put(BPF_JMP | BPF_JSET | BPF_K, NAMESPACES);
        put_verdict(ALLOWED);
        land(jumps[0]);
        put_verdict(DENIED);
        break;
    }
}

/* By halves: when it is loaded, the kernel runs it once for each number there is, to know later
 * what it need not be asked. */
static void put_ranges(const range *ranges, size_t n)
{
    if (n == 1) {
        put_verdict(ranges->verdict);
        return;
    }
    struct sock_filter *jump = put(BPF_JMP | BPF_JGE | BPF_K, ranges[n / 2].first);
    put_ranges(ranges, n / 2);
    land(jump);
    put_ranges(ranges + n / 2, n - n / 2);
}

static bool is_in(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static plr_verdict judge(uint32_t arch, uint32_t number)
{
    char *name = seccomp_syscall_resolve_num_arch(arch, (int)number);
    plr_verdict verdict = UNKNOWN; /* that is, too, what is newer than this libseccomp */
    if (!name)
        return verdict;
    if (is_in(allowed, COUNT(allowed), name))
        verdict = ALLOWED;
    else if (is_in(denied, COUNT(denied), name))
        verdict = DENIED;
    else if (strcmp(name, "personality") == 0)
        verdict = BY_PERSONALITY;
    else if (strcmp(name, "clone") == 0)
        verdict = BY_NAMESPACES;
    else if (strcmp(name, "socket") == 0)
        verdict = BY_FAMILY;
    free(name);
    return verdict;
}

static void put_arch(uint32_t arch)
{
    range ranges[CALLS + ARM_CALLS + 1];
    size_t n = 0;
    for (uint32_t number = 0; number <= ARM_FIRST + ARM_CALLS; number++) {
        if (number == CALLS)
            number = ARM_FIRST;
        plr_verdict verdict = judge(arch, number);
        if (n == 0 || ranges[n - 1].verdict != verdict)
            ranges[n++] = (range){ number, verdict };
    }
    struct sock_filter *same = put(BPF_JMP | BPF_JEQ | BPF_K, arch);
    struct sock_filter *other = put(BPF_JMP | BPF_JA, 0);
    land(same);
    put(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    put_ranges(ranges, n);
    other->k = (uint32_t)(program + length - other - 1);
}

int main(void)
{
    uint32_t native = seccomp_arch_native();
    put(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    put_arch(native);
    /* Programs of 32 bits on a machine of 64. */
    if (native == SCMP_ARCH_X86_64)
        put_arch(SCMP_ARCH_X86);
    if (native == SCMP_ARCH_AARCH64)
        put_arch(SCMP_ARCH_ARM);
    put_verdict(UNKNOWN);
    puts("/* Generated by filter_make.c: struct sock_filter, each { code, jt, jf, k }. */");
    for (size_t i = 0; i < length; i++)
        printf("{ %u, %u, %u, 0x%x },\n", program[i].code, program[i].jt, program[i].jf,
                program[i].k);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
