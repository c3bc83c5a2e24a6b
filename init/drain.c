/* SPDX-License-Identifier: MIT */
/*
 * From here to a container's log there are two pipes: ours, which the runtime's shim empties into
 * another one, which the runtime reads. Ours can be looked at. What may be in the other one is
 * given the time that a slow runtime needs for it, or the time that ours has shown it to need.
 */
#include "init/drain.h"
#include "init/scan.h"
#include "init/syscall.h"

/* What the shim has in hand between the two. */
#define IN_HAND 4096

#define NS_FOR_A_BYTE 2000
/* A measure of less says more about our clock than about the runtime. */
#define MEASURED_MIN 4096
#define LIMIT_MS 10000

/* Bytes that are in our two pipes. `ret_room`: the most that can be under way behind them; 0: these
 * are no pipes. Another pipe is as large as ours. */
static uint64_t look(uint64_t *ret_room)
{
    enum { FIRST = 1, LAST = 2, F_GETPIPE_SZ = 1032, FIONREAD = 0x541b };
    uint64_t waiting = 0;
    *ret_room = 0;
    for (int fd = FIRST; fd <= LAST; fd++) {
        int n = 0;
        long size = PLR_SYSCALL(fcntl, fd, F_GETPIPE_SZ);
        if (size <= 0 || PLR_SYSCALL(ioctl, fd, FIONREAD, &n) < 0)
            continue;
        *ret_room += (uint64_t)size + IN_HAND;
        waiting += (uint64_t)n;
    }
    return waiting;
}

/* All that this step has written, to whatever file; UINT64_MAX: nobody counts it. */
static uint64_t written(void)
{
    enum { AT_FDCWD = -100 };
    static const char *const name[] = { "wchar:" };
    char text[256];
    size_t index;
    uint64_t bytes;
    plr_scan line;
    int fd = (int)PLR_SYSCALL(openat, AT_FDCWD, "/proc/self/io", PLR_CLOEXEC);
    long size = fd < 0 ? 0 : PLR_SYSCALL(read, fd, text, sizeof text);
    if (fd >= 0)
        PLR_SYSCALL(close, fd);
    plr_scan all = { text, text + (size > 0 ? size : 0) };
    while (plr_scan_line(&all, &line))
        if (plr_scan_name(&line, name, 1, &index) && plr_scan_number(&line, UINT64_MAX, &bytes))
            return bytes;
    return UINT64_MAX;
}

void plr_drain(void)
{
    uint64_t room, under_way = written();
    const uint64_t first = look(&room);
    const int64_t began = clock_ms();
    while (look(&room) > 0 && clock_ms() - began < LIMIT_MS)
        poll_wait(NULL, 0, 1);
    uint64_t ns_for_a_byte = NS_FOR_A_BYTE;
    if (first >= MEASURED_MIN) {
        uint64_t seen = 2 * 1000000 * (uint64_t)(clock_ms() - began) / first;
        if (seen > ns_for_a_byte)
            ns_for_a_byte = seen;
    }
    if (under_way > room)
        under_way = room;
    poll_wait(NULL, 0, (int64_t)(under_way * ns_for_a_byte / 1000000));
}
