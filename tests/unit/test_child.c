/* SPDX-License-Identifier: MIT */
/* Children: their ends are told, whoever reaps them, and nothing of them stays. */
#include "engine/io/child.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "tests/unit/harness.h"

typedef struct watcher {
    int status;
    unsigned n_ends;
    bool frees; /* in its callback */
} watcher;

static void on_end(plr_child *child, int status, void *userdata)
{
    watcher *w = userdata;
    w->status = status;
    w->n_ends++;
    if (w->frees)
        plr_child_free(child);
}

static int run(
        plr_loop *loop, plr_child **child, const char *script, int out, watcher *w, plr_error *err)
{
    const char *const argv[] = { "sh", "-c", script, NULL };
    plr_child_options options = { .size = sizeof options,
        .path = "sh",
        .argv = argv,
        .stdin_fd = -1,
        .stdout_fd = out,
        .stderr_fd = -1 };
    return plr_child_new(loop, child, &options, on_end, w, err);
}

static int status_of(const char *script)
{
    plr_loop *loop;
    plr_child *child = NULL;
    watcher w = { 0 };
    CU_ASSERT_EQUAL(plr_loop_new(&loop, PLR_CLOCK_MONOTONIC, NULL), 0);
    CU_ASSERT_EQUAL(run(loop, &child, script, -1, &w, NULL), 0);
    CU_ASSERT_EQUAL(w.n_ends, 0);
    while (w.n_ends == 0)
        CU_ASSERT_TRUE(plr_loop_dispatch(loop, -1, NULL) >= 0);
    CU_ASSERT_EQUAL(waitpid(plr_child_pid(child), NULL, WNOHANG), -1);
    plr_child_free(child);
    plr_loop_free(loop);
    return w.status;
}

static void ends_are_told(void)
{
    int status = status_of("exit 7");
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    status = status_of("kill -9 $$");
    CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    status = status_of("read line; exit $?"); /* /dev/null is its input */
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

/* Signals that the host blocks or ignores are as ever in the child. */
static void signals_are_as_ever(void)
{
    sigset_t blocked, old;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &blocked, &old);
    signal(SIGPIPE, SIG_IGN);
    int status = status_of("kill -TERM $$; exit 1");
    CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    status = status_of("kill -PIPE $$; exit 1");
    CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
    signal(SIGPIPE, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void a_program_that_is_missing_is_an_error(void)
{
    plr_loop *loop;
    plr_child *child = NULL;
    plr_error err = { 0 };
    watcher w = { 0 };
    const char *const argv[] = { "x", NULL };
    plr_child_options options = { .size = sizeof options,
        .path = "/nonexistent/program",
        .argv = argv,
        .stdin_fd = -1,
        .stdout_fd = -1,
        .stderr_fd = -1 };
    CU_ASSERT_EQUAL(plr_loop_new(&loop, PLR_CLOCK_MONOTONIC, NULL), 0);
    CU_ASSERT_EQUAL(plr_child_new(loop, &child, &options, on_end, &w, &err), PLR_ERR_SYSTEM);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "/nonexistent/program: No such file"));
    CU_ASSERT_PTR_NULL(child);
    plr_loop_free(loop);
}

/* Freed, it is killed and leaves no zombie. */
static void free_kills(void)
{
    plr_loop *loop;
    plr_child *child = NULL;
    watcher w = { 0 };
    CU_ASSERT_EQUAL(plr_loop_new(&loop, PLR_CLOCK_MONOTONIC, NULL), 0);
    CU_ASSERT_EQUAL(run(loop, &child, "sleep 1000", -1, &w, NULL), 0);
    pid_t pid = plr_child_pid(child);
    plr_child_free(child);
    CU_ASSERT_EQUAL(kill(pid, 0), -1);
    CU_ASSERT_EQUAL(errno, ESRCH);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, WNOHANG), -1);
    CU_ASSERT_EQUAL(w.n_ends, 0);
    plr_loop_free(loop);
}

static int lowest_free_fd(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(fd);
    return fd;
}

/* 1000 children, many of them at once, freed in their callbacks: no descriptor is left. */
static void many_leave_nothing(void)
{
    enum { N = 1000, AT_ONCE = 20 };
    plr_loop *loop;
    watcher watchers[AT_ONCE];
    CU_ASSERT_EQUAL(plr_loop_new(&loop, PLR_CLOCK_MONOTONIC, NULL), 0);
    int before = lowest_free_fd();
    for (int i = 0; i < N / AT_ONCE; i++) {
        unsigned n_ended = 0;
        for (int k = 0; k < AT_ONCE; k++) {
            static const char *const argv[] = { "true", NULL };
            plr_child_options options = { .size = sizeof options,
                .path = "true",
                .argv = argv,
                .stdin_fd = -1,
                .stdout_fd = -1,
                .stderr_fd = -1 };
            plr_child *child;
            watchers[k] = (watcher){ .frees = true, .status = -1 };
            CU_ASSERT_EQUAL(plr_child_new(loop, &child, &options, on_end, &watchers[k], NULL), 0);
        }
        while (n_ended < AT_ONCE) {
            CU_ASSERT_TRUE(plr_loop_dispatch(loop, -1, NULL) >= 0);
            n_ended = 0;
            for (int k = 0; k < AT_ONCE; k++)
                n_ended += watchers[k].n_ends;
        }
        for (int k = 0; k < AT_ONCE; k++)
            CU_ASSERT_EQUAL(watchers[k].status, 0);
    }
    CU_ASSERT_EQUAL(lowest_free_fd(), before);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
    plr_loop_free(loop);
}

/* Until the child `last` ends; while it lives, there is somebody to wait for. */
static void *reap_all(void *last)
{
    while (waitpid(-1, NULL, 0) != *(pid_t *)last)
        ;
    return NULL;
}

/* A host that reaps all children takes the status, never the end. */
static void a_host_that_reaps_all_is_survived(void)
{
    plr_loop *loop;
    pthread_t reaper;
    pid_t last = fork();
    if (last == 0) {
        pause();
        _exit(0);
    }
    CU_ASSERT_EQUAL(plr_loop_new(&loop, PLR_CLOCK_MONOTONIC, NULL), 0);
    CU_ASSERT_EQUAL(pthread_create(&reaper, NULL, reap_all, &last), 0);
    for (int i = 0; i < 100; i++) {
        watcher w = { 0 };
        plr_child *child = NULL;
        CU_ASSERT_EQUAL(run(loop, &child, "exit 3", -1, &w, NULL), 0);
        while (w.n_ends == 0)
            CU_ASSERT_TRUE(plr_loop_dispatch(loop, -1, NULL) >= 0);
        CU_ASSERT_EQUAL(w.n_ends, 1);
        CU_ASSERT_TRUE(w.status == -1 || WEXITSTATUS(w.status) == 3);
        plr_child_free(child);
    }
    watcher w = { 0 };
    plr_child *child = NULL;
    CU_ASSERT_EQUAL(run(loop, &child, "sleep 1000", -1, &w, NULL), 0);
    plr_child_free(child);
    kill(last, SIGKILL);
    pthread_join(reaper, NULL);
    plr_loop_free(loop);
}

static void output_arrives(void)
{
    plr_loop *loop;
    plr_child *child = NULL;
    watcher w = { 0 };
    int fds[2];
    char text[8] = "";
    CU_ASSERT_EQUAL(pipe2(fds, O_CLOEXEC), 0);
    CU_ASSERT_EQUAL(plr_loop_new(&loop, PLR_CLOCK_MONOTONIC, NULL), 0);
    CU_ASSERT_EQUAL(run(loop, &child, "echo hello", fds[1], &w, NULL), 0);
    close(fds[1]);
    while (w.n_ends == 0)
        CU_ASSERT_TRUE(plr_loop_dispatch(loop, -1, NULL) >= 0);
    CU_ASSERT_EQUAL(read(fds[0], text, sizeof text), 6);
    CU_ASSERT_STRING_EQUAL(text, "hello\n");
    CU_ASSERT_EQUAL(read(fds[0], text, sizeof text), 0);
    close(fds[0]);
    plr_child_free(child);
    plr_loop_free(loop);
}

static const plr_test tests[] = {
    { "ends are told", ends_are_told },
    { "signals are as ever", signals_are_as_ever },
    { "a program that is missing is an error", a_program_that_is_missing_is_an_error },
    { "free kills", free_kills },
    { "many leave nothing", many_leave_nothing },
    { "a host that reaps all is survived", a_host_that_reaps_all_is_survived },
    { "output arrives", output_arrives },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("child", tests);
}
