/* SPDX-License-Identifier: MIT */
/* plr-sandbox of a run: how it is started, what is said to it and what it says. What its socket has
 * no room for waits here; its end before ours is the end of the run. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "backends/local/folder.h"
#include "backends/local/local.h"
#include "backends/local/names.h"
#include "engine/base/error.h"

/* A datagram that waits. */
struct plr_local_letter {
    plr_local_letter *next;
    plr_sandbox_header header;
    int fds[PLR_SANDBOX_FDS_MAX];
    size_t n_fds;
};

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
}

static void free_letter(plr_local_run *run)
{
    plr_local_letter *letter = run->first_letter;
    run->first_letter = letter->next;
    if (run->first_letter == NULL)
        run->last_letter = NULL;
    close_all(letter->fds, letter->n_fds);
    free(letter);
}

void plr_local_room_close(plr_local_run *run)
{
    run->local->host->watch_free(steal(run->watch));
    if (run->fd >= 0)
        close(steal_fd(&run->fd));
    while (run->first_letter != NULL)
        free_letter(run);
}

/* The run cannot go on. Whoever waits for something is told. */
static void lose(plr_local_run *run, const plr_error *cause)
{
    const plr_host *host = run->local->host;
    plr_local_room_close(run);
    if (run->lost.code != 0 || run->teardown != NULL)
        return;
    run->lost = *cause;
    if (run->setup != NULL) {
        host->op_complete(steal(run->setup), &run->lost);
        return;
    }
    host->run_failed(run->view, &run->lost);
    plr_local_questions_clear(run, &run->lost);
    /* Each may be freed by what it reports. */
    for (plr_local_attempt *attempt = run->attempts, *next; attempt != NULL; attempt = next) {
        next = attempt->next;
        plr_local_attempt_lost(attempt, &run->lost);
    }
}

static void flush(plr_local_run *run)
{
    plr_error err = { 0 };
    while (run->first_letter != NULL) {
        const plr_local_letter *letter = run->first_letter;
        int r = plr_sandbox_send(
                run->fd, &letter->header, NULL, 0, letter->fds, letter->n_fds, &err);
        if (r == PLR_ERR_TIMEOUT)
            break;
        /* Whoever hung up is found out by reading, where its last words still are. */
        free_letter(run);
        if (r < 0)
            return;
    }
    unsigned events = PLR_WATCH_READ | (run->first_letter != NULL ? PLR_WATCH_WRITE : 0);
    run->local->host->watch_set(run->watch, events, NULL);
}

int plr_local_room_send(plr_local_run *run, plr_sandbox_word word, uint32_t task, uint32_t id,
        const int *fds, size_t n_fds, plr_error *err)
{
    if (run->fd < 0) {
        close_all(fds, n_fds);
        return plr_error_set(err, run->lost.code != 0 ? run->lost.code : PLR_ERR_STATE, "%s",
                run->lost.code != 0 ? run->lost.message : "the sandbox is closed");
    }
    plr_sandbox_header header = { .word = (uint16_t)word, .task = task, .id = id };
    /* Without memory a step can still be killed. Whoever hung up is found out by reading. */
    bool waits = run->first_letter != NULL ||
                 plr_sandbox_send(run->fd, &header, NULL, 0, fds, n_fds, NULL) == PLR_ERR_TIMEOUT;
    plr_local_letter *letter = waits ? calloc(1, sizeof(*letter)) : NULL;
    if (letter == NULL) {
        close_all(fds, n_fds);
        return waits ? plr_error_nomem(err) : 0;
    }
    letter->header = header;
    for (size_t i = 0; i < n_fds; i++)
        letter->fds[letter->n_fds++] = fds[i];
    if (run->last_letter == NULL)
        run->first_letter = letter;
    else
        run->last_letter->next = letter;
    run->last_letter = letter;
    flush(run);
    return 0;
}

static plr_local_attempt *find(const plr_local_run *run, uint32_t number)
{
    plr_local_attempt *attempt = run->attempts;
    while (attempt != NULL && attempt->number != number)
        attempt = attempt->next;
    return attempt;
}

static void take_failure(const plr_sandbox_message *message, plr_error *err)
{
    plr_sandbox_failure failure;
    memcpy(&failure, message->payload, sizeof(failure));
    int code = failure.code < 0 ? failure.code : PLR_ERR_SYSTEM;
    plr_error_set(err, code, "%s", message->payload + sizeof(failure));
}

static void take_room_word(plr_local_run *run, const plr_sandbox_message *message)
{
    const plr_host *host = run->local->host;
    plr_sandbox_room_ready ready;
    plr_error err = { 0 };
    switch (message->header.word) {
    case PLR_SANDBOX_READY:
        memcpy(&ready, message->payload, sizeof(ready));
        run->is_ready = true;
        run->room_is_host = ready.network == PLR_SANDBOX_NETWORK_HOST;
        run->outbound = ready.outbound != 0;
        if (run->setup != NULL)
            host->op_complete(steal(run->setup), NULL);
        break;
    case PLR_SANDBOX_FAILED:
        take_failure(message, &err);
        lose(run, &err);
        break;
    case PLR_SANDBOX_WARNING:
        host->run_warning(run->view, message->payload);
        break;
    default:
        break;
    }
}

/* A task that is not needed any more is not ours any more; what is still said of it goes by. */
static void take_task_word(plr_local_run *run, const plr_sandbox_message *message)
{
    plr_local_attempt *attempt = find(run, message->header.task);
    plr_error err = { 0 };
    plr_sandbox_end end;
    plr_sandbox_answer answer;
    if (message->header.word == PLR_SANDBOX_PROBED) {
        memcpy(&answer, message->payload, sizeof(answer));
        plr_local_probed(run, message->header.id, &answer);
        return;
    }
    if (attempt == NULL)
        return;
    switch (message->header.word) {
    case PLR_SANDBOX_FAILED:
        take_failure(message, &err);
        plr_local_attempt_refused(attempt, &err);
        break;
    case PLR_SANDBOX_WARNING:
        plr_local_warn(attempt, "%s", message->payload);
        break;
    case PLR_SANDBOX_ENDED:
        memcpy(&end, message->payload, sizeof(end));
        plr_local_attempt_ended(attempt, &end);
        break;
    default:
        break; /* READY: plr-init says HELD itself */
    }
}

static void on_event(plr_watch *watch, unsigned events, void *userdata)
{
    plr_local_run *run = userdata;
    plr_sandbox_message message;
    plr_error err = { 0 };
    (void)watch;
    if ((events & PLR_WATCH_WRITE) != 0)
        flush(run);
    if ((events & PLR_WATCH_READ) == 0)
        return;
    /* One at a time: what it leads to may free the run, and the watch is level-triggered. */
    int r = plr_sandbox_receive(run->fd, &message, &err);
    if (r == 0)
        return;
    if (r == PLR_ERR_LOST && run->child != NULL) {
        plr_local_room_close(run); /* its end says more */
        return;
    }
    if (r < 0) {
        plr_error lost = { 0 };
        plr_error_set(
                &lost, PLR_ERR_INFRASTRUCTURE, "the sandbox of the run is gone: %s", err.message);
        lose(run, &lost);
        return;
    }
    plr_sandbox_message_clear(&message);
    if (message.header.task == 0)
        take_room_word(run, &message);
    else
        take_task_word(run, &message);
}

static void on_end(plr_child *child, int status, void *userdata)
{
    plr_local_run *run = userdata;
    plr_error err = { 0 };
    (void)child;
    run->local->host->child_free(steal(run->child));
    /* Its last words may still be in the socket. */
    if (run->fd >= 0 && run->teardown == NULL) {
        plr_sandbox_message message;
        while (run->fd >= 0 && plr_sandbox_receive(run->fd, &message, NULL) == 1) {
            plr_sandbox_message_clear(&message);
            if (message.header.task == 0)
                take_room_word(run, &message);
        }
    }
    if (run->teardown != NULL) {
        plr_local_teardown_ended(run);
        return;
    }
    if (status >= 0 && WIFSIGNALED(status))
        plr_error_set(&err, PLR_ERR_INFRASTRUCTURE,
                "the sandbox of the run was killed by signal %d", WTERMSIG(status));
    else
        plr_error_set(&err, PLR_ERR_INFRASTRUCTURE,
                "the sandbox of the run ended with exit code %d",
                status >= 0 ? WEXITSTATUS(status) : -1);
    lose(run, &err);
}

static int spawn(plr_local_run *run, int theirs, plr_error *err)
{
    const plr_host *host = run->local->host;
    const char *argv[] = { "plr-sandbox", NULL };
    plr_child_options options = {
        .size = sizeof(options),
        .path = run->local->sandbox,
        .argv = argv,
        .stdin_fd = theirs,
        .stdout_fd = -1,
        .stderr_fd = STDERR_FILENO,
    };
    return host->child_new(run->local->loop, &run->child, &options, on_end, run, err);
}

int plr_local_room_start(plr_local_run *run, plr_error *err)
{
    const plr_host *host = run->local->host;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "socketpair: %s", strerror(errno));
    run->fd = pair[0];
    int r = spawn(run, pair[1], err);
    close(pair[1]);
    if (r == 0)
        r = host->watch_new(
                run->local->loop, &run->watch, run->fd, PLR_WATCH_READ, on_event, run, err);
    return r;
}

int plr_local_room_tell(plr_local_run *run, plr_error *err)
{
    int fields;
    int r = plr_local_room_fields(run, &fields, err);
    return r < 0 ? r : plr_local_room_send(run, PLR_SANDBOX_ROOM, 0, 0, &fields, 1, err);
}

/* A port of the machine that nobody has now; said, for nobody could know it. 0: there is none. */
static uint16_t free_port(const plr_local_run *run, const plr_step *step, const plr_port *port)
{
    bool udp = port->protocol != NULL && strcmp(port->protocol, "udp") == 0;
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof(address);
    char text[300];
    _cleanup_close_ int fd = socket(AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 ||
            getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return 0;
    snprintf(text, sizeof(text), "port %lld of step \"%s\" is port %u of this machine",
            (long long)port->port, step->metadata.name, ntohs(address.sin_port));
    run->local->host->run_notice(run->view, text);
    return ntohs(address.sin_port);
}

static void put_ports(plr_buf *out, const plr_local_run *run)
{
    const plr_document *document = run->view->document;
    char text[PLR_LOCAL_ADDRESS_SIZE];
    uint32_t address;
    for (size_t t = 0; t < document->n_tasks; t++) {
        const plr_step *step = document->tasks[t];
        plr_network_mode mode = plr_local_network_of(step, run->network);
        for (size_t i = 0; i < step->docker.n_ports; i++) {
            const plr_port *port = &step->docker.ports[i];
            if (mode != PLR_NETWORK_SHARED && mode != PLR_NETWORK_ISOLATED)
                continue;
            size_t group = plr_sandbox_begin(out, PLR_SANDBOX_FIELD_PUBLISH);
            plr_sandbox_put_number(out, PLR_SANDBOX_FIELD_HOST_PORT,
                    port->host > 0 ? (uint64_t)port->host : free_port(run, step, port));
            plr_sandbox_put_number(out, PLR_SANDBOX_FIELD_PORT, (uint64_t)port->port);
            plr_sandbox_put_text(out, PLR_SANDBOX_FIELD_PROTOCOL,
                    port->protocol == NULL ? "tcp" : port->protocol);
            plr_sandbox_put_text(out, PLR_SANDBOX_FIELD_NAME, step->metadata.name);
            if (mode == PLR_NETWORK_ISOLATED && plr_local_address(run->subnet, t, &address)) {
                plr_local_address_text(address, false, text);
                plr_sandbox_put_text(out, PLR_SANDBOX_FIELD_ADDRESS, text);
            }
            plr_sandbox_end_group(out, group);
        }
    }
}

static void put_volumes(plr_buf *out, const plr_document *document)
{
    for (size_t i = 0; i < document->n_volumes; i++) {
        const plr_volume_temp *temp = document->volumes[i].temp;
        if (temp == NULL)
            continue;
        size_t group = plr_sandbox_begin(out, PLR_SANDBOX_FIELD_VOLUME);
        plr_sandbox_put_number(out, PLR_SANDBOX_FIELD_VOLUME_NUMBER, i);
        if (strcmp(temp->medium, "memory") == 0)
            plr_sandbox_put_flag(out, PLR_SANDBOX_FIELD_MEMORY_VOLUME);
        if (temp->size_limit > 0)
            plr_sandbox_put_number(out, PLR_SANDBOX_FIELD_SIZE, (uint64_t)temp->size_limit);
        plr_sandbox_end_group(out, group);
    }
}

int plr_local_room_fields(const plr_local_run *run, int *ret_fd, plr_error *err)
{
    const plr_run_view *view = run->view;
    bool own = run->network == PLR_NETWORK_SHARED || run->network == PLR_NETWORK_ISOLATED;
    char text[PLR_LOCAL_ADDRESS_SIZE];
    _cleanup_buf_ plr_buf out = { 0 };
    plr_sandbox_put_text(&out, PLR_SANDBOX_FIELD_RUN_ID, view->id);
    plr_sandbox_put_text(&out, PLR_SANDBOX_FIELD_FOLDER, run->folder);
    plr_sandbox_put_number(&out, PLR_SANDBOX_FIELD_NETWORK,
            own ? PLR_SANDBOX_NETWORK_ROOM : PLR_SANDBOX_NETWORK_HOST);
    if (own) {
        plr_local_address_text(run->subnet, true, text);
        plr_sandbox_put_text(&out, PLR_SANDBOX_FIELD_SUBNET, text);
    }
    if (run->network == PLR_NETWORK_ISOLATED)
        plr_sandbox_put_flag(&out, PLR_SANDBOX_FIELD_BRIDGE);
    if (own)
        plr_sandbox_put_flag(&out, PLR_SANDBOX_FIELD_OUTBOUND);
    if (own && run->else_host)
        plr_sandbox_put_flag(&out, PLR_SANDBOX_FIELD_ELSE_HOST);
    if (own)
        put_ports(&out, run);
    put_volumes(&out, view->document);
    if (run->local->settings.rootfs == PLR_LOCAL_ROOTFS_HOST)
        plr_sandbox_put_flag(&out, PLR_SANDBOX_FIELD_HOST_ROOT);
    if (view->on_loss == PLR_ON_LOSS_KEEP)
        plr_sandbox_put_number(
                &out, PLR_SANDBOX_FIELD_LINGER_MS, (uint64_t)view->keep_ns / PLR_MILLISECOND);
    return plr_sandbox_seal(&out, ret_fd, err);
}
