/* SPDX-License-Identifier: MIT */
/*
 * The helper process of a room: it lives in the room's network, forwards published ports and looks
 * after the program that is the way out. A fork of the inner process, which goes on when it has
 * said that all is well.
 */
#include "backends/local/sandbox/net.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/local/sandbox/net_forward.h"
#include "backends/local/sandbox/net_link.h"
#include "backends/local/sandbox/net_outbound.h"
#include "engine/base/cleanup.h"

#define WAIT_MS 20000

/* What it reports: this when all is well, else a whole plr_error, at any time. */
#define WELL '+'

/* What a helper works with; all of it was made by the inner process. */
typedef struct parts {
    const plr_net_request *request;
    plr_net_port *ports; /* those that are forwarded */
    int *fds;            /* where they listen */
    size_t n_ports;
    int room, report;
    plr_outbound outbound; /* pid 0: none asked for */
} parts;

int plr_net_outbound_check(plr_error *err)
{
    plr_outbound found;
    return plr_outbound_find(&found, err);
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a < *(const int *)b ? -1 : 1;
}

/* The inner process has sockets whose end others wait for: none of them stays open here. */
static void close_others(const parts *own)
{
    int keep[own->n_ports + 4];
    size_t n = 0;
    keep[n++] = STDERR_FILENO;
    keep[n++] = own->report;
    if (own->room >= 0)
        keep[n++] = own->room;
    memcpy(keep + n, own->fds, own->n_ports * sizeof(int));
    n += own->n_ports;
    qsort(keep, n, sizeof(int), compare);
    for (size_t i = 0; i < n; i++)
        (void)close_range((unsigned)keep[i] + 1, i + 1 < n ? (unsigned)keep[i + 1] - 1 : ~0U, 0);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        (void)dup2(null, fd);
}

static int serve(parts *own, plr_error *err)
{
    plr_forwarder *forwarder;
    int r = plr_forwarder_new(&forwarder, own->ports, own->fds, own->n_ports, err);
    if (r != 0)
        return r;
    if (write(own->report, &(char){ WELL }, 1) != 1)
        return plr_error_set(err, PLR_ERR_SYSTEM, "report: %s", strerror(errno));
    struct pollfd fds[2] = {
        { .fd = plr_forwarder_fd(forwarder), .events = POLLIN },
        { .fd = own->outbound.words, .events = POLLIN },
    };
    for (;;) {
        if (poll(fds, 2, -1) < 0)
            continue; /* interrupted */
        if (fds[0].revents != 0)
            plr_forwarder_dispatch(forwarder);
        if (fds[1].revents != 0 && !plr_outbound_listen(&own->outbound))
            return plr_outbound_failed(&own->outbound, err);
    }
}

/* The program starts out in the machine's network, where its own sockets belong. */
static int run(parts *own, plr_error *err)
{
    const plr_net_request *request = own->request;
    int r = 0;
    if (request->outbound)
        r = plr_outbound_spawn(&own->outbound, own->room, request->subnet, request->bridge, err);
    if (r == 0 && own->room >= 0 && setns(own->room, CLONE_NEWNET) != 0)
        r = plr_error_set(err, PLR_ERR_SYSTEM, "enter the network of the run: %s", strerror(errno));
    if (r == 0 && request->outbound)
        r = plr_outbound_join(&own->outbound, request->subnet, request->bridge, err);
    if (r == 0)
        r = serve(own, err);
    return r;
}

_Noreturn static void be_helper(parts *own)
{
    plr_error err = { 0 };
    struct rlimit files;
    (void)prctl(PR_SET_NAME, "plr-net");
    (void)signal(SIGPIPE, SIG_IGN);
    close_others(own);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    (void)run(own, &err);
    if (own->outbound.pid > 0)
        (void)kill(own->outbound.pid, SIGKILL);
    (void)write(own->report, &err, sizeof(err));
    _exit(1);
}

/* Waits until the helper says that all is well. */
static int hear(plr_net_helper *helper, plr_error *err)
{
    struct pollfd fd = { .fd = helper->report, .events = POLLIN };
    char first = 0;
    int status, n;
    do
        n = poll(&fd, 1, WAIT_MS);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        (void)kill(helper->pid, SIGKILL);
    else if (read(helper->report, &first, 1) == 1 && first == WELL)
        return 0;
    (void)waitpid(helper->pid, &status, 0);
    plr_error told = { 0 };
    ((char *)&told)[0] = first;
    (void)read(helper->report, (char *)&told + 1, sizeof(told) - 1);
    close(helper->report);
    if (told.code == 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "the network's helper process ended");
    return plr_error_set(err, told.code, "%s", told.message);
}

static void close_all(const parts *own)
{
    for (size_t i = 0; i < own->n_ports; i++)
        close(own->fds[i]);
}

static int start(plr_net_helper *ret_helper, parts *own, plr_error *err)
{
    plr_net_helper helper;
    int report[2], r = 0;
    if (own->request->outbound)
        r = plr_outbound_find(&own->outbound, err);
    if (r != 0)
        return r;
    if (pipe2(report, O_CLOEXEC) != 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "make a pipe: %s", strerror(errno));
    own->report = report[1];
    helper = (plr_net_helper){ .pid = fork(), .report = report[0] };
    if (helper.pid == 0)
        be_helper(own);
    close(report[1]);
    if (helper.pid < 0) {
        close(report[0]);
        return plr_error_set(err, PLR_ERR_SYSTEM, "fork: %s", strerror(errno));
    }
    r = hear(&helper, err);
    if (r == 0)
        *ret_helper = helper;
    return r;
}

int plr_net_helper_start(
        plr_net_helper *ret_helper, int room, const plr_net_request *request, plr_error *err)
{
    _cleanup_free_ plr_net_port *ports = calloc(request->n_ports + 1, sizeof(*ports));
    _cleanup_free_ int *fds = calloc(request->n_ports + 1, sizeof(int));
    parts own = { .request = request, .ports = ports, .fds = fds, .room = room, .report = -1 };
    int r = 0;
    own.outbound = (plr_outbound){ .words = -1 };
    if (ports == NULL || fds == NULL)
        return plr_error_set(err, PLR_ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < request->n_ports && r == 0; i++) {
        const plr_net_port *port = &request->ports[i];
        /* In the machine's network the step itself listens there. */
        if (room < 0 && port->host_port == port->port)
            continue;
        r = plr_forward_listen(port, &fds[own.n_ports], err);
        if (r == 0)
            ports[own.n_ports] = *port;
        if (r == 0 && room < 0)
            ports[own.n_ports].address = NULL; /* no step has an address of its own there */
        if (r == 0)
            own.n_ports++;
    }
    *ret_helper = (plr_net_helper){ .report = -1 };
    if (r == 0 && (request->outbound || own.n_ports > 0))
        r = start(ret_helper, &own, err);
    close_all(&own);
    return r;
}

void plr_net_helper_ended(plr_net_helper *helper, int status, plr_error *err)
{
    plr_error told = { 0 };
    if (read(helper->report, &told, sizeof(told)) == (ssize_t)sizeof(told))
        (void)plr_error_set(err, PLR_ERR_INFRASTRUCTURE,
                "the run's network has lost its way out: %s", told.message);
    else if (WIFSIGNALED(status))
        (void)plr_error_set(err, PLR_ERR_INFRASTRUCTURE,
                "the run's network has lost its way out and its published ports: the helper was "
                "killed by signal %d",
                WTERMSIG(status));
    else
        (void)plr_error_set(err, PLR_ERR_INFRASTRUCTURE,
                "the run's network has lost its way out and its published ports");
    close(helper->report);
    *helper = (plr_net_helper){ .report = -1 };
}
