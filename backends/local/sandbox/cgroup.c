/* SPDX-License-Identifier: MIT */
/*
 * Control groups. The run's group is made below the nearest ancestor of our own that allows it: a
 * group with processes in it cannot hand controllers on, so that may be further up.
 */
#include "backends/local/sandbox/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backends/local/sandbox/files.h"
#include "backends/local/sandbox/room.h"
#include "engine/base/error.h"

/* Of what /proc says: mounts beyond that are not looked at. */
#define TEXT_SIZE 16384

static const char *const controller_names[] = { "memory", "pids", "cpu" };

/* Whether a list with commas or blanks holds a word. */
static bool lists(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += length)
        if ((at == list || strchr(", ", at[-1])) && strchr(", \n", at[length]))
            return true;
    return false;
}

/* The next line of a text, cut off in place. */
static char *next_line(char **text)
{
    char *line = *text;
    if (*line == '\0')
        return NULL;
    char *end = line + strcspn(line, "\n");
    *text = *end ? end + 1 : end;
    *end = '\0';
    return line;
}

/* Where the hierarchy of a controller is mounted, of version 2 with NULL; "" if nowhere. The text
 * is that of /proc/self/mounts. */
static void find_mount(const char *mounts, const char *controller, char *ret_path)
{
    char copy[TEXT_SIZE], *at = copy;
    strcpy(copy, mounts);
    *ret_path = '\0';
    for (char *line; (line = next_line(&at));) {
        char *rest = line, *path, *type, *options;
        strsep(&rest, " ");
        path = strsep(&rest, " ");
        type = strsep(&rest, " ");
        options = strsep(&rest, " ");
        if (!options || strlen(path) >= PATH_MAX)
            continue;
        if (controller ? strcmp(type, "cgroup") == 0 && lists(options, controller)
                       : strcmp(type, "cgroup2") == 0) {
            strcpy(ret_path, path);
            return;
        }
    }
}

/* Our own group in a hierarchy, "" for the topmost: "/a/b". The text is that of /proc/self/cgroup.
 */
static void find_own(const char *groups, const char *controller, char *ret_path)
{
    char copy[TEXT_SIZE], *at = copy;
    strcpy(copy, groups);
    *ret_path = '\0';
    for (char *line; (line = next_line(&at));) {
        char *rest = line;
        strsep(&rest, ":");
        char *list = strsep(&rest, ":");
        if (!rest || strlen(rest) >= PATH_MAX || strcmp(rest, "/") == 0 ||
                strncmp(rest, "/..", 3) == 0)
            continue;
        if (controller ? lists(list, controller) : *list == '\0')
            strcpy(ret_path, rest);
    }
}

static void plan_version1(
        plr_cgroups *cgroups, const char *run_id, const char *mounts, const char *groups)
{
    for (int i = 0; i < PLR_CONTROLLERS; i++) {
        char mount[PATH_MAX], own[PATH_MAX];
        find_mount(mounts, controller_names[i], mount);
        find_own(groups, controller_names[i], own);
        if (*mount && asprintf(&cgroups->paths[i], "%s%s/plr-%s", mount, own, run_id) < 0)
            cgroups->paths[i] = NULL;
        if (cgroups->paths[i])
            cgroups->version = 1;
    }
}

/* Hands the controllers on to the groups below `path`. */
static bool delegate(const char *path)
{
    _cleanup_close_ int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char now[256];
    if (folder < 0 || plr_file_read_text(folder, "cgroup.subtree_control", now, sizeof now) < 0)
        return false;
    for (int i = 0; i < PLR_CONTROLLERS; i++) {
        char more[32];
        snprintf(more, sizeof more, "+%s", controller_names[i]);
        if (!lists(now, controller_names[i]) &&
                plr_file_write_text_at(folder, "cgroup.subtree_control", more) < 0)
            return false;
    }
    return true;
}

/* A group for the run, with one for its inner process: who has groups below may have no process. */
static bool try_version2(plr_cgroups *cgroups, const char *above, const char *run_id, int *ret_room)
{
    char *path, room[PATH_MAX];
    if (!delegate(above) || asprintf(&path, "%s/plr-%s", above, run_id) < 0)
        return false;
    int n = snprintf(room, sizeof room, "%s/room", path);
    if (n > 0 && (size_t)n < sizeof room && mkdir(path, 0755) == 0) {
        if (delegate(path) && mkdir(room, 0755) == 0) {
            *ret_room = open(room, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            cgroups->version = 2;
            cgroups->paths[0] = path;
            return true;
        }
        rmdir(path);
    }
    free(path);
    return false;
}

void plr_cgroups_make(plr_cgroups *ret_cgroups, const char *run_id, int *ret_room)
{
    char mounts[TEXT_SIZE], groups[TEXT_SIZE];
    *ret_cgroups = (plr_cgroups){ 0 };
    *ret_room = -1;
    if (plr_file_read_text(AT_FDCWD, "/proc/self/mounts", mounts, sizeof mounts) >= 0 &&
            plr_file_read_text(AT_FDCWD, "/proc/self/cgroup", groups, sizeof groups) >= 0)
        plr_cgroups_make_in(ret_cgroups, run_id, mounts, groups, ret_room);
}

void plr_cgroups_make_in(plr_cgroups *ret_cgroups, const char *run_id, const char *mounts,
        const char *groups, int *ret_room)
{
    char mount[PATH_MAX], own[PATH_MAX], above[2 * PATH_MAX];
    *ret_cgroups = (plr_cgroups){ 0 };
    *ret_room = -1;
    plan_version1(ret_cgroups, run_id, mounts, groups);
    find_mount(mounts, NULL, mount);
    if (ret_cgroups->version == 1 || !*mount)
        return;
    find_own(groups, NULL, own);
    for (;;) {
        snprintf(above, sizeof above, "%s%s", mount, own);
        char *slash = strrchr(own, '/');
        if (try_version2(ret_cgroups, above, run_id, ret_room) || !slash)
            return;
        *slash = '\0';
    }
}

void plr_cgroups_note(const plr_cgroups *cgroups, int folder)
{
    char text[PLR_CONTROLLERS * PATH_MAX] = "";
    size_t size = 0;
    for (int i = 0; i < PLR_CONTROLLERS; i++)
        if (cgroups->paths[i])
            size += (size_t)snprintf(text + size, sizeof text - size, "%s\n", cgroups->paths[i]);
    if (size == 0 || size >= sizeof text)
        return;
    _cleanup_close_ int fd = openat(folder, "groups", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    /* Without it a killed run may leave empty groups, and nothing else. */
    if (fd < 0 || write(fd, text, size) < 0)
        return;
}

void plr_cgroups_recall(plr_cgroups *ret_cgroups, const char *folder)
{
    char text[PLR_CONTROLLERS * PATH_MAX], *at = text, *line;
    *ret_cgroups = (plr_cgroups){ 0 };
    _cleanup_close_ int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || plr_file_read_text(fd, "groups", text, sizeof text) < 0)
        return;
    for (int i = 0; i < PLR_CONTROLLERS && (line = next_line(&at)); i++)
        ret_cgroups->paths[i] = strdup(line);
}

int plr_cgroups_make_task(const plr_cgroups *cgroups, uint32_t task)
{
    char path[PATH_MAX];
    if (cgroups->version != 2)
        return -1;
    snprintf(path, sizeof path, "%s/%u", cgroups->paths[0], task);
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return -1;
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A group that has just lost its last process may be busy for a moment. */
static void remove_group(const char *path)
{
    const struct timespec moment = { .tv_nsec = 1000000 };
    for (int i = 0; rmdir(path) < 0 && errno == EBUSY && i < 50; i++)
        nanosleep(&moment, NULL);
}

void plr_cgroups_remove(plr_cgroups *cgroups)
{
    for (int i = 0; i < PLR_CONTROLLERS; i++) {
        char path[PATH_MAX];
        DIR *entries = cgroups->paths[i] ? opendir(cgroups->paths[i]) : NULL;
        for (struct dirent *entry; entries && (entry = readdir(entries));) {
            if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
                continue;
            snprintf(path, sizeof path, "%s/%s", cgroups->paths[i], entry->d_name);
            remove_group(path);
        }
        if (entries) {
            closedir(entries);
            remove_group(cgroups->paths[i]);
        }
        free(steal(cgroups->paths[i]));
    }
}

typedef struct plr_limit {
    plr_controller controller;
    const char *file;
    char value[32];
    bool optional; /* not every kernel has it */
} plr_limit;

/* One more than controllers: memory has two. */
#define LIMITS_MAX (PLR_CONTROLLERS + 1)

/* Limits as files of a task's group, for both versions. */
static size_t list_limits(int version, const plr_task_request *request, plr_limit *ret_limits)
{
    size_t n = 0;
    if (request->memory) {
        plr_limit *limit = &ret_limits[n++];
        *limit = (plr_limit){ PLR_CONTROLLER_MEMORY,
            version == 2 ? "memory.max" : "memory.limit_in_bytes", "", false };
        snprintf(limit->value, sizeof limit->value, "%" PRIu64, request->memory);
        /* That much memory, and not as much swap again: version 1 counts both in one. */
        plr_limit *swap = &ret_limits[n++];
        *swap = *limit;
        swap->optional = true;
        swap->file = version == 2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes";
        if (version == 2)
            strcpy(swap->value, "0");
    }
    if (request->pids) {
        plr_limit *limit = &ret_limits[n++];
        *limit = (plr_limit){ PLR_CONTROLLER_PIDS, "pids.max", "", false };
        /* plr-init is one of them, but not one of the step's; of a detached step nothing is left of
         * it. */
        snprintf(limit->value, sizeof limit->value, "%" PRIu64, request->pids + !request->detach);
    }
    if (request->cpu) {
        plr_limit *limit = &ret_limits[n++];
        *limit = (plr_limit){ PLR_CONTROLLER_CPU, version == 2 ? "cpu.max" : "cpu.cfs_quota_us", "",
            false };
        /* Of a period of 100 ms; the kernel wants at least 1 ms. */
        uint64_t quota = request->cpu < 10 ? 1000 : request->cpu * 100;
        snprintf(limit->value, sizeof limit->value,
                version == 2 ? "%" PRIu64 " 100000" : "%" PRIu64, quota);
    }
    return n;
}

void plr_rlimits_set(const plr_rlimits *limits)
{
    const struct rlimit memory = { limits->memory, limits->memory };
    const struct rlimit processes = { limits->processes, limits->processes };
    if (limits->memory)
        setrlimit(RLIMIT_DATA, &memory);
    if (limits->processes)
        setrlimit(RLIMIT_NPROC, &processes);
}

/* Without its controller: by rlimit, of each process, or not at all. */
static void limit_otherwise(const plr_limit *limit, const plr_task_request *request,
        plr_rlimits *instead_of_it, char *warning)
{
    const char *instead = "its limit of processor time is not kept";
    if (limit->controller == PLR_CONTROLLER_MEMORY) {
        instead_of_it->memory = request->memory;
        instead = "its memory limit holds for each of its processes, not for all together";
    } else if (limit->controller == PLR_CONTROLLER_PIDS) {
        instead_of_it->processes = request->pids + 2;
        instead = "its limit of processes counts all of this run's";
    }
    size_t size = strlen(warning);
    snprintf(warning + size, PLR_ERROR_MESSAGE_SIZE - size, "%s%s",
            size ? "; "
                 : "this user may not make control groups here (a session of systemd's "
                   "user manager may: systemd-run --user --scope): ",
            instead);
}

/* The group of a task in the hierarchy of a controller, made if it is not there. */
static int open_group(const plr_cgroups *cgroups, plr_controller controller, uint32_t task)
{
    const char *run = cgroups->paths[cgroups->version == 2 ? 0 : controller];
    char path[PATH_MAX];
    if (!run || (mkdir(run, 0755) < 0 && errno != EEXIST))
        return -1;
    snprintf(path, sizeof path, "%s/%u", run, task);
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return -1;
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int plr_cgroups_enter(const plr_cgroups *cgroups, uint32_t task, const plr_task_request *request,
        plr_rlimits *ret_instead, char *warning, plr_error *err)
{
    plr_limit limits[LIMITS_MAX];
    size_t n = list_limits(cgroups->version, request, limits);
    warning[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        _cleanup_close_ int group = open_group(cgroups, limits[i].controller, task);
        bool is_set =
                group >= 0 && plr_file_write_text_at(group, limits[i].file, limits[i].value) == 0;
        if (limits[i].optional)
            continue;
        if (group < 0)
            limit_otherwise(&limits[i], request, ret_instead, warning);
        else if (!is_set)
            return plr_fault(err, "cannot set %s to %s", limits[i].file, limits[i].value);
        else if (cgroups->version == 1 && plr_file_write_text_at(group, "cgroup.procs", "0") < 0)
            return plr_fault(err, "cannot enter a control group of this run");
    }
    return 0;
}

int plr_cgroups_open(const plr_cgroups *cgroups, plr_controller controller, uint32_t task)
{
    char path[PATH_MAX];
    if (!cgroups->paths[controller])
        return -1;
    snprintf(path, sizeof path, "%s/%u", cgroups->paths[controller], task);
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

const char *plr_controller_name(plr_controller controller)
{
    return controller_names[controller];
}

void plr_cgroups_join(const plr_cgroups *cgroups, uint32_t task)
{
    char path[PATH_MAX];
    for (int i = 0; i < PLR_CONTROLLERS; i++) {
        if (!cgroups->paths[i])
            continue;
        snprintf(path, sizeof path, "%s/%u/cgroup.procs", cgroups->paths[i], task);
        plr_file_write_text(path, "0");
    }
}

static uint64_t read_number(int folder, const char *file)
{
    char text[32];
    return plr_file_read_text(folder, file, text, sizeof text) > 0 ? strtoull(text, NULL, 10) : 0;
}

/* The number behind a word at the beginning of a line, or its sum over all lines. */
static uint64_t read_count(int folder, const char *file, const char *word)
{
    char text[4096];
    uint64_t sum = 0;
    size_t length = strlen(word);
    if (plr_file_read_text(folder, file, text, sizeof text) <= 0)
        return 0;
    for (char *at = text; (at = strstr(at, word)); at += length)
        if ((at == text || strchr("\n ", at[-1])) && (at[length] == ' ' || at[length] == '='))
            sum += strtoull(at + length + 1, NULL, 10);
    return sum;
}

void plr_cgroups_measure(const plr_cgroups *cgroups, uint32_t task, plr_sandbox_end *end)
{
    char path[PATH_MAX];
    uint64_t peak;
    if (!cgroups->paths[PLR_CONTROLLER_MEMORY])
        return;
    snprintf(path, sizeof path, "%s/%u", cgroups->paths[PLR_CONTROLLER_MEMORY], task);
    _cleanup_close_ int group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (group < 0)
        return;
    if (cgroups->version == 2) {
        peak = read_number(group, "memory.peak");
        end->oom = read_count(group, "memory.events", "oom_kill") > 0;
        end->user_us = read_count(group, "cpu.stat", "user_usec");
        end->system_us = read_count(group, "cpu.stat", "system_usec");
        if (faccessat(group, "io.stat", R_OK, 0) == 0) {
            end->read_bytes = read_count(group, "io.stat", "rbytes");
            end->written_bytes = read_count(group, "io.stat", "wbytes");
        }
    } else {
        peak = read_number(group, "memory.max_usage_in_bytes");
        end->oom = read_count(group, "memory.oom_control", "oom_kill") > 0;
    }
    if (peak)
        end->memory_peak = peak;
}

void plr_cgroups_remove_task(const plr_cgroups *cgroups, uint32_t task)
{
    char path[PATH_MAX];
    for (int i = 0; i < PLR_CONTROLLERS; i++) {
        if (!cgroups->paths[i])
            continue;
        snprintf(path, sizeof path, "%s/%u", cgroups->paths[i], task);
        remove_group(path);
    }
}
