/* SPDX-License-Identifier: MIT */
/*
 * What a view of this machine shows of /etc: a layer above it that hides all that is not known to
 * be harmless.
 */
#ifndef PLR_SANDBOX_HOST_ETC_H
#define PLR_SANDBOX_HOST_ETC_H

#include "backends/local/sandbox/room.h"

/*
 * The layer, which lies in the room's memory and is made by the first task that wants it. `copy`:
 * it holds what is shown, instead of hiding the rest: for an ordinary user the kernel lays nothing
 * over an /etc that has mounts in it, as a container's has.
 */
int plr_host_etc_open(
        const plr_room *room, uint32_t task, bool copy, int *ret_layer, plr_error *err);

#endif
