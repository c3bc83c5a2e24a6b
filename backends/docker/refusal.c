/* SPDX-License-Identifier: MIT */
/* The words of dockerd, runc and Podman for what cannot be created or started. */
#include "backends/docker/refusal.h"

#include <stddef.h>
#include <string.h>

#include <pipeline/error.h>

static bool has(const char *message, const char *const *phrases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcasestr(message, phrases[i]) != NULL)
            return true;
    return false;
}

#define HAS(message, ...)                                                                          \
    has(message, (const char *const[]){ __VA_ARGS__ },                                             \
            sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

bool plr_docker_refusal_is_missing_path(const char *message)
{
    return HAS(message, "bind source path does not exist") ||
           (HAS(message, "statfs ") && HAS(message, "no such file or directory"));
}

int plr_docker_refusal_exec(const char *message)
{
    if (!HAS(message, "exec: \"", "exec format error", "starting container process",
                "start container process", "executable file"))
        return 0;
    if (HAS(message, "executable file not found", "no such file or directory"))
        return 127;
    if (HAS(message, "permission denied", "is a directory", "exec format error"))
        return 126;
    return 0;
}

bool plr_docker_refusal_is_pool(const char *message)
{
    return HAS(message, "non-overlapping", "address pools have been fully",
            "could not find free subnet", "no free subnet");
}

int plr_docker_refusal_code(int status, const char *message)
{
    /* What the machine lacks comes first, since its words may stand inside the others'. */
    if (HAS(message, "no space left", "cannot allocate memory", "too many open files",
                "cannot join network of a non running container", "is not running",
                "context deadline", "connection refused", "shim"))
        return PLR_ERR_INFRASTRUCTURE;
    if (status == 404 && HAS(message, "image"))
        return PLR_ERR_IMAGE;
    if (status >= 400 && status < 500)
        return PLR_ERR_CONFIGURATION;
    if (HAS(message, "unable to find user", "unable to find group", "no matching entries in passwd",
                "port is already allocated", "address already in use", "executable file not found",
                "permission denied", "not a directory", "no such file or directory",
                "is a directory", "invalid argument", "error gathering device information",
                "not a device node", "invalid mount", "operation not permitted", "minimum memory",
                "read-only file system", "network not found", "mkdir ", "path escapes from"))
        return PLR_ERR_CONFIGURATION;
    return PLR_ERR_INFRASTRUCTURE;
}
