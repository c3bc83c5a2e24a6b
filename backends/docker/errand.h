/* SPDX-License-Identifier: MIT */
/* What is under way for an op and belongs to nobody else: kept in a list, so that the end of the
 * backend object can free it. */
#ifndef PLR_DOCKER_ERRAND_H
#define PLR_DOCKER_ERRAND_H

#include "backends/docker/docker.h"

typedef struct plr_docker_errand plr_docker_errand;

/* The first member of what is under way. */
struct plr_docker_errand {
    plr_docker *docker;
    plr_docker_errand *next;
    void (*clear)(plr_docker_errand *errand); /* what it holds besides itself; or NULL */
    plr_op *op;
};

/* Zeroed memory of `size` bytes that begins with an errand; NULL if there is none. */
void *plr_docker_errand_new(plr_docker *docker, size_t size, plr_op *op);
void plr_docker_errand_free(plr_docker_errand *errand);

/* Completes the op and frees the errand. */
void plr_docker_errand_finish(plr_docker_errand *errand, const plr_error *err);

/* Completes the op with PLR_ERR_NOMEM. */
void plr_docker_complete_nomem(plr_docker *docker, plr_op *op);

#endif
