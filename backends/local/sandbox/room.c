/* SPDX-License-Identifier: MIT */
/*
 * The inner process: PID 1 of the run's namespace. One loop over the engine's words, its children
 * (tasks, probes, those who remove files) and what tasks report while they are built. With it ends
 * everything that the run has started.
 */
#include "backends/local/sandbox/room.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backends/local/sandbox/files.h"
#include "backends/local/sandbox/probe.h"
#include "backends/local/sandbox/setup.h"
#include "engine/base/error.h"

#define REMOVAL_DELAY_MS 2

typedef enum plr_kid_kind {
    PLR_KID_TASK,
    PLR_KID_PROBE,
    PLR_KID_REMOVER,
} plr_kid_kind;

/* A child of ours, and for a task what is kept of it until it is removed. */
typedef struct plr_kid {
    struct plr_kid *next;
    plr_kid_kind kind;
    uint32_t task, id;
    pid_t pid;  /* 0: has ended */
    int pidfd;  /* tasks */
    int fields; /* tasks: their request, for probes */
    int report; /* the pipe that it tells failures by; -1 when that has closed */
    bool ready, failed, remove;
    int32_t error;    /* probes: what went wrong before the question */
    int64_t deadline; /* ms, 0: none: when a probe is killed, when a remover begins */
} plr_kid;

/* A datagram that the engine has not taken yet. */
typedef struct plr_pending {
    struct plr_pending *next;
    plr_sandbox_header header;
    size_t size;
    char payload[];
} plr_pending;

typedef struct plr_inner {
    plr_room *room;
    plr_kid *kids;
    plr_pending *pending, **pending_end;
    int signals;
    int outer;
    plr_net_helper helper;
    bool alone;       /* the engine is gone */
    int64_t deadline; /* of the tasks then */
} plr_inner;

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void say(plr_inner *inner, plr_sandbox_word word, uint32_t task, uint32_t id,
        const void *payload, size_t size)
{
    plr_sandbox_header header = { .word = (uint16_t)word, .task = task, .id = id };
    if (inner->alone)
        return;
    if (!inner->pending && plr_sandbox_send(inner->room->socket, &header, payload, size, NULL, 0,
                                   NULL) != PLR_ERR_TIMEOUT)
        return; /* a socket that is lost shows when it is read */
    plr_pending *pending = malloc(sizeof *pending + size);
    if (!pending)
        _exit(1); /* the engine would wait for an answer for ever */
    *pending = (plr_pending){ .header = header, .size = size };
    memcpy(pending->payload, payload, size);
    *inner->pending_end = pending;
    inner->pending_end = &pending->next;
}

static void say_pending(plr_inner *inner)
{
    while (inner->pending) {
        plr_pending *first = inner->pending;
        if (plr_sandbox_send(inner->room->socket, &first->header, first->payload, first->size, NULL,
                    0, NULL) == PLR_ERR_TIMEOUT)
            return;
        inner->pending = first->next;
        if (!inner->pending)
            inner->pending_end = &inner->pending;
        free(first);
    }
}

static void say_failed(plr_inner *inner, uint32_t task, int code, const char *text)
{
    struct {
        plr_sandbox_failure failure;
        char text[PLR_ERROR_MESSAGE_SIZE];
    } payload = { .failure = { .code = code } };
    snprintf(payload.text, sizeof payload.text, "%s", text);
    say(inner, PLR_SANDBOX_FAILED, task, 0, &payload,
            sizeof payload.failure + strlen(payload.text));
}

static void say_warning(plr_inner *inner, uint32_t task, const char *text)
{
    say(inner, PLR_SANDBOX_WARNING, task, 0, text, strlen(text));
}

static plr_kid *find_task(plr_inner *inner, uint32_t number)
{
    for (plr_kid *kid = inner->kids; kid; kid = kid->next)
        if (kid->kind == PLR_KID_TASK && kid->task == number)
            return kid;
    return NULL;
}

static plr_kid *add_kid(plr_inner *inner, plr_kid_kind kind, const plr_sandbox_header *header)
{
    plr_kid *kid = malloc(sizeof *kid);
    if (!kid)
        _exit(1);
    *kid = (plr_kid){ .kind = kind,
        .task = header->task,
        .id = header->id,
        .pidfd = -1,
        .fields = -1,
        .report = -1,
        .next = inner->kids };
    inner->kids = kid;
    return kid;
}

static void drop_kid(plr_inner *inner, plr_kid *kid)
{
    plr_kid **at = &inner->kids;
    while (*at != kid)
        at = &(*at)->next;
    *at = kid->next;
    cleanup_close(&kid->pidfd);
    cleanup_close(&kid->fields);
    cleanup_close(&kid->report);
    free(kid);
}

static void kill_kid(const plr_kid *kid)
{
    if (kid->pid > 0)
        kill(kid->pid, SIGKILL);
}

static void start_task(plr_inner *inner, plr_sandbox_message *message)
{
    const uint64_t namespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
    uint32_t number = message->header.task;
    if (number == 0 || find_task(inner, number)) {
        say_failed(inner, number, PLR_ERR_PROTOCOL, "this number of a task is in use");
        return;
    }
    int report[2];
    plr_kid *kid = add_kid(inner, PLR_KID_TASK, &message->header);
    plr_setup_fds fds = { message->fds[0], message->fds[1], message->fds[2], message->fds[3] };
    if (pipe2(report, O_CLOEXEC | O_NONBLOCK) == 0) {
        _cleanup_close_ int cgroup = plr_cgroups_make_task(&inner->room->cgroups, number);
        kid->pid = plr_fork_into(cgroup, namespaces, &kid->pidfd);
        if (kid->pid == 0)
            plr_setup_become(inner->room, number, &fds, report[1]);
        int error = errno;
        close(report[1]);
        kid->report = report[0];
        errno = error;
    }
    if (kid->pid > 0) {
        kid->fields = steal_fd(&message->fds[0]);
        return;
    }
    plr_error error = { 0 };
    plr_fault(&error, "cannot start a step's process");
    kid->pid = 0;
    kid->failed = true;
    cleanup_close(&kid->report);
    kid->report = -1;
    say_failed(inner, number, error.code, error.message);
}

static void say_probed(plr_inner *inner, uint32_t task, uint32_t id, int status, int error)
{
    plr_sandbox_answer answer = { (uint32_t)status, (uint32_t)error };
    say(inner, PLR_SANDBOX_PROBED, task, id, &answer, sizeof answer);
}

static void start_probe(plr_inner *inner, plr_sandbox_message *message)
{
    plr_kid *task = find_task(inner, message->header.task);
    plr_sandbox_fields fields;
    plr_probe_request request;
    int report[2];
    if (!task || task->pid == 0 || !task->ready ||
            plr_sandbox_fields_map(message->fds[0], &fields, NULL) < 0) {
        say_probed(inner, message->header.task, message->header.id, 0, ESRCH);
        return;
    }
    /* Only its time limit is of interest here. */
    int r = plr_probe_request_read(&request, fields, NULL);
    free(request.arguments.items);
    munmap((void *)(uintptr_t)fields.at, (size_t)(fields.end - fields.at));
    if (r < 0 || pipe2(report, O_CLOEXEC | O_NONBLOCK) < 0) {
        say_probed(inner, message->header.task, message->header.id, 0, r < 0 ? EINVAL : errno);
        return;
    }
    plr_probed_task probed = { task->task, task->pidfd, task->fields };
    plr_kid *kid = add_kid(inner, PLR_KID_PROBE, &message->header);
    kid->pid = plr_fork(0, NULL);
    if (kid->pid == 0)
        plr_probe_ask(inner->room, &probed, message->fds[0], report[1]);
    int error = errno;
    close(report[1]);
    kid->report = report[0];
    kid->deadline = now_ms() + (int64_t)request.timeout_ms;
    if (kid->pid < 0) {
        say_probed(inner, kid->task, kid->id, 0, error);
        drop_kid(inner, kid);
    }
}

/* A big tree takes its time, so another process does it. */
static void start_remover(plr_inner *inner, plr_kid *kid)
{
    char name[32];
    kid->pid = plr_fork(0, NULL);
    if (kid->pid == 0) {
        plr_cgroups_remove_task(&inner->room->cgroups, kid->task);
        snprintf(name, sizeof name, "view/%u", kid->task);
        plr_tree_remove(inner->room->folder, name);
        snprintf(name, sizeof name, "tasks/%u", kid->task);
        plr_tree_remove(inner->room->folder, name);
        _exit(0);
    }
    if (kid->pid < 0) { /* the run's end removes it */
        say(inner, PLR_SANDBOX_REMOVED, kid->task, 0, NULL, 0);
        drop_kid(inner, kid);
    }
}

/* Not at once: most often it was the last task, and the run's end removes all in one go. */
static void plan_removal(plr_inner *inner, uint32_t number)
{
    const plr_sandbox_header header = { .task = number };
    add_kid(inner, PLR_KID_REMOVER, &header)->deadline = now_ms() + REMOVAL_DELAY_MS;
}

static void remove_task(plr_inner *inner, uint32_t number)
{
    plr_kid *task = find_task(inner, number);
    if (!task) {
        say(inner, PLR_SANDBOX_REMOVED, number, 0, NULL, 0);
    } else if (task->pid > 0) {
        task->remove = true;
        kill_kid(task);
    } else {
        drop_kid(inner, task);
        plan_removal(inner, number);
    }
}

static void end_task(plr_inner *inner, plr_kid *task, int status, const struct rusage *usage)
{
    plr_sandbox_end end = {
        .status = (uint32_t)status,
        .user_us = (uint64_t)(usage->ru_utime.tv_sec * 1000000 + usage->ru_utime.tv_usec),
        .system_us = (uint64_t)(usage->ru_stime.tv_sec * 1000000 + usage->ru_stime.tv_usec),
        .memory_peak = (uint64_t)usage->ru_maxrss * 1024,
        .read_bytes = (uint64_t)usage->ru_inblock * 512,
        .written_bytes = (uint64_t)usage->ru_oublock * 512,
    };
    plr_kid *next;
    for (plr_kid *kid = inner->kids; kid; kid = next) {
        next = kid->next;
        if (kid->kind == PLR_KID_PROBE && kid->task == task->task)
            kill_kid(kid);
    }
    task->pid = 0;
    if (task->ready) {
        plr_cgroups_measure(&inner->room->cgroups, task->task, &end);
        say(inner, PLR_SANDBOX_ENDED, task->task, 0, &end, sizeof end);
    } else if (!task->failed) {
        say_failed(inner, task->task, PLR_ERR_SYSTEM, "a step was killed while it was prepared");
        task->failed = true;
    }
    if (task->remove)
        remove_task(inner, task->task);
}

/* What a process on its way to be a task, or a probe, says. */
static void read_report(plr_inner *inner, plr_kid *kid)
{
    plr_setup_report report;
    if (kid->report < 0)
        return;
    if (kid->kind == PLR_KID_PROBE) {
        int error;
        ssize_t n = read(kid->report, &error, sizeof error);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n == sizeof error)
            kid->error = error;
    } else {
        ssize_t n;
        while ((n = read(kid->report, &report, sizeof report)) == sizeof report) {
            report.text[sizeof report.text - 1] = '\0';
            if (report.code == PLR_OK) {
                say_warning(inner, kid->task, report.text);
            } else if (!kid->failed) {
                kid->failed = true;
                say_failed(inner, kid->task, report.code, report.text);
            }
        }
        if (n < 0 && errno == EAGAIN)
            return;
        /* It closes on exec, and when the process is killed before. */
        siginfo_t info = { 0 };
        bool ended = waitid(P_PID, (id_t)kid->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                     info.si_pid == kid->pid;
        if (!kid->failed && !(ended && kid->remove)) {
            kid->ready = true;
            say(inner, PLR_SANDBOX_READY, kid->task, 0, NULL, 0);
        }
    }
    close(kid->report);
    kid->report = -1;
}

static void reap(plr_inner *inner)
{
    struct signalfd_siginfo info;
    struct rusage usage;
    int status;
    while (read(inner->signals, &info, sizeof info) > 0)
        ;
    for (;;) {
        siginfo_t next = { 0 };
        /* First what it has said, then its end. */
        if (waitid(P_ALL, 0, &next, WEXITED | WNOHANG | WNOWAIT) < 0 || next.si_pid == 0)
            return;
        plr_kid *kid = inner->kids;
        while (kid && kid->pid != next.si_pid)
            kid = kid->next;
        if (kid)
            read_report(inner, kid);
        if (wait4(next.si_pid, &status, 0, &usage) < 0)
            return;
        if (next.si_pid == inner->helper.pid) {
            plr_error error = { 0 };
            plr_net_helper_ended(&inner->helper, status, &error);
            say_failed(inner, 0, error.code, error.message);
            say_pending(inner);
            _exit(1);
        }
        if (!kid)
            continue; /* an orphan of somebody's: ours as PID 1 */
        if (kid->kind == PLR_KID_TASK) {
            end_task(inner, kid, status, &usage);
        } else {
            if (kid->kind == PLR_KID_PROBE)
                say_probed(inner, kid->task, kid->id, status, kid->error);
            else
                say(inner, PLR_SANDBOX_REMOVED, kid->task, 0, NULL, 0);
            drop_kid(inner, kid);
        }
    }
}

static void lose_engine(plr_inner *inner)
{
    inner->alone = true;
    inner->deadline = now_ms() + (int64_t)inner->room->request.linger_ms;
}

static void take_word(plr_inner *inner)
{
    plr_sandbox_message message;
    int r;
    while (!inner->alone && (r = plr_sandbox_receive(inner->room->socket, &message, NULL)) != 0) {
        if (r < 0) {
            lose_engine(inner);
            return;
        }
        plr_kid *task = find_task(inner, message.header.task);
        switch (message.header.word) {
        case PLR_SANDBOX_TASK:
            start_task(inner, &message);
            break;
        case PLR_SANDBOX_PROBE:
            start_probe(inner, &message);
            break;
        case PLR_SANDBOX_KILL:
            if (task && task->pid > 0)
                plr_task_signal(task->pidfd, (int)message.header.id);
            break;
        case PLR_SANDBOX_REMOVE:
            remove_task(inner, message.header.task);
            break;
        default:
            lose_engine(inner);
        }
        plr_sandbox_message_clear(&message);
    }
}

/* Milliseconds to the next deadline, -1 if there is none. Does what it is time for. */
static int time_left(plr_inner *inner)
{
    int64_t now = now_ms(), next = INT64_MAX;
    bool kids = false, tasks = false;
    for (plr_kid *kid = inner->kids, *after; kid; kid = after) {
        after = kid->next;
        kids |= kid->pid > 0;
        tasks |= kid->kind == PLR_KID_TASK && kid->pid > 0;
        if (kid->deadline && kid->deadline <= now) {
            kid->deadline = 0;
            if (kid->kind == PLR_KID_REMOVER)
                start_remover(inner, kid);
            else
                kill_kid(kid);
        } else if (kid->deadline && kid->deadline < next) {
            next = kid->deadline;
        }
    }
    if (inner->alone) {
        if (!tasks || inner->deadline <= now) {
            /* Nobody is left who does anything to the run's folder: it may go while we do. */
            if (!kids && write(inner->outer, "", 1) < 0)
                _exit(1);
            _exit(0);
        }
        if (inner->deadline < next)
            next = inner->deadline;
    }
    return next == INT64_MAX ? -1 : next - now > 60000 ? 60000 : (int)(next - now);
}

static _Noreturn void serve(plr_inner *inner)
{
    enum { SIGNALS, OUTER, ENGINE, FIXED };
    struct pollfd *fds = NULL;
    size_t capacity = 0;
    for (;;) {
        size_t n = FIXED;
        int timeout = time_left(inner);
        for (plr_kid *kid = inner->kids; kid; kid = kid->next)
            n += kid->report >= 0;
        if (n > capacity) {
            capacity = 2 * n;
            free(fds);
            fds = malloc(capacity * sizeof *fds);
            if (!fds)
                _exit(1);
        }
        fds[SIGNALS] = (struct pollfd){ inner->signals, POLLIN, 0 };
        fds[OUTER] = (struct pollfd){ inner->outer, POLLIN, 0 };
        fds[ENGINE] = (struct pollfd){ inner->alone ? -1 : inner->room->socket,
            (short)(POLLIN | (inner->pending ? POLLOUT : 0)), 0 };
        n = FIXED;
        for (plr_kid *kid = inner->kids; kid; kid = kid->next)
            if (kid->report >= 0)
                fds[n++] = (struct pollfd){ kid->report, POLLIN, 0 };
        if (poll(fds, n, timeout) < 0)
            continue;
        if (fds[OUTER].revents)
            _exit(1); /* whoever cleans up after us is gone */
        /* Reports before ends, and both before new words: these may drop a kid. */
        size_t at = FIXED;
        plr_kid *next;
        for (plr_kid *kid = inner->kids; kid; kid = next) {
            next = kid->next;
            if (kid->report >= 0 && at < n && fds[at].fd == kid->report && fds[at++].revents)
                read_report(inner, kid);
        }
        if (fds[SIGNALS].revents)
            reap(inner);
        if (fds[ENGINE].revents & POLLOUT)
            say_pending(inner);
        if (fds[ENGINE].revents & (POLLIN | POLLHUP | POLLERR))
            take_word(inner);
    }
}

_Noreturn void plr_room_serve(plr_room *room, int outer)
{
    plr_inner inner = { .room = room, .outer = outer, .helper = { .report = -1 } };
    plr_error error = { 0 };
    sigset_t all;
    inner.pending_end = &inner.pending;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigemptyset(&all);
    sigaddset(&all, SIGCHLD);
    inner.signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    if (inner.signals < 0)
        plr_fault(&error, "signalfd");
    else
        plr_room_make(room, &inner.helper, &error);
    if (error.code) {
        say_failed(&inner, 0, error.code, error.message);
        _exit(1);
    }
    const plr_sandbox_room_ready ready = {
        .network = room->network < 0 ? PLR_SANDBOX_NETWORK_HOST : PLR_SANDBOX_NETWORK_ROOM,
        .outbound = room->outbound,
    };
    say(&inner, PLR_SANDBOX_READY, 0, 0, &ready, sizeof ready);
    serve(&inner);
}
