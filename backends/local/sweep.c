/* SPDX-License-Identifier: MIT */
/* The end of runs: of our own, whose sandbox takes all with it, and of those that nobody alive owns
 * or somebody names, from their folders alone. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backends/local/folder.h"
#include "backends/local/local.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

/* How long a sandbox may take to end what it holds. */
#define PATIENCE_NS (10 * PLR_SECOND)

/* Folders that are removed, one after another. */
struct plr_local_errand {
    plr_local *local;
    plr_local_errand *next;
    plr_op *op;
    bool dry_run;
    bool is_sweep; /* each is reported */
    char **ids;
    size_t n, at;
    char *path; /* of the one in hand */
    plr_local_mark mark;
    int pidfd; /* of its sandbox, -1: none */
    plr_watch *watch;
    plr_timer *timer;
    plr_child *child; /* that removes it */
    plr_error err;    /* the first */
};

static void go_on(plr_local_errand *errand);

/* Nothing of the folder in hand is under way any more. */
static void let_go(plr_local_errand *errand)
{
    const plr_host *host = errand->local->host;
    host->watch_free(steal(errand->watch));
    if (errand->timer != NULL)
        host->timer_set(errand->timer, 0);
    if (errand->pidfd >= 0)
        close(steal_fd(&errand->pidfd));
    host->child_free(steal(errand->child));
    free(steal(errand->path));
}

static void errand_free(plr_local_errand *errand)
{
    for (plr_local_errand **link = &errand->local->errands; *link != NULL; link = &(*link)->next) {
        if (*link == errand) {
            *link = errand->next;
            break;
        }
    }
    let_go(errand);
    errand->local->host->timer_free(errand->timer);
    for (size_t i = 0; i < errand->n; i++)
        free(errand->ids[i]);
    free(errand->ids);
    free(errand);
}

void plr_local_errands_clear(plr_local *local)
{
    while (local->errands != NULL)
        errand_free(local->errands);
}

/* Tells what became of the folder in hand. */
static void report(plr_local_errand *errand, const plr_error *err)
{
    const plr_local *local = errand->local;
    _cleanup_buf_ plr_buf look = { 0 };
    if (errand->is_sweep && errand->dry_run)
        plr_local_kept(&look, local, errand->path, errand->ids[errand->at]);
    plr_swept swept = {
        .size = sizeof(swept),
        .kind = "folder",
        .name = errand->path,
        .run = errand->ids[errand->at],
        .created_ns = errand->mark.created_s * (int64_t)PLR_SECOND,
        .error = err == NULL ? NULL : err->message,
        .look = look.failed ? NULL : look.data,
    };
    if (errand->is_sweep)
        local->host->op_swept(errand->op, &swept);
    if (err != NULL)
        plr_error_set(
                &errand->err, err->code, "%s was not removed: %s", errand->path, err->message);
}

static void on_removed(plr_child *child, int status, void *userdata)
{
    plr_local_errand *errand = userdata;
    plr_error err = { 0 };
    (void)child;
    if (access(errand->path, F_OK) == 0)
        plr_error_set(&err, PLR_ERR_SYSTEM, "plr-sandbox --remove ended with status %d", status);
    report(errand, err.code == 0 ? NULL : &err);
    let_go(errand);
    errand->at++;
    go_on(errand);
}

/* Files of mapped ids are root's of a user namespace to remove, so a program does it that can enter
 * one. */
static int remove_folder(plr_local_errand *errand, plr_error *err)
{
    const plr_local *local = errand->local;
    const char *argv[] = { "plr-sandbox", "--remove", errand->path, NULL };
    plr_child_options options = {
        .size = sizeof(options),
        .path = local->sandbox,
        .argv = argv,
        .stdin_fd = -1,
        .stdout_fd = -1,
        .stderr_fd = STDERR_FILENO,
    };
    return local->host->child_new(local->loop, &errand->child, &options, on_removed, errand, err);
}

static void begin_removal(plr_local_errand *errand)
{
    plr_error err = { 0 };
    if (remove_folder(errand, &err) == 0)
        return;
    report(errand, &err);
    let_go(errand);
    errand->at++;
    go_on(errand);
}

/* Pids come again: only a plr-sandbox is meant. */
static bool is_sandbox(pid_t pid)
{
    char path[64], name[32];
    snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, name, sizeof(name) - 1);
    name[n > 0 ? n : 0] = '\0';
    return strcmp(name, "plr-sandbox\n") == 0;
}

/* The first process of the run's PID namespace is a child of plr-sandbox: with it all the others
 * go, and plr-sandbox removes what it has made. */
static void kill_inner(pid_t sandbox)
{
    char path[64], text[64];
    snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", (long)sandbox, (long)sandbox);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    long inner = strtol(text, NULL, 10);
    if (inner > 0 && is_sandbox((pid_t)inner))
        kill((pid_t)inner, SIGKILL);
}

static void on_sandbox_gone(plr_watch *watch, unsigned events, void *userdata)
{
    plr_local_errand *errand = userdata;
    (void)watch;
    (void)events;
    errand->local->host->watch_free(steal(errand->watch));
    errand->local->host->timer_set(errand->timer, 0);
    begin_removal(errand);
}

static void on_impatient(plr_timer *timer, void *userdata)
{
    const plr_local_errand *errand = userdata;
    (void)timer;
    syscall(SYS_pidfd_send_signal, errand->pidfd, SIGKILL, NULL, 0);
}

/* Ends the sandbox of the run, if it lives. False: there is none to wait for. */
static bool end_sandbox(plr_local_errand *errand)
{
    const plr_local *local = errand->local;
    if (errand->mark.sandbox <= 0)
        return false;
    errand->pidfd = (int)syscall(SYS_pidfd_open, errand->mark.sandbox, 0u);
    if (errand->pidfd < 0 || !is_sandbox(errand->mark.sandbox))
        return false;
    if (errand->timer == NULL &&
            local->host->timer_new(local->loop, &errand->timer, on_impatient, errand, NULL) < 0)
        return false;
    if (local->host->watch_new(local->loop, &errand->watch, errand->pidfd, PLR_WATCH_READ,
                on_sandbox_gone, errand, NULL) < 0)
        return false;
    local->host->timer_set(errand->timer, local->host->now(local->loop) + PATIENCE_NS);
    kill_inner(errand->mark.sandbox);
    return true;
}

static void finish(plr_local_errand *errand)
{
    const plr_host *host = errand->local->host;
    plr_op *op = errand->op;
    plr_error err = errand->err;
    errand_free(errand);
    host->op_complete(op, err.code == 0 ? NULL : &err);
}

static void go_on(plr_local_errand *errand)
{
    for (; errand->at < errand->n; errand->at++) {
        plr_error err = { 0 };
        int r = plr_local_folder_path(
                &errand->path, errand->local->settings.store, errand->ids[errand->at], &err);
        if (r == 0)
            r = plr_local_mark_read(&errand->mark, errand->path, &err);
        if (r == 0 && !errand->dry_run) {
            if (!end_sandbox(errand))
                begin_removal(errand);
            return;
        }
        if (r == 0)
            report(errand, NULL);
        else if (r != PLR_ERR_NOTFOUND)
            plr_error_set(&errand->err, err.code, "%s", err.message);
        let_go(errand);
    }
    finish(errand);
}

static plr_local_errand *errand_new(plr_local *local, plr_op *op)
{
    plr_local_errand *errand = calloc(1, sizeof(*errand));
    plr_error err = { 0 };
    if (errand == NULL) {
        plr_error_nomem(&err);
        local->host->op_complete(op, &err);
        return NULL;
    }
    errand->local = local;
    errand->op = op;
    errand->pidfd = -1;
    errand->next = local->errands;
    local->errands = errand;
    return errand;
}

static int add_id(plr_local_errand *errand, const char *id, plr_error *err)
{
    char **ids = realloc(errand->ids, (errand->n + 1) * sizeof(*ids));
    if (ids == NULL)
        return plr_error_nomem(err);
    errand->ids = ids;
    int r = plr_text_copy(&ids[errand->n], id, err);
    if (r == 0)
        errand->n++;
    return r;
}

static void remove_one(plr_local *local, const char *id, plr_op *op)
{
    plr_local_errand *errand = errand_new(local, op);
    if (errand == NULL)
        return;
    add_id(errand, id, &errand->err);
    go_on(errand);
}

void plr_local_teardown_ended(plr_local_run *run)
{
    plr_local *local = run->local;
    plr_op *op = steal(run->teardown);
    plr_error err = { 0 };
    _cleanup_free_ char *id = NULL;
    bool left = access(run->folder, F_OK) == 0;
    int r = left ? plr_text_copy(&id, run->view->id, &err) : 0;
    plr_local_run_free(run);
    if (id != NULL)
        remove_one(local, id, op);
    else
        local->host->op_complete(op, r == 0 ? NULL : &err);
}

void plr_local_teardown(plr_local *local, const char *run_id, plr_run_view *view, plr_op *op)
{
    const plr_host *host = local->host;
    plr_local_run *run = view == NULL ? NULL : view->data;
    if (view == NULL) {
        remove_one(local, run_id, op);
        return;
    }
    if (run == NULL) { /* its setup failed, and nothing of this id is ours */
        host->op_complete(op, NULL);
        return;
    }
    /* The end of the line is the end of all that is at its other side. */
    run->teardown = op;
    plr_local_room_close(run);
    if (run->child == NULL) {
        plr_local_teardown_ended(run);
        return;
    }
    host->timer_set(run->timer, host->now(local->loop) + PATIENCE_NS);
}

/* Those that are to go. */
static int choose(plr_local_errand *errand, const plr_sweep_options *options, DIR *folder,
        const char *runs, plr_error *err)
{
    const plr_local *local = errand->local;
    int64_t now_s = local->host->wall_now(local->loop) / (int64_t)PLR_SECOND;
    struct dirent *item;
    int r = 0;
    while (r == 0 && (item = readdir(folder)) != NULL) {
        _cleanup_free_ char *path = NULL;
        plr_local_mark mark;
        if (item->d_name[0] == '.')
            continue;
        if (asprintf(&path, "%s/%s", runs, item->d_name) < 0) {
            path = NULL;
            return plr_error_nomem(err);
        }
        if (plr_local_mark_read(&mark, path, NULL) < 0)
            continue;
        if (now_s - mark.created_s < options->older_than_ns / (int64_t)PLR_SECOND)
            continue;
        if (plr_local_mark_is_over(&mark, now_s, "/proc"))
            r = add_id(errand, item->d_name, err);
    }
    return r;
}

void plr_local_sweep(plr_local *local, const plr_sweep_options *options, plr_op *op)
{
    _cleanup_free_ char *runs = NULL;
    plr_local_errand *errand = errand_new(local, op);
    if (errand == NULL)
        return;
    errand->is_sweep = true;
    errand->dry_run = options->dry_run;
    if (options->run != NULL) {
        add_id(errand, options->run, &errand->err);
    } else if (asprintf(&runs, "%s/runs", local->settings.store) < 0) {
        runs = NULL;
        plr_error_nomem(&errand->err);
    } else {
        DIR *folder = opendir(runs);
        if (folder != NULL) {
            choose(errand, options, folder, runs, &errand->err);
            closedir(folder);
        } else if (errno != ENOENT) {
            plr_error_set(&errand->err, PLR_ERR_SYSTEM, "%s: %s", runs, strerror(errno));
        }
    }
    go_on(errand);
}
