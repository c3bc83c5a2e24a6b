/* SPDX-License-Identifier: MIT */
/* Signals to a task whose own command is PID 1, where plr-init cannot hand them on: the kernel
 * keeps from a namespace's first process what would end any other. */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backends/local/sandbox/files.h"
#include "backends/local/sandbox/room.h"

/* The number behind a word at the beginning of a line; -1: there is no such line. */
static int64_t number_of(const char *text, const char *word, int base)
{
    const char *at = strstr(text, word);
    return at ? (int64_t)strtoull(at + strlen(word), NULL, base) : -1;
}

/* Whether it stands in sigwait, for then it shows to block nothing. The number of that call, and
 * what it is for programs of 32 bits on amd64 and arm64. */
static bool waits_for_signals(int64_t pid)
{
    static const int64_t calls[] = { SYS_rt_sigtimedwait, 177, 421 };
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/%" PRId64 "/syscall", pid);
    if (plr_file_read_text(AT_FDCWD, path, text, sizeof text) < 0)
        return true;
    int64_t call = strtoll(text, NULL, 10);
    return call == calls[0] || call == calls[1] || call == calls[2];
}

/* Whether it catches, blocks or ignores the signal. Where /proc does not tell, it may. */
static bool cares(int pidfd, int signal)
{
    static const char *const sets[] = { "\nSigBlk:\t", "\nSigIgn:\t", "\nSigCgt:\t" };
    char path[64], text[4096];
    /* Its number here is not its number in /proc, which is the machine's. */
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
    if (plr_file_read_text(AT_FDCWD, path, text, sizeof text) < 0)
        return true;
    int64_t pid = number_of(text, "\nPid:\t", 10);
    if (pid <= 0 || waits_for_signals(pid))
        return true;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/status", pid);
    if (plr_file_read_text(AT_FDCWD, path, text, sizeof text) < 0)
        return true;
    uint64_t all = 0;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        all |= (uint64_t)number_of(text, sets[i], 16);
    /* Asked again, for it may have come there in between. */
    return (all >> (signal - 1) & 1) || waits_for_signals(pid);
}

void plr_task_signal(int pidfd, int signal)
{
    if (signal == SIGTERM && !cares(pidfd, signal))
        signal = SIGKILL;
    syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}
