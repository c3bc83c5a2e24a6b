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

/* Where a hierarchy is mounted. `controller` NULL: version 2. */
static bool find_mount(const char *controller, char *ret_path, size_t size)
{
    char line[4096];
    bool found = false;
    FILE *mounts = fopen("/proc/self/mounts", "re");
    while (mounts && !found && fgets(line, sizeof line, mounts)) {
        char path[PATH_MAX], type[32], options[1024];
        if (sscanf(line, "%*s %4095s %31s %1023s", path, type, options) != 3)
            continue;
        found = controller ? strcmp(type, "cgroup") == 0 && lists(options, controller)
                           : strcmp(type, "cgroup2") == 0;
        if (found)
            snprintf(ret_path, size, "%s", path);
    }
    if (mounts)
        fclose(mounts);
    return found;
}

/* Our own group in a hierarchy, "" for the topmost: "/a/b". */
static void find_own(const char *controller, char *ret_path, size_t size)
{
    char line[4096];
    FILE *groups = fopen("/proc/self/cgroup", "re");
    ret_path[0] = '\0';
    while (groups && fgets(line, sizeof line, groups)) {
        char *list = strchr(line, ':');
        char *path = list ? strchr(list + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        if (controller ? !lists(list + 1, controller) : list[1] != '\0')
            continue;
        path[strcspn(path, "\n")] = '\0';
        if (strcmp(path, "/") != 0 && strncmp(path, "/..", 3) != 0)
            snprintf(ret_path, size, "%s", path);
    }
    if (groups)
        fclose(groups);
}

static bool keep(plr_cgroups *cgroups, int at, const char *path)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *copy = strdup(path);
    if (folder < 0 || !copy) {
        free(copy);
        rmdir(path);
        return false;
    }
    cgroups->folders[at] = folder;
    cgroups->paths[at] = copy;
    return true;
}

static void make_version1(plr_cgroups *cgroups, const char *run_id)
{
    for (int i = 0; i < PLR_CONTROLLERS; i++) {
        char mount[PATH_MAX], own[PATH_MAX], path[2 * PATH_MAX + 512];
        if (!find_mount(controller_names[i], mount, sizeof mount))
            continue;
        find_own(controller_names[i], own, sizeof own);
        snprintf(path, sizeof path, "%s%s/plr-%s", mount, own, run_id);
        if ((mkdir(path, 0755) == 0 || errno == EEXIST) && keep(cgroups, i, path))
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
    bool all = true;
    for (int i = 0; i < PLR_CONTROLLERS; i++) {
        char more[32];
        snprintf(more, sizeof more, "+%s", controller_names[i]);
        if (!lists(now, controller_names[i]) &&
                plr_file_write_text_at(folder, "cgroup.subtree_control", more) < 0)
            all = false;
    }
    return all;
}

static bool try_version2(plr_cgroups *cgroups, const char *above, const char *run_id)
{
    char path[PATH_MAX];
    if (!delegate(above))
        return false;
    int n = snprintf(path, sizeof path, "%s/plr-%s", above, run_id);
    if (n < 0 || (size_t)n >= sizeof path || (mkdir(path, 0755) < 0 && errno != EEXIST))
        return false;
    char inner[PATH_MAX + 8], self[32];
    snprintf(inner, sizeof inner, "%s/room", path);
    snprintf(self, sizeof self, "%d", (int)getpid());
    /* A group below ours must take processes in: we go first, as the last test. */
    if (delegate(path) && (mkdir(inner, 0755) == 0 || errno == EEXIST)) {
        _cleanup_close_ int folder = open(inner, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder >= 0 && plr_file_write_text_at(folder, "cgroup.procs", self) == 0 &&
                keep(cgroups, 0, path)) {
            cgroups->version = 2;
            return true;
        }
        rmdir(inner);
    }
    rmdir(path);
    return false;
}

static void make_version2(plr_cgroups *cgroups, const char *run_id)
{
    char mount[PATH_MAX], own[PATH_MAX], above[2 * PATH_MAX];
    if (!find_mount(NULL, mount, sizeof mount))
        return;
    find_own(NULL, own, sizeof own);
    for (;;) {
        snprintf(above, sizeof above, "%s%s", mount, own);
        if (try_version2(cgroups, above, run_id))
            return;
        char *slash = strrchr(own, '/');
        if (!slash)
            return;
        *slash = '\0';
    }
}

void plr_cgroups_make(plr_cgroups *ret_cgroups, const char *run_id)
{
    *ret_cgroups = (plr_cgroups){ .folders = { -1, -1, -1 } };
    make_version1(ret_cgroups, run_id);
    if (ret_cgroups->version == 0)
        make_version2(ret_cgroups, run_id);
}

/* A group that has just lost its last process may be busy for a moment. */
static int remove_group(int parent, const char *name)
{
    const struct timespec moment = { .tv_nsec = 1000000 };
    for (int i = 0; unlinkat(parent, name, AT_REMOVEDIR) < 0; i++) {
        if (errno != EBUSY || i == 50)
            return errno == ENOENT ? 0 : -1;
        nanosleep(&moment, NULL);
    }
    return 0;
}

static void remove_below(int folder)
{
    int copy = fcntl(folder, F_DUPFD_CLOEXEC, 3);
    DIR *entries = copy >= 0 ? fdopendir(copy) : NULL;
    if (!entries) {
        if (copy >= 0)
            close(copy);
        return;
    }
    rewinddir(entries);
    for (struct dirent *entry; (entry = readdir(entries));)
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            remove_group(folder, entry->d_name);
    closedir(entries);
}

void plr_cgroups_remove(plr_cgroups *cgroups)
{
    for (int i = 0; i < PLR_CONTROLLERS; i++) {
        if (!cgroups->paths[i])
            continue;
        if (cgroups->version == 2) {
            /* We are in there ourselves: back to the group above. */
            char self[32];
            snprintf(self, sizeof self, "%d", (int)getpid());
            plr_file_write_text_at(cgroups->folders[i], "../cgroup.procs", self);
        }
        remove_below(cgroups->folders[i]);
        remove_group(AT_FDCWD, cgroups->paths[i]);
        close(cgroups->folders[i]);
        free(steal(cgroups->paths[i]));
    }
}

typedef struct plr_limit {
    plr_controller controller;
    const char *file;
    char value[32];
} plr_limit;

/* Limits as files of a task's group, for both versions. */
static size_t list_limits(int version, const plr_task_request *request, plr_limit *ret_limits)
{
    size_t n = 0;
    if (request->memory) {
        plr_limit *limit = &ret_limits[n++];
        *limit = (plr_limit){ PLR_CONTROLLER_MEMORY,
            version == 2 ? "memory.max" : "memory.limit_in_bytes", "" };
        snprintf(limit->value, sizeof limit->value, "%" PRIu64, request->memory);
    }
    if (request->pids) {
        plr_limit *limit = &ret_limits[n++];
        *limit = (plr_limit){ PLR_CONTROLLER_PIDS, "pids.max", "" };
        /* plr-init is one of them, but not one of the step's. */
        snprintf(limit->value, sizeof limit->value, "%" PRIu64, request->pids + 1);
    }
    if (request->cpu) {
        plr_limit *limit = &ret_limits[n++];
        *limit = (plr_limit){ PLR_CONTROLLER_CPU, version == 2 ? "cpu.max" : "cpu.cfs_quota_us",
            "" };
        /* Of a period of 100 ms; the kernel wants at least 1 ms. */
        uint64_t quota = request->cpu < 10 ? 1000 : request->cpu * 100;
        snprintf(limit->value, sizeof limit->value,
                version == 2 ? "%" PRIu64 " 100000" : "%" PRIu64, quota);
    }
    return n;
}

static int set_rlimit(int which, uint64_t value)
{
    struct rlimit limit = { value, value };
    return setrlimit((__rlimit_resource_t)which, &limit);
}

/* Without its controller: by rlimit, of each process, or not at all. */
static void limit_otherwise(const plr_limit *limit, const plr_task_request *request, char *warning)
{
    const char *instead = "its limit of processor time is not kept";
    if (limit->controller == PLR_CONTROLLER_MEMORY) {
        set_rlimit(RLIMIT_DATA, request->memory);
        instead = "its memory limit holds for each of its processes, not for all together";
    } else if (limit->controller == PLR_CONTROLLER_PIDS) {
        set_rlimit(RLIMIT_NPROC, request->pids + 2);
        instead = "its limit of processes counts all of this run's";
    }
    size_t size = strlen(warning);
    snprintf(warning + size, PLR_ERROR_MESSAGE_SIZE - size, "%s%s",
            size ? "; "
                 : "this user may not make control groups here (a session of systemd's "
                   "user manager may: systemd-run --user --scope): ",
            instead);
}

/* The group of a task in one hierarchy, made and entered. */
static int open_group(const plr_cgroups *cgroups, int at, const char *name)
{
    int folder = cgroups->folders[at];
    if (folder < 0 || (mkdirat(folder, name, 0755) < 0 && errno != EEXIST))
        return -1;
    return openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int plr_cgroups_enter(const plr_cgroups *cgroups, uint32_t task, const plr_task_request *request,
        char *warning, plr_error *err)
{
    plr_limit limits[PLR_CONTROLLERS];
    size_t n_limits = list_limits(cgroups->version, request, limits);
    int groups[PLR_CONTROLLERS] = { -1, -1, -1 };
    char name[16];
    int r = 0;

    warning[0] = '\0';
    snprintf(name, sizeof name, "%u", task);
    for (int i = 0; i < PLR_CONTROLLERS; i++) {
        /* What is not limited need not be counted, but for memory: its peak is told. */
        bool wanted = i == PLR_CONTROLLER_MEMORY;
        for (size_t k = 0; k < n_limits; k++)
            wanted |= (int)limits[k].controller == i;
        if (wanted && cgroups->version)
            groups[i] = open_group(cgroups, i, name);
    }
    for (size_t i = 0; i < n_limits && r == 0; i++) {
        int group = groups[cgroups->version == 2 ? 0 : limits[i].controller];
        if (group < 0)
            limit_otherwise(&limits[i], request, warning);
        else if (plr_file_write_text_at(group, limits[i].file, limits[i].value) < 0)
            r = plr_fault(err, "cannot set %s to %s", limits[i].file, limits[i].value);
    }
    for (int i = 0; i < PLR_CONTROLLERS; i++) {
        if (groups[i] < 0)
            continue;
        if (r == 0 && plr_file_write_text_at(groups[i], "cgroup.procs", "0") < 0)
            r = plr_fault(err, "cannot enter a control group of this run");
        close(groups[i]);
    }
    return r;
}

void plr_cgroups_join(const plr_cgroups *cgroups, uint32_t task)
{
    char path[48];
    snprintf(path, sizeof path, "%u/cgroup.procs", task);
    for (int i = 0; i < PLR_CONTROLLERS; i++)
        if (cgroups->folders[i] >= 0)
            plr_file_write_text_at(cgroups->folders[i], path, "0");
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
    char name[16];
    snprintf(name, sizeof name, "%u", task);
    _cleanup_close_ int group = cgroups->folders[PLR_CONTROLLER_MEMORY] < 0
                                        ? -1
                                        : openat(cgroups->folders[PLR_CONTROLLER_MEMORY], name,
                                                  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (group < 0)
        return;
    uint64_t peak;
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
    char name[16];
    snprintf(name, sizeof name, "%u", task);
    for (int i = 0; i < PLR_CONTROLLERS; i++)
        if (cgroups->folders[i] >= 0)
            remove_group(cgroups->folders[i], name);
}
