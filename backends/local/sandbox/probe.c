/* SPDX-License-Identifier: MIT */
#include "backends/local/sandbox/probe.h"
#include <unistd.h>
_Noreturn void plr_probe_ask(
        const plr_room *room, const plr_probed_task *task, int fields, int report)
{
    (void)room;
    (void)task;
    (void)fields;
    (void)report;
    _exit(1);
}
