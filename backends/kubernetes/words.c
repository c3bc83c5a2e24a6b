/* SPDX-License-Identifier: MIT */
/* What the host says to the plr-inits of a run: lines of text in an annotation of the pod, which
 * the kubelet puts into a file. All that was ever said stays in it; one patch is on its way at a
 * time, and what is said meanwhile goes with the next. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/errand.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

static void send(plr_kube_run *run);

static void on_sent(
        plr_kube_call *call, int status, json_object *reply, const plr_error *err, void *userdata)
{
    plr_kube_run *run = userdata;
    plr_kube *kube = run->kube;
    char text[PLR_ERROR_MESSAGE_SIZE + 200];
    (void)call;
    (void)status;
    (void)reply;
    run->words_call = NULL;
    if (err != NULL && err->code != PLR_ERR_NOTFOUND && !run->deleting && !run->gone) {
        bool again = err->code == PLR_ERR_INFRASTRUCTURE || err->code == PLR_ERR_TIMEOUT;
        snprintf(text, sizeof(text), "the pod %s cannot be told what to do%s: %s", run->name,
                again ? " (tried again)" : "", err->message);
        kube->host->run_warning(run->view, text);
        run->words_changed |= again;
    }
    if (run->words_changed)
        send(run);
}

static json_object *annotation(const plr_kube_run *run)
{
    _cleanup_json_ json_object *patch = json_object_new_object();
    json_object *metadata = json_object_new_object();
    json_object *notes = json_object_new_object();
    bool good = plr_jsonc_add(patch, "metadata", metadata);
    good = plr_jsonc_add(metadata, "annotations", notes) && good;
    good = good && plr_jsonc_add(notes, PLR_KUBE_NOTE_WORDS, plr_jsonc_string(run->words.data));
    return good ? steal(patch) : NULL;
}

static void send(plr_kube_run *run)
{
    plr_error err = { 0 };
    if (run->words_call != NULL || run->uid == NULL || run->gone || run->deleting)
        return;
    _cleanup_json_ json_object *patch = annotation(run);
    run->words_changed = false;
    int r = plr_buf_check(&run->words, &err);
    if (r == 0 && patch == NULL)
        r = plr_error_nomem(&err);
    if (r == 0)
        r = plr_kube_ask(run->kube, &run->words_call, "PATCH", patch, on_sent, run, &err,
                "/pods/%s", run->name);
    if (r < 0)
        run->kube->host->run_failed(run->view, &err);
}

void plr_kube_words_send(plr_kube_run *run)
{
    if (run->words_changed)
        send(run);
}

void plr_kube_say(plr_kube_run *run, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    plr_buf_vprintf(&run->words, format, arguments);
    va_end(arguments);
    plr_buf_putc(&run->words, '\n');
    run->words_changed = true;
    /* What one turn of the loop has to say goes together. */
    plr_kube_run_soon(run);
}

static const char *outcome_word(plr_fact_outcome outcome)
{
    switch (outcome) {
    case PLR_FACT_PASSED:
        return "passed";
    case PLR_FACT_HALTED:
        return "halted";
    case PLR_FACT_SKIPPED:
        return "skipped";
    default:
        return "failed";
    }
}

void plr_kube_tell(plr_kube_run *run, const plr_fact *fact)
{
    switch (fact->type) {
    case PLR_FACT_CANCELLED:
        plr_kube_say(run, "cancelled %s %d",
                fact->u.cancelled.mode == PLR_CANCEL_GRACEFUL ? "graceful" : "now",
                fact->u.cancelled.started);
        run->cancelled = true;
        run->cancelled_now |= fact->u.cancelled.mode != PLR_CANCEL_GRACEFUL;
        break;
    case PLR_FACT_OUTCOME:
        plr_kube_say(run, "outcome %zu %s", fact->u.outcome.task->index,
                outcome_word(fact->u.outcome.is));
        break;
    case PLR_FACT_SERVICES:
        plr_kube_say(run, "services %s", fact->u.failed ? "failed" : "ready");
        break;
    case PLR_FACT_MAIN_ENDED:
        plr_kube_say(run, "main %s", fact->u.failed ? "failed" : "passed");
        break;
    }
}
