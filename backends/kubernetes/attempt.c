/* SPDX-License-Identifier: MIT */
/* An attempt in the cluster, from its turn to its end: what the pod's status and its plr-init's
 * marks say of it is turned into what the engine is told. The marks are quick, the status is the
 * truth; each is looked at when there is something new. */
#include "backends/kubernetes/errand.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/text.h"

/* A plr-init that decides by itself needs no word. One that has not decided this long after the
 * engine's own view of its turn is told: something that it waits for was lost. */
#define NUDGE_NS (10 * PLR_SECOND)

/* How long a container may take to say what became of it when it is not to run any more. */
#define SETTLE_NS (20 * PLR_SECOND)

/* A container that is not there this long after its turn, without a reason that the status tells
 * (volumes that cannot be mounted: only events tell, and these are not ours to read). */
#define LATE_NS (30 * PLR_SECOND)

static const plr_host *host_of(const plr_kube_attempt *attempt)
{
    return attempt->run->kube->host;
}

static void set_timer(plr_kube_attempt *attempt, uint64_t at_ns)
{
    host_of(attempt)->timer_set(attempt->timer, at_ns);
}

static uint64_t now_of(const plr_kube_attempt *attempt)
{
    return host_of(attempt)->now(attempt->run->kube->loop);
}

static void on_timer(plr_timer *timer, void *userdata);

int plr_kube_attempt_of(plr_kube_attempt **ret_attempt, plr_task *task, plr_error *err)
{
    plr_kube_run *run = task->run->data;
    if (task->data != NULL) {
        *ret_attempt = task->data;
        return 0;
    }
    if (run == NULL)
        return plr_error_set(err, PLR_ERR_STATE, "the run was not set up");
    plr_kube_attempt *attempt = calloc(1, sizeof(*attempt));
    if (attempt == NULL)
        return plr_error_nomem(err);
    int r = run->kube->host->timer_new(run->kube->loop, &attempt->timer, on_timer, attempt, err);
    if (r < 0) {
        free(attempt);
        return r;
    }
    plr_kube_place place = plr_kube_run_place(run);
    json_object *image = place.images == NULL ? NULL : place.images[task->index];
    attempt->run = run;
    attempt->task = task;
    plr_kube_container_name(attempt->container, task->index, task->attempt);
    attempt->hold = plr_kube_hold_of(run->view, &place, task->index, task->attempt);
    attempt->evidence.is_init = attempt->hold == PLR_KUBE_HELD;
    attempt->evidence.command = plr_kube_command(task->step, image);
    attempt->evidence.deleting = run->deleting;
    attempt->next = run->attempts;
    run->attempts = attempt;
    task->data = attempt;
    *ret_attempt = attempt;
    return 0;
}

void plr_kube_attempt_free(plr_kube_attempt *attempt)
{
    plr_kube_run *run = attempt->run;
    for (plr_kube_attempt **link = &run->attempts; *link != NULL; link = &(*link)->next) {
        if (*link == attempt) {
            *link = attempt->next;
            break;
        }
    }
    plr_kube_log_free(attempt->log);
    plr_kube_call_cancel(attempt->patch);
    run->kube->host->timer_free(attempt->timer);
    attempt->task->data = NULL;
    free(attempt);
}

bool plr_kube_attempt_decides(const plr_kube_attempt *attempt)
{
    return attempt->run->view->self_release && attempt->hold == PLR_KUBE_HELD &&
           attempt->task->attempt == 1 && attempt->task->step->kind == PLR_STEP_STEP;
}

/* Of a discard, it is the attempt's end too. */
static void complete(plr_kube_attempt *attempt, const plr_error *err)
{
    plr_kube *kube = attempt->run->kube;
    plr_op *op = steal(attempt->op);
    plr_error copy = err == NULL ? (plr_error){ 0 } : *err;
    attempt->cancelled = false;
    set_timer(attempt, 0);
    if (attempt->discards && copy.code == 0)
        plr_kube_attempt_free(attempt);
    plr_kube_complete(kube, op, &copy);
}

static void report_started(plr_kube_attempt *attempt)
{
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_STARTED };
    plr_error err = { 0 };
    attempt->started = attempt->evidence.ran = true;
    host_of(attempt)->report(attempt->task, &report);
    if (attempt->op == NULL)
        return;
    if (attempt->discards)
        plr_error_set(&err, PLR_ERR_STATE, "it had started already");
    complete(attempt, &err);
}

static void report_end(plr_kube_attempt *attempt, const plr_end *end)
{
    plr_report eof = { .size = sizeof(eof), .type = PLR_REPORT_EOF };
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_ENDED, .u.end = *end };
    attempt->ended = true;
    set_timer(attempt, 0);
    plr_kube_log_free(steal(attempt->log));
    host_of(attempt)->report(attempt->task, &eof);
    host_of(attempt)->report(attempt->task, &report);
}

static plr_skip skip_of(const char *why)
{
    static const char *const words[] = {
#define X(name, word) [PLR_SKIP_##name] = word,
        PLR_SKIPS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i], why) == 0)
            return (plr_skip)i;
    return PLR_SKIP_CANCELLED;
}

static void report_skipped(plr_kube_attempt *attempt, const char *why)
{
    plr_report report = {
        .size = sizeof(report), .type = PLR_REPORT_SKIPPED, .u.skip = skip_of(why)
    };
    plr_error err = { 0 };
    if (attempt->skipped || attempt->started)
        return;
    attempt->skipped = true;
    /* What only the host releases, it has kept from running: it knows. */
    if (plr_kube_attempt_decides(attempt))
        host_of(attempt)->report(attempt->task, &report);
    else
        plr_error_set(&err, PLR_ERR_CANCELLED, "it was not to run any more");
    if (attempt->op != NULL)
        complete(attempt, attempt->discards ? NULL : &err);
}

static void take_exit(plr_kube_attempt *attempt, const plr_init_exit *record, bool counts)
{
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_EXITED };
    attempt->evidence.has_record = true;
    attempt->evidence.record = *record;
    if (!attempt->started || attempt->ended || !counts)
        return;
    plr_kube_end_early(&attempt->evidence, &report.u.end);
    host_of(attempt)->report(attempt->task, &report);
}

static void on_word(unsigned word, const void *payload, void *userdata)
{
    plr_kube_attempt *attempt = userdata;
    switch (word) {
    case PLR_INIT_RUNNING:
        if (!attempt->started)
            report_started(attempt);
        break;
    case PLR_INIT_ERRNO:
        attempt->evidence.has_failure = true;
        attempt->evidence.failure = *(const plr_init_failure *)payload;
        break;
    case PLR_INIT_EXITED:
    case PLR_INIT_STOPPED:
        take_exit(attempt, payload, word == PLR_INIT_EXITED);
        break;
    case PLR_INIT_SKIPPED:
        report_skipped(attempt, payload);
        break;
    default:
        break;
    }
}

static void on_output(const void *data, size_t size, void *userdata)
{
    plr_kube_attempt *attempt = userdata;
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_OUTPUT };
    report.u.output.stream = PLR_STREAM_STDOUT;
    report.u.output.data = data;
    report.u.output.size = size;
    report.u.output.gap = size == 0;
    host_of(attempt)->report(attempt->task, &report);
}

static void on_warning(const char *text, void *userdata)
{
    plr_kube_attempt *attempt = userdata;
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_WARNING, .u.text = text };
    host_of(attempt)->report(attempt->task, &report);
}

static void on_log_end(void *userdata)
{
    plr_kube_attempt *attempt = userdata;
    attempt->log_over = true;
    plr_kube_attempt_look(attempt);
}

static int follow(plr_kube_attempt *attempt, plr_error *err)
{
    static const plr_kube_log_calls calls = {
        .on_output = on_output,
        .on_word = on_word,
        .on_warning = on_warning,
        .on_end = on_log_end,
    };
    plr_kube *kube = attempt->run->kube;
    plr_kube_log_options options = {
        .pod = attempt->run->name,
        .container = attempt->container,
        .nonce = attempt->hold == PLR_KUBE_HELD ? attempt->run->nonce : "",
    };
    return plr_kube_log_new(
            &attempt->log, kube->host, kube->loop, kube->client, &options, &calls, attempt, err);
}

/* Somebody wants to know of it: its turn has come, it is to be gone, or it has ended unasked. */
static bool is_of_interest(const plr_kube_attempt *attempt)
{
    return attempt->turn || attempt->discards ||
           (attempt->evidence.has_status && plr_kube_attempt_decides(attempt));
}

static int code_of(plr_reason reason)
{
    switch (reason) {
    case PLR_REASON_IMAGE:
        return PLR_ERR_IMAGE;
    case PLR_REASON_CONFIGURATION:
        return PLR_ERR_CONFIGURATION;
    case PLR_REASON_LOST:
        return PLR_ERR_LOST;
    default:
        return PLR_ERR_INFRASTRUCTURE;
    }
}

/* One without plr-init is ended by giving its container another image: not by a restart then. */
static bool was_replaced(const plr_kube_attempt *attempt)
{
    return attempt->stopped && attempt->hold != PLR_KUBE_HELD && attempt->evidence.restarted;
}

/* It stands at its end, and all its output has been read. */
static void conclude(plr_kube_attempt *attempt)
{
    plr_kube_evidence *evidence = &attempt->evidence;
    char message[1200];
    plr_error err = { 0 };
    plr_end end;
    plr_kube_end_decide(evidence, &end, message, sizeof(message));
    if (was_replaced(attempt))
        end = (plr_end){
            .size = sizeof(end),
            .reason = PLR_REASON_SIGNAL,
            .exit_code = -1,
            .signal = evidence->stopped,
        };
    bool held_to_its_end = evidence->is_init && evidence->has_status && !evidence->has_record &&
                           !evidence->has_failure &&
                           (evidence->exit_code == 0 || evidence->exit_code == PLR_INIT_EXIT_HELD);
    if (!attempt->started && attempt->op == NULL)
        return; /* until its turn comes, or somebody does not want it any more */
    if (!attempt->started && attempt->discards) {
        complete(attempt, NULL);
        return;
    }
    if (!attempt->started && (!evidence->has_status || held_to_its_end)) {
        if (attempt->cancelled)
            plr_error_set(&err, PLR_ERR_CANCELLED, "cancelled");
        else
            plr_error_set(&err, code_of(end.reason), "%s",
                    end.message != NULL ? end.message : "its container ended before its turn");
        complete(attempt, &err);
        return;
    }
    if (!attempt->started)
        report_started(attempt); /* so short that no mark of it was left */
    report_end(attempt, &end);
}

static void take_end(plr_kube_attempt *attempt)
{
    if (attempt->log != NULL && !attempt->log_over)
        plr_kube_log_finish(attempt->log);
    else
        conclude(attempt);
}

static void say_trouble(plr_kube_attempt *attempt)
{
    plr_kube_run *run = attempt->run;
    char text[1400];
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_WARNING, .u.text = text };
    const plr_kube_evidence *evidence = &attempt->evidence;
    if (evidence->patience == PLR_KUBE_PATIENCE_SCHEDULE && !run->waits_node) {
        run->waits_node = true;
        snprintf(text, sizeof(text), "the pod waits for a node: %s", evidence->text);
        run->kube->host->run_notice(run->view, text);
    } else if (evidence->patience == PLR_KUBE_PATIENCE_IMAGE) {
        snprintf(text, sizeof(text), "image %s: %s%s%s (tried again)",
                attempt->task->step->docker.image, evidence->reason,
                evidence->text[0] == '\0' ? "" : ": ", evidence->text);
        run->kube->host->report(attempt->task, &report);
    }
}

/* Trouble is nobody's before the turn has come. */
static void take_trouble(plr_kube_attempt *attempt)
{
    const plr_kube_settings *settings = &attempt->run->kube->settings;
    uint64_t limit = 0, now = now_of(attempt);
    if (!attempt->turn)
        return;
    if (attempt->troubled_at == 0) {
        attempt->troubled_at = now;
        say_trouble(attempt);
    }
    switch (attempt->evidence.patience) {
    case PLR_KUBE_PATIENCE_IMAGE:
        limit = attempt->turn_at + (uint64_t)settings->image_grace_ns;
        break;
    case PLR_KUBE_PATIENCE_SCHEDULE:
        limit = attempt->run->created_at + (uint64_t)settings->unschedulable_ns;
        break;
    case PLR_KUBE_PATIENCE_STATUS:
        limit = attempt->troubled_at + PLR_KUBE_STATUS_GRACE_NS;
        break;
    case PLR_KUBE_PATIENCE_NONE:
        break;
    }
    if (now < limit)
        set_timer(attempt, limit);
    else
        take_end(attempt);
}

/* The step's image takes the place of the pause image. Not before that runs: while a kubelet still
 * makes the pod, it loses sight of a container whose image changes. */
static void swap(plr_kube_attempt *attempt)
{
    plr_error err = { 0 };
    attempt->swapped = true;
    attempt->evidence.restarts++;
    attempt->evidence.id[0] = '\0';
    attempt->evidence.standing = PLR_KUBE_WAITING;
    if (plr_kube_patch_image(attempt, attempt->task->step->docker.image, &err) < 0)
        complete(attempt, &err);
}

void plr_kube_attempt_look(plr_kube_attempt *attempt)
{
    plr_kube_run *run = attempt->run;
    plr_kube_evidence *evidence = &attempt->evidence;
    plr_error err = { 0 };
    if (attempt->ended || attempt->skipped)
        return;
    if (run->pod != NULL && !run->gone)
        plr_kube_end_look(evidence, run->pod, attempt->container);
    bool runs = evidence->standing == PLR_KUBE_RUNNING;
    if (attempt->hold == PLR_KUBE_PAUSED && !attempt->swapped && runs) {
        if (attempt->op != NULL && attempt->turn && !attempt->cancelled) {
            swap(attempt);
            return;
        }
        runs = false; /* nothing of the step's */
    }
    if (attempt->log == NULL && !attempt->log_over && !run->gone && is_of_interest(attempt) &&
            (runs || evidence->has_status) && attempt->patch == NULL && follow(attempt, &err) < 0) {
        attempt->log_over = true;
        run->kube->host->run_failed(run->view, &err);
        return;
    }
    if (!attempt->started && attempt->turn && attempt->hold != PLR_KUBE_HELD &&
            (runs || evidence->has_status))
        report_started(attempt);
    if (evidence->standing != PLR_KUBE_TROUBLED)
        attempt->troubled_at = 0;
    if (evidence->standing == PLR_KUBE_ENDED) {
        take_end(attempt);
    } else if (attempt->op != NULL && attempt->cancelled && !runs) {
        plr_error_set(&err, PLR_ERR_CANCELLED, "cancelled");
        complete(attempt, &err);
    } else if (evidence->standing == PLR_KUBE_TROUBLED) {
        take_trouble(attempt);
    }
}

static void say_late_container(plr_kube_attempt *attempt)
{
    const plr_kube_run *run = attempt->run;
    char text[300];
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_WARNING, .u.text = text };
    snprintf(text, sizeof(text),
            "its container is not made yet; kubectl -n %.80s describe pod %s may say why",
            plr_kube_client_namespace(run->kube->client), run->name);
    host_of(attempt)->report(attempt->task, &report);
}

static void on_timer(plr_timer *timer, void *userdata)
{
    plr_kube_attempt *attempt = userdata;
    plr_error err = { 0 };
    (void)timer;
    if (attempt->op != NULL && (attempt->cancelled || attempt->discards)) {
        plr_error_set(&err, PLR_ERR_CANCELLED, "its container does not say whether it began");
        attempt->discards = false;
        complete(attempt, &err);
    } else if (attempt->op != NULL && plr_kube_attempt_decides(attempt) &&
               attempt->evidence.standing == PLR_KUBE_RUNNING) {
        plr_kube_say(attempt->run, "go %zu %u", attempt->task->index, attempt->task->attempt);
    } else if (attempt->op != NULL && attempt->evidence.standing == PLR_KUBE_WAITING) {
        if (now_of(attempt) < attempt->turn_at + LATE_NS)
            set_timer(attempt, attempt->turn_at + LATE_NS);
        else
            say_late_container(attempt);
    } else {
        plr_kube_attempt_look(attempt);
    }
}

/* It is not to run any more. Whoever is held is told; the others cannot be. */
static void hold_back(plr_kube_attempt *attempt)
{
    if (attempt->hold == PLR_KUBE_HELD)
        plr_kube_say(attempt->run, "stop %zu %u %d", attempt->task->index, attempt->task->attempt,
                SIGTERM);
    set_timer(attempt, now_of(attempt) + SETTLE_NS);
}

static void on_cancel(plr_op *op, void *userdata)
{
    plr_kube_attempt *attempt = userdata;
    (void)op;
    attempt->cancelled = true;
    hold_back(attempt);
    plr_kube_attempt_look(attempt);
}

static int say_late(plr_kube_attempt *attempt, const plr_pair *late, size_t n, plr_error *err)
{
    for (size_t i = 0; i < n; i++) {
        _cleanup_buf_ plr_buf pair = { 0 }, text = { 0 };
        plr_buf_printf(&pair, "%s=%s", late[i].name, late[i].value);
        int r = plr_buf_check(&pair, err);
        if (r == 0)
            r = plr_base64_encode(pair.data, pair.size, false, &text, err);
        if (r < 0)
            return r;
        plr_kube_say(attempt->run, "late %zu %s", attempt->task->index, text.data);
    }
    return 0;
}

void plr_kube_attempt_start(
        plr_kube_attempt *attempt, const plr_pair *late, size_t n_late, plr_op *op)
{
    plr_kube_run *run = attempt->run;
    plr_error err = { 0 };
    if (attempt->started || attempt->skipped) {
        plr_kube_complete(run->kube, op, NULL);
        return;
    }
    attempt->op = op;
    attempt->discards = false;
    attempt->turn = true;
    attempt->turn_at = now_of(attempt);
    run->kube->host->op_on_cancel(op, on_cancel, attempt);
    set_timer(attempt, attempt->turn_at + NUDGE_NS);
    int r = 0;
    if (attempt->hold == PLR_KUBE_HELD && !plr_kube_attempt_decides(attempt)) {
        r = say_late(attempt, late, n_late, &err);
        plr_kube_say(run, "go %zu %u", attempt->task->index, attempt->task->attempt);
    }
    if (r < 0)
        complete(attempt, &err);
    else
        plr_kube_attempt_look(attempt);
}

void plr_kube_attempt_discard(plr_kube_attempt *attempt, plr_op *op)
{
    plr_kube_run *run = attempt->run;
    plr_error err = { 0 };
    /* By the same rules it comes to the same answer, but for what a cancel cuts off. */
    bool may_run = run->cancelled && plr_kube_attempt_decides(attempt) && !run->gone &&
                   attempt->evidence.standing == PLR_KUBE_RUNNING;
    if (attempt->started && !attempt->ended) {
        plr_error_set(&err, PLR_ERR_STATE, "it had started already");
        plr_kube_complete(run->kube, op, &err);
    } else if (attempt->ended || attempt->skipped || !may_run) {
        plr_kube_attempt_free(attempt);
        plr_kube_complete(run->kube, op, NULL);
    } else {
        attempt->op = op;
        attempt->discards = true;
        hold_back(attempt);
        plr_kube_attempt_look(attempt);
    }
}

void plr_kube_attempt_flow(plr_kube_attempt *attempt, bool paused)
{
    if (attempt->log != NULL)
        plr_kube_log_flow(attempt->log, paused);
}
