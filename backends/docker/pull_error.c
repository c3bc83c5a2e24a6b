/* SPDX-License-Identifier: MIT */
/* Words of daemons and registries for why an image was not pulled. They change their case and
 * prefixes from version to version, so they are looked for without case, anywhere. */
#include "backends/docker/pull_error.h"

#include <stddef.h>
#include <string.h>

typedef struct phrase {
    const char *words;
    plr_docker_pull_kind kind;
} phrase;

/* The first that fits wins: what passes comes before what stays, since "denied" may stand in a
 * message about too many requests. */
static const phrase phrases[] = {
    { "toomanyrequests", PLR_DOCKER_PULL_BUSY },
    { "too many requests", PLR_DOCKER_PULL_BUSY },
    { "rate limit", PLR_DOCKER_PULL_BUSY },
    { "status: 5", PLR_DOCKER_PULL_BUSY },
    { "status code 5", PLR_DOCKER_PULL_BUSY },
    { "500 internal server error", PLR_DOCKER_PULL_BUSY },
    { "bad gateway", PLR_DOCKER_PULL_BUSY },
    { "service unavailable", PLR_DOCKER_PULL_BUSY },
    { "gateway timeout", PLR_DOCKER_PULL_BUSY },
    { "connection refused", PLR_DOCKER_PULL_UNREACHABLE },
    { "connection reset", PLR_DOCKER_PULL_UNREACHABLE },
    { "no such host", PLR_DOCKER_PULL_UNREACHABLE },
    { "server misbehaving", PLR_DOCKER_PULL_UNREACHABLE },
    { "network is unreachable", PLR_DOCKER_PULL_UNREACHABLE },
    { "no route to host", PLR_DOCKER_PULL_UNREACHABLE },
    { "temporary failure in name resolution", PLR_DOCKER_PULL_UNREACHABLE },
    { "timeout", PLR_DOCKER_PULL_UNREACHABLE },
    { "timed out", PLR_DOCKER_PULL_UNREACHABLE },
    { "deadline exceeded", PLR_DOCKER_PULL_UNREACHABLE },
    { "request canceled", PLR_DOCKER_PULL_UNREACHABLE },
    { "eof", PLR_DOCKER_PULL_UNREACHABLE },
    { "no space left", PLR_DOCKER_PULL_BROKEN },
    { "unauthorized", PLR_DOCKER_PULL_REFUSED },
    { "authentication required", PLR_DOCKER_PULL_REFUSED },
    { "no basic auth credentials", PLR_DOCKER_PULL_REFUSED },
    { "incorrect username or password", PLR_DOCKER_PULL_REFUSED },
    { "denied", PLR_DOCKER_PULL_REFUSED },
    { "forbidden", PLR_DOCKER_PULL_REFUSED },
    { "manifest unknown", PLR_DOCKER_PULL_REFUSED },
    { "name unknown", PLR_DOCKER_PULL_REFUSED },
    { "no matching manifest", PLR_DOCKER_PULL_REFUSED },
    { "not found", PLR_DOCKER_PULL_REFUSED },
    { "does not exist", PLR_DOCKER_PULL_REFUSED },
    { "no such image", PLR_DOCKER_PULL_REFUSED },
    { "invalid reference", PLR_DOCKER_PULL_REFUSED },
    { "unsupported manifest", PLR_DOCKER_PULL_REFUSED },
    { "cannot be used on this platform", PLR_DOCKER_PULL_REFUSED },
};

plr_docker_pull_kind plr_docker_pull_classify(const char *message)
{
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
        if (strcasestr(message, phrases[i].words) != NULL)
            return phrases[i].kind;
    return PLR_DOCKER_PULL_BROKEN;
}
