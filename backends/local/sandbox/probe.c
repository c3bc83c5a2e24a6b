/* SPDX-License-Identifier: MIT */
/*
 * Questions to a task. A port is asked by plr-init from within the task's network; a program is run
 * in all of the task's namespaces, as its user and with its rights.
 */
#include "backends/local/sandbox/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/local/sandbox/files.h"
#include "backends/local/sandbox/setup.h"

static _Noreturn void fail(int report, int error)
{
    _exit(write(report, &error, sizeof error) != sizeof error);
}

static void quiet(int report)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 3; i++)
        if (dup2(null, i) < 0)
            fail(report, errno);
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The network of the machine is where we are, and an ordinary user may not enter it again. */
static int other_network(const plr_setup *setup)
{
    return setup->request.network == PLR_SANDBOX_NETWORK_HOST ? 0 : CLONE_NEWNET;
}

static _Noreturn void ask_port(const plr_setup *setup, const plr_probed_task *task,
        const plr_probe_request *request, int report)
{
    char port[24];
    snprintf(port, sizeof port, "%llu", (unsigned long long)request->port);
    const char *argv[] = { "plr-init", "--probe", port, request->http ? "--http" : NULL,
        request->http, NULL };
    char *const none[] = { NULL };
    if (other_network(setup) && setns(task->pidfd, CLONE_NEWNET) < 0)
        fail(report, errno);
    execveat(setup->room->init, "", (char *const *)(uintptr_t)argv, none, AT_EMPTY_PATH);
    fail(report, errno);
}

/* A child of ours in the task's PID namespace: it ends with us, and with the task. */
static _Noreturn void be_program(plr_setup *setup, const plr_probe_request *request, int report)
{
    plr_error error = { 0 };
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setup->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (plr_setup_user(setup, &error) < 0 || plr_setup_environment(setup, &error) < 0 ||
            plr_setup_drop(setup, &error) < 0)
        fail(report, EPERM);
    /* Changing the user has reset it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (setup->request.working_dir && chdir(setup->request.working_dir) < 0)
        fail(report, errno);
    setrlimit(RLIMIT_NOFILE, &setup->room->files);
    environ = setup->request.environment.items;
    execvp(request->arguments.items[0], request->arguments.items);
    fail(report, errno);
}

static _Noreturn void ask_program(
        plr_setup *setup, const plr_probed_task *task, const plr_probe_request *request, int report)
{
    int status;
    plr_cgroups_join(&setup->room->cgroups, task->number);
    if (setns(task->pidfd, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
                                   CLONE_NEWCGROUP | other_network(setup)) < 0)
        fail(report, errno);
    pid_t pid = plr_fork(0, NULL);
    if (pid == 0)
        be_program(setup, request, report);
    if (pid < 0)
        fail(report, errno);
    while (waitpid(pid, &status, 0) < 0)
        ;
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

_Noreturn void plr_probe_ask(
        const plr_room *room, const plr_probed_task *task, int fields, int report)
{
    plr_setup setup = { .room = room, .number = task->number, .report = -1 };
    plr_sandbox_fields asked, of_task;
    plr_probe_request request;
    if (plr_sandbox_fields_map(fields, &asked, NULL) < 0 ||
            plr_probe_request_read(&request, asked, NULL) < 0 ||
            plr_sandbox_fields_map(task->fields, &of_task, NULL) < 0 ||
            plr_task_request_read(&setup.request, of_task, NULL) < 0)
        fail(report, EINVAL);
    quiet(report);
    if (request.port)
        ask_port(&setup, task, &request, report);
    ask_program(&setup, task, &request, report);
}
