/* SPDX-License-Identifier: MIT */
/* Whether a service answers, asked by the sandbox inside its own room. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "backends/local/local.h"
#include "engine/base/error.h"

#define PROBE_MS 30000

struct plr_local_question {
    plr_local_question *next;
    plr_local_run *run;
    uint32_t id;
    plr_op *op;
};

static void finish(plr_local_question *question, const plr_error *err)
{
    plr_local_run *run = question->run;
    const plr_host *host = run->local->host;
    plr_op *op = question->op;
    plr_local_question **link = &run->questions;
    while (*link != question)
        link = &(*link)->next;
    *link = question->next;
    free(question);
    host->op_on_cancel(op, NULL, NULL);
    host->op_complete(op, err);
}

void plr_local_questions_clear(plr_local_run *run, const plr_error *err)
{
    while (run->questions != NULL) {
        plr_local_question *question = run->questions;
        if (err != NULL) {
            finish(question, err);
        } else {
            run->questions = question->next;
            free(question);
        }
    }
}

static void on_cancel(plr_op *op, void *userdata)
{
    plr_error err = { 0 };
    (void)op;
    plr_error_set(&err, PLR_ERR_CANCELLED, "cancelled");
    finish(userdata, &err);
}

void plr_local_probed(plr_local_run *run, uint32_t id, const plr_sandbox_answer *answer)
{
    plr_error err = { 0 };
    int status = (int)answer->status;
    plr_local_question *question = run->questions;
    while (question != NULL && question->id != id)
        question = question->next;
    if (question == NULL)
        return;
    if (answer->error != 0)
        plr_error_set(&err, PLR_ERR_NOTFOUND, "the probe cannot be asked: %s",
                strerror((int)answer->error));
    else if (WIFSIGNALED(status))
        plr_error_set(
                &err, PLR_ERR_NOTFOUND, "the probe was killed by signal %d", WTERMSIG(status));
    else if (status != 0)
        plr_error_set(
                &err, PLR_ERR_NOTFOUND, "the probe ended with exit code %d", WEXITSTATUS(status));
    finish(question, err.code == 0 ? NULL : &err);
}

/* ":8080/health" */
static void put_http(plr_buf *out, const char *http)
{
    char *path;
    unsigned long port = strtoul(http + (http[0] == ':'), &path, 10);
    plr_sandbox_put_number(out, PLR_SANDBOX_FIELD_PORT, port);
    plr_sandbox_put_text(out, PLR_SANDBOX_FIELD_HTTP, path[0] == '\0' ? "/" : path);
}

static int make_fields(const plr_probe *probe, int *ret_fd, plr_error *err)
{
    const plr_ready *ready = probe->ready;
    _cleanup_buf_ plr_buf out = { 0 };
    if (probe->kind == PLR_PROBE_TCP)
        plr_sandbox_put_number(&out, PLR_SANDBOX_FIELD_PORT, (uint64_t)ready->tcp);
    else if (probe->kind == PLR_PROBE_HTTP)
        put_http(&out, ready->http);
    else
        for (size_t i = 0; i < ready->n_exec; i++)
            plr_sandbox_put_text(&out, PLR_SANDBOX_FIELD_ARGUMENT, ready->exec[i]);
    plr_sandbox_put_number(&out, PLR_SANDBOX_FIELD_TIMEOUT_MS, PROBE_MS);
    return plr_sandbox_seal(&out, ret_fd, err);
}

void plr_local_probe(plr_local_attempt *attempt, const plr_probe *probe, plr_op *op)
{
    plr_local_run *run = attempt->run;
    const plr_host *host = run->local->host;
    plr_error err = { 0 };
    int fields = -1;
    plr_local_question *question = calloc(1, sizeof(*question));
    int r = question == NULL ? plr_error_nomem(&err) : 0;
    if (r == 0 && attempt->state != PLR_LOCAL_RUNNING)
        r = plr_error_set(&err, PLR_ERR_NOTFOUND, "it does not run");
    if (r == 0)
        r = make_fields(probe, &fields, &err);
    if (r == 0)
        r = plr_local_room_send(
                run, PLR_SANDBOX_PROBE, attempt->number, ++run->last_id, &fields, 1, &err);
    if (r < 0) {
        free(question);
        host->op_complete(op, &err);
        return;
    }
    *question = (plr_local_question){
        .next = run->questions, .run = run, .id = run->last_id, .op = op
    };
    run->questions = question;
    host->op_on_cancel(op, on_cancel, question);
}
