/* SPDX-License-Identifier: MIT */
/* What a failed pull means. The daemon answers every refusal of a registry with the same status, so
 * its words are all there is. Pure: no I/O. */
#ifndef PLR_DOCKER_PULL_ERROR_H
#define PLR_DOCKER_PULL_ERROR_H

typedef enum plr_docker_pull_kind {
    PLR_DOCKER_PULL_REFUSED,     /* the registry says no: asking again changes nothing */
    PLR_DOCKER_PULL_BUSY,        /* not now: too many requests, an error of the registry's own */
    PLR_DOCKER_PULL_UNREACHABLE, /* the registry was not there */
    PLR_DOCKER_PULL_BROKEN,      /* anything else: the disk, a certificate, words not known here */
} plr_docker_pull_kind;

plr_docker_pull_kind plr_docker_pull_classify(const char *message);

#endif
