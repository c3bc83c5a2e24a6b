/* SPDX-License-Identifier: MIT */
/* Whether the owner that a label or a file names (boot id, PID namespace, pid, start time: what
 * engine/owner.c writes) still lives. Reads /proc, else pure. */
#ifndef PLR_BASE_OWNER_H
#define PLR_BASE_OWNER_H

typedef enum plr_owner_state {
    PLR_OWNER_UNKNOWN, /* of another boot or PID namespace */
    PLR_OWNER_LIVES,
    PLR_OWNER_DEAD,
} plr_owner_state;

/* `proc` is "/proc". */
plr_owner_state plr_owner_look(const char *owner, const char *proc);

#endif
