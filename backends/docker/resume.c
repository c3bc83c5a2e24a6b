/* SPDX-License-Identifier: MIT */
/* Counting bytes is right where the log is byte-exact (Docker's `local` driver is). A short tail
 * of what was given out tells whether the log is that of the same bytes: a daemon that was killed
 * may have passed on what it never wrote down. */
#include "backends/docker/resume.h"

#include <string.h>

void plr_docker_resume_give(
        plr_docker_resume *resume, unsigned stream, const void *data, size_t size)
{
    plr_docker_resume_stream *s = &resume->streams[stream];
    const unsigned char *bytes = data;
    size_t kept = size < PLR_DOCKER_TAIL ? size : PLR_DOCKER_TAIL;
    s->given += size;
    for (size_t i = 0; i < kept; i++)
        s->tail[(s->given - kept + i) % PLR_DOCKER_TAIL] = bytes[size - kept + i];
}

bool plr_docker_resume_is_possible(const plr_docker_resume *resume)
{
    return resume->streams[1].given + resume->streams[2].given <= PLR_DOCKER_LOG_KEPT;
}

void plr_docker_resume_rewind(plr_docker_resume *resume)
{
    for (unsigned i = 1; i <= 2; i++)
        resume->streams[i].position = 0;
}

size_t plr_docker_resume_skip(
        plr_docker_resume *resume, unsigned stream, const void *data, size_t size)
{
    plr_docker_resume_stream *s = &resume->streams[stream];
    const unsigned char *bytes = data;
    uint64_t left = s->given > s->position ? s->given - s->position : 0;
    size_t skip = left < size ? (size_t)left : size;
    for (size_t i = 0; i < skip; i++) {
        uint64_t at = s->position + i;
        if (at + PLR_DOCKER_TAIL >= s->given && bytes[i] != s->tail[at % PLR_DOCKER_TAIL])
            s->differs = true;
    }
    /* What is not position is given out next. */
    s->position += size;
    return skip;
}

bool plr_docker_resume_has_gap(const plr_docker_resume *resume, unsigned stream)
{
    const plr_docker_resume_stream *s = &resume->streams[stream];
    return s->differs || s->position < s->given;
}
