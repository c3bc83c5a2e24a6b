/* SPDX-License-Identifier: MIT */
/*
 * hello, world on the local backend while each allocation of the engine, and of the backend where
 * it is built in, fails in turn. A run ends, whatever fails, a success has given out all, and
 * nothing is left: no memory, no descriptor, no process, and no folder that a sweep does not find.
 * All of it in a PID namespace of its own.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pipeline/pipeline.h>

#include "engine/base/cleanup.h"
#include "tests/oom/failing_malloc.h"
#include "tests/oom/oom_host.h"

static char store[] = "/tmp/plr-oom-XXXXXX";
static size_t n_whole, n_broken, n_left;

static const char hello[] =
        "{\"volumes\":[{\"metadata\":{\"name\":\"v\"},\"temp\":{}}],"
        "\"steps\":[{\"metadata\":{\"name\":\"hello\"},\"environment\":{\"WHO\":\"world\"},"
        "\"volumes\":[{\"name\":\"v\",\"path\":\"/v\"}],"
        "\"docker\":{\"command\":[\"sh\",\"-c\",\"echo hello, $WHO\"]}}]}";

static plr_answer on_event(const plr_event *event, void *userdata)
{
    oom_host_take(userdata, event);
    return PLR_ANSWER_GO_ON;
}

static int start(oom_host *h, plr_error *err)
{
    const plr_option options[] = { { "store", store }, { "rootfs", "host" } };
    const oom_start start = {
        .backend = "local",
        .json = hello,
        .options = options,
        .n_options = 2,
        .engine = { .size = sizeof start.engine },
        .run = {
            .size = sizeof start.run,
            .network = PLR_NETWORK_HOST,
            .grace_ns = INT64_C(1000000000),
        },
        .on_event = on_event,
    };
    return oom_host_start(h, &start, err);
}

static size_t n_entries(const char *path)
{
    DIR *folder = opendir(path);
    size_t n = 0;
    for (struct dirent *item; folder != NULL && (item = readdir(folder)) != NULL;)
        n += item->d_name[0] != '.';
    if (folder != NULL)
        closedir(folder);
    return n;
}

static size_t n_runs(void)
{
    char path[64];
    snprintf(path, sizeof path, "%s/runs", store);
    return n_entries(path);
}

/* What a failure has left is found by its name, with memory again. */
static void sweep(const oom_host *h)
{
    char id[64] = "", path[64];
    snprintf(path, sizeof path, "%s/runs", store);
    DIR *folder = opendir(path);
    for (struct dirent *item; folder != NULL && (item = readdir(folder)) != NULL;)
        if (item->d_name[0] != '.')
            snprintf(id, sizeof id, "%.60s", item->d_name);
    if (folder != NULL)
        closedir(folder);
    if (id[0] == '\0' || h->backend == NULL)
        return;
    plr_error err = { 0 };
    plr_sweep_options options = { .size = sizeof options, .run = id };
    n_left++;
    oom_check(plr_backend_sweep(h->backend, &options, NULL, NULL, &err) == 0, err.message);
}

static void play(bool failing, void *userdata)
{
    plr_error err = { 0 };
    plr_result result = { 0 };
    size_t n_open = n_entries("/proc/self/fd");
    oom_host h = { 0 };
    (void)userdata;
    alarm(120); /* a hang shall be seen */
    int r = start(&h, &err);
    while (r == 0 && !h.over)
        oom_check(plr_engine_dispatch(h.engine, -1, &err) >= 0, err.message);
    if (r == 0) {
        oom_check(plr_run_wait(h.run, &result, &err) == 0,
                "the run is over and cannot be waited for");
        bool passed = result.outcome == PLR_OUTCOME_PASSED;
        bool whole = strcmp(h.output, "hello, world\n") == 0;
        oom_check(!passed || whole || h.has_gap, "output was lost in silence");
        oom_check(failing || (passed && whole), "without a failure it failed");
        *(passed && whole ? &n_whole : &n_broken) += 1;
    } else {
        oom_check(failing && r == PLR_ERR_NOMEM, err.message);
        n_broken++;
    }
    plr_oom_disarm();
    plr_run_free(h.run);
    oom_check(failing || n_runs() == 0, "a run that went well has left its folder");
    sweep(&h);
    plr_engine_free(h.engine);
    oom_check(n_runs() == 0, "a folder is left that no sweep finds");
    oom_check(n_entries("/proc/self/fd") == n_open, "a descriptor is left open");
    oom_check(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "a child is left");
    alarm(0);
}

/* Goes on in a child, and ends as it does. */
static void go_on_in_child(void)
{
    int status;
    pid_t pid = fork();
    oom_check(pid >= 0, "fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        return;
    }
    while (waitpid(pid, &status, 0) != pid)
        ;
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

/* As root; an ordinary user's sandboxes are in namespaces of their own anyway. The first process of
 * it is not the test: no alarm would end that. */
static void enter_namespace(void)
{
    if (geteuid() != 0)
        return;
    oom_check(unshare(CLONE_NEWPID | CLONE_NEWNS) == 0, "unshare");
    go_on_in_child();
    oom_check(mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                      mount("proc", "/proc", "proc", 0, NULL) == 0,
            "mount /proc");
    go_on_in_child();
}

static void on_alarm(int signal)
{
    (void)signal;
    oom_check(false, "it hangs");
}

int main(void)
{
    static const char *const places[] = { "images", "layers", "partial", "runs", "lock" };
    enter_namespace();
    signal(SIGALRM, on_alarm);
    oom_check(mkdtemp(store) != NULL, "mkdtemp");
    size_t n = plr_oom_each(play, NULL);
    oom_check(n > 0, "nothing was tested");
    printf("%zu allocations; %zu runs were whole, %zu were not and said so, %zu were left to a "
           "sweep\n",
            n, n_whole, n_broken, n_left);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/%s", store, places[i]);
        remove(path);
    }
    oom_check(rmdir(store) == 0, "the store has something else in it");
    return 0;
}
