/* SPDX-License-Identifier: MIT */
/* What the pod's status says of an attempt, which is the truth: how long trouble is borne, when its
 * log is opened, and how it ended. Looked at whenever there is something new. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/errand.h"
#include "engine/base/error.h"

/* Its turn has come, or it is to be gone. Until then its log is not opened, whatever has become of
 * it by its own decision: so what steps say that follow each other comes in that order, and a row
 * of them needs one connection at a time. */
static bool is_of_interest(const plr_kube_attempt *attempt)
{
    return attempt->turn || attempt->discards;
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
    return attempt->stopped && !plr_kube_has_init(attempt->hold) && attempt->evidence.restarted;
}

/* Ended by the kubelet, where no plr-init was there to say why. */
static bool is_lost(const plr_kube_attempt *attempt)
{
    bool has_init = plr_kube_has_init(attempt->hold) && !attempt->task->step->detach;
    return !has_init && attempt->evidence.has_status && attempt->evidence.exit_code != 0 &&
           plr_kube_lease_is_over(attempt->pod);
}

/* It stands at its end, and all its output has been read. */
static void conclude(plr_kube_attempt *attempt)
{
    plr_kube_evidence *evidence = &attempt->evidence;
    char message[1200];
    plr_error err = { 0 };
    plr_end end;
    evidence->lost |= is_lost(attempt);
    plr_kube_end_decide(evidence, &end, message, sizeof(message));
    if (was_replaced(attempt))
        end = (plr_end){
            .size = sizeof(end),
            .reason = PLR_REASON_SIGNAL,
            .exit_code = -1,
            .signal = evidence->stopped,
        };
    bool held_to_its_end = evidence->is_init && evidence->has_status && !evidence->has_record &&
                           !evidence->has_failure && evidence->exit_code == PLR_INIT_EXIT_HELD;
    if (!attempt->started && attempt->op == NULL)
        return; /* until its turn comes, or somebody does not want it any more */
    if (!attempt->started && attempt->discards) {
        plr_kube_attempt_complete(attempt, NULL);
        return;
    }
    if (!attempt->started && (!evidence->has_status || held_to_its_end)) {
        if (attempt->cancelled)
            plr_error_set(&err, PLR_ERR_CANCELLED, "cancelled");
        else
            plr_error_set(&err, code_of(end.reason), "%s",
                    end.message != NULL ? end.message : "its container ended before its turn");
        plr_kube_attempt_complete(attempt, &err);
        return;
    }
    /* Whose log was never to be had, or has nothing of it. */
    bool unread = (!attempt->started && !evidence->has_failure) || attempt->log == NULL;
    if (!attempt->started)
        plr_kube_attempt_report_started(attempt);
    if (unread)
        plr_kube_attempt_report_gap(attempt);
    plr_kube_attempt_report_end(attempt, &end);
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
    plr_kube_pod *pod = attempt->pod;
    char text[1400];
    const plr_kube_evidence *evidence = &attempt->evidence;
    if (evidence->patience == PLR_KUBE_PATIENCE_SCHEDULE && !pod->waits_node) {
        pod->waits_node = true;
        snprintf(text, sizeof(text), "the pod waits for a node: %s", evidence->text);
        run->kube->host->run_notice(run->view, text);
    } else if (evidence->patience == PLR_KUBE_PATIENCE_IMAGE) {
        /* Most say themselves which image it is: it may be that of an init container. */
        snprintf(text, sizeof(text), "%s: %s (tried again)", evidence->reason,
                evidence->text[0] == '\0' ? attempt->task->step->docker.image : evidence->text);
        plr_kube_attempt_warn(attempt, text);
    }
}

/* What the status says of the image that only holds its place is not the step's trouble. */
static bool is_of_pause_image(const plr_kube_attempt *attempt)
{
    return plr_kube_image_comes_later(attempt->hold) &&
           attempt->evidence.patience == PLR_KUBE_PATIENCE_IMAGE &&
           strstr(attempt->evidence.text, attempt->run->kube->settings.pause_image) != NULL;
}

/* Trouble is nobody's before the turn has come. */
static void take_trouble(plr_kube_attempt *attempt)
{
    const plr_host *host = attempt->run->kube->host;
    const plr_kube_settings *settings = &attempt->run->kube->settings;
    uint64_t limit = 0, now = host->now(attempt->run->kube->loop);
    if (!attempt->turn && !attempt->started)
        return;
    if (attempt->troubled_at == 0 && !is_of_pause_image(attempt)) {
        attempt->troubled_at = now;
        say_trouble(attempt);
    }
    switch (attempt->evidence.patience) {
    case PLR_KUBE_PATIENCE_IMAGE:
        limit = attempt->turn_at + (uint64_t)settings->image_grace_ns;
        break;
    case PLR_KUBE_PATIENCE_SCHEDULE:
        limit = attempt->pod->created_at + (uint64_t)settings->unschedulable_ns;
        break;
    case PLR_KUBE_PATIENCE_STATUS:
        limit = attempt->troubled_at + PLR_KUBE_STATUS_GRACE_NS;
        break;
    case PLR_KUBE_PATIENCE_DELETION:
        limit = attempt->troubled_at + attempt->evidence.deletion_grace_ns +
                PLR_KUBE_DELETION_GRACE_NS;
        break;
    case PLR_KUBE_PATIENCE_NONE:
        break;
    }
    if (now < limit)
        host->timer_set(attempt->timer, limit);
    else
        take_end(attempt);
}

/* The step's image takes the place of the pause image. Not before that runs, or cannot be had:
 * while a kubelet still makes the pod, it loses sight of a container whose image changes. */
static void swap(plr_kube_attempt *attempt, bool runs)
{
    plr_error err = { 0 };
    attempt->swapped = true;
    if (runs)
        attempt->evidence.restarts++;
    else if (attempt->hold == PLR_KUBE_RENEWED)
        plr_kube_say(attempt->pod, "image %zu %u", attempt->task->index, attempt->task->attempt);
    attempt->evidence.id[0] = '\0';
    attempt->evidence.standing = PLR_KUBE_WAITING;
    if (plr_kube_patch_image(attempt, attempt->task->step->docker.image, &err) < 0)
        plr_kube_attempt_complete(attempt, &err);
}

void plr_kube_attempt_look(plr_kube_attempt *attempt)
{
    const plr_kube_pod *pod = attempt->pod;
    plr_kube_evidence *evidence = &attempt->evidence;
    plr_error err = { 0 };
    if (attempt->ended || attempt->skipped)
        return;
    bool runs = evidence->standing == PLR_KUBE_RUNNING;
    bool stuck = evidence->standing == PLR_KUBE_TROUBLED &&
                 evidence->patience == PLR_KUBE_PATIENCE_IMAGE;
    if (plr_kube_image_comes_later(attempt->hold) && !attempt->swapped && (runs || stuck)) {
        if (attempt->op != NULL && attempt->turn && !attempt->cancelled) {
            swap(attempt, runs);
            return;
        }
        runs = false; /* nothing of the step's */
    }
    if (attempt->log == NULL && !attempt->log_over && !pod->gone && is_of_interest(attempt) &&
            (runs || evidence->has_status) && attempt->patch == NULL &&
            plr_kube_attempt_follow(attempt, &err) < 0) {
        attempt->log_over = true;
        attempt->run->kube->host->run_failed(attempt->run->view, &err);
        return;
    }
    if (!attempt->started && attempt->turn && !plr_kube_has_init(attempt->hold) &&
            (runs || evidence->has_status))
        plr_kube_attempt_report_started(attempt);
    bool troubled = evidence->standing == PLR_KUBE_TROUBLED ||
                    evidence->patience == PLR_KUBE_PATIENCE_DELETION;
    if (!troubled)
        attempt->troubled_at = 0;
    if (evidence->standing == PLR_KUBE_ENDED) {
        take_end(attempt);
    } else if (attempt->op != NULL && attempt->cancelled && !runs) {
        plr_error_set(&err, PLR_ERR_CANCELLED, "cancelled");
        plr_kube_attempt_complete(attempt, &err);
    } else if (troubled) {
        take_trouble(attempt);
    }
}
