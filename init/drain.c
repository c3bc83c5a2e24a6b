/* SPDX-License-Identifier: MIT */
/*
 * From here to a container's log there are two pipes: ours, which the runtime's shim empties into
 * another one, which the runtime reads. Ours can be looked at. What may be in the other one is
 * given the time that a slow runtime needs for it, or the time that ours has shown it to need.
 */
#include "init/drain.h"
#include "init/syscall.h"

/* What the shim has in hand between the two. */
#define IN_HAND 4096

#define NS_FOR_A_BYTE 2000
/* A measure of less says more about our clock than about the runtime. */
#define MEASURED_MIN 4096

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

void plr_drain(uint64_t written)
{
    uint64_t room;
    const uint64_t first = look(&room);
    const int64_t began = clock_ms();
    while (look(&room) > 0 && clock_ms() - began < PLR_RUNTIME_PATIENCE_MS)
        poll_wait(NULL, 0, 1);
    uint64_t ns_for_a_byte = NS_FOR_A_BYTE;
    if (first >= MEASURED_MIN) {
        uint64_t seen = 2 * 1000000 * (uint64_t)(clock_ms() - began) / first;
        if (seen > ns_for_a_byte)
            ns_for_a_byte = seen;
    }
    uint64_t under_way = written < room ? written : room;
    uint64_t rest_ms = under_way * ns_for_a_byte / 1000000;
    poll_wait(NULL, 0,
            rest_ms < PLR_RUNTIME_PATIENCE_MS ? (int64_t)rest_ms : PLR_RUNTIME_PATIENCE_MS);
}
