/* SPDX-License-Identifier: MIT */
/* A run: its folder, and the plr-sandbox that serves it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "backends/local/folder.h"
#include "backends/local/local.h"
#include "backends/local/names.h"
#include "engine/base/error.h"
#include "engine/base/owner.h"

#define ROUTES_MAX (256 * 1024)

void plr_local_run_free(plr_local_run *run)
{
    plr_local *local = run->local;
    for (plr_local_run **link = &local->runs; *link != NULL; link = &(*link)->next) {
        if (*link == run) {
            *link = run->next;
            break;
        }
    }
    plr_local_room_close(run);
    while (run->attempts != NULL)
        plr_local_attempt_free(run->attempts);
    plr_local_questions_clear(run, NULL);
    local->host->child_free(run->child);
    local->host->timer_free(run->timer);
    cleanup_close(&run->lock);
    if (run->view != NULL)
        run->view->data = NULL;
    free(run->resolv);
    free(run->folder);
    free(run);
}

void plr_local_run_soon(plr_local_run *run)
{
    const plr_local *local = run->local;
    local->host->timer_set(run->timer, local->host->now(local->loop));
}

/* Either the teardown takes too long, or there are ends whose output may go on. */
static void on_timer(plr_timer *timer, void *userdata)
{
    plr_local_run *run = userdata;
    (void)timer;
    if (run->teardown != NULL) {
        run->local->host->child_free(steal(run->child));
        plr_local_teardown_ended(run);
        return;
    }
    for (plr_local_attempt *attempt = run->attempts, *next; attempt != NULL; attempt = next) {
        next = attempt->next;
        if (attempt->state == PLR_LOCAL_RUNNING && attempt->evidence.has_end && !attempt->paused)
            plr_local_output_drain(attempt);
    }
}

/* A small file of the machine's, as text; empty if it cannot be read. */
static int read_text(char **ret_text, const char *path, plr_error *err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    _cleanup_buf_ plr_buf text = { 0 };
    char piece[4096];
    ssize_t n;
    plr_buf_puts(&text, "");
    while (fd >= 0 && text.size < ROUTES_MAX && (n = read(fd, piece, sizeof(piece))) > 0)
        plr_buf_put(&text, piece, (size_t)n);
    return plr_buf_steal(&text, ret_text, err);
}

/* Two servers on one port need addresses of their own, whether or not the world can be reached;
 * all else is better off in the machine's network than without one. */
static void choose_network(plr_local_run *run)
{
    const plr_host *host = run->local->host;
    const plr_document *document = run->view->document;
    bool automatic = run->view->network == PLR_NETWORK_AUTO;
    run->network = automatic ? host->network_auto(document, true) : run->view->network;
    run->else_host = automatic && run->view->allow_host_network &&
                     host->network_auto(document, false) == PLR_NETWORK_SHARED;
}

static int read_machine(plr_local_run *run, plr_error *err)
{
    _cleanup_free_ char *routes = NULL;
    int r = read_text(&run->resolv, "/etc/resolv.conf", err);
    if (r == 0 && (run->network == PLR_NETWORK_ISOLATED || run->network == PLR_NETWORK_SHARED)) {
        r = read_text(&routes, "/proc/net/route", err);
        if (r == 0)
            run->subnet = plr_local_subnet_choose(routes);
    }
    return r;
}

/* A folder of this id is there already. What a killed run has left is in the way of nobody but its
 * own name; ids are random unless somebody chose one. */
static int refuse_id(const plr_local_run *run, int64_t now_s, plr_error *err)
{
    plr_local_mark mark;
    int r = plr_local_mark_read(&mark, run->folder, err);
    if (r < 0)
        return r;
    return plr_error_set(err, PLR_ERR_CONFIGURATION,
            plr_local_mark_is_over(&mark, now_s, "/proc")
                    ? "a run with the id %s was killed and not removed: pipeline-runtime sweep "
                      "--backend local removes it"
                    : "another run has the id %s",
            run->view->id);
}

static int make_folder(plr_local_run *run, plr_error *err)
{
    const plr_local *local = run->local;
    int64_t now_s = local->host->wall_now(local->loop) / (int64_t)PLR_SECOND;
    plr_local_mark mark;
    plr_error cause = { 0 };
    plr_local_mark_new(&mark, run->view, now_s);
    int r = plr_local_folder_make(run->folder, &mark, &cause);
    if (r == PLR_ERR_STATE)
        return refuse_id(run, now_s, err);
    return r < 0 ? plr_error_set(err, cause.code, "%s", cause.message) : 0;
}

static int begin(plr_local_run *run, plr_error *err)
{
    const plr_local *local = run->local;
    int r = plr_local_folder_path(&run->folder, local->settings.store, run->view->id, err);
    choose_network(run);
    if (r == 0)
        r = local->host->timer_new(local->loop, &run->timer, on_timer, run, err);
    if (r == 0)
        r = read_machine(run, err);
    /* What is in the store stays there while the run lives. */
    if (r == 0)
        r = plr_store_lock(&run->lock, local->settings.store, false, err);
    /* It takes its time to come up: what it will be told of is made meanwhile. */
    if (r == 0)
        r = plr_local_room_start(run, err);
    if (r == 0)
        r = make_folder(run, err);
    if (r < 0) { /* a folder of this name is another run's */
        local->host->child_free(steal(run->child));
        return r;
    }
    /* Whoever removes the run from elsewhere has to know what to end. */
    r = plr_local_mark_sandbox(run->folder, local->host->child_pid(run->child), err);
    return r == 0 ? plr_local_room_tell(run, err) : r;
}

void plr_local_setup(plr_local *local, plr_run_view *view, plr_op *op)
{
    plr_error err = { 0 };
    plr_local_run *run = calloc(1, sizeof(*run));
    if (run == NULL) {
        plr_error_nomem(&err);
        local->host->op_complete(op, &err);
        return;
    }
    *run = (plr_local_run){
        .local = local, .view = view, .next = local->runs, .fd = -1, .lock = -1
    };
    local->runs = run;
    view->data = run;
    run->setup = op;
    if (begin(run, &err) < 0) {
        run->setup = NULL;
        plr_local_room_close(run);
        if (run->child == NULL)
            plr_local_run_free(run); /* there is nothing to tear down */
        local->host->op_complete(op, &err);
    }
}
