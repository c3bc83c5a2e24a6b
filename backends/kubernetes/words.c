/* SPDX-License-Identifier: MIT */
/* What the host says to the plr-inits of a run: lines of text in an annotation of the pod, which
 * the kubelet puts into a file. All that was ever said stays in it; one patch is on its way at a
 * time, and what is said meanwhile goes with the next. Each moves the deadline on, in an annotation
 * that becomes a file, too: so each renews the lease of the plr-inits. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/errand.h"
#include "backends/kubernetes/service.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

/* A pod is told four times in its lease that its engine is there, once a minute at the least. */
#define RENEWALS 4
#define RENEWAL_MAX_S 60

static void send(plr_kube_pod *pod);

static void renew_later(plr_kube_pod *pod)
{
    const plr_kube *kube = pod->run->kube;
    if (pod->left && !pod->owns)
        return;
    uint64_t period = (uint64_t)plr_kube_lease_s(pod->run->view) * PLR_SECOND / RENEWALS;
    if (period > RENEWAL_MAX_S * PLR_SECOND)
        period = RENEWAL_MAX_S * PLR_SECOND;
    kube->host->timer_set(pod->lease, kube->host->now(kube->loop) + period);
}

void plr_kube_lease_begin(plr_kube_pod *pod)
{
    pod->reached_at = pod->created_at;
    renew_later(pod);
}

bool plr_kube_lease_is_over(const plr_kube_pod *pod)
{
    const plr_kube *kube = pod->run->kube;
    uint64_t lease = (uint64_t)plr_kube_lease_s(pod->run->view) * PLR_SECOND;
    return kube->host->now(kube->loop) - pod->reached_at >= lease;
}

static void on_sent(
        plr_kube_call *call, int status, json_object *reply, const plr_error *err, void *userdata)
{
    plr_kube_pod *pod = userdata;
    char text[PLR_ERROR_MESSAGE_SIZE + 200];
    (void)call;
    (void)status;
    (void)reply;
    pod->words_call = NULL;
    if (err == NULL)
        pod->reached_at = pod->run->kube->host->now(pod->run->kube->loop);
    renew_later(pod);
    if (err != NULL && err->code != PLR_ERR_NOTFOUND && !pod->deleting && !pod->gone) {
        bool again = err->code == PLR_ERR_INFRASTRUCTURE || err->code == PLR_ERR_TIMEOUT;
        snprintf(text, sizeof(text), "the pod %s cannot be told what to do%s: %s", pod->name,
                again ? " (tried again)" : "", err->message);
        pod->run->kube->host->run_warning(pod->run->view, text);
        pod->words_changed |= again;
    }
    if (pod->words_changed)
        send(pod);
}

static json_object *annotation(const plr_kube_pod *pod)
{
    _cleanup_json_ json_object *patch = json_object_new_object();
    json_object *metadata = json_object_new_object();
    json_object *notes = json_object_new_object();
    char deadline[PLR_KUBE_DEADLINE_SIZE];
    plr_kube_deadline(deadline, pod->run->view, plr_kube_wall_s(pod->run->kube));
    bool good = plr_jsonc_add(patch, "metadata", metadata);
    good = plr_jsonc_add(metadata, "annotations", notes) && good;
    good = good && plr_jsonc_add(notes, PLR_KUBE_NOTE_DEADLINE, plr_jsonc_string(deadline));
    if (pod->words.size > 0)
        good = good && plr_jsonc_add(notes, PLR_KUBE_NOTE_WORDS, plr_jsonc_string(pod->words.data));
    if (pod->left && pod->run->has_service)
        good = good && plr_kube_add_lives(metadata, false);
    return good ? steal(patch) : NULL;
}

static void send(plr_kube_pod *pod)
{
    plr_kube_run *run = pod->run;
    plr_error err = { 0 };
    if (pod->words_call != NULL || pod->uid == NULL || pod->gone || pod->deleting)
        return;
    _cleanup_json_ json_object *patch = annotation(pod);
    pod->words_changed = false;
    int r = plr_buf_check(&pod->words, &err);
    if (r == 0 && patch == NULL)
        r = plr_error_nomem(&err);
    if (r == 0)
        r = plr_kube_ask(run->kube, &pod->words_call, "PATCH", patch, on_sent, pod, &err,
                "/pods/%s", pod->name);
    if (r < 0)
        run->kube->host->run_failed(run->view, &err);
}

void plr_kube_on_lease(plr_timer *timer, void *userdata)
{
    (void)timer;
    send(userdata);
}

void plr_kube_words_send(plr_kube_pod *pod)
{
    if (pod->words_changed)
        send(pod);
}

void plr_kube_say(plr_kube_pod *pod, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    plr_buf_vprintf(&pod->words, format, arguments);
    va_end(arguments);
    plr_buf_putc(&pod->words, '\n');
    pod->words_changed = true;
    /* What one turn of the loop has to say goes together. */
    plr_kube_run_soon(pod->run);
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

/* Only where steps release each other: in one pod. */
void plr_kube_tell(plr_kube_run *run, const plr_fact *fact)
{
    plr_kube_pod *pod = run->pods;
    switch (fact->type) {
    case PLR_FACT_CANCELLED:
        plr_kube_say(pod, "cancelled %s %d",
                fact->u.cancelled.mode == PLR_CANCEL_GRACEFUL ? "graceful" : "now",
                fact->u.cancelled.started);
        run->cancelled = true;
        run->cancelled_now |= fact->u.cancelled.mode != PLR_CANCEL_GRACEFUL;
        break;
    case PLR_FACT_OUTCOME:
        plr_kube_say(pod, "outcome %zu %s", fact->u.outcome.task->index,
                outcome_word(fact->u.outcome.is));
        break;
    case PLR_FACT_SERVICES:
        plr_kube_say(pod, "services %s", fact->u.failed ? "failed" : "ready");
        break;
    case PLR_FACT_MAIN_ENDED:
        plr_kube_say(pod, "main %s", fact->u.failed ? "failed" : "passed");
        break;
    }
}
