/* SPDX-License-Identifier: MIT */
/* --log-dir: the output of each attempt in a file of its own: 003-build.log, 003-build.2.log. */
#include "cli/logdir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/text.h"

int plr_logdir_open(plr_logdir *logs, const char *path, plr_error *err)
{
    if (mkdir(path, 0777) < 0 && errno != EEXIST)
        return plr_error_set(err, PLR_ERR_USAGE, "cannot make %s: %s", path, strerror(errno));
    logs->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (logs->fd < 0)
        return plr_error_set(err, PLR_ERR_USAGE, "cannot open %s: %s", path, strerror(errno));
    return 0;
}

/* A step's name may hold what a file's cannot. */
static void file_name(char *name, size_t size, const plr_event *event)
{
    int n = snprintf(name, size, "%03zu-%.100s", event->task + 1,
            event->step != NULL ? event->step : "step");
    for (char *at = name; *at != '\0'; at++)
        if (*at == '/' || (unsigned char)*at < 0x20)
            *at = '_';
    if (event->attempt > 1)
        snprintf(name + n, size - (size_t)n, ".%u.log", event->attempt);
    else
        snprintf(name + n, size - (size_t)n, ".log");
}

static int file_of(plr_logdir *logs, const plr_event *event, plr_error *err)
{
    char name[160];
    if (event->task >= logs->n_files)
        return plr_error_set(err, PLR_ERR_STATE, "output of a step that is not in the document");
    if (logs->files[event->task] >= 0)
        return logs->files[event->task];
    file_name(name, sizeof name, event);
    int fd = openat(logs->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "cannot write %s: %s", name, strerror(errno));
    return logs->files[event->task] = fd;
}

static int write_output(plr_logdir *logs, const plr_event *event, plr_error *err)
{
    const char *data = event->u.output.data;
    size_t left = event->u.output.size;
    int fd = file_of(logs, event, err);
    if (fd < 0)
        return fd;
    while (left > 0) {
        ssize_t n = write(fd, data, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return plr_error_set(err, PLR_ERR_SYSTEM, "cannot write the log of %s: %s", event->step,
                    strerror(errno));
        data += n;
        left -= (size_t)n;
    }
    return 0;
}

static int make_room(plr_logdir *logs, const plr_event *event, plr_error *err)
{
    const plr_document *document = event->u.run_started.document;
    if (document == NULL || logs->files != NULL || document->n_tasks == 0)
        return 0;
    logs->files = malloc(document->n_tasks * sizeof *logs->files);
    if (logs->files == NULL)
        return plr_cli_no_memory(err);
    logs->n_files = document->n_tasks;
    for (size_t i = 0; i < logs->n_files; i++)
        logs->files[i] = -1;
    return 0;
}

int plr_logdir_take(plr_logdir *logs, const plr_event *event, plr_error *err)
{
    if (logs->fd < 0)
        return 0;
    if (event->type == PLR_EVENT_RUN_STARTED)
        return make_room(logs, event, err);
    if (event->type == PLR_EVENT_OUTPUT)
        return write_output(logs, event, err);
    if (event->type == PLR_EVENT_STEP && event->u.moved.end != NULL &&
            event->task < logs->n_files && logs->files[event->task] >= 0) {
        int fd = logs->files[event->task];
        logs->files[event->task] = -1;
        if (close(fd) < 0)
            return plr_error_set(err, PLR_ERR_SYSTEM, "cannot write the log of %s: %s", event->step,
                    strerror(errno));
    }
    return 0;
}

void plr_logdir_close(plr_logdir *logs)
{
    for (size_t i = 0; i < logs->n_files; i++)
        if (logs->files[i] >= 0)
            close(logs->files[i]);
    free(logs->files);
    if (logs->fd >= 0)
        close(logs->fd);
    *logs = (plr_logdir){ .fd = -1 };
}
