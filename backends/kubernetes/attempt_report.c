/* SPDX-License-Identifier: MIT */
/* What the engine is told of an attempt, and its log, from which most of that comes: output, and
 * the marks of its plr-init. The marks are quick; the status that confirms them is
 * attempt_look.c's. */
#include <string.h>

#include "backends/kubernetes/errand.h"

#include "engine/base/error.h"

static void report_to(plr_kube_attempt *attempt, const plr_report *report)
{
    attempt->run->kube->host->report(attempt->task, report);
}

void plr_kube_attempt_report_started(plr_kube_attempt *attempt)
{
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_STARTED };
    plr_error err = { 0 };
    attempt->started = attempt->evidence.ran = true;
    report_to(attempt, &report);
    if (attempt->op == NULL)
        return;
    if (attempt->discards)
        plr_error_set(&err, PLR_ERR_STATE, "it had started already");
    plr_kube_attempt_complete(attempt, &err);
}

void plr_kube_attempt_report_end(plr_kube_attempt *attempt, const plr_end *end)
{
    plr_report eof = { .size = sizeof(eof), .type = PLR_REPORT_EOF };
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_ENDED, .u.end = *end };
    attempt->ended = true;
    attempt->run->kube->host->timer_set(attempt->timer, 0);
    plr_kube_log_free(steal(attempt->log));
    report_to(attempt, &eof);
    report_to(attempt, &report);
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
    /* Of which nothing is asked, the engine discards from inside the report. */
    bool asked = attempt->op != NULL;
    /* What only the host releases, it has kept from running: it knows. */
    if (plr_kube_attempt_decides(attempt))
        report_to(attempt, &report);
    else
        plr_error_set(&err, PLR_ERR_CANCELLED, "it was not to run any more");
    if (asked)
        plr_kube_attempt_complete(attempt, attempt->discards ? NULL : &err);
}

static void take_exit(plr_kube_attempt *attempt, const plr_init_exit *record, bool counts)
{
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_EXITED };
    attempt->evidence.has_record = true;
    attempt->evidence.record = *record;
    if (!attempt->started || attempt->ended || !counts)
        return;
    plr_kube_end_early(&attempt->evidence, &report.u.end);
    report_to(attempt, &report);
}

static void on_word(unsigned word, const void *payload, void *userdata)
{
    plr_kube_attempt *attempt = userdata;
    switch (word) {
    case PLR_INIT_RUNNING:
        if (!attempt->started)
            plr_kube_attempt_report_started(attempt);
        attempt->evidence.ran = true;
        break;
    case PLR_INIT_ERRNO:
        attempt->evidence.has_failure = true;
        attempt->evidence.failure = *(const plr_init_failure *)payload;
        break;
    case PLR_INIT_EXITED:
    case PLR_INIT_STOPPED:
        take_exit(attempt, payload, word == PLR_INIT_EXITED);
        break;
    case PLR_INIT_LOST:
        attempt->evidence.lost = true;
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
    /* Where the mark was lost, or the init gave its place to the command, which was quicker, the
     * first lines tell that it has begun, too; but if they are the init's own, nothing of the
     * user's has. */
    if (size > 0 && !attempt->started) {
        plr_kube_attempt_report_started(attempt);
        attempt->evidence.ran = false;
    }
    report_to(attempt, &report);
}

void plr_kube_attempt_report_gap(plr_kube_attempt *attempt)
{
    on_output(NULL, 0, attempt);
}

void plr_kube_attempt_warn(plr_kube_attempt *attempt, const char *text)
{
    plr_report report = { .size = sizeof(report), .type = PLR_REPORT_WARNING, .u.text = text };
    report_to(attempt, &report);
}

static void on_warning(const char *text, void *userdata)
{
    plr_kube_attempt_warn(userdata, text);
}

static void on_log_end(void *userdata)
{
    plr_kube_attempt *attempt = userdata;
    attempt->log_over = true;
    plr_kube_attempt_look(attempt);
}

int plr_kube_attempt_follow(plr_kube_attempt *attempt, plr_error *err)
{
    static const plr_kube_log_calls calls = {
        .on_output = on_output,
        .on_word = on_word,
        .on_warning = on_warning,
        .on_end = on_log_end,
    };
    plr_kube *kube = attempt->run->kube;
    plr_kube_log_options options = {
        .pod = attempt->pod->name,
        .container = attempt->container,
        .nonce = plr_kube_has_init(attempt->hold) ? attempt->run->nonce : "",
        .is_counted = plr_kube_has_init(attempt->hold) && !attempt->task->step->detach,
    };
    return plr_kube_log_new(
            &attempt->log, kube->host, kube->loop, kube->client, &options, &calls, attempt, err);
}
