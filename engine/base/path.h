/* SPDX-License-Identifier: MIT */
/* What the paths of volumes mean, as texts: nothing is looked at. */
#ifndef PLR_PATH_H
#define PLR_PATH_H

#include <stdbool.h>

/* Whether the host path of a volume is a daemon's socket, or a folder that holds one. */
bool plr_is_daemon_socket(const char *host_path);

/* Whether `path` is `folder` or something in it, at any depth; both are absolute. */
bool plr_path_is_within(const char *path, const char *folder);

/* The same, but the folder itself is not. */
bool plr_path_is_inside(const char *path, const char *folder);

#endif
