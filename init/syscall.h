/* SPDX-License-Identifier: MIT */
/*
 * The system calls of plr-init, without libc: numbers, the instruction, and the kernel's structs
 * where they are the same on amd64 and arm64. Every call returns a negative errno on failure.
 */
#ifndef PLR_INIT_SYSCALL_H
#define PLR_INIT_SYSCALL_H

#include <stddef.h>
#include <stdint.h>

#define PLR_SYSCALLS_AMD64(NUMBER)                                                                 \
    NUMBER(read, 0)                                                                                \
    NUMBER(write, 1)                                                                               \
    NUMBER(close, 3)                                                                               \
    NUMBER(mmap, 9)                                                                                \
    NUMBER(rt_sigaction, 13)                                                                       \
    NUMBER(rt_sigprocmask, 14)                                                                     \
    NUMBER(ioctl, 16)                                                                              \
    NUMBER(getpid, 39)                                                                             \
    NUMBER(socket, 41)                                                                             \
    NUMBER(connect, 42)                                                                            \
    NUMBER(sendto, 44)                                                                             \
    NUMBER(recvfrom, 45)                                                                           \
    NUMBER(clone, 56)                                                                              \
    NUMBER(execve, 59)                                                                             \
    NUMBER(wait4, 61)                                                                              \
    NUMBER(kill, 62)                                                                               \
    NUMBER(fcntl, 72)                                                                              \
    NUMBER(getrusage, 98)                                                                          \
    NUMBER(setpgid, 109)                                                                           \
    NUMBER(getsid, 124)                                                                            \
    NUMBER(fchmod, 91)                                                                             \
    NUMBER(getdents64, 217)                                                                        \
    NUMBER(clock_gettime, 228)                                                                     \
    NUMBER(exit_group, 231)                                                                        \
    NUMBER(inotify_add_watch, 254)                                                                 \
    NUMBER(openat, 257)                                                                            \
    NUMBER(newfstatat, 262)                                                                        \
    NUMBER(unlinkat, 263)                                                                          \
    NUMBER(readlinkat, 267)                                                                        \
    NUMBER(ppoll, 271)                                                                             \
    NUMBER(signalfd4, 289)                                                                         \
    NUMBER(dup3, 292)                                                                              \
    NUMBER(pipe2, 293)                                                                             \
    NUMBER(inotify_init1, 294)                                                                     \
    NUMBER(renameat2, 316)

#define PLR_SYSCALLS_ARM64(NUMBER)                                                                 \
    NUMBER(dup3, 24)                                                                               \
    NUMBER(fcntl, 25)                                                                              \
    NUMBER(inotify_init1, 26)                                                                      \
    NUMBER(inotify_add_watch, 27)                                                                  \
    NUMBER(ioctl, 29)                                                                              \
    NUMBER(unlinkat, 35)                                                                           \
    NUMBER(fchmod, 52)                                                                             \
    NUMBER(openat, 56)                                                                             \
    NUMBER(close, 57)                                                                              \
    NUMBER(pipe2, 59)                                                                              \
    NUMBER(getdents64, 61)                                                                         \
    NUMBER(read, 63)                                                                               \
    NUMBER(write, 64)                                                                              \
    NUMBER(ppoll, 73)                                                                              \
    NUMBER(signalfd4, 74)                                                                          \
    NUMBER(readlinkat, 78)                                                                         \
    NUMBER(newfstatat, 79)                                                                         \
    NUMBER(exit_group, 94)                                                                         \
    NUMBER(clock_gettime, 113)                                                                     \
    NUMBER(kill, 129)                                                                              \
    NUMBER(rt_sigaction, 134)                                                                      \
    NUMBER(rt_sigprocmask, 135)                                                                    \
    NUMBER(setpgid, 154)                                                                           \
    NUMBER(getsid, 156)                                                                            \
    NUMBER(getrusage, 165)                                                                         \
    NUMBER(getpid, 172)                                                                            \
    NUMBER(socket, 198)                                                                            \
    NUMBER(connect, 203)                                                                           \
    NUMBER(sendto, 206)                                                                            \
    NUMBER(recvfrom, 207)                                                                          \
    NUMBER(clone, 220)                                                                             \
    NUMBER(execve, 221)                                                                            \
    NUMBER(mmap, 222)                                                                              \
    NUMBER(wait4, 260)                                                                             \
    NUMBER(renameat2, 276)

#define PLR_SYSCALL_ENUM(name, number) PLR_SYS_##name = number,

#if defined(__x86_64__)
enum { PLR_SYSCALLS_AMD64(PLR_SYSCALL_ENUM) };

static inline long syscall6(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
enum { PLR_SYSCALLS_ARM64(PLR_SYSCALL_ENUM) };

static inline long syscall6(long number, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}
#else
#error "plr-init knows amd64 and arm64"
#endif

/* Arguments that are left out are 0. */
#define PLR_SYSCALL(name, ...) PLR_SYSCALL_PICK(PLR_SYS_##name, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define PLR_SYSCALL_PICK(number, a, b, c, d, e, f, ...)                                            \
    syscall6(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* errno */
#define PLR_ENOENT 2
#define PLR_E2BIG 7
#define PLR_ECHILD 10
#define PLR_EAGAIN 11
#define PLR_ENOMEM 12
#define PLR_EACCES 13
#define PLR_EEXIST 17
#define PLR_ENOTDIR 20
#define PLR_EINVAL 22
#define PLR_ENAMETOOLONG 36
#define PLR_EINPROGRESS 115

/* Signals: the kernel's set is one word, signal n is bit n - 1. */
#define PLR_SIGINT 2
#define PLR_SIGKILL 9
#define PLR_SIGPIPE 13
#define PLR_SIGTERM 15
#define PLR_SIGCHLD 17
#define PLR_SIGSTOP 19
#define PLR_SIGWINCH 28
#define PLR_SI_KERNEL 0x80

typedef uint64_t plr_sigset;

typedef struct plr_sigaction {
    void *handler; /* NULL is the default action */
    unsigned long flags;
    void *restorer;
    plr_sigset mask;
} plr_sigaction;

typedef struct plr_siginfo {
    uint32_t signal;
    int32_t error;
    int32_t code;
    uint32_t pid;
    uint8_t rest[112];
} plr_siginfo;
_Static_assert(sizeof(plr_siginfo) == 128, "signalfd's record");

static inline void signal_mask(plr_sigset set, plr_sigset *ret_before)
{
    enum { SIG_SETMASK = 2 };
    PLR_SYSCALL(rt_sigprocmask, SIG_SETMASK, &set, ret_before, sizeof set);
}

static inline void signal_action(int signal, const plr_sigaction *action, plr_sigaction *ret_before)
{
    PLR_SYSCALL(rt_sigaction, signal, action, ret_before, sizeof(plr_sigset));
}

/* Descriptors */
#define PLR_CLOEXEC 02000000
#define PLR_NONBLOCK 04000
#if defined(__x86_64__)
#define PLR_NOFOLLOW 0400000
#else
#define PLR_NOFOLLOW 0100000
#endif
#define PLR_POLLIN 1
#define PLR_POLLOUT 4

typedef struct plr_pollfd {
    int fd; /* negative: not watched */
    int16_t events;
    int16_t ready;
} plr_pollfd;

typedef struct plr_timespec {
    int64_t seconds;
    int64_t nanoseconds;
} plr_timespec;

static inline int64_t timespec_ms(plr_timespec time)
{
    return time.seconds * 1000 + time.nanoseconds / 1000000;
}

/* Milliseconds of the monotonic clock. */
static inline int64_t clock_ms(void)
{
    enum { CLOCK_MONOTONIC = 1 };
    plr_timespec now = { 0, 0 };
    PLR_SYSCALL(clock_gettime, CLOCK_MONOTONIC, &now);
    return timespec_ms(now);
}

/* Microseconds of the monotonic clock. */
static inline int64_t clock_us(void)
{
    enum { CLOCK_MONOTONIC = 1 };
    plr_timespec now = { 0, 0 };
    PLR_SYSCALL(clock_gettime, CLOCK_MONOTONIC, &now);
    return now.seconds * 1000000 + now.nanoseconds / 1000;
}

/* Milliseconds since 1970. */
static inline int64_t clock_wall_ms(void)
{
    enum { CLOCK_REALTIME = 0 };
    plr_timespec now = { 0, 0 };
    PLR_SYSCALL(clock_gettime, CLOCK_REALTIME, &now);
    return timespec_ms(now);
}

/* The kernel's struct stat, as far as amd64 and arm64 have it in one place. */
typedef struct plr_stat {
    uint8_t others[88];
    plr_timespec changed; /* its content was */
    uint8_t rest[40];
} plr_stat;
_Static_assert(sizeof(plr_stat) == 144, "that of amd64; arm64's is shorter");

/* timeout_ms < 0 is for ever. */
static inline void poll_wait(plr_pollfd *fds, unsigned int n, int64_t timeout_ms)
{
    plr_timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000 };
    PLR_SYSCALL(ppoll, fds, n, timeout_ms < 0 ? NULL : &timeout, NULL, sizeof(plr_sigset));
}

/* Processes */
typedef struct plr_rusage {
    int64_t user[2]; /* seconds, microseconds */
    int64_t system[2];
    int64_t maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock;
    int64_t msgsnd, msgrcv, nsignals, nvcsw, nivcsw;
} plr_rusage;
_Static_assert(sizeof(plr_rusage) == 144, "the kernel's struct rusage");

static inline int process_id(void)
{
    return (int)PLR_SYSCALL(getpid, 0);
}

static inline long process_kill(int pid, unsigned int signal)
{
    return PLR_SYSCALL(kill, pid, signal);
}

static inline _Noreturn void process_exit(int code)
{
    for (;;)
        PLR_SYSCALL(exit_group, code);
}

#endif
