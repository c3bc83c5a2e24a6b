/* SPDX-License-Identifier: MIT */
/* Output that was cut goes on where it was: what has been given out of each stream is counted, and
 * the container's log is skipped that far. Pure: no I/O. */
#ifndef PLR_DOCKER_RESUME_H
#define PLR_DOCKER_RESUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How much of the end of a stream is kept to recognise it in the log. */
#define PLR_DOCKER_TAIL 64

/* A log that keeps this many bytes at least has lost nothing before. */
#define PLR_DOCKER_LOG_KEPT (UINT64_C(90) << 20)

typedef struct plr_docker_resume_stream {
    uint64_t given;                      /* bytes given out */
    unsigned char tail[PLR_DOCKER_TAIL]; /* the last of them, a ring */
    uint64_t position;                   /* in the log */
    bool differs;                        /* the log does not say what was given out */
} plr_docker_resume_stream;

/* Streams 1 and 2, stdout and stderr; 0 is not used. */
typedef struct plr_docker_resume {
    plr_docker_resume_stream streams[3];
} plr_docker_resume;

/* These bytes are given out. */
void plr_docker_resume_give(
        plr_docker_resume *resume, unsigned stream, const void *data, size_t size);

/* Whether the log can have everything from its begin. */
bool plr_docker_resume_is_possible(const plr_docker_resume *resume);

/* The log begins anew. */
void plr_docker_resume_rewind(plr_docker_resume *resume);

/* How many of these bytes of the log were given out before: skip them. */
size_t plr_docker_resume_skip(
        plr_docker_resume *resume, unsigned stream, const void *data, size_t size);

/* Whether, at the end of the log, something of the stream may be missing or twice. */
bool plr_docker_resume_has_gap(const plr_docker_resume *resume, unsigned stream);

#endif
