/* SPDX-License-Identifier: MIT */
/* Operations of the fake backend that take a while: on whole runs, as the host's environment has it
 * (FAKE_CHECK, FAKE_SETUP, FAKE_TEARDOWN), and probes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/fake/fake.h"
#include "engine/base/error.h"

struct fake_answer {
    fake *fake;
    fake_answer *next, *previous;
    const plr_run_view *run;
    plr_op *op;
    plr_timer *timer;
    plr_error err;
};

static void free_answer(fake_answer *answer)
{
    *(answer->previous != NULL ? &answer->previous->next : &answer->fake->answers) = answer->next;
    if (answer->next != NULL)
        answer->next->previous = answer->previous;
    answer->fake->host->timer_free(answer->timer);
    free(answer);
}

static void give(fake_answer *answer)
{
    answer->fake->host->op_complete(answer->op, &answer->err);
    free_answer(answer);
}

static void on_timer(plr_timer *timer, void *userdata)
{
    (void)timer;
    give(userdata);
}

static void on_cancel(plr_op *op, void *userdata)
{
    (void)op;
    fake_answer *answer = userdata;
    plr_error_set(&answer->err, PLR_ERR_CANCELLED, "cancelled");
    give(answer);
}

static int make(fake *self, const plr_run_view *run, plr_op *op, int64_t ns, plr_error *err)
{
    fake_answer *answer = calloc(1, sizeof *answer);
    if (answer == NULL)
        return plr_error_nomem(err);
    int r = self->host->timer_new(self->loop, &answer->timer, on_timer, answer, err);
    if (r < 0) {
        free(answer);
        return r;
    }
    answer->fake = self;
    answer->run = run;
    answer->op = op;
    answer->err = *err;
    answer->next = self->answers;
    if (answer->next != NULL)
        answer->next->previous = answer;
    self->answers = answer;
    self->host->timer_set(answer->timer, self->host->now(self->loop) + (uint64_t)ns);
    self->host->op_on_cancel(op, on_cancel, answer);
    return 0;
}

void fake_answer_in(fake *self, const plr_run_view *run, plr_op *op, int64_t ns, plr_error *err)
{
    if (ns == 0 || make(self, run, op, ns, err) < 0)
        self->host->op_complete(op, err);
}

/* "/steps/0/docker/image there is none": about this place in the document. */
static void find(fake *self, plr_op *op, const char *what)
{
    char pointer[256];
    size_t length = strcspn(what, " ");
    snprintf(pointer, sizeof pointer, "%.*s", (int)length, what);
    self->host->op_diagnostic(op, &(plr_diagnostic){ .size = sizeof(plr_diagnostic),
                                          .severity = PLR_SEVERITY_ERROR,
                                          .code = "fake",
                                          .pointer = pointer,
                                          .text = what + length + (what[length] == ' ') });
}

int64_t fake_answer_as_told(fake *self, const plr_run_view *run, plr_op *op, const char *variable)
{
    const char *source = NULL;
    fake_script script;
    plr_error err = { 0 };
    for (size_t i = 0; i < run->n_host_environment; i++)
        if (strcmp(run->host_environment[i].name, variable) == 0)
            source = run->host_environment[i].value;
    if (fake_script_read(&script, source, &err) < 0) {
        self->host->op_complete(op, &err);
        return -1;
    }
    for (size_t i = 0; i < script.n; i++)
        if (script.actions[i].word == FAKE_FIND)
            find(self, op, script.actions[i].text);
    const fake_action *wait = fake_script_find(&script, FAKE_SLEEP, 1);
    const fake_action *fail = fake_script_find(&script, FAKE_FAIL, 1);
    if (fail != NULL)
        plr_error_set(&err, (int)fail->number, "%s", fail->text);
    int64_t ns = wait != NULL ? wait->number : 0, answer = fail == NULL ? ns : -1;
    fake_answer_in(self, run, op, ns, &err);
    fake_script_clear(&script);
    return answer;
}

void fake_answers_drop(fake *self, const plr_run_view *run)
{
    for (fake_answer *answer = self->answers, *next; answer != NULL; answer = next) {
        next = answer->next;
        if (run == NULL || answer->run == run)
            free_answer(answer);
    }
}
