/* SPDX-License-Identifier: MIT */
/* Comparisons of paths by their names. */
#include "engine/base/path.h"

#include <string.h>

static const char *const daemon_sockets[] = {
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
};

bool plr_is_daemon_socket(const char *host_path)
{
    size_t length = strlen(host_path);
    while (length > 1 && host_path[length - 1] == '/')
        length--;
    for (size_t i = 0; i < sizeof daemon_sockets / sizeof *daemon_sockets; i++) {
        const char *socket = daemon_sockets[i];
        bool is_prefix = strncmp(socket, host_path, length) == 0;
        if (is_prefix && (length == 1 || socket[length] == '\0' || socket[length] == '/'))
            return true;
    }
    const char *name = strrchr(host_path, '/');
    return name != NULL &&
           (strcmp(name, "/docker.sock") == 0 || strcmp(name, "/podman.sock") == 0 ||
                   strcmp(name, "/containerd.sock") == 0);
}

/* Without the slashes at its end: "/" is nothing. */
static size_t length_of(const char *folder)
{
    size_t length = strlen(folder);
    while (length > 0 && folder[length - 1] == '/')
        length--;
    return length;
}

bool plr_path_is_within(const char *path, const char *folder)
{
    size_t length = length_of(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

bool plr_path_is_inside(const char *path, const char *folder)
{
    size_t length = length_of(folder);
    return plr_path_is_within(path, folder) && path[length + strspn(path + length, "/")] != '\0';
}
