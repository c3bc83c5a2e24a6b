/* SPDX-License-Identifier: MIT */
/* Fake tasks that release each other: each looks at the records of the others and at the words of
 * the host, and decides by the rules; what plr-init does in a pod, on the loop's clock. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/fake/fake.h"
#include "engine/base/cleanup.h"
#include "engine/base/error.h"

/* What the host has said: it is known to the tasks when its time has come. */
typedef struct message message;
struct message {
    message *next;
    uint64_t at;
    bool to_one; /* a signal for one task; else a fact for all */
    size_t index;
    unsigned attempt;
    int signal;
    plr_fact fact;
};

struct fake_room {
    fake *fake;
    plr_run_view *run;
    plr_timer *timer; /* the first look, then the next word */
    message *first, *last;
    bool begun, now; /* now: a cancel that nothing is to begin after */
    /* What all of them know. */
    plr_rule_graph graph;
    plr_rule_run known;
    fake_attempt **deciding; /* by the step's index; NULL: none */
};

static void look(fake_room *room)
{
    for (size_t n = 0; n < room->graph.n; n++) {
        size_t i = room->graph.steps[n].nth;
        plr_rule_step *step = &room->graph.steps[i];
        fake_attempt *attempt = room->deciding[i];
        plr_rule_summary above = plr_rule_graph_above(&room->graph, i, &room->known);
        if (attempt != NULL && !attempt->decided) {
            plr_rule_answer answer = room->now ? PLR_RULE_SKIP_CANCELLED
                                               : plr_rule_decide(step->policy, above, &room->known);
            if (answer != PLR_RULE_WAIT)
                fake_decide(attempt, answer);
            if (answer != PLR_RULE_WAIT && answer != PLR_RULE_RUN &&
                    step->outcome == PLR_RULE_UNKNOWN)
                step->outcome = PLR_RULE_SKIPPED;
        }
        plr_rule_graph_spread(step, above);
    }
}

/* The first thing that is known stays. */
static void know(fake_room *room, size_t index, plr_rule_outcome outcome)
{
    if (room->graph.steps[index].outcome == PLR_RULE_UNKNOWN)
        room->graph.steps[index].outcome = outcome;
}

static void take_fact(fake_room *room, const message *word)
{
    static const plr_rule_outcome outcomes[] = { [PLR_FACT_PASSED] = PLR_RULE_PASSED,
        [PLR_FACT_FAILED] = PLR_RULE_FAILED,
        [PLR_FACT_HALTED] = PLR_RULE_HALTED,
        [PLR_FACT_SKIPPED] = PLR_RULE_SKIPPED };
    const plr_fact *fact = &word->fact;
    switch (fact->type) {
    case PLR_FACT_CANCELLED:
        room->known.cancelled = true;
        room->known.started |= fact->u.cancelled.started;
        room->now |= fact->u.cancelled.mode >= PLR_CANCEL_NOW;
        break;
    case PLR_FACT_OUTCOME:
        know(room, word->index, outcomes[fact->u.outcome.is]);
        break;
    case PLR_FACT_SERVICES:
        room->known.services_known = true;
        room->known.services_failed = fact->u.failed;
        break;
    case PLR_FACT_MAIN_ENDED:
        room->known.main_ended = true;
        room->known.failed = fact->u.failed;
        break;
    }
}

static fake_attempt *find(const fake_room *room, const message *word)
{
    fake_attempt *attempt = room->fake->attempts;
    while (attempt != NULL &&
            (attempt->task->run != room->run || attempt->task->index != word->index ||
                    attempt->task->attempt != word->attempt))
        attempt = attempt->next;
    return attempt;
}

static void take_word(fake_room *room, const message *word)
{
    if (!word->to_one) {
        take_fact(room, word);
        return;
    }
    fake_attempt *attempt = find(room, word);
    if (attempt != NULL)
        fake_signalled(attempt, word->signal);
}

static void on_timer(plr_timer *timer, void *userdata)
{
    fake_room *room = userdata;
    const fake *self = room->fake;
    room->begun = true;
    while (room->first != NULL && room->first->at <= self->host->now(self->loop)) {
        _cleanup_free_ message *word = room->first;
        room->first = word->next;
        if (room->first == NULL)
            room->last = NULL;
        take_word(room, word);
        look(room);
    }
    look(room);
    if (room->first != NULL)
        self->host->timer_set(timer, room->first->at);
}

/* Whether it will be heard: without memory the run fails. */
static bool say(fake_room *room, const message *what)
{
    fake *self = room->fake;
    message *copy = malloc(sizeof *copy);
    if (copy == NULL) {
        plr_error err = { 0 };
        plr_error_nomem(&err);
        self->host->run_failed(room->run, &err);
        return false;
    }
    *copy = *what;
    copy->at = self->host->now(self->loop) + fake_random(self, self->settings.word_ns);
    if (room->last != NULL && room->last->at > copy->at)
        copy->at = room->last->at;
    *(room->last != NULL ? &room->last->next : &room->first) = copy;
    room->last = copy;
    if (room->begun)
        self->host->timer_set(room->timer, room->first->at);
    return true;
}

/* Told on, for tests, if the host's environment has FAKE_TELL. */
static void note(const fake *self, plr_run_view *run, const plr_fact *fact)
{
    static const char *const outcomes[] = { "", "passed", "failed", "halted", "skipped" };
    char text[256] = "";
    bool wanted = false;
    for (size_t i = 0; i < run->n_host_environment; i++)
        wanted |= strcmp(run->host_environment[i].name, "FAKE_TELL") == 0;
    switch (fact->type) {
    case PLR_FACT_CANCELLED:
        snprintf(text, sizeof text, "cancelled %d, %s", fact->u.cancelled.mode,
                fact->u.cancelled.started ? "started" : "not started");
        break;
    case PLR_FACT_OUTCOME:
        snprintf(text, sizeof text, "%s %s", fact->u.outcome.task->step->metadata.name,
                outcomes[fact->u.outcome.is]);
        break;
    case PLR_FACT_SERVICES:
        snprintf(text, sizeof text, "services %s", fact->u.failed ? "failed" : "ready");
        break;
    case PLR_FACT_MAIN_ENDED:
        snprintf(text, sizeof text, "main %s", fact->u.failed ? "failed" : "passed");
        break;
    }
    if (wanted)
        self->host->run_notice(run, text);
}

void fake_tell(void *self, plr_run_view *run, const plr_fact *fact)
{
    note(self, run, fact);
    message what = { .fact = *fact };
    if (fact->type == PLR_FACT_OUTCOME)
        what.index = fact->u.outcome.task->index;
    say(run->data, &what);
}

void fake_room_stop(fake_attempt *attempt, int signal)
{
    bool heard = say(attempt->task->run->data, &(message){ .to_one = true,
                                                       .index = attempt->task->index,
                                                       .attempt = attempt->task->attempt,
                                                       .signal = signal });
    if (!heard)
        fake_signalled(attempt, signal); /* what waits for its end is not to wait for ever */
}

void fake_room_started(fake_attempt *attempt)
{
    fake_room *room = attempt->task->run->data;
    const plr_step *step = attempt->task->step;
    room->known.started = true;
    if (attempt->decides && step->kind == PLR_STEP_STEP && step->detach && step->ready == NULL)
        know(room, attempt->task->index, PLR_RULE_PASSED);
    look(room);
}

/* What the record says to the others: as long as another attempt may follow, a failure is none. */
void fake_room_ended(fake_attempt *attempt)
{
    fake_room *room = attempt->task->run->data;
    const plr_step *step = attempt->task->step;
    const plr_rule_step *rule = &room->graph.steps[attempt->task->index];
    int code = attempt->end.exit_code;
    bool final = code == 0 || (code == PLR_RULE_EXIT_HALT && plr_rule_halts(rule)) ||
                 (int64_t)attempt->task->attempt >= step->retry.attempts;
    if (rule->kind != PLR_RULE_STEP || rule->detach || !final)
        return;
    know(room, attempt->task->index, plr_rule_of_exit(rule, code));
    look(room);
}

void fake_room_begin(fake_room *room, int64_t ns)
{
    room->fake->host->timer_set(
            room->timer, room->fake->host->now(room->fake->loop) + (uint64_t)ns);
}

void fake_room_enter(fake_attempt *attempt)
{
    fake_room *room = attempt->task->run->data;
    if (attempt->decides)
        room->deciding[attempt->task->index] = attempt;
    room->graph.steps[attempt->task->index].outcome = PLR_RULE_UNKNOWN;
}

void fake_room_leave(const fake_attempt *attempt)
{
    fake_room *room = attempt->task->run->data;
    if (room != NULL && room->deciding[attempt->task->index] == attempt)
        room->deciding[attempt->task->index] = NULL;
}

static plr_rule_kind kind_of(const plr_step *step)
{
    return step->kind == PLR_STEP_SERVICE ? PLR_RULE_SERVICE
           : step->kind == PLR_STEP_STEP  ? PLR_RULE_STEP
                                          : PLR_RULE_HOOK;
}

int fake_room_new(fake *self, plr_run_view *run, plr_error *err)
{
    const plr_document *document = run->document;
    fake_room *room = calloc(1, sizeof *room);
    if (room == NULL)
        return plr_error_nomem(err);
    run->data = room;
    room->fake = self;
    room->run = run;
    room->graph.n = document->n_tasks;
    room->graph.serial = document->serial;
    room->graph.steps = calloc(document->n_tasks, sizeof *room->graph.steps);
    room->deciding = calloc(document->n_tasks, sizeof(fake_attempt *));
    if (room->graph.steps == NULL || room->deciding == NULL)
        return plr_error_nomem(err);
    room->known.services_known = true;
    for (size_t i = 0; i < document->n_tasks; i++) {
        const plr_step *step = document->tasks[i];
        room->graph.steps[i] = (plr_rule_step){ .kind = kind_of(step),
            .policy = (plr_rule_policy)step->run_policy,
            .detach = step->detach,
            .ignore_err = step->ignore_err,
            .above = step->dependencies,
            .n_above = step->n_dependencies,
            .outcome = PLR_RULE_SKIPPED }; /* unless it is among the tasks */
        room->known.services_known &= step->kind != PLR_STEP_SERVICE;
    }
    if (!plr_rule_graph_init(&room->graph))
        return plr_error_set(err, PLR_ERR_DOCUMENT, "steps wait for each other");
    return self->host->timer_new(self->loop, &room->timer, on_timer, room, err);
}

void fake_room_free(fake_room *room)
{
    if (room == NULL)
        return;
    for (message *next; room->first != NULL; room->first = next) {
        next = room->first->next;
        free(room->first);
    }
    room->fake->host->timer_free(room->timer);
    free(room->graph.steps);
    free(room->deciding);
    free(room);
}
