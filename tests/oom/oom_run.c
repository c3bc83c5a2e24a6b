/* SPDX-License-Identifier: MIT */
/* Runs on the fake backend while each allocation of the engine fails in turn. A run ends, whatever
 * fails, nothing leaks, and what looks like a success has given out all that was printed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pipeline/pipeline.h>

#include "tests/oom/failing_malloc.h"
#include "tests/oom/oom_host.h"

typedef struct scenario {
    char *json;
    const char *output; /* of a run that is whole, and passes */
    bool later;         /* the host holds each output event for a while */
    const char *secret; /* known only when the first output has come */
    bool release;       /* the steps release each other */
    size_t n_whole, n_broken;
} scenario;

typedef struct host {
    oom_host is; /* first: what is given to the callback */
    bool later, holds, was_late;
    const char *secret;
    size_t known_at; /* what was given out before the secret was known; 0: it is not known yet */
} host;

static plr_answer on_event(const plr_event *event, void *userdata)
{
    host *h = userdata;
    oom_host_take(&h->is, event);
    if (event->type != PLR_EVENT_OUTPUT)
        return PLR_ANSWER_GO_ON;
    h->holds = h->later;
    return h->later ? PLR_ANSWER_LATER : PLR_ANSWER_GO_ON;
}

static int start(host *h, const scenario *s, plr_error *err)
{
    const plr_option option = { "fake-release", "1s" };
    const oom_start start = {
        .backend = "fake",
        .json = s->json,
        .options = &option,
        .n_options = s->release,
        .engine = { .size = sizeof start.engine, .clock = PLR_CLOCK_VIRTUAL },
        .run = { .size = sizeof start.run, .sink_timeout_ns = -1 },
        .on_event = on_event,
    };
    return oom_host_start(&h->is, &start, err);
}

static void go_to_the_end(host *h)
{
    alarm(120); /* a hang shall be seen */
    while (!h->is.over) {
        plr_error err = { 0 };
        int r = plr_engine_dispatch(h->is.engine, h->holds ? 0 : -1, &err);
        oom_check(r >= 0, err.message);
        if (h->holds) {
            h->holds = false;
            if (h->secret != NULL && h->known_at == 0) {
                if (plr_run_mask_add(h->is.run, h->secret, strlen(h->secret), NULL) == 0)
                    h->known_at = h->is.size;
                else
                    h->was_late = true; /* some of it may be out by now */
            }
            plr_run_continue(h->is.run);
        }
    }
    alarm(0);
}

static void play(bool failing, void *userdata)
{
    scenario *s = userdata;
    host *h = calloc(1, sizeof *h);
    plr_error err = { 0 };
    plr_result result = { 0 };
    if (h == NULL)
        return;
    h->later = s->later;
    h->secret = s->secret;
    int r = start(h, s, &err);
    if (r == 0) {
        go_to_the_end(h);
        oom_check(plr_run_wait(h->is.run, &result, &err) == 0,
                "the run is over and cannot be waited for");
        oom_check(h->known_at == 0 || strstr(h->is.output + h->known_at, s->secret) == NULL,
                "a secret was given out after it was known");
        bool whole = strcmp(h->is.output, s->output) == 0 || h->was_late;
        oom_check(result.outcome != PLR_OUTCOME_PASSED || whole || h->is.has_gap,
                "output was lost in silence");
        oom_check(failing || (result.outcome == PLR_OUTCOME_PASSED && whole),
                "without a failure it failed");
        *(result.outcome == PLR_OUTCOME_PASSED && whole ? &s->n_whole : &s->n_broken) += 1;
    } else {
        oom_check(failing, err.message);
        oom_check(r == PLR_ERR_NOMEM, err.message);
        s->n_broken++;
    }
    plr_run_free(h->is.run);
    plr_engine_free(h->is.engine);
    free(h);
}

/* Single quotes stand for double ones. */
static char hello[] = "{'steps':[{'metadata':{'name':'hello'},'docker':{'image':'i:1'},"
                      "'environment':{'FAKE':'out hello, world'}}]}";

static char everything[] =
        "{'secrets':[{'metadata':{'name':'s'},'data':'hunter2!'}],"
        "'services':[{'metadata':{'name':'db'},'docker':{'image':'i:1'},"
        "'environment':{'FAKE':'ready 100ms;hang'},'ready':{'tcp':80}}],"
        "'steps':[{'metadata':{'name':'a'},'docker':{'image':'i:1'},"
        "'environment':{'FAKE':'part o;sleep 1s;out ne;@1 exit 1;env S;err done'},"
        "'secrets':[{'name':'s','env':'S'}],"
        "'retry':{'attempts':2,'on':['exit'],'backoff':'1s'}},"
        "{'metadata':{'name':'b'},'docker':{'image':'i:1'},"
        "'environment':{'FAKE':'ignore-term;hang'},'timeout':'1s','ignore_err':true}],"
        "'hooks':{'always':[{'metadata':{'name':'h'},'docker':{'image':'i:1'},"
        "'environment':{'FAKE':'env PIPELINE_RESULT'}}]}}";

static char tries[] = "{'steps':[{'metadata':{'name':'a'},'docker':{'image':'i:1'},"
                      "'environment':{'FAKE':'@1 exit 1;exit 0'},"
                      "'retry':{'attempts':3,'backoff':'1s'}},"
                      "{'metadata':{'name':'b'},'docker':{'image':'i:1'},"
                      "'environment':{'FAKE':'hang'},'detach':true}]}";

static char late[] = "{'steps':[{'metadata':{'name':'a'},'docker':{'image':'i:1'},"
                     "'environment':{'FAKE':'out x;out a hunter2! b;part hun;sleep 1s;part ter2!;"
                     "sleep 1s;out y'}}]}";

static scenario scenarios[] = {
    { .json = hello, .output = "hello, world\n" },
    { .json = everything, .output = "one\none\n******\ndone\npassed\n", .later = true },
    { .json = tries, .output = "" },
    { .json = late, .output = "x\na ****** b\n******y\n", .later = true, .secret = "hunter2!" },
    { .json = everything, .output = "one\none\n******\ndone\npassed\n", .release = true },
};

int main(void)
{
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        for (char *c = scenarios[i].json; *c != '\0'; c++)
            if (*c == '\'')
                *c = '"';
        size_t n = plr_oom_each(play, &scenarios[i]);
        oom_check(n > 0, "nothing was tested");
        printf("scenario %zu: %zu allocations; %zu runs were whole, %zu were not and said so\n", i,
                n, scenarios[i].n_whole, scenarios[i].n_broken);
    }
    return 0;
}
