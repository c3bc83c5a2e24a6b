/* SPDX-License-Identifier: MIT */
/* A small program that answers one question on its stdout, as a child of the loop. */
#include "net/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"

#define PIECE 4096u

struct plr_helper {
    const plr_host *host;
    plr_loop *loop;
    char *name; /* of the program, for messages */
    plr_child *child;
    plr_timer *timer;
    plr_watch *watch;
    int output_fd;
    plr_buf output;
    size_t max_output;
    plr_helper_fn *on_end;
    void *userdata;
};

void plr_helper_free(plr_helper *helper)
{
    if (helper == NULL)
        return;
    if (helper->child != NULL)
        helper->host->child_free(helper->child);
    if (helper->timer != NULL)
        helper->host->timer_free(helper->timer);
    helper->host->watch_free(helper->watch);
    cleanup_close(&helper->output_fd);
    plr_buf_clear(&helper->output);
    free(helper->name);
    free(helper);
}

/* Nothing more is watched: the one call of on_end, which may free the helper. */
static void end(plr_helper *helper, int status, const plr_error *err)
{
    helper->host->timer_free(steal(helper->timer));
    helper->host->watch_free(steal(helper->watch));
    helper->host->child_free(steal(helper->child));
    const char *output = helper->output.data != NULL ? helper->output.data : "";
    helper->on_end(helper, status, output, helper->output.size, err, helper->userdata);
}

static int take(plr_helper *helper, const char *piece, size_t size, plr_error *err)
{
    if (size > helper->max_output - helper->output.size)
        return plr_error_set(err, PLR_ERR_PROTOCOL, "%s prints more than %zu bytes", helper->name,
                helper->max_output);
    return plr_buf_append(&helper->output, piece, size, err);
}

/* Reads what is there. Returns 1 if more may come, 0 at the end of the output, or an error. */
static int read_output(plr_helper *helper, plr_error *err)
{
    char piece[PIECE];
    for (;;) {
        ssize_t n = read(helper->output_fd, piece, sizeof piece);
        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return 1;
        if (n < 0)
            return plr_error_set(
                    err, PLR_ERR_SYSTEM, "the output of %s: %s", helper->name, strerror(errno));
        int r = take(helper, piece, (size_t)n, err);
        if (r < 0)
            return r;
    }
}

static void on_output(plr_watch *watch, unsigned events, void *userdata)
{
    plr_helper *helper = userdata;
    plr_error err = { 0 };
    (void)watch, (void)events;
    int r = read_output(helper, &err);
    if (r < 0)
        end(helper, 0, &err);
    else if (r == 0)
        helper->host->watch_free(steal(helper->watch)); /* its end is still to come */
}

/* The program's end is the answer's, even if something it left behind keeps the pipe open. */
static void on_child(plr_child *child, int status, void *userdata)
{
    plr_helper *helper = userdata;
    plr_error err = { 0 };
    (void)child;
    int r = helper->watch != NULL ? read_output(helper, &err) : 0;
    end(helper, status, r < 0 ? &err : NULL);
}

static void on_timer(plr_timer *timer, void *userdata)
{
    plr_helper *helper = userdata;
    plr_error err = { 0 };
    (void)timer;
    plr_error_set(&err, PLR_ERR_TIMEOUT, "%s did not answer in time", helper->name);
    end(helper, 0, &err);
}

/* A pipe takes 4096 bytes at once, so nobody has to wait for the program to read them. */
static int open_input(const char *input, int *ret_fd, plr_error *err)
{
    int fds[2];
    size_t size = strlen(input);
    if (size > PIECE)
        return plr_error_set(err, PLR_ERR_USAGE, "%zu bytes of input, more than 4096", size);
    if (pipe2(fds, O_CLOEXEC) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "pipe: %s", strerror(errno));
    ssize_t n = write(fds[1], input, size);
    close(fds[1]);
    if (n != (ssize_t)size) {
        close(fds[0]);
        return plr_error_set(err, PLR_ERR_SYSTEM, "write to a pipe: %s", strerror(errno));
    }
    *ret_fd = fds[0];
    return 0;
}

static int spawn(plr_helper *helper, const plr_helper_options *options, plr_error *err)
{
    _cleanup_close_ int input_fd = -1;
    _cleanup_close_ int write_fd = -1;
    int fds[2];
    int r = options->input != NULL ? open_input(options->input, &input_fd, err) : 0;
    if (r < 0)
        return r;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "pipe: %s", strerror(errno));
    helper->output_fd = fds[0];
    write_fd = fds[1];
    /* Only our end: a program is entitled to a stdout that blocks. */
    if (fcntl(helper->output_fd, F_SETFL, O_NONBLOCK) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "fcntl: %s", strerror(errno));
    r = helper->host->watch_new(helper->loop, &helper->watch, helper->output_fd, PLR_WATCH_READ,
            on_output, helper, err);
    if (r < 0)
        return r;
    plr_child_options child = {
        .size = sizeof child,
        .path = options->argv[0],
        .argv = options->argv,
        .environment = options->environment,
        .stdin_fd = input_fd,
        .stdout_fd = write_fd,
        .stderr_fd = -1,
    };
    return helper->host->child_new(helper->loop, &helper->child, &child, on_child, helper, err);
}

int plr_helper_new(plr_helper **ret_helper, const plr_host *host, plr_loop *loop,
        const plr_helper_options *options, plr_helper_fn *on_end, void *userdata, plr_error *err)
{
    _cleanup_helper_ plr_helper *helper = calloc(1, sizeof *helper);
    if (helper == NULL)
        return plr_error_nomem(err);
    *helper = (plr_helper){
        .host = host,
        .loop = loop,
        .output_fd = -1,
        .max_output = options->max_output,
        .on_end = on_end,
        .userdata = userdata,
    };
    helper->name = strdup(options->argv[0]);
    if (helper->name == NULL)
        return plr_error_nomem(err);
    int r = host->timer_new(loop, &helper->timer, on_timer, helper, err);
    if (r == 0)
        r = spawn(helper, options, err);
    if (r < 0)
        return r;
    host->timer_set(helper->timer, host->now(loop) + options->timeout_ns);
    *ret_helper = steal(helper);
    return 0;
}
