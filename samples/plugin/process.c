/* SPDX-License-Identifier: MIT */
/* A small backend, built against the installed headers alone: each step is an ordinary
 * process of this machine, without an image and without walls. It is a place to begin from, and the
 * least that docs/backend-contract.md asks for. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pipeline/backend.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct process_backend process_backend;
typedef struct process process;

struct process_backend {
    const plr_host *host; /* all of the engine that a module may call */
    plr_loop *loop;
    char *path; /* --process-path */
    process *first;
};

typedef struct output {
    process *of;
    plr_stream stream;
    int fd;
    plr_watch *watch; /* NULL: at its end */
} output;

/* One attempt of a step; lies in task->data from prepare to discard. */
struct process {
    process_backend *backend;
    process *next;
    plr_task *task;
    plr_child *child;
    plr_timer *timer; /* goes on reading, from the loop */
    output outputs[2];
    bool over, paused, told;
    int status;
};

static const plr_option_info options_info[] = {
    { "process-path", "FOLDERS", "the PATH that the steps see" },
};

/* Each operation ends by one op_complete; it may be called at once, its effect comes later. */
static void complete(const process_backend *self, plr_op *op, int code, const char *message)
{
    plr_error err = { 0 };
    if (code != PLR_OK)
        self->host->error_set(&err, code, "%s", message);
    self->host->op_complete(op, &err);
}

static int create(void **ret_self, const plr_host *host, plr_loop *loop, const plr_option *options,
        size_t n_options, plr_error *err)
{
    const char *path = "";
    for (size_t i = 0; i < n_options; i++) {
        if (strcmp(options[i].name, "process-path") != 0)
            return host->error_set(err, PLR_ERR_USAGE, "the process backend has no option \"%s\"",
                    options[i].name);
        path = options[i].value;
    }
    process_backend *self = malloc(sizeof *self);
    char *copy = strdup(path); /* what was given lives for the call */
    if (self == NULL || copy == NULL) {
        free(self);
        free(copy);
        return host->error_set(err, PLR_ERR_NOMEM, "out of memory");
    }
    *self = (process_backend){ .host = host, .loop = loop, .path = copy };
    *ret_self = self;
    return 0;
}

static void free_process(process *p)
{
    const plr_host *host = p->backend->host;
    process **link = &p->backend->first;
    while (*link != p)
        link = &(*link)->next;
    *link = p->next;
    for (int i = 0; i < 2; i++) {
        host->watch_free(p->outputs[i].watch);
        if (p->outputs[i].fd >= 0)
            close(p->outputs[i].fd);
    }
    if (p->child != NULL)
        host->child_free(p->child); /* kills it if it lives */
    host->timer_free(p->timer);
    p->task->data = NULL;
    free(p);
}

/* Of one run, or (NULL) of all. */
static void free_processes(process_backend *self, const plr_run_view *run)
{
    for (process *p = self->first, *next; p != NULL; p = next) {
        next = p->next;
        if (run == NULL || p->task->run == run)
            free_process(p);
    }
}

static void destroy(void *self)
{
    process_backend *own = self;
    free_processes(own, NULL);
    free(own->path);
    free(own);
}

static void succeed(void *self, plr_op *op)
{
    complete(self, op, PLR_OK, NULL);
}

/* What this backend cannot do, all of it, before anything is done. */
static void check(void *self, const plr_run_view *run, plr_op *op)
{
    const process_backend *own = self;
    for (size_t i = 0; i < run->document->n_tasks; i++) {
        const plr_step *step = run->document->tasks[i];
        plr_diagnostic found = { .size = sizeof found,
            .severity = PLR_SEVERITY_ERROR,
            .code = "unsupported",
            .pointer = step->pointer,
            .line = step->line,
            .column = step->column };
        if (step->docker.n_command + step->docker.n_args == 0)
            found.text = "a process needs a command: there is no image that has one";
        else if (step->n_volumes + step->n_files + step->n_devices > 0)
            found.text = "a process has no volumes, files and devices of its own";
        else if (step->ready != NULL && step->ready->log == NULL)
            found.text = "only what a process prints can tell that it is ready";
        if (found.text != NULL)
            own->host->op_diagnostic(op, &found);
    }
    complete(own, op, PLR_OK, NULL);
}

static void plan(
        void *self, const plr_run_view *run, plr_task *const *tasks, size_t n_tasks, plr_op *op)
{
    (void)run;
    const process_backend *own = self;
    for (size_t i = 0; i < n_tasks; i++) {
        own->host->op_text(
                op, tasks[i]->step->metadata.name, strlen(tasks[i]->step->metadata.name));
        own->host->op_text(op, ": a process\n", strlen(": a process\n"));
    }
    complete(own, op, PLR_OK, NULL);
}

static void setup(void *self, plr_run_view *run, plr_task *const *tasks, size_t n_tasks, plr_op *op)
{
    (void)run;
    (void)tasks;
    (void)n_tasks;
    complete(self, op, PLR_OK, NULL);
}

static void report(process *p, plr_report *what)
{
    what->size = sizeof *what;
    p->backend->host->report(p->task, what);
}

/* The end is told after the output. It is the last thing that happens to a process: the engine may
 * discard it before this returns. */
static void tell_end(process *p)
{
    plr_end end = { .size = sizeof end, .reason = PLR_REASON_LOST, .exit_code = -1 };
    if (!p->over || p->told || p->outputs[0].watch != NULL || p->outputs[1].watch != NULL)
        return;
    p->told = true;
    if (p->status != -1 && WIFEXITED(p->status)) {
        end.reason = PLR_REASON_EXIT;
        end.exit_code = WEXITSTATUS(p->status);
    } else if (p->status != -1) {
        end.reason = PLR_REASON_SIGNAL;
        end.signal = WTERMSIG(p->status);
        end.exit_code = 128 + end.signal;
    }
    report(p, &(plr_report){ .type = PLR_REPORT_EOF });
    report(p, &(plr_report){ .type = PLR_REPORT_ENDED, .u.end = end });
}

/* One piece of what a process prints, and whether there may be more. */
static bool read_piece(output *out)
{
    char data[65536];
    ssize_t n = read(out->fd, data, sizeof data);
    if (n > 0) {
        plr_report what = { .type = PLR_REPORT_OUTPUT };
        what.u.output.stream = out->stream;
        what.u.output.data = data;
        what.u.output.size = (size_t)n;
        report(out->of, &what);
        return true;
    }
    if (n < 0 && errno == EINTR)
        return true;
    if (n < 0 && errno == EAGAIN && !out->of->over)
        return false;
    /* Its end; or it is empty, and held open by a process that the step has left behind. */
    out->of->backend->host->watch_free(out->watch);
    out->watch = NULL;
    close(out->fd);
    out->fd = -1;
    return false;
}

static void on_output(plr_watch *watch, unsigned events, void *userdata)
{
    (void)watch;
    (void)events;
    output *out = userdata;
    read_piece(out);
    tell_end(out->of);
}

/* After the end of the step: nothing may wake us for a pipe that is empty. */
static void drain(process *p)
{
    for (int i = 0; i < 2; i++)
        while (p->over && !p->paused && p->outputs[i].watch != NULL && read_piece(&p->outputs[i]))
            continue;
    tell_end(p);
}

static void on_timer(plr_timer *timer, void *userdata)
{
    (void)timer;
    drain(userdata);
}

static void on_end(plr_child *child, int status, void *userdata)
{
    (void)child;
    process *p = userdata;
    p->over = true;
    p->status = status;
    drain(p);
}

static void prepare(void *self, plr_task *task, plr_op *op)
{
    process_backend *own = self;
    process *p = calloc(1, sizeof *p);
    if (p == NULL) {
        complete(own, op, PLR_ERR_NOMEM, "out of memory");
        return;
    }
    *p = (process){ .backend = own, .next = own->first, .task = task };
    for (int i = 0; i < 2; i++)
        p->outputs[i] = (output){ .of = p, .stream = (plr_stream)(i + 1), .fd = -1 };
    own->first = p;
    task->data = p;
    plr_error err = { 0 };
    own->host->timer_new(own->loop, &p->timer, on_timer, p, &err);
    own->host->op_complete(op, &err);
}

/* "NAME=value" of all that the step is to see, the later ones winning; one block of memory. */
static char **make_environment(const process *p, const plr_pair *late, size_t n_late)
{
    const plr_task *task = p->task;
    const plr_pair path = { "PATH",
        p->backend->path[0] != '\0' ? p->backend->path : getenv("PATH") };
    const plr_pair *lists[] = { &path, task->run->host_environment, task->environment, late };
    size_t sizes[] = { path.value != NULL, task->run->n_host_environment, task->n_environment,
        n_late };
    size_t n = 0, bytes = 0;
    for (int list = 0; list < 4; list++)
        for (size_t i = 0; i < sizes[list]; i++, n++)
            bytes += strlen(lists[list][i].name) + strlen(lists[list][i].value) + 2;
    char **all = malloc((n + 1) * sizeof *all + bytes), *at = (char *)(all + n + 1);
    if (all == NULL)
        return NULL;
    n = 0;
    for (int list = 4; list-- > 0;) /* of two with one name, most programs see the first */
        for (size_t i = sizes[list]; i-- > 0;) {
            all[n++] = at;
            at += sprintf(at, "%s=%s", lists[list][i].name, lists[list][i].value) + 1;
        }
    all[n] = NULL;
    return all;
}

static int spawn(process *p, const char *const *argv, char **environment, plr_error *err)
{
    const plr_host *host = p->backend->host;
    int pipes[2][2] = { { -1, -1 }, { -1, -1 } };
    int r = 0;
    for (int i = 0; i < 2 && r == 0; i++) {
        if (pipe2(pipes[i], O_CLOEXEC) < 0 || fcntl(pipes[i][0], F_SETFL, O_NONBLOCK) < 0)
            r = host->error_set(err, PLR_ERR_SYSTEM, "a pipe: %s", strerror(errno));
        p->outputs[i].fd = pipes[i][0];
        if (r == 0)
            r = host->watch_new(p->backend->loop, &p->outputs[i].watch, pipes[i][0], PLR_WATCH_READ,
                    on_output, &p->outputs[i], err);
    }
    plr_child_options options = { .size = sizeof options,
        .path = argv[0],
        .argv = argv,
        .environment = (const char *const *)environment,
        .stdin_fd = -1,
        .stdout_fd = pipes[0][1],
        .stderr_fd = pipes[1][1] };
    if (r == 0)
        r = host->child_new(p->backend->loop, &p->child, &options, on_end, p, err);
    for (int i = 0; i < 2; i++)
        if (pipes[i][1] >= 0)
            close(pipes[i][1]);
    return r;
}

static void start(void *self, plr_task *task, const plr_pair *late, size_t n_late, plr_op *op)
{
    const process_backend *own = self;
    process *p = task->data;
    const plr_docker_options *docker = &task->step->docker;
    size_t n = docker->n_command + docker->n_args;
    const char **argv = calloc(n + 1, sizeof *argv);
    char **environment = make_environment(p, late, n_late);
    plr_error err = { 0 };
    if (argv == NULL || environment == NULL) {
        own->host->error_set(&err, PLR_ERR_NOMEM, "out of memory");
    } else {
        for (size_t i = 0; i < n; i++)
            argv[i] = i < docker->n_command ? docker->command[i]
                                            : docker->args[i - docker->n_command];
        if (spawn(p, argv, environment, &err) == 0)
            report(p, &(plr_report){ .type = PLR_REPORT_STARTED });
    }
    free(argv);
    free(environment);
    own->host->op_complete(op, &err);
}

static void stop(void *self, plr_task *task, int signal, plr_op *op)
{
    const process_backend *own = self;
    const process *p = task->data;
    if (p != NULL && p->child != NULL && !p->over)
        kill(own->host->child_pid(p->child), signal);
    complete(own, op, PLR_OK, NULL);
}

static void probe(void *self, plr_task *task, const plr_probe *question, plr_op *op)
{
    (void)task;
    (void)question;
    complete(self, op, PLR_ERR_UNSUPPORTED, "a process is not asked"); /* check has said so */
}

static void flow(void *self, plr_task *task, bool paused)
{
    const process_backend *own = self;
    process *p = task->data;
    if (p == NULL)
        return;
    p->paused = paused;
    for (int i = 0; i < 2; i++)
        if (p->outputs[i].watch != NULL)
            own->host->watch_set(p->outputs[i].watch, paused ? 0 : PLR_WATCH_READ, NULL);
    own->host->timer_set(p->timer, paused ? 0 : own->host->now(own->loop) + 1);
}

static void discard(void *self, plr_task *task, plr_op *op)
{
    if (task->data != NULL)
        free_process(task->data);
    complete(self, op, PLR_OK, NULL);
}

static void teardown(void *self, const char *run_id, plr_run_view *run, plr_op *op)
{
    (void)run_id;
    if (run != NULL) /* else it is another process's, and its processes have ended with it */
        free_processes(self, run);
    complete(self, op, PLR_OK, NULL);
}

static void forget(void *self, plr_run_view *run)
{
    free_processes(self, run);
}

static void sweep(void *self, const plr_sweep_options *options, plr_op *op)
{
    (void)options;
    complete(self, op, PLR_OK, NULL);
}

PLR_BACKEND_ENTRY(process)
{
    static const plr_backend_module module = {
        .size = sizeof module,
        .version = PLR_BACKEND_VERSION,
        .name = "process",
        .description = "runs steps as ordinary processes",
        .options = options_info,
        .n_options = sizeof options_info / sizeof *options_info,
        .create = create,
        .destroy = destroy,
        .open = succeed,
        .close = succeed,
        .check = check,
        .plan = plan,
        .setup = setup,
        .prepare = prepare,
        .start = start,
        .stop = stop,
        .probe = probe,
        .flow = flow,
        .discard = discard,
        .teardown = teardown,
        .forget = forget,
        .sweep = sweep,
    };
    return &module;
}
