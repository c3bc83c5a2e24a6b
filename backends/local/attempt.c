/* SPDX-License-Identifier: MIT */
/* An attempt's way from nothing to its end. An op walks it up to a goal (what its root is made of,
 * held, running) and the next op walks on from there; a failure takes down what was built. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "backends/local/compose.h"
#include "backends/local/local.h"
#include "engine/base/error.h"

static const plr_host *host_of(const plr_local_attempt *attempt)
{
    return attempt->run->local->host;
}

void plr_local_warn(plr_local_attempt *attempt, const char *format, ...)
{
    char text[PLR_SANDBOX_PAYLOAD_MAX + 1];
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_WARNING, .u.text = text };
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    host_of(attempt)->report(attempt->task, &report);
}

int plr_local_no_descriptor(plr_error *err, const char *what)
{
    int error = errno;
    struct rlimit limit;
    if (error != EMFILE || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "%s: %s", what, strerror(error));
    return plr_error_set(err, PLR_ERR_SYSTEM,
            "%s: %s: this process may have %llu (ulimit -n), and each step takes three while it "
            "runs",
            what, strerror(error), (unsigned long long)limit.rlim_cur);
}

int plr_local_attempt_of(plr_local_attempt **ret_attempt, plr_task *task, plr_error *err)
{
    plr_local_run *run = task->run->data;
    if (task->data != NULL) {
        *ret_attempt = task->data;
        return 0;
    }
    if (run == NULL)
        return plr_error_set(err, PLR_ERR_STATE, "the run was not set up");
    plr_local_attempt *attempt = calloc(1, sizeof(*attempt));
    if (attempt == NULL)
        return plr_error_nomem(err);
    *attempt = (plr_local_attempt){
        .run = run,
        .task = task,
        .next = run->attempts,
        .channel = -1,
        .pipes = { { .attempt = attempt, .stream = PLR_STREAM_STDOUT, .fd = -1 },
                { .attempt = attempt, .stream = PLR_STREAM_STDERR, .fd = -1 } },
    };
    run->attempts = attempt;
    task->data = attempt;
    *ret_attempt = attempt;
    return 0;
}

/* What was built of it goes; the sandbox does so in its own time. */
static void scrap(plr_local_attempt *attempt)
{
    plr_local_channel_close(attempt);
    plr_local_output_close(attempt);
    if (attempt->number != 0)
        plr_local_room_send(attempt->run, PLR_SANDBOX_REMOVE, attempt->number, 0, NULL, 0, NULL);
    attempt->number = 0;
    attempt->evidence = (plr_local_evidence){ 0 };
    if (attempt->state > PLR_LOCAL_RESOLVED)
        attempt->state = PLR_LOCAL_RESOLVED;
}

void plr_local_attempt_free(plr_local_attempt *attempt)
{
    plr_local_run *run = attempt->run;
    for (plr_local_attempt **link = &run->attempts; *link != NULL; link = &(*link)->next) {
        if (*link == attempt) {
            *link = attempt->next;
            break;
        }
    }
    plr_local_pull_leave(attempt);
    scrap(attempt);
    attempt->task->data = NULL;
    plr_store_image_free(attempt->image);
    plr_buf_clear(&attempt->late);
    plr_buf_clear(&attempt->words);
    free(attempt);
}

static void complete(plr_local_attempt *attempt, const plr_error *err)
{
    plr_op *op = steal(attempt->op);
    const plr_host *host = host_of(attempt);
    if (op == NULL)
        return;
    host->op_on_cancel(op, NULL, NULL);
    host->op_complete(op, err);
}

void plr_local_attempt_fail(plr_local_attempt *attempt, const plr_error *err)
{
    plr_local_pull_leave(attempt);
    scrap(attempt);
    complete(attempt, err);
}

static void say_go(plr_local_attempt *attempt)
{
    plr_error err = { 0 };
    attempt->state = PLR_LOCAL_GOING;
    if (plr_local_channel_say(attempt, PLR_INIT_GO, attempt->late.data, attempt->late.size, &err) <
            0)
        plr_local_attempt_fail(attempt, &err);
}

static void advance(plr_local_attempt *attempt)
{
    plr_error err = { 0 };
    if (attempt->op == NULL)
        return;
    if (attempt->state >= attempt->goal) {
        complete(attempt, NULL);
        return;
    }
    switch (attempt->state) {
    case PLR_LOCAL_NEW:
        plr_local_resolve(attempt);
        break;
    case PLR_LOCAL_RESOLVED:
        attempt->state = PLR_LOCAL_BUILDING;
        if (plr_local_task_build(attempt, &err) < 0)
            plr_local_attempt_fail(attempt, &err);
        break;
    case PLR_LOCAL_HELD:
        say_go(attempt);
        break;
    default:
        break; /* a word of plr-init or of the sandbox goes on */
    }
}

void plr_local_attempt_reach(plr_local_attempt *attempt, plr_local_state state)
{
    attempt->state = state;
    advance(attempt);
}

static void on_cancel(plr_op *op, void *userdata)
{
    plr_error err = { 0 };
    (void)op;
    plr_error_set(&err, PLR_ERR_CANCELLED, "cancelled");
    plr_local_attempt_fail(userdata, &err);
}

static void walk(plr_local_attempt *attempt, plr_op *op, plr_local_state goal)
{
    attempt->op = op;
    attempt->goal = goal;
    host_of(attempt)->op_on_cancel(op, on_cancel, attempt);
    if (attempt->rebuild) {
        attempt->rebuild = false;
        scrap(attempt);
    }
    advance(attempt);
}

void plr_local_attempt_prepare(plr_local_attempt *attempt, plr_op *op)
{
    walk(attempt, op, attempt->task->hold ? PLR_LOCAL_HELD : PLR_LOCAL_RESOLVED);
}

void plr_local_attempt_start(
        plr_local_attempt *attempt, const plr_pair *late, size_t n_late, plr_op *op)
{
    plr_error err = { 0 };
    plr_buf_reset(&attempt->late);
    for (size_t i = 0; i < n_late; i++) {
        plr_buf_printf(&attempt->late, "%s=%s", late[i].name, late[i].value);
        plr_buf_putc(&attempt->late, '\0');
    }
    if (plr_buf_check(&attempt->late, &err) < 0)
        host_of(attempt)->op_complete(op, &err);
    else
        walk(attempt, op, PLR_LOCAL_RUNNING);
}

static void send_signal(plr_local_attempt *attempt, int signal, plr_error *err)
{
    plr_local_room_send(
            attempt->run, PLR_SANDBOX_KILL, attempt->number, (uint32_t)signal, NULL, 0, err);
}

void plr_local_attempt_stop(plr_local_attempt *attempt, int signal, plr_op *op)
{
    plr_init_kill kill = { .signal = (uint32_t)signal };
    plr_error err = { 0 };
    bool runs = attempt->state == PLR_LOCAL_RUNNING;
    attempt->evidence.stopped = signal;
    /* A kill has to be sure, whatever the init does, and a detached command has none. */
    if (runs && (signal == SIGKILL || attempt->task->step->detach || attempt->channel < 0))
        send_signal(attempt, signal, &err);
    else if (runs)
        plr_local_channel_say(attempt, PLR_INIT_KILL, &kill, sizeof(kill), &err);
    host_of(attempt)->op_complete(op, err.code == 0 ? NULL : &err);
}

static void report_end(plr_local_attempt *attempt, const plr_end *end)
{
    const plr_host *host = host_of(attempt);
    plr_report eof = { .size = sizeof(eof), .type = PLR_REPORT_EOF };
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_ENDED, .u.end = *end };
    attempt->state = PLR_LOCAL_ENDED;
    plr_local_channel_close(attempt);
    plr_local_output_close(attempt);
    host->report(attempt->task, &eof);
    host->report(attempt->task, &report); /* it may be gone when this returns */
}

void plr_local_attempt_eof(plr_local_attempt *attempt)
{
    char message[600];
    plr_end end;
    if (attempt->state != PLR_LOCAL_RUNNING || !attempt->evidence.has_end)
        return;
    plr_local_end_decide(&attempt->evidence, &end, message, sizeof(message));
    report_end(attempt, &end);
}

static void runs(plr_local_attempt *attempt)
{
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_STARTED };
    attempt->state = PLR_LOCAL_RUNNING;
    host_of(attempt)->report(attempt->task, &report);
    plr_local_output_flow(attempt, attempt->paused);
    complete(attempt, NULL);
}

void plr_local_attempt_word(plr_local_attempt *attempt, unsigned word, const void *payload)
{
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_EXITED };
    plr_local_evidence *evidence = &attempt->evidence;
    switch (word) {
    case PLR_INIT_HELD:
        if (attempt->state == PLR_LOCAL_BUILDING)
            plr_local_attempt_reach(attempt, PLR_LOCAL_HELD);
        break;
    case PLR_INIT_RUNNING:
        if (attempt->state == PLR_LOCAL_GOING)
            runs(attempt);
        break;
    case PLR_INIT_ERRNO:
        evidence->has_failure = true;
        evidence->failure = *(const plr_init_failure *)payload;
        evidence->command = plr_local_compose_command(NULL, attempt->task, attempt->image);
        /* Docker counts a command that cannot be executed as one that ran and ended. */
        if (attempt->state == PLR_LOCAL_GOING)
            runs(attempt);
        break;
    case PLR_INIT_EXITED:
        if (attempt->state != PLR_LOCAL_RUNNING || evidence->has_record)
            break;
        evidence->has_record = true;
        evidence->record = *(const plr_init_exit *)payload;
        plr_local_end_early(evidence, &report.u.end);
        host_of(attempt)->report(attempt->task, &report);
        break;
    default:
        plr_local_channel_close(attempt);
        if (attempt->state == PLR_LOCAL_HELD)
            attempt->rebuild = true;
        break; /* what it means, the sandbox says */
    }
}

void plr_local_attempt_refused(plr_local_attempt *attempt, const plr_error *err)
{
    if (attempt->state == PLR_LOCAL_BUILDING)
        plr_local_attempt_fail(attempt, err);
}

void plr_local_attempt_ended(plr_local_attempt *attempt, const plr_sandbox_end *end)
{
    plr_error err = { 0 };
    /* What plr-init said before comes by another road, and may be behind. */
    plr_local_channel_drain(attempt);
    attempt->evidence.has_end = true;
    attempt->evidence.end = *end;
    switch (attempt->state) {
    case PLR_LOCAL_HELD:
        attempt->rebuild = true;
        break;
    case PLR_LOCAL_BUILDING:
    case PLR_LOCAL_GOING:
        plr_error_set(&err, PLR_ERR_INFRASTRUCTURE,
                "the sandbox of the step ended before its command ran%s",
                end->oom != 0 ? ": the memory limit was reached" : "");
        plr_local_attempt_fail(attempt, &err);
        break;
    case PLR_LOCAL_RUNNING:
        plr_local_output_drain(attempt);
        break;
    default:
        break;
    }
}

void plr_local_attempt_lost(plr_local_attempt *attempt, const plr_error *err)
{
    plr_end end = {
        .size = sizeof(end),
        .reason = PLR_REASON_LOST,
        .exit_code = -1,
        .message = err->message,
    };
    attempt->number = 0;
    if (attempt->state == PLR_LOCAL_RUNNING)
        report_end(attempt, &end);
    else if (attempt->state != PLR_LOCAL_ENDED)
        plr_local_attempt_fail(attempt, err);
}
