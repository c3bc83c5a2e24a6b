/* SPDX-License-Identifier: MIT */
/*
 * One question to a task: whether a port answers in its network, or a program in it says yes.
 */
#ifndef PLR_SANDBOX_PROBE_H
#define PLR_SANDBOX_PROBE_H

#include "backends/local/sandbox/room.h"

typedef struct plr_probed_task {
    uint32_t number;
    int pidfd;  /* of its PID 1 */
    int fields; /* of its request */
} plr_probed_task;

/* In a process of its own: asks, and ends as the answer does. What fails before the question is
 * written to `report` as an errno (int). */
_Noreturn void plr_probe_ask(
        const plr_room *room, const plr_probed_task *task, int fields, int report);

#endif
