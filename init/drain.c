/* SPDX-License-Identifier: MIT */
/*
 * From here to a container's log there are two pipes: ours, which the runtime's shim empties into
 * another one, which the runtime reads. Ours can be looked at. What may be in the other one is
 * given the time that a runtime needs for it: on a busy node, where it gets a part of a processor,
 * so much more; and where our pipe has shown it to be slower, that.
 */
#include "init/drain.h"
#include "init/file.h"
#include "init/syscall.h"

#include <stdbool.h>

/* What the shim has in hand between the two. */
#define IN_HAND 32768

/* Of a processor's time, for lines of few bytes: twice what containerd 1.6 was seen to need. */
#define NS_FOR_A_BYTE 2000
/* A measure of less says more about our clock than about the runtime. */
#define MEASURED_MIN 4096

#define TICK_MS 10

/* Bytes that are in our pipe. `ret_room`: the most that can be under way behind it; 0: it is no
 * pipe. The other one is as large as ours. */
static uint64_t look(uint64_t *ret_room)
{
    enum { STDOUT = 1, F_GETPIPE_SZ = 1032, FIONREAD = 0x541b };
    int waiting = 0;
    long size = PLR_SYSCALL(fcntl, STDOUT, F_GETPIPE_SZ);
    *ret_room = 0;
    if (size <= 0 || PLR_SYSCALL(ioctl, STDOUT, FIONREAD, &waiting) < 0)
        return 0;
    *ret_room = (uint64_t)size + IN_HAND;
    return (uint64_t)waiting;
}

/* The number that stands before the first `stop` of a file of the kernel's. */
static uint64_t number_before(const char *path, char stop, uint64_t otherwise)
{
    char text[256];
    uint64_t number = 0;
    long size = plr_file_read(AT_FDCWD, path, 0, text, sizeof text);
    for (long i = 0; i < size; i++) {
        if (text[i] == stop)
            return number;
        bool is_digit = text[i] >= '0' && text[i] <= '9';
        number = is_digit ? number * 10 + (uint64_t)(text[i] - '0') : 0;
    }
    return otherwise;
}

/* So long as somebody works for `work_us` who has to share the node's processors with all that
 * runs there now ("0.31 0.27 0.20 3/412 7": three, of whom we are one), but for `least_ms`. */
static void rest(int64_t work_us, int64_t least_ms)
{
    const uint64_t processors = 1 + number_before("/sys/devices/system/cpu/online", '\n', 0);
    const int64_t began = clock_ms();
    for (int64_t rested = 0; rested < PLR_RUNTIME_PATIENCE_MS; rested = clock_ms() - began) {
        if (work_us <= 0 && rested >= least_ms)
            return;
        const uint64_t running = number_before("/proc/loadavg", '/', 0);
        const uint64_t others = running > 0 ? running - 1 : 0;
        poll_wait(NULL, 0, TICK_MS);
        work_us -= (int64_t)(TICK_MS * 1000 * processors /
                             (others > processors ? others : processors));
    }
}

void plr_drain(uint64_t written)
{
    uint64_t room;
    const uint64_t first = look(&room);
    const int64_t began = clock_ms();
    while (look(&room) > 0 && clock_ms() - began < PLR_RUNTIME_PATIENCE_MS)
        poll_wait(NULL, 0, 1);
    const uint64_t under_way = written < room ? written : room;
    uint64_t least_ms = 0;
    if (first >= MEASURED_MIN)
        least_ms = 2 * under_way * (uint64_t)(clock_ms() - began) / first;
    rest((int64_t)(under_way * NS_FOR_A_BYTE / 1000), (int64_t)least_ms);
}
