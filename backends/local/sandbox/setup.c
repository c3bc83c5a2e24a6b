/* SPDX-License-Identifier: MIT */
/*
 * From a fresh process in fresh namespaces to a task's plr-init, in the order that the kernel
 * wants: groups and network while the machine's folders are there, then the root, then into it,
 * and rights last.
 */
#include "backends/local/sandbox/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backends/local/sandbox/files.h"
#include "backends/local/sandbox/net.h"
#include "engine/base/error.h"

static void report(int pipe, int code, const char *text)
{
    plr_setup_report message = { .code = code };
    snprintf(message.text, sizeof message.text, "%s", text);
    /* Less than PIPE_BUF: whole or not at all. If nobody reads it, nobody needs it. */
    if (write(pipe, &message, sizeof message) < 0)
        return;
}

void plr_setup_warn(const plr_setup *setup, const char *text)
{
    report(setup->report, PLR_OK, text);
}

static int enter_network(const plr_setup *setup, plr_error *err)
{
    const plr_task_request *request = &setup->request;
    int room = setup->room->network;
    switch (request->network) {
    case PLR_SANDBOX_NETWORK_NONE:
        return plr_net_task_alone(err);
    case PLR_SANDBOX_NETWORK_HOST:
        return 0;
    case PLR_SANDBOX_NETWORK_ROOM:
        if (room >= 0 && setns(room, CLONE_NEWNET) < 0)
            return plr_fault(err, "cannot enter the run's network");
        return 0;
    case PLR_SANDBOX_NETWORK_OWN:
        if (room >= 0 && request->address)
            return plr_net_task_join(room, request->address, request->address6, err);
        break;
    }
    return plr_error_set(err, PLR_ERR_PROTOCOL, "a network that this room does not have");
}

static int open_folder(plr_setup *setup, plr_error *err)
{
    char name[32];
    snprintf(name, sizeof name, "tasks/%u", setup->number);
    if (mkdirat(setup->room->folder, name, 0755) < 0 && errno != EEXIST)
        return plr_fault(err, "cannot make a step's folder");
    setup->folder = openat(setup->room->folder, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return setup->folder < 0 ? plr_fault(err, "cannot open a step's folder") : 0;
}

/* From here on there is nothing but the root. */
static int enter_root(const plr_setup *setup, plr_error *err)
{
    if (fchdir(setup->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
            umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return plr_fault(err, "cannot enter the step's root");
    return 0;
}

static int enter_working_dir(const plr_setup *setup, plr_error *err)
{
    const char *path = setup->request.working_dir;
    if (path && chdir(path) < 0)
        return plr_error_set(
                err, PLR_ERR_CONFIGURATION, "working directory %s: %s", path, strerror(errno));
    return 0;
}

int plr_setup_build(plr_setup *setup, plr_error *err)
{
    const plr_room *room = setup->room;
    const plr_task_request *request = &setup->request;
    char warning[PLR_ERROR_MESSAGE_SIZE];
    if (room->cgroups.version == 1 && (request->memory || request->cpu || request->pids))
        plr_cgroups_note(&room->cgroups, room->folder);
    int r = plr_cgroups_enter(
            &room->cgroups, setup->number, &setup->request, &setup->rlimits, warning, err);
    if (r == 0 && warning[0])
        plr_setup_warn(setup, warning);
    if (r == 0 && unshare(CLONE_NEWCGROUP) < 0)
        r = plr_fault(err, "cannot make a namespace of control groups");
    if (r == 0)
        r = enter_network(setup, err);
    const char *hostname = request->hostname;
    if (r == 0 && hostname && sethostname(hostname, strlen(hostname)) < 0)
        r = plr_error_set(err, PLR_ERR_CONFIGURATION, "hostname %s: %s", hostname, strerror(errno));
    int (*const steps[])(plr_setup *, plr_error *) = { open_folder, plr_setup_kernel,
        plr_setup_root, plr_setup_user, plr_setup_kernel_place, plr_setup_devices,
        plr_setup_volumes, plr_setup_files, plr_setup_environment };
    for (size_t i = 0; r == 0 && i < sizeof steps / sizeof *steps; i++)
        r = steps[i](setup, err);
    if (r == 0)
        r = enter_root(setup, err);
    if (r == 0)
        r = plr_setup_drop(setup, err);
    return r == 0 ? enter_working_dir(setup, err) : r;
}

/* stdin is the root's own /dev/null, then the step's pipes. */
static int arrange(const plr_setup_fds *fds, plr_error *err)
{
    _cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(fds->out, 1) < 0 || dup2(fds->err, 2) < 0)
        return plr_fault(err, "cannot hand over a step's pipes");
    return 0;
}

static int exec_init(const plr_setup *setup, const plr_setup_fds *fds, int init, plr_error *err)
{
    const plr_task_request *request = &setup->request;
    plr_strings argv = { 0 };
    char channel[16], grace[24];
    snprintf(channel, sizeof channel, "%d", fds->channel);
    snprintf(grace, sizeof grace, "%llu", (unsigned long long)request->grace_ms);
    const char *head[] = { "plr-init", "--fd", channel, request->detach ? "--detach" : NULL,
        request->keep ? "--keep" : NULL, request->has_grace ? "--grace-ms" : NULL,
        request->has_grace ? grace : NULL, "--" };
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof head / sizeof *head; i++)
        if (head[i])
            r = plr_strings_add(&argv, head[i], err);
    for (size_t i = 0; r == 0 && i < request->arguments.n; i++)
        r = plr_strings_add(&argv, request->arguments.items[i], err);
    if (r < 0)
        return r;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    fcntl(fds->channel, F_SETFD, 0);
    setrlimit(RLIMIT_NOFILE, &setup->room->files);
    plr_rlimits_set(&setup->rlimits);
    execveat(init, "", argv.items, request->environment.items, AT_EMPTY_PATH);
    return plr_fault(err, "cannot start plr-init");
}

_Noreturn void plr_setup_become(
        plr_room *room, uint32_t number, const plr_setup_fds *fds, int report_pipe)
{
    plr_setup setup = { .room = room, .number = number, .report = report_pipe, .root = -1 };
    plr_sandbox_fields fields;
    plr_error error = { 0 };
    setsid();
    int r = plr_room_open_folder(room, &error);
    if (r == 0)
        r = plr_sandbox_fields_map(fds->fields, &fields, &error);
    if (r == 0)
        r = plr_task_request_read(&setup.request, fields, &error);
    if (r == 0)
        r = plr_setup_build(&setup, &error);
    if (r == 0)
        r = arrange(fds, &error);
    if (r == 0)
        r = exec_init(&setup, fds, room->init, &error);
    report(report_pipe, r, error.message);
    _exit(1);
}
