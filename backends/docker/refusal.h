/* SPDX-License-Identifier: MIT */
/* What a refused create or start means. The daemon has one status for many causes, so its words
 * count. Pure: no I/O. */
#ifndef PLR_DOCKER_REFUSAL_H
#define PLR_DOCKER_REFUSAL_H

#include <stdbool.h>

/* The PLR_ERR_... of a create or start that was answered with this status and message. */
int plr_docker_refusal_code(int status, const char *message);

/* A host path that is not there. */
bool plr_docker_refusal_is_missing_path(const char *message);

/* The command itself cannot be executed: which exit code Docker gives it (126, 127), or 0. */
int plr_docker_refusal_exec(const char *message);

/* There is no address range left for another network. */
bool plr_docker_refusal_is_pool(const char *message);

#endif
