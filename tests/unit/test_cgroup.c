/* SPDX-License-Identifier: MIT */
/*
 * Control groups of version 2 on a folder that looks like them: the linker sends mkdir and rmdir
 * through here, so a new folder has the kernel's files and an old one goes with them. What the
 * kernel does with what is written is not tried: that takes a machine that has version 2.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/local/sandbox/cgroup.h"
#include "backends/local/sandbox/files.h"
#include "backends/local/sandbox/room.h"
#include "engine/base/error.h"
#include "tests/unit/harness.h"

int __real_mkdir(const char *path, mode_t mode);
int __real_rmdir(const char *path);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_rmdir(const char *path);

static const char *const files[] = { "cgroup.subtree_control", "cgroup.procs", "memory.max",
    "memory.swap.max", "memory.peak", "memory.events", "pids.max", "cpu.max", "cpu.stat",
    "io.stat" };
#define N_FILES (sizeof files / sizeof *files)

static char top[] = "/tmp/plr-cgroup-XXXXXX";
static char mounts[400];
static bool no_swap; /* a kernel without it */

static void put(const char *group, const char *file, const char *text)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s/%s", top, group, file);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    CU_ASSERT_TRUE(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static const char *get(const char *group, const char *file)
{
    static char text[300];
    char path[300];
    snprintf(path, sizeof path, "%s/%s/%s", top, group, file);
    return plr_file_read_text(AT_FDCWD, path, text, sizeof text) < 0 ? "none" : text;
}

static bool is_there(const char *group)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", top, group);
    return access(path, F_OK) == 0;
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    int r = __real_mkdir(path, mode);
    for (size_t i = 0; r == 0 && i < N_FILES; i++)
        if (!no_swap || strcmp(files[i], "memory.swap.max") != 0)
            put(path + strlen(top) + 1, files[i], "");
    return r;
}

int __wrap_rmdir(const char *path)
{
    char file[300];
    for (size_t i = 0; i < N_FILES; i++) {
        snprintf(file, sizeof file, "%s/%s", path, files[i]);
        unlink(file);
    }
    return __real_rmdir(path);
}

/* Of main.c, which is not here. */
int plr_fault(plr_error *err, const char *format, ...)
{
    char text[PLR_ERROR_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return plr_error_set(err, PLR_ERR_SYSTEM, "%s", text);
}

static void group(const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", top, name);
    CU_ASSERT_EQUAL(mkdir(path, 0755), 0);
}

/* A group that does not hand its controllers on: the kernel says so when it is asked. */
static void lock(const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s/cgroup.subtree_control", top, name);
    unlink(path);
}

static void begin(void)
{
    CU_ASSERT_EQUAL(__real_mkdir(top, 0755), 0);
    put(".", "cgroup.subtree_control", "cpu memory pids\n");
    group("user.slice");
    group("user.slice/app.scope");
}

static void end(void)
{
    char path[300];
    const char *const names[] = { "user.slice/app.scope", "user.slice", "." };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", top, names[i]);
        if (i < 2)
            CU_ASSERT_EQUAL(rmdir(path), 0);
    }
    CU_ASSERT_EQUAL(rmdir(top), 0);
}

static void make(plr_cgroups *ret_cgroups)
{
    int room;
    plr_cgroups_make_in(ret_cgroups, "r1", mounts, "0::/user.slice/app.scope\n", &room);
    CU_ASSERT_EQUAL(room >= 0, ret_cgroups->version == 2);
    if (room >= 0)
        close(room);
}

/* The run's group is a child of the nearest one that hands on; who has processes does not. */
static void test_the_nearest_that_hands_on(void)
{
    plr_cgroups cgroups;
    begin();
    make(&cgroups);
    CU_ASSERT_EQUAL(cgroups.version, 2);
    CU_ASSERT_TRUE(is_there("user.slice/app.scope/plr-r1/room"));
    /* One after another, each over the one before: a kernel's file would add them up. */
    CU_ASSERT_EQUAL(get("user.slice/app.scope/plr-r1", "cgroup.subtree_control")[0], '+');
    plr_cgroups_remove(&cgroups);
    CU_ASSERT_FALSE(is_there("user.slice/app.scope/plr-r1"));

    lock("user.slice/app.scope");
    put("user.slice", "cgroup.subtree_control", "memory\n");
    make(&cgroups);
    CU_ASSERT_TRUE(is_there("user.slice/plr-r1/room"));
    plr_cgroups_remove(&cgroups);

    lock("user.slice");
    make(&cgroups);
    CU_ASSERT_TRUE(is_there("plr-r1/room"));
    plr_cgroups_remove(&cgroups);

    lock(".");
    make(&cgroups);
    CU_ASSERT_EQUAL(cgroups.version, 0);
    plr_cgroups_remove(&cgroups);
    end();
}

static void test_limits(void)
{
    const plr_task_request request = { .memory = 64 << 20, .pids = 50, .cpu = 1500 };
    const plr_task_request detached = { .pids = 50, .cpu = 5, .detach = true };
    char warning[PLR_ERROR_MESSAGE_SIZE];
    plr_cgroups cgroups;
    plr_rlimits instead = { 0 };
    plr_error err = { 0 };
    begin();
    make(&cgroups);
    for (uint32_t task = 1; task <= 2; task++) {
        int fd = plr_cgroups_make_task(&cgroups, task);
        CU_ASSERT_TRUE(fd >= 0);
        close(fd);
        CU_ASSERT_EQUAL(plr_cgroups_enter(&cgroups, task, task == 1 ? &request : &detached,
                                &instead, warning, &err),
                0);
        CU_ASSERT_STRING_EQUAL(warning, "");
    }
    CU_ASSERT_EQUAL(instead.memory + instead.processes, 0);
    CU_ASSERT_STRING_EQUAL(get("user.slice/app.scope/plr-r1/1", "memory.max"), "67108864");
    CU_ASSERT_STRING_EQUAL(get("user.slice/app.scope/plr-r1/1", "memory.swap.max"), "0");
    CU_ASSERT_STRING_EQUAL(get("user.slice/app.scope/plr-r1/1", "pids.max"), "51");
    CU_ASSERT_STRING_EQUAL(get("user.slice/app.scope/plr-r1/1", "cpu.max"), "150000 100000");
    /* It was cloned into it: nobody writes there. */
    CU_ASSERT_STRING_EQUAL(get("user.slice/app.scope/plr-r1/1", "cgroup.procs"), "");
    CU_ASSERT_STRING_EQUAL(get("user.slice/app.scope/plr-r1/2", "memory.max"), "");
    CU_ASSERT_STRING_EQUAL(get("user.slice/app.scope/plr-r1/2", "pids.max"), "50");
    CU_ASSERT_STRING_EQUAL(get("user.slice/app.scope/plr-r1/2", "cpu.max"), "1000 100000");
    plr_cgroups_join(&cgroups, 2);
    CU_ASSERT_STRING_EQUAL(get("user.slice/app.scope/plr-r1/2", "cgroup.procs"), "0");
    no_swap = true;
    CU_ASSERT_EQUAL(plr_cgroups_enter(&cgroups, 3, &request, &instead, warning, &err), 0);
    no_swap = false;
    plr_cgroups_remove_task(&cgroups, 1);
    CU_ASSERT_FALSE(is_there("user.slice/app.scope/plr-r1/1"));
    plr_cgroups_remove(&cgroups); /* with those of tasks that are left */
    end();
}

static void test_what_a_task_used(void)
{
    const char *task = "user.slice/app.scope/plr-r1/7";
    plr_cgroups cgroups;
    plr_sandbox_end used = { .user_us = 1, .memory_peak = 2, .read_bytes = 3 };
    begin();
    make(&cgroups);
    plr_cgroups_measure(&cgroups, 7, &used); /* it has none */
    CU_ASSERT_EQUAL(used.user_us, 1);
    close(plr_cgroups_make_task(&cgroups, 7));
    put(task, "memory.peak", "12345678\n");
    put(task, "memory.events", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 0\noom_group_kill 1\n");
    put(task, "cpu.stat", "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 4\n");
    put(task, "io.stat", "8:0 rbytes=100 wbytes=1 rios=9\n8:16 rbytes=20 wbytes=2 rios=9\n");
    plr_cgroups_measure(&cgroups, 7, &used);
    CU_ASSERT_EQUAL(used.memory_peak, 12345678);
    CU_ASSERT_EQUAL(used.oom, 0);
    CU_ASSERT_EQUAL(used.user_us, 20);
    CU_ASSERT_EQUAL(used.system_us, 10);
    CU_ASSERT_EQUAL(used.read_bytes, 120);
    CU_ASSERT_EQUAL(used.written_bytes, 3);
    put(task, "memory.events", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\n");
    plr_cgroups_measure(&cgroups, 7, &used);
    CU_ASSERT_EQUAL(used.oom, 1);
    plr_cgroups_remove(&cgroups);
    end();
}

/* Without groups there are limits of another kind, and all of it is said in one sentence. */
static void test_none(void)
{
    const plr_task_request request = { .memory = 64 << 20, .pids = 50, .cpu = 1500 };
    char warning[PLR_ERROR_MESSAGE_SIZE];
    plr_cgroups cgroups;
    plr_rlimits instead = { 0 };
    plr_error err = { 0 };
    int room;
    plr_cgroups_make_in(&cgroups, "r1", "proc /proc proc rw 0 0\n", "0::/\n", &room);
    CU_ASSERT_TRUE(cgroups.version == 0 && room < 0);
    CU_ASSERT_EQUAL(plr_cgroups_enter(&cgroups, 1, &request, &instead, warning, &err), 0);
    CU_ASSERT_EQUAL(instead.memory, 64 << 20);
    CU_ASSERT_EQUAL(instead.processes, 52);
    CU_ASSERT_PTR_NOT_NULL(strstr(warning, "memory limit holds for each"));
    CU_ASSERT_PTR_NOT_NULL(strstr(warning, "processor time is not kept"));
}

/* Who removes the run is somebody else, somewhere else. */
static void test_a_note_of_where_they_are(void)
{
    plr_cgroups cgroups, recalled;
    begin();
    make(&cgroups);
    int folder = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
    plr_cgroups_note(&cgroups, folder);
    plr_cgroups_recall(&recalled, top);
    CU_ASSERT_STRING_EQUAL(recalled.paths[0], cgroups.paths[0]);
    close(plr_cgroups_make_task(&cgroups, 9));
    plr_cgroups_remove(&recalled);
    CU_ASSERT_FALSE(is_there("user.slice/app.scope/plr-r1"));
    plr_cgroups_remove(&cgroups); /* twice is once */
    unlinkat(folder, "groups", 0);
    close(folder);
    plr_cgroups_recall(&recalled, top);
    CU_ASSERT_PTR_NULL(recalled.paths[0]);
    end();
}

static const plr_test tests[] = {
    { "a run's group is below the nearest that hands its controllers on",
            test_the_nearest_that_hands_on },
    { "limits are files of a task's group", test_limits },
    { "what a task used is read there", test_what_a_task_used },
    { "without groups limits are others, and said to be", test_none },
    { "where groups are is noted for who removes them", test_a_note_of_where_they_are },
    { NULL, NULL },
};

int main(void)
{
    /* A name that is free, for each test to make. */
    if (mkdtemp(top) == NULL || __real_rmdir(top) < 0)
        return EXIT_FAILURE;
    snprintf(mounts, sizeof mounts,
            "proc /proc proc rw 0 0\ncgroup2 %s cgroup2 rw,nosuid 0 0\n"
            "tmpfs /tmp tmpfs rw 0 0\n",
            top);
    return plr_test_main("cgroup", tests);
}
