/* SPDX-License-Identifier: MIT */
/* A pull: plr-image, with one request on its stdin and lines of JSON on its stdout. Attempts that
 * want the same image at one time share it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "backends/local/local.h"
#include "engine/base/arena.h"
#include "engine/base/document.h"
#include "engine/base/error.h"
#include "engine/base/findings.h"
#include "engine/base/json.h"
#include "net/image_name.h"

/* A line of progress is short; one that is not is none. */
#define LINE_MAX (64 * 1024)

struct plr_local_pull {
    plr_local *local;
    plr_local_pull *next;
    plr_local_attempt *attempts; /* by next_puller */
    char *request, *image;
    plr_child *child;
    int in, out; /* of the child; closing `in` tells it to give up */
    plr_watch *watch_in, *watch_out;
    size_t written; /* of the request */
    plr_buf line;
    bool done;
    plr_error error; /* what its last line says */
};

static void pull_free(plr_local_pull *pull)
{
    const plr_host *host = pull->local->host;
    for (plr_local_pull **link = &pull->local->pulls; *link != NULL; link = &(*link)->next) {
        if (*link == pull) {
            *link = pull->next;
            break;
        }
    }
    host->watch_free(pull->watch_in);
    host->watch_free(pull->watch_out);
    cleanup_close(&pull->in);
    cleanup_close(&pull->out);
    host->child_free(pull->child);
    plr_buf_clear(&pull->line);
    free(pull->request);
    free(pull->image);
    free(pull);
}

void plr_local_pulls_clear(plr_local *local)
{
    while (local->pulls != NULL) {
        for (plr_local_attempt *a = local->pulls->attempts; a != NULL; a = a->next_puller)
            a->pull = NULL;
        pull_free(local->pulls);
    }
}

/* Nobody wants it any more: what has been loaded stays for the next time. */
void plr_local_pull_leave(plr_local_attempt *attempt)
{
    plr_local_pull *pull = steal(attempt->pull);
    if (pull == NULL)
        return;
    plr_local_attempt **link = &pull->attempts;
    while (*link != attempt)
        link = &(*link)->next_puller;
    *link = steal(attempt->next_puller);
    if (pull->attempts == NULL)
        pull_free(pull);
}

/* It is over, well or not. */
static void finish(plr_local_pull *pull, const plr_error *cause)
{
    plr_error err = cause == NULL ? (plr_error){ 0 } : *cause;
    plr_local_attempt *attempt = pull->attempts;
    pull->attempts = NULL;
    for (plr_local_attempt *a = attempt; a != NULL; a = a->next_puller)
        a->pull = NULL;
    pull_free(pull);
    while (attempt != NULL) {
        plr_local_attempt *next = steal(attempt->next_puller);
        plr_local_pulled(attempt, cause == NULL ? NULL : &err);
        attempt = next;
    }
}

static char *text_of(const plr_node *object, const char *name, char *buffer, size_t size)
{
    const plr_node *node = object == NULL ? NULL : plr_node_get(object, name);
    if (node == NULL || (node->type != PLR_NODE_STRING && node->type != PLR_NODE_NUMBER))
        return NULL;
    snprintf(buffer, size, "%.*s", (int)node->size, node->text);
    return buffer;
}

static uint64_t number_of(const plr_node *object, const char *name)
{
    char text[32];
    return text_of(object, name, text, sizeof(text)) == NULL ? 0 : strtoull(text, NULL, 10);
}

static void report_all(plr_local_pull *pull, const plr_report *report)
{
    for (plr_local_attempt *a = pull->attempts, *next; a != NULL; a = next) {
        next = a->next_puller;
        pull->local->host->report(a->task, report);
    }
}

static void take_progress(plr_local_pull *pull, const plr_node *progress)
{
    char layer[128], status[128];
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_PULL };
    report.u.pull.image = pull->image;
    report.u.pull.layer = text_of(progress, "layer", layer, sizeof(layer));
    report.u.pull.status = text_of(progress, "status", status, sizeof(status));
    if (report.u.pull.status == NULL)
        report.u.pull.status = "";
    report.u.pull.current = number_of(progress, "current");
    report.u.pull.total = number_of(progress, "total");
    report_all(pull, &report);
}

static int code_of(const char *name)
{
#define X(code, value, text)                                                                       \
    if (name != NULL && strcasecmp(name, #code) == 0)                                              \
        return PLR_ERR_##code;
    PLR_ERROR_CODES(X)
#undef X
    return PLR_ERR_INFRASTRUCTURE;
}

static void take_error(plr_local_pull *pull, const plr_node *error)
{
    char code[32], message[PLR_ERROR_MESSAGE_SIZE];
    const char *words = text_of(error, "message", message, sizeof(message));
    plr_error_set(&pull->error, code_of(text_of(error, "code", code, sizeof(code))), "%s",
            words == NULL ? "the puller says no more" : words);
}

static void take_line(plr_local_pull *pull, const char *line, size_t size)
{
    char message[PLR_ERROR_MESSAGE_SIZE];
    plr_report warning = { .size = sizeof(warning), .type = PLR_REPORT_WARNING };
    plr_node *root = NULL;
    _cleanup_arena_ plr_arena arena;
    _cleanup_(plr_findings_clear) plr_findings findings;
    plr_arena_init(&arena);
    plr_findings_init(&findings);
    if (plr_document_parse(&root, &arena, line, size, &findings, &pull->error) < 0 ||
            root == NULL || root->type != PLR_NODE_OBJECT)
        return;
    const plr_node *progress = plr_node_get(root, "progress"), *error = plr_node_get(root, "error");
    if (progress != NULL) {
        take_progress(pull, progress);
    } else if ((warning.u.text = text_of(root, "warning", message, sizeof(message))) != NULL) {
        report_all(pull, &warning);
    } else if (error != NULL) {
        take_error(pull, error);
    } else if (plr_node_get(root, "done") != NULL) {
        pull->done = true;
    }
}

static void take_lines(plr_local_pull *pull)
{
    char *end;
    while (pull->line.size > 0 && (end = memchr(pull->line.data, '\n', pull->line.size)) != NULL) {
        size_t length = (size_t)(end - pull->line.data);
        take_line(pull, pull->line.data, length);
        plr_buf_consume(&pull->line, length + 1);
    }
    if (pull->line.size > LINE_MAX)
        plr_buf_reset(&pull->line);
}

/* False: there is nothing more to read. */
static bool read_piece(plr_local_pull *pull)
{
    char piece[4096];
    ssize_t n = read(pull->out, piece, sizeof(piece));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        pull->local->host->watch_free(steal(pull->watch_out));
        close(steal_fd(&pull->out));
        return false;
    }
    if (plr_buf_append(&pull->line, piece, (size_t)n, &pull->error) == 0)
        take_lines(pull);
    return pull->out >= 0;
}

static void on_readable(plr_watch *watch, unsigned events, void *userdata)
{
    (void)watch;
    (void)events;
    read_piece(userdata);
}

static void on_writable(plr_watch *watch, unsigned events, void *userdata)
{
    plr_local_pull *pull = userdata;
    size_t left = strlen(pull->request) - pull->written;
    (void)watch;
    (void)events;
    ssize_t n = send(pull->in, pull->request + pull->written, left, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    pull->written += n > 0 ? (size_t)n : left;
    if (pull->written == strlen(pull->request))
        pull->local->host->watch_free(steal(pull->watch_in));
}

static void on_end(plr_child *child, int status, void *userdata)
{
    plr_local_pull *pull = userdata;
    (void)child;
    while (pull->out >= 0 && read_piece(pull))
        ;
    if (!pull->done && status >= 0 && WIFSIGNALED(status))
        plr_error_set(&pull->error, PLR_ERR_INFRASTRUCTURE,
                "image %s: plr-image was killed by signal %d", pull->image, WTERMSIG(status));
    else if (!pull->done)
        plr_error_set(&pull->error, PLR_ERR_INFRASTRUCTURE,
                "image %s: plr-image ended with exit code %d and no answer", pull->image,
                status >= 0 ? WEXITSTATUS(status) : -1);
    finish(pull, pull->done ? NULL : &pull->error);
}

static void put_platform(plr_json *json, const plr_platform *platform)
{
    const char *const names[] = { "os", "arch", "variant", "version" };
    const char *const values[] = { platform->os, platform->arch, platform->variant,
        platform->version };
    plr_json_open(json, "platform", '{');
    for (size_t i = 0; i < 4; i++)
        if (values[i] != NULL && values[i][0] != '\0')
            plr_json_string(json, names[i], values[i]);
    plr_json_close(json);
}

/* One line: the breaks that the writer makes are no part of any text. */
static int make_request(char **ret_text, const plr_local_attempt *attempt, plr_error *err)
{
    static const char *const policies[] = {
        [PLR_PULL_DEFAULT] = "default",
        [PLR_PULL_ALWAYS] = "always",
        [PLR_PULL_IF_NOT_EXISTS] = "if-not-exists",
        [PLR_PULL_NEVER] = "never",
    };
    const plr_local_settings *settings = &attempt->run->local->settings;
    const plr_document *document = attempt->run->view->document;
    const plr_docker_options *docker = &attempt->task->step->docker;
    _cleanup_buf_ plr_buf out = { 0 };
    plr_json json = { .out = &out };
    plr_json_open(&json, NULL, '{');
    plr_json_string(&json, "command", "pull");
    plr_json_string(&json, "image", docker->image);
    plr_json_string(&json, "policy", policies[docker->pull_policy]);
    plr_json_string(&json, "store", settings->store);
    if (settings->config != NULL)
        plr_json_string(&json, "config", settings->config);
    put_platform(&json, &document->platform);
    plr_json_open(&json, "auths", '[');
    for (size_t i = 0; i < document->n_auths; i++) {
        plr_json_open(&json, NULL, '{');
        plr_json_string(&json, "address", document->auths[i].address);
        plr_json_string(&json, "username",
                document->auths[i].username == NULL ? "" : document->auths[i].username);
        plr_json_string(&json, "password",
                document->auths[i].password == NULL ? "" : document->auths[i].password);
        plr_json_close(&json);
    }
    plr_json_close(&json);
    plr_json_open(&json, "insecure", '[');
    for (size_t i = 0; i < settings->insecure.n; i++)
        plr_json_string(&json, NULL, settings->insecure.items[i]);
    plr_json_close(&json);
    plr_json_close(&json);
    for (size_t i = 0; i < out.size; i++)
        if (out.data[i] == '\n')
            out.data[i] = ' ';
    plr_buf_putc(&out, '\n');
    return plr_buf_steal(&out, ret_text, err);
}

static int spawn(plr_local_pull *pull, int theirs_in, int theirs_out, plr_error *err)
{
    const plr_local *local = pull->local;
    const char *argv[] = { "plr-image", NULL };
    plr_child_options options = {
        .size = sizeof(options),
        .path = local->puller,
        .argv = argv,
        .stdin_fd = theirs_in,
        .stdout_fd = theirs_out,
        .stderr_fd = STDERR_FILENO,
    };
    int r = local->host->child_new(local->loop, &pull->child, &options, on_end, pull, err);
    if (r == 0)
        r = local->host->watch_new(
                local->loop, &pull->watch_in, pull->in, PLR_WATCH_WRITE, on_writable, pull, err);
    if (r == 0)
        r = local->host->watch_new(
                local->loop, &pull->watch_out, pull->out, PLR_WATCH_READ, on_readable, pull, err);
    return r;
}

/* A socket to its stdin, so that a puller that died does not signal our host's process. */
static int connect_child(plr_local_pull *pull, plr_error *err)
{
    int in[2], out[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "socketpair: %s", strerror(errno));
    _cleanup_close_ int theirs_in = in[1];
    pull->in = in[0];
    if (pipe2(out, O_CLOEXEC) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "pipe: %s", strerror(errno));
    _cleanup_close_ int theirs_out = out[1];
    pull->out = out[0];
    if (fcntl(pull->in, F_SETFL, O_RDWR | O_NONBLOCK) < 0 ||
            fcntl(pull->out, F_SETFL, O_RDONLY | O_NONBLOCK) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "fcntl: %s", strerror(errno));
    return spawn(pull, theirs_in, theirs_out, err);
}

static void join(plr_local_pull *pull, plr_local_attempt *attempt)
{
    attempt->pull = pull;
    attempt->next_puller = pull->attempts;
    pull->attempts = attempt;
}

int plr_local_pull_join(plr_local_attempt *attempt, plr_error *err)
{
    plr_local *local = attempt->run->local;
    _cleanup_free_ char *request = NULL;
    int r = make_request(&request, attempt, err);
    if (r < 0)
        return r;
    for (plr_local_pull *pull = local->pulls; pull != NULL; pull = pull->next) {
        if (strcmp(pull->request, request) == 0) {
            join(pull, attempt);
            return 0;
        }
    }
    plr_local_pull *pull = calloc(1, sizeof(*pull));
    if (pull == NULL)
        return plr_error_nomem(err);
    *pull = (plr_local_pull){ .local = local, .request = steal(request), .in = -1, .out = -1 };
    pull->image = strdup(attempt->task->step->docker.image);
    r = pull->image == NULL ? plr_error_nomem(err) : connect_child(pull, err);
    if (r < 0) {
        pull_free(pull);
        return r;
    }
    pull->next = local->pulls;
    local->pulls = pull;
    join(pull, attempt);
    return 0;
}
