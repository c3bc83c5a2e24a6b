/* SPDX-License-Identifier: MIT */
/* Errands: see errand.h. */
#include "backends/docker/errand.h"

#include "engine/base/error.h"

void *plr_docker_errand_new(plr_docker *docker, size_t size, plr_op *op)
{
    plr_docker_errand *errand = calloc(1, size);
    if (errand == NULL)
        return NULL;
    errand->docker = docker;
    errand->op = op;
    errand->next = docker->errands;
    docker->errands = errand;
    return errand;
}

void plr_docker_errand_free(plr_docker_errand *errand)
{
    plr_docker_errand **link = &errand->docker->errands;
    while (*link != errand)
        link = &(*link)->next;
    *link = errand->next;
    plr_docker_forget(errand->docker, errand);
    if (errand->clear != NULL)
        errand->clear(errand);
    free(errand);
}

void plr_docker_errand_finish(plr_docker_errand *errand, const plr_error *err)
{
    const plr_host *host = errand->docker->host;
    plr_op *op = errand->op;
    plr_error copy = err == NULL ? (plr_error){ 0 } : *err;
    plr_docker_errand_free(errand);
    host->op_on_cancel(op, NULL, NULL);
    host->op_complete(op, copy.code == 0 ? NULL : &copy);
}

void plr_docker_complete_nomem(plr_docker *docker, plr_op *op)
{
    plr_error err = { 0 };
    plr_error_nomem(&err);
    docker->host->op_complete(op, &err);
}
