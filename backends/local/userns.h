/* SPDX-License-Identifier: MIT */
/* User namespaces for an ordinary user: root inside is the user outside, and the ids above it come
 * from /etc/subuid and /etc/subgid by newuidmap. For single-threaded programs: it forks. */
#ifndef PLR_LOCAL_USERNS_H
#define PLR_LOCAL_USERNS_H

#include <sys/types.h>

#include <pipeline/error.h>

typedef struct plr_userns_ids {
    unsigned uids, gids; /* 0 to one less are mapped; both 1: root alone, and no setgroups */
    plr_error why_one;   /* what is missing for more; its code is 0 if there are more */
} plr_userns_ids;

/* Gives ids to a namespace that a child of ours has just made (clone3 with CLONE_NEWUSER, or an
 * unshare); the caller is outside of it and is the user who made it. */
int plr_userns_map(pid_t pid, plr_userns_ids *ret_ids, plr_error *err);

/* Takes the calling process into a new one, with all capabilities there. */
int plr_userns_enter(plr_userns_ids *ret_ids, plr_error *err);

/* Says what stands against a user namespace, from the errno of clone3 or unshare:
 * PLR_ERR_UNSUPPORTED with the setting that does it, as far as it can be seen. */
int plr_userns_refusal(int error, plr_error *err);

#endif
