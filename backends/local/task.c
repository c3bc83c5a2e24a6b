/* SPDX-License-Identifier: MIT */
/* Asks the sandbox for a task: its pipes, the line to its plr-init, and the fields that say what it
 * is. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/local/compose.h"
#include "backends/local/local.h"
#include "engine/base/error.h"

/* Nobody wants a folder where a socket should be. */
static bool is_socket_name(const char *path)
{
    size_t length = strlen(path);
    return length > 5 && strcmp(path + length - 5, ".sock") == 0;
}

static int make_folder(plr_local_attempt *attempt, const char *path, plr_error *err)
{
    _cleanup_free_ char *copy = strdup(path);
    if (copy == NULL)
        return plr_error_nomem(err);
    for (char *at = copy + 1;; at++) {
        char c = *at;
        if (c != '/' && c != '\0')
            continue;
        *at = '\0';
        if (mkdir(copy, 0755) < 0 && errno != EEXIST)
            return plr_error_set(err, PLR_ERR_CONFIGURATION,
                    "host path %s does not exist, and mkdir %s: %s", path, copy, strerror(errno));
        *at = c;
        if (c == '\0')
            break;
    }
    plr_local_warn(attempt, "host path %s did not exist: it was made a folder", path);
    return 0;
}

/* As on Docker, where documents come from: a missing host path is made a folder. */
static int make_host_paths(plr_local_attempt *attempt, plr_error *err)
{
    const plr_task *task = attempt->task;
    int r = 0;
    for (size_t i = 0; i < task->n_volumes && r == 0; i++) {
        const char *path = task->volumes[i].host_path;
        if (path == NULL || access(path, F_OK) == 0 || errno != ENOENT)
            continue;
        if (is_socket_name(path))
            return plr_error_set(err, PLR_ERR_CONFIGURATION, "host path %s does not exist", path);
        r = make_folder(attempt, path, err);
    }
    return r;
}

int plr_local_task_fields(const plr_local_attempt *attempt, int *ret_fd, plr_error *err)
{
    const plr_local_run *run = attempt->run;
    plr_local_wish wish = {
        .task = attempt->task,
        .image = attempt->image,
        .mode = run->network,
        .room_is_host = run->room_is_host,
        .ipv6 = run->local->settings.ipv6,
        .outbound = run->outbound,
        .subnet = run->subnet,
        .resolv = run->resolv,
    };
    _cleanup_buf_ plr_buf out = { 0 };
    int r = plr_local_compose(&out, &wish, err);
    return r < 0 ? r : plr_sandbox_seal(&out, ret_fd, err);
}

int plr_local_task_build(plr_local_attempt *attempt, plr_error *err)
{
    plr_local_run *run = attempt->run;
    /* In the order of the request; closed here if they do not get that far. */
    int fds[4] = { -1, -1, -1, -1 };
    int r = make_host_paths(attempt, err);
    if (r == 0)
        r = plr_local_task_fields(attempt, &fds[0], err);
    if (r == 0)
        r = plr_local_output_open(attempt, &fds[1], &fds[2], err);
    if (r == 0)
        r = plr_local_channel_open(attempt, &fds[3], err);
    if (r < 0) {
        for (size_t i = 0; i < 4; i++)
            cleanup_close(&fds[i]);
        return r;
    }
    attempt->number = ++run->last_number;
    return plr_local_room_send(run, PLR_SANDBOX_TASK, attempt->number, 0, fds, 4, err);
}
