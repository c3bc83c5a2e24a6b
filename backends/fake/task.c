/* SPDX-License-Identifier: MIT */
/* One attempt of a fake step: its script is played action by action, each wait on the loop's clock.
 */
#include "backends/fake/fake.h"

#include <signal.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/cleanup.h"
#include "engine/base/error.h"

#define FLOOD_LINE 100
#define FLOOD_LINES_AT_ONCE 300

#define VARIABLE "FAKE"

static void play(fake_attempt *attempt);

static const char *environment(const plr_task *task, const char *name)
{
    for (size_t i = task->n_environment; i-- > 0;)
        if (strcmp(task->environment[i].name, name) == 0)
            return task->environment[i].value;
    for (size_t i = task->run->n_host_environment; i-- > 0;)
        if (strcmp(task->run->host_environment[i].name, name) == 0)
            return task->run->host_environment[i].value;
    return NULL;
}

/* A generator of our own, so that a seed gives the same run everywhere (xorshift64*). */
static uint64_t next_random(fake *self)
{
    self->random ^= self->random >> 12;
    self->random ^= self->random << 25;
    self->random ^= self->random >> 27;
    return self->random * 0x2545f4914f6cdd1du;
}

uint64_t fake_random(fake *self, int64_t most)
{
    return most > 0 ? next_random(self) % (uint64_t)most : 0;
}

static void wait_for(fake_attempt *attempt, int64_t ns)
{
    fake *self = attempt->fake;
    uint64_t delay = (uint64_t)ns + fake_random(self, self->settings.jitter_ns);
    self->host->timer_set(attempt->timer, self->host->now(self->loop) + delay);
}

static const fake_action *action_of(const fake_attempt *attempt, fake_word word)
{
    return fake_script_find(&attempt->script, word, attempt->task->attempt);
}

static void report(fake_attempt *attempt, plr_report *report)
{
    report->size = sizeof *report;
    attempt->fake->host->report(attempt->task, report);
}

static void put(fake_attempt *attempt, plr_stream stream, const char *data, size_t size)
{
    report(attempt, &(plr_report){ .type = PLR_REPORT_OUTPUT,
                            .u.output = { .stream = stream, .data = data, .size = size } });
}

static void put_line(fake_attempt *attempt, plr_stream stream, const char *text)
{
    char line[1024];
    int length = snprintf(line, sizeof line, "%s\n", text);
    put(attempt, stream, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}

/* As with real output, the end comes after it: not while nobody reads. */
static void tell_end(fake_attempt *attempt)
{
    if (attempt->paused)
        return;
    const fake_action *truth = action_of(attempt, FAKE_TRUTH);
    if (truth != NULL && attempt->end.reason == PLR_REASON_EXIT)
        attempt->end.exit_code = (int)truth->number;
    attempt->ended = true;
    report(attempt, &(plr_report){ .type = PLR_REPORT_EOF });
    report(attempt, &(plr_report){ .type = PLR_REPORT_ENDED, .u.end = attempt->end });
}

static void set_end(fake_attempt *attempt, plr_reason reason, int exit_code, int signal)
{
    attempt->end = (plr_end){ .size = sizeof(plr_end),
        .reason = reason,
        .exit_code = exit_code,
        .signal = signal,
        .oom = reason == PLR_REASON_OOM };
    attempt->at = attempt->script.n;
}

/* Where tasks release each other the init always says the end, if it can. */
static bool has_word(const fake_attempt *attempt)
{
    if (!attempt->task->run->self_release)
        return action_of(attempt, FAKE_TOLD) != NULL;
    return !attempt->stopped && action_of(attempt, FAKE_SILENT) == NULL &&
           action_of(attempt, FAKE_HOST) == NULL &&
           (attempt->end.reason == PLR_REASON_EXIT || attempt->end.reason == PLR_REASON_SIGNAL);
}

static void say_end(fake_attempt *attempt)
{
    const fake_action *told = action_of(attempt, FAKE_TOLD);
    attempt->said = true;
    wait_for(attempt, told != NULL ? told->number : 0);
    report(attempt, &(plr_report){ .type = PLR_REPORT_EXITED, .u.end = attempt->end });
}

static void end(fake_attempt *attempt, plr_reason reason, int exit_code, int signal)
{
    set_end(attempt, reason, exit_code, signal);
    if (!has_word(attempt)) {
        tell_end(attempt);
    } else if (!attempt->task->run->self_release) {
        say_end(attempt);
    } else {
        wait_for(attempt, 0); /* what it says comes later than what it writes down for the others */
        fake_room_ended(attempt);
    }
}

static const char *variable(const fake_attempt *attempt, const char *name)
{
    for (size_t i = 0; i < attempt->n_late; i++)
        if (strcmp(attempt->late[i].name, name) == 0)
            return attempt->late[i].value;
    const char *value = environment(attempt->task, name);
    return value != NULL ? value : "(unset)";
}

/* Returns true when the flood is over; a paused reader holds it back. */
static bool flood(fake_attempt *attempt, fake_action *action)
{
    char lines[FLOOD_LINES_AT_ONCE * FLOOD_LINE];
    while (action->number > 0 && !attempt->paused) {
        size_t n =
                action->number < FLOOD_LINES_AT_ONCE ? (size_t)action->number : FLOOD_LINES_AT_ONCE;
        memset(lines, '.', n * FLOOD_LINE);
        for (size_t i = 0; i < n; i++) {
            int length = snprintf(
                    &lines[i * FLOOD_LINE], FLOOD_LINE, "%" PRId64, action->number - (int64_t)i);
            lines[i * FLOOD_LINE + (size_t)length] = '.';
            lines[i * FLOOD_LINE + FLOOD_LINE - 1] = '\n';
        }
        action->number -= (int64_t)n;
        put(attempt, PLR_STREAM_STDOUT, lines, n * FLOOD_LINE);
    }
    return action->number == 0;
}

static void put_bytes(fake_attempt *attempt, const char *hex)
{
    char bytes[512];
    size_t n = 0;
    for (unsigned value; n < sizeof bytes && strlen(hex) >= 2 && sscanf(hex, "%2x", &value) == 1;
            n++, hex += 2)
        bytes[n] = (char)value;
    put(attempt, PLR_STREAM_STDOUT, bytes, n);
}

static void fill(fake_attempt *attempt, size_t n)
{
    char piece[8000];
    memset(piece, 'x', sizeof piece);
    for (size_t size; n > 0; n -= size) {
        size = n < sizeof piece ? n : sizeof piece;
        put(attempt, PLR_STREAM_STDOUT, piece, size);
    }
}

/* Plays one action; returns false when the script is to wait, or is over. */
static bool act(fake_attempt *attempt, fake_action *action)
{
    switch (action->word) {
    case FAKE_SLEEP:
        wait_for(attempt, action->number);
        return false;
    case FAKE_OUT:
        put_line(attempt, PLR_STREAM_STDOUT, action->text);
        return true;
    case FAKE_ERR:
        put_line(attempt, PLR_STREAM_STDERR, action->text);
        return true;
    case FAKE_PART:
        put(attempt, PLR_STREAM_STDOUT, action->text, strlen(action->text));
        return true;
    case FAKE_BYTES:
        put_bytes(attempt, action->text);
        return true;
    case FAKE_FILL:
        fill(attempt, (size_t)action->number);
        return true;
    case FAKE_GAP:
        report(attempt,
                &(plr_report){ .type = PLR_REPORT_OUTPUT,
                        .u.output = { .stream = PLR_STREAM_STDOUT, .data = "", .gap = true } });
        return true;
    case FAKE_ENV:
        put_line(attempt, PLR_STREAM_STDOUT, variable(attempt, action->text));
        return true;
    case FAKE_FLOOD:
        if (!flood(attempt, action)) {
            attempt->at--; /* goes on with the flow */
            return false;
        }
        return true;
    case FAKE_HANG:
        return false;
    case FAKE_EXIT:
        end(attempt, PLR_REASON_EXIT, (int)action->number, 0);
        return false;
    case FAKE_SIGNAL:
        end(attempt, PLR_REASON_SIGNAL, 128 + (int)action->number, (int)action->number);
        return false;
    case FAKE_OOM:
        end(attempt, PLR_REASON_OOM, 137, SIGKILL);
        return false;
    case FAKE_LOST:
        end(attempt, PLR_REASON_LOST, -1, 0);
        return false;
    case FAKE_EVICTED:
        end(attempt, PLR_REASON_EVICTED, -1, 0);
        return false;
    case FAKE_BREAK_RUN: {
        plr_error err = { 0 };
        plr_error_set(&err, PLR_ERR_INFRASTRUCTURE, "%s", action->text);
        attempt->fake->host->run_failed(attempt->task->run, &err);
        return true;
    }
    default:
        return true; /* said beforehand: prepare, start, ready, ... */
    }
}

static void play(fake_attempt *attempt)
{
    while (attempt->at < attempt->script.n) {
        fake_action *action = &attempt->script.actions[attempt->at++];
        if (action->attempt != 0 && action->attempt != attempt->task->attempt)
            continue;
        if (!act(attempt, action))
            return;
    }
    if (attempt->end.size == 0) /* else it was stopped meanwhile */
        end(attempt, PLR_REASON_EXIT, 0, 0);
}

static void begin(fake_attempt *attempt)
{
    const fake_action *ready = action_of(attempt, FAKE_READY);
    fake *self = attempt->fake;
    const plr_task *task = attempt->task;
    plr_op *op = steal(attempt->op), *discard = steal(attempt->discard_op);
    attempt->started = true;
    attempt->ready_at = self->host->now(self->loop) + (ready != NULL ? (uint64_t)ready->number : 0);
    if (task->run->self_release)
        fake_room_started(attempt);
    report(attempt, &(plr_report){ .type = PLR_REPORT_STARTED });
    if (op != NULL)
        self->host->op_complete(op, NULL);
    if (discard != NULL) {
        plr_error err = { 0 };
        plr_error_set(&err, PLR_ERR_STATE, "it has started by itself");
        self->host->op_complete(discard, &err);
    }
    if (task->data == attempt) /* else the engine could not take it on */
        play(attempt);
}

static void free_attempt(fake_attempt *attempt);

/* It does not run: what waits for its decision is told so. */
static void leave_out(fake_attempt *attempt, int code)
{
    const fake *self = attempt->fake;
    plr_error err = { 0 };
    if (code != PLR_OK)
        plr_error_set(&err, code, "it was kept from running");
    attempt->decided = attempt->ended = true;
    if (attempt->op != NULL)
        self->host->op_complete(steal(attempt->op), &err);
    if (attempt->discard_op != NULL) {
        self->host->op_complete(steal(attempt->discard_op), NULL);
        free_attempt(attempt);
    }
}

static plr_skip skip_of(plr_rule_answer answer)
{
    switch (answer) {
    case PLR_RULE_SKIP_FAILED_BEFORE:
        return PLR_SKIP_FAILED_BEFORE;
    case PLR_RULE_SKIP_NOTHING_FAILED:
        return PLR_SKIP_NOTHING_FAILED;
    case PLR_RULE_SKIP_HALTED:
        return PLR_SKIP_EXIT_78;
    default:
        return PLR_SKIP_CANCELLED;
    }
}

void fake_decide(fake_attempt *attempt, plr_rule_answer answer)
{
    attempt->decided = true;
    attempt->answer = answer;
    wait_for(attempt, 0);
}

static void do_as_decided(fake_attempt *attempt)
{
    plr_task *task = attempt->task;
    if (attempt->answer == PLR_RULE_RUN) {
        begin(attempt);
        return;
    }
    plr_report skipped = {
        .size = sizeof skipped, .type = PLR_REPORT_SKIPPED, .u.skip = skip_of(attempt->answer)
    };
    const plr_host *host = attempt->fake->host;
    leave_out(attempt, PLR_OK);
    host->report(task, &skipped);
}

/* The end of a preparation or of a start, as its script has it. */
static void complete(fake_attempt *attempt, fake_word failure)
{
    const fake_action *fail = action_of(attempt, failure);
    plr_error err = { 0 };
    if (fail != NULL)
        plr_error_set(&err, (int)fail->number, "%s", fail->text);
    attempt->fake->host->op_complete(steal(attempt->op), &err);
}

static void on_timer(plr_timer *timer, void *userdata)
{
    (void)timer;
    fake_attempt *attempt = userdata;
    if (attempt->op != NULL && !attempt->prepared) {
        attempt->prepared = true;
        complete(attempt, FAKE_FAIL_PREPARE);
    } else if (attempt->decides && !attempt->started) {
        do_as_decided(attempt);
    } else if (attempt->op != NULL) {
        if (action_of(attempt, FAKE_FAIL_START) != NULL)
            complete(attempt, FAKE_FAIL_START);
        else
            begin(attempt);
    } else if (attempt->at < attempt->script.n || attempt->end.size == 0) {
        play(attempt);
    } else if (!attempt->ended && !attempt->said && has_word(attempt)) {
        say_end(attempt);
    } else if (!attempt->ended) {
        tell_end(attempt);
    }
}

static void on_cancel(plr_op *op, void *userdata)
{
    (void)op;
    fake_attempt *attempt = userdata;
    plr_error err = { 0 };
    if (attempt->decides) {
        fake_room_stop(attempt, SIGKILL);
        return;
    }
    plr_error_set(&err, PLR_ERR_CANCELLED, "cancelled");
    attempt->fake->host->timer_set(attempt->timer, 0);
    attempt->fake->host->op_complete(steal(attempt->op), &err);
}

static void free_attempt(fake_attempt *attempt)
{
    *(attempt->previous != NULL ? &attempt->previous->next : &attempt->fake->attempts) =
            attempt->next;
    if (attempt->next != NULL)
        attempt->next->previous = attempt->previous;
    attempt->task->data = NULL;
    if (attempt->decides)
        fake_room_leave(attempt);
    attempt->fake->host->timer_free(attempt->timer);
    fake_script_clear(&attempt->script);
    free(attempt->late_copy);
    free(attempt);
}

static void begin_wait(fake_attempt *attempt, plr_op *op, fake_word word)
{
    const fake_action *action = action_of(attempt, word);
    attempt->op = op;
    attempt->fake->host->op_on_cancel(op, on_cancel, attempt);
    wait_for(attempt, action != NULL ? action->number : 0);
}

static int new_attempt(fake *self, plr_task *task, plr_error *err)
{
    fake_attempt *attempt = calloc(1, sizeof *attempt);
    if (attempt == NULL)
        return plr_error_nomem(err);
    attempt->fake = self;
    attempt->task = task;
    attempt->next = self->attempts;
    if (attempt->next != NULL)
        attempt->next->previous = attempt;
    self->attempts = attempt;
    task->data = attempt;
    int r = fake_script_read(&attempt->script, environment(task, VARIABLE), err);
    if (r == 0)
        r = self->host->timer_new(self->loop, &attempt->timer, on_timer, attempt, err);
    if (r < 0)
        free_attempt(attempt);
    return r;
}

/* What stands in its way is said at its turn. */
static bool is_blocked(const fake_attempt *attempt)
{
    return action_of(attempt, FAKE_FAIL_PREPARE) != NULL ||
           action_of(attempt, FAKE_FAIL_START) != NULL;
}

int fake_take(fake *self, plr_task *task, plr_error *err)
{
    int r = new_attempt(self, task, err);
    if (r < 0)
        return r;
    fake_attempt *attempt = task->data;
    attempt->prepared = true;
    if (!task->run->self_release)
        return 0;
    attempt->decides = task->step->kind < PLR_STEP_HOOK_SUCCESS && !is_blocked(attempt) &&
                       action_of(attempt, FAKE_HOST) == NULL;
    fake_room_enter(attempt);
    return 0;
}

void fake_prepare(void *self, plr_task *task, plr_op *op)
{
    fake *own = self;
    plr_error err = { 0 };
    if (new_attempt(own, task, &err) < 0)
        own->host->op_complete(op, &err);
    else
        begin_wait(task->data, op, FAKE_PREPARE);
}

/* Copies what only lives for the time of the call. */
static int keep_late(fake_attempt *attempt, const plr_pair *late, size_t n, plr_error *err)
{
    size_t size = n * sizeof *late;
    for (size_t i = 0; i < n; i++)
        size += strlen(late[i].name) + strlen(late[i].value) + 2;
    char *memory = calloc(1, size + 1);
    if (memory == NULL)
        return plr_error_nomem(err);
    plr_pair *pairs = (plr_pair *)(void *)memory;
    char *at = memory + n * sizeof *late;
    for (size_t i = 0; i < n; i++) {
        pairs[i].name = at;
        at = stpcpy(at, late[i].name) + 1;
        pairs[i].value = at;
        at = stpcpy(at, late[i].value) + 1;
    }
    attempt->late_copy = memory;
    attempt->late = pairs;
    attempt->n_late = n;
    return 0;
}

void fake_start(void *self, plr_task *task, const plr_pair *late, size_t n_late, plr_op *op)
{
    fake *own = self;
    fake_attempt *attempt = task->data;
    plr_error err = { 0 };
    if (keep_late(attempt, late, n_late, &err) < 0) {
        own->host->op_complete(op, &err);
    } else if (attempt->decides) {
        attempt->op = op;
        own->host->op_on_cancel(op, on_cancel, attempt);
    } else if (task->run->prepares_all && action_of(attempt, FAKE_FAIL_PREPARE) != NULL) {
        attempt->op = op;
        complete(attempt, FAKE_FAIL_PREPARE);
    } else {
        begin_wait(attempt, op, FAKE_START);
    }
}

void fake_signalled(fake_attempt *attempt, int signal)
{
    if (attempt->decides && !attempt->started) {
        if (!attempt->decided)
            leave_out(attempt, PLR_ERR_CANCELLED);
        return;
    }
    if (attempt->ended || attempt->end.size != 0)
        return;
    attempt->stopped = true;
    if (signal == SIGTERM && action_of(attempt, FAKE_IGNORE_TERM) != NULL)
        return;
    set_end(attempt, PLR_REASON_SIGNAL, 128 + signal, signal);
    wait_for(attempt, 0);
}

void fake_stop(void *self, plr_task *task, int signal, plr_op *op)
{
    fake *own = self;
    fake_attempt *attempt = task->data;
    own->host->op_complete(op, NULL);
    if (attempt != NULL && task->run->self_release)
        fake_room_stop(attempt, signal);
    else if (attempt != NULL)
        fake_signalled(attempt, signal);
}

void fake_probe(void *self, plr_task *task, const plr_probe *probe, plr_op *op)
{
    (void)probe;
    fake *own = self;
    const fake_attempt *attempt = task->data;
    plr_error err = { 0 };
    const fake_action *takes = NULL;
    if (attempt != NULL)
        takes = fake_script_find(&attempt->script, FAKE_PROBE, task->attempt);
    if (attempt == NULL || own->host->now(own->loop) < attempt->ready_at)
        plr_error_set(&err, PLR_ERR_NOTFOUND, "not yet");
    fake_answer_in(own, task->run, op, takes != NULL ? takes->number : 0, &err);
}

void fake_flow(void *self, plr_task *task, bool paused)
{
    (void)self;
    fake_attempt *attempt = task->data;
    if (attempt == NULL || attempt->paused == paused)
        return;
    attempt->paused = paused;
    if (!paused && attempt->end.size != 0 && !attempt->ended)
        wait_for(attempt, 0);
    if (!paused && attempt->at < attempt->script.n && attempt->started &&
            attempt->script.actions[attempt->at].word == FAKE_FLOOD)
        wait_for(attempt, 0); /* from the loop, not inside this call */
}

void fake_discard(void *self, plr_task *task, plr_op *op)
{
    fake *own = self;
    fake_attempt *attempt = task->data;
    if (attempt != NULL && attempt->decides && !attempt->started && !attempt->ended) {
        attempt->discard_op = op;
        fake_room_stop(attempt, SIGKILL);
        return;
    }
    if (attempt != NULL)
        free_attempt(attempt);
    own->host->op_complete(op, NULL);
}

void fake_drop(fake *self, plr_run_view *run)
{
    for (fake_attempt *attempt = self->attempts, *next; attempt != NULL; attempt = next) {
        next = attempt->next;
        if (run == NULL || attempt->task->run == run)
            free_attempt(attempt);
    }
    if (run != NULL)
        fake_room_free(steal(run->data));
}
