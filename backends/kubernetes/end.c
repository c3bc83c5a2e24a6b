/* SPDX-License-Identifier: MIT */
/* How a container's end is read: its status is the truth, plr-init's record explains it, and what
 * happened to the pod may say that it was nobody's fault in the step. */
#include "backends/kubernetes/end.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "net/init_end.h"
#include "net/jsonc.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* What a container waits for that will not come, or not soon. */
static const struct trouble {
    const char *waits_for;
    plr_kube_patience patience; /* NONE: it has ended */
    plr_reason reason;
} troubles[] = {
    { "InvalidImageName", PLR_KUBE_PATIENCE_NONE, PLR_REASON_IMAGE },
    { "ErrImageNeverPull", PLR_KUBE_PATIENCE_NONE, PLR_REASON_IMAGE },
    { "ErrImagePull", PLR_KUBE_PATIENCE_IMAGE, PLR_REASON_IMAGE },
    { "ImagePullBackOff", PLR_KUBE_PATIENCE_IMAGE, PLR_REASON_IMAGE },
    { "ImageInspectError", PLR_KUBE_PATIENCE_IMAGE, PLR_REASON_IMAGE },
    { "RegistryUnavailable", PLR_KUBE_PATIENCE_IMAGE, PLR_REASON_IMAGE },
    { "SignatureValidationFailed", PLR_KUBE_PATIENCE_IMAGE, PLR_REASON_IMAGE },
    { "CreateContainerConfigError", PLR_KUBE_PATIENCE_NONE, PLR_REASON_CONFIGURATION },
    /* The runtime may only have been too busy, and the kubelet tries again. */
    { "CreateContainerError", PLR_KUBE_PATIENCE_STATUS, PLR_REASON_CONFIGURATION },
    { "RunContainerError", PLR_KUBE_PATIENCE_STATUS, PLR_REASON_CONFIGURATION },
};

/* What a failed pod's reason, or the reason of its condition DisruptionTarget, means. */
static const struct disruption {
    const char *reason;
    plr_kube_disruption disruption;
} disruptions[] = {
    { "Evicted", PLR_KUBE_EVICTED },
    { "Preempting", PLR_KUBE_EVICTED },
    { "Terminated", PLR_KUBE_EVICTED }, /* the node shuts down */
    { "NodeShutdown", PLR_KUBE_EVICTED },
    { "Shutdown", PLR_KUBE_EVICTED },
    { "PreemptionByScheduler", PLR_KUBE_EVICTED },
    { "EvictionByEvictionAPI", PLR_KUBE_EVICTED },
    { "TerminationByKubelet", PLR_KUBE_EVICTED },
    { "NodeLost", PLR_KUBE_NODE_LOST },
    { "DeletionByTaintManager", PLR_KUBE_NODE_LOST },
    { "DeletionByPodGC", PLR_KUBE_NODE_LOST },
    { "DeadlineExceeded", PLR_KUBE_DEADLINE },
};

static void copy(char *to, size_t size, const char *text)
{
    snprintf(to, size, "%s", text);
}

/* The member of an array of objects whose `key` says `value`, or NULL. */
static json_object *find_in(json_object *array, const char *key, const char *value)
{
    for (size_t i = 0; array != NULL && i < json_object_array_length(array); i++) {
        json_object *object = json_object_array_get_idx(array, i);
        if (strcmp(plr_jsonc_text(object, key), value) == 0)
            return object;
    }
    return NULL;
}

static json_object *condition(json_object *status, const char *type)
{
    return find_in(plr_jsonc_get(status, "conditions", json_type_array), "type", type);
}

static bool is_over(const char *phase)
{
    return strcmp(phase, "Failed") == 0 || strcmp(phase, "Succeeded") == 0;
}

static void disrupt(plr_kube_evidence *evidence, plr_kube_disruption disruption, const char *reason,
        const char *message)
{
    evidence->disruption = disruption;
    snprintf(evidence->why, sizeof(evidence->why), "%s%s%s", reason, message[0] == '\0' ? "" : ": ",
            message);
}

static bool disrupt_by(plr_kube_evidence *evidence, const char *reason, const char *message)
{
    for (size_t i = 0; i < LENGTH(disruptions); i++) {
        if (strcmp(disruptions[i].reason, reason) == 0) {
            disrupt(evidence, disruptions[i].disruption, reason, message);
            return true;
        }
    }
    return false;
}

/* From the most telling to the least. */
static void look_for_disruption(plr_kube_evidence *evidence, json_object *pod, json_object *status)
{
    const char *reason = plr_jsonc_text(status, "reason");
    const char *message = plr_jsonc_text(status, "message");
    json_object *target = condition(status, "DisruptionTarget");
    json_object *metadata = plr_jsonc_get(pod, "metadata", json_type_object);
    if (disrupt_by(evidence, reason, message))
        return;
    if (strcmp(plr_jsonc_text(target, "status"), "True") == 0 &&
            disrupt_by(
                    evidence, plr_jsonc_text(target, "reason"), plr_jsonc_text(target, "message")))
        return;
    if (reason[0] != '\0' && strcmp(plr_jsonc_text(status, "phase"), "Failed") == 0)
        disrupt(evidence, PLR_KUBE_REJECTED, reason, message);
    else if (plr_jsonc_text(metadata, "deletionTimestamp")[0] != '\0' && !evidence->deleting)
        disrupt(evidence, PLR_KUBE_DELETED, "the pod was deleted by someone else", "");
}

/* What a runtime says, without the words of the protocol that brought it. */
static const char *in_plain_words(const char *message)
{
    static const char before[] = "rpc error: ", after[] = " desc = ";
    const char *words = strstr(message, after);
    return words == NULL || strncmp(message, before, strlen(before)) != 0 ? message
                                                                          : words + strlen(after);
}

static void take_waiting(plr_kube_evidence *evidence, json_object *waiting)
{
    const char *reason = plr_jsonc_text(waiting, "reason");
    const char *message = in_plain_words(plr_jsonc_text(waiting, "message"));
    for (size_t i = 0; i < LENGTH(troubles); i++) {
        if (strcmp(troubles[i].waits_for, reason) != 0)
            continue;
        /* Older kubelets say what the registry said once, before they back off. */
        bool said = evidence->trouble == PLR_REASON_IMAGE && evidence->text[0] != '\0' &&
                    strcmp(reason, "ImagePullBackOff") == 0 &&
                    strstr(message, "ErrImagePull") == NULL;
        if (!said)
            copy(evidence->text, sizeof(evidence->text), message);
        copy(evidence->reason, sizeof(evidence->reason), reason);
        evidence->trouble = troubles[i].reason;
        evidence->patience = troubles[i].patience;
        evidence->standing =
                evidence->patience == PLR_KUBE_PATIENCE_NONE ? PLR_KUBE_ENDED : PLR_KUBE_TROUBLED;
        return;
    }
}

static void take_terminated(plr_kube_evidence *evidence, json_object *terminated)
{
    evidence->standing = PLR_KUBE_ENDED;
    evidence->has_status = true;
    evidence->exit_code = (int)plr_jsonc_number(terminated, "exitCode");
    evidence->signal = (int)plr_jsonc_number(terminated, "signal");
    copy(evidence->reason, sizeof(evidence->reason), plr_jsonc_text(terminated, "reason"));
    copy(evidence->text, sizeof(evidence->text), plr_jsonc_text(terminated, "message"));
}

/* restartPolicy Never promises less than it says: a node that restarted may start a container
 * again. */
static bool is_another(plr_kube_evidence *evidence, json_object *container)
{
    const char *id = plr_jsonc_text(container, "containerID");
    if (plr_jsonc_number(container, "restartCount") > evidence->restarts)
        return true;
    if (id[0] == '\0')
        return false;
    if (evidence->id[0] == '\0')
        copy(evidence->id, sizeof(evidence->id), id);
    return strcmp(evidence->id, id) != 0;
}

static void take_container(plr_kube_evidence *evidence, json_object *container)
{
    json_object *state = plr_jsonc_get(container, "state", json_type_object);
    json_object *waiting = plr_jsonc_get(state, "waiting", json_type_object);
    json_object *terminated = plr_jsonc_get(state, "terminated", json_type_object);
    evidence->ready = plr_jsonc_true(container, "ready");
    if (waiting != NULL) {
        take_waiting(evidence, waiting);
        return;
    }
    /* What runs or has ended is still the image before. */
    if (plr_jsonc_number(container, "restartCount") < evidence->restarts)
        return;
    if (is_another(evidence, container)) {
        evidence->restarted = true;
        evidence->standing = PLR_KUBE_ENDED;
    } else if (terminated != NULL) {
        take_terminated(evidence, terminated);
    } else if (plr_jsonc_get(state, "running", json_type_object) != NULL) {
        evidence->standing = PLR_KUBE_RUNNING;
    }
}

/* What has to end well before any step begins: copies of files, and what a template has. */
static void take_preparation(plr_kube_evidence *evidence, json_object *status)
{
    json_object *all = plr_jsonc_get(status, "initContainerStatuses", json_type_array);
    for (size_t i = 0; all != NULL && i < json_object_array_length(all); i++) {
        json_object *one = json_object_array_get_idx(all, i);
        json_object *state = plr_jsonc_get(one, "state", json_type_object);
        json_object *terminated = plr_jsonc_get(state, "terminated", json_type_object);
        int64_t code = plr_jsonc_number(terminated, "exitCode");
        take_waiting(evidence, plr_jsonc_get(state, "waiting", json_type_object));
        if (code == 0)
            continue;
        evidence->standing = PLR_KUBE_ENDED;
        evidence->trouble = PLR_REASON_INFRASTRUCTURE;
        evidence->reason[0] = '\0';
        snprintf(evidence->text, sizeof(evidence->text),
                "the init container %s ended with exit code %lld", plr_jsonc_text(one, "name"),
                (long long)code);
    }
}

static void take_unscheduled(plr_kube_evidence *evidence, json_object *status)
{
    json_object *scheduled = condition(status, "PodScheduled");
    const char *reason = plr_jsonc_text(scheduled, "reason");
    if (strcmp(plr_jsonc_text(scheduled, "status"), "False") != 0 ||
            strcmp(reason, "Unschedulable") != 0)
        return;
    evidence->standing = PLR_KUBE_TROUBLED;
    evidence->patience = PLR_KUBE_PATIENCE_SCHEDULE;
    evidence->trouble = PLR_REASON_INFRASTRUCTURE;
    copy(evidence->reason, sizeof(evidence->reason), reason);
    copy(evidence->text, sizeof(evidence->text), plr_jsonc_text(scheduled, "message"));
}

/* A node that is gone says nothing any more: what was seen last is seen for ever. */
static void take_deletion(plr_kube_evidence *evidence, json_object *pod)
{
    json_object *metadata = plr_jsonc_get(pod, "metadata", json_type_object);
    int64_t grace_s = plr_jsonc_number(metadata, "deletionGracePeriodSeconds");
    if (evidence->standing == PLR_KUBE_ENDED || evidence->standing == PLR_KUBE_TROUBLED ||
            plr_jsonc_text(metadata, "deletionTimestamp")[0] == '\0')
        return;
    evidence->patience = PLR_KUBE_PATIENCE_DELETION;
    evidence->deletion_grace_ns = (uint64_t)(grace_s > 0 ? grace_s : 0) * UINT64_C(1000000000);
    evidence->trouble = PLR_REASON_LOST;
    evidence->reason[0] = '\0';
    copy(evidence->text, sizeof(evidence->text),
            "the pod is to go, and its node does not tell how the container ended");
}

void plr_kube_end_look(plr_kube_evidence *evidence, json_object *pod, const char *container)
{
    json_object *status = plr_jsonc_get(pod, "status", json_type_object);
    json_object *containers = plr_jsonc_get(status, "containerStatuses", json_type_array);
    json_object *own = find_in(containers, "name", container);
    if (evidence->standing == PLR_KUBE_ENDED)
        return;
    evidence->standing = PLR_KUBE_WAITING;
    evidence->patience = PLR_KUBE_PATIENCE_NONE;
    look_for_disruption(evidence, pod, status);
    if (own != NULL)
        take_container(evidence, own);
    else
        take_unscheduled(evidence, status);
    if (evidence->standing == PLR_KUBE_WAITING)
        take_preparation(evidence, status);
    /* The phase may be ahead of the containers' states; on eviction these may never come. */
    if (evidence->standing != PLR_KUBE_ENDED && is_over(plr_jsonc_text(status, "phase"))) {
        evidence->standing = PLR_KUBE_TROUBLED;
        evidence->patience = PLR_KUBE_PATIENCE_STATUS;
        evidence->trouble = PLR_REASON_LOST;
        copy(evidence->reason, sizeof(evidence->reason), plr_jsonc_text(status, "phase"));
        copy(evidence->text, sizeof(evidence->text),
                "the pod has ended, but nobody tells how the container did");
    }
    take_deletion(evidence, pod);
}

void plr_kube_end_gone(plr_kube_evidence *evidence, json_object *last, const char *container)
{
    if (last != NULL)
        plr_kube_end_look(evidence, last, container);
    if (evidence->standing == PLR_KUBE_ENDED)
        return;
    evidence->gone = true;
    evidence->standing = PLR_KUBE_ENDED;
    evidence->trouble = PLR_REASON_LOST;
    evidence->reason[0] = '\0';
    copy(evidence->text, sizeof(evidence->text),
            "the pod is gone, and nobody tells how the container ended");
}

void plr_kube_end_early(const plr_kube_evidence *evidence, plr_end *ret_end)
{
    *ret_end = (plr_end){ .size = sizeof(*ret_end) };
    plr_init_end_status(ret_end, (int)evidence->record.status);
    plr_init_end_usage(ret_end, &evidence->record);
}

static plr_reason reason_of(plr_kube_disruption disruption)
{
    switch (disruption) {
    case PLR_KUBE_EVICTED:
        return PLR_REASON_EVICTED;
    case PLR_KUBE_DEADLINE:
        return PLR_REASON_TIMEOUT;
    case PLR_KUBE_REJECTED:
        return PLR_REASON_INFRASTRUCTURE;
    case PLR_KUBE_UNDISTURBED:
    case PLR_KUBE_DELETED:
    case PLR_KUBE_NODE_LOST:
        break;
    }
    return PLR_REASON_LOST;
}

static void say_trouble(const plr_kube_evidence *evidence, plr_end *end, char *message, size_t size)
{
    end->reason = evidence->trouble;
    end->exit_code = -1;
    if (evidence->restarted && evidence->stopped != 0) {
        end->reason = PLR_REASON_SIGNAL; /* another image is how one without an init is stopped */
        end->signal = evidence->stopped;
    } else if (evidence->restarted) {
        end->reason = PLR_REASON_INFRASTRUCTURE;
        snprintf(message, size, "the container was started again, and nobody had asked for that");
    } else if (evidence->disruption != PLR_KUBE_UNDISTURBED) {
        end->reason = reason_of(evidence->disruption);
        snprintf(message, size, "%s", evidence->why);
    } else if (evidence->gone && (evidence->deleting || evidence->stopped != 0)) {
        end->reason = PLR_REASON_SIGNAL;
        end->signal = evidence->deleting ? SIGKILL : evidence->stopped;
        snprintf(message, size, "its pod was deleted");
    } else {
        snprintf(message, size, "%s%s%s", evidence->reason,
                evidence->reason[0] == '\0' || evidence->text[0] == '\0' ? "" : ": ",
                evidence->text);
    }
}

/* The runtime could not start the command: the exit code that a shell would have for it. */
static void say_start_error(
        const plr_kube_evidence *evidence, plr_end *end, char *message, size_t size)
{
    if (strcmp(evidence->reason, "StartError") != 0 &&
            strcmp(evidence->reason, "ContainerCannotRun") != 0)
        return;
    if (strstr(evidence->text, "not found") != NULL ||
            strstr(evidence->text, "no such file") != NULL)
        end->exit_code = PLR_INIT_EXIT_NOENT;
    else if (strstr(evidence->text, "permission denied") != NULL)
        end->exit_code = PLR_INIT_EXIT_EXEC;
    snprintf(message, size, "%s", evidence->text);
}

static bool is_held_end(const plr_kube_evidence *evidence)
{
    return evidence->is_init && !evidence->ran && !evidence->has_record &&
           (evidence->exit_code == PLR_INIT_EXIT_HELD || evidence->exit_code == PLR_INIT_EXIT_OWN);
}

static void say_status(const plr_kube_evidence *evidence, plr_end *end, char *message, size_t size)
{
    int code = evidence->exit_code;
    end->oom = strcmp(evidence->reason, "OOMKilled") == 0;
    if (evidence->lost && evidence->stopped == 0) {
        end->reason = PLR_REASON_INFRASTRUCTURE;
        snprintf(message, size,
                "its pod had not heard of this engine for so long that it ended by itself (exit "
                "code %d)",
                code);
        return;
    }
    if (code == 0)
        return;
    if (evidence->has_failure) {
        plr_init_end_failure(&evidence->failure, evidence->command, message, size);
    } else if (end->oom && code == 128 + SIGKILL) {
        end->reason = PLR_REASON_OOM;
        end->signal = SIGKILL;
        snprintf(message, size, "killed by the kernel: the memory limit was reached");
    } else if (evidence->disruption != PLR_KUBE_UNDISTURBED) {
        end->reason = reason_of(evidence->disruption);
        snprintf(message, size, "%s (exit code %d)", evidence->why, code);
    } else if (strcmp(evidence->reason, "ContainerStatusUnknown") == 0) {
        end->reason = PLR_REASON_LOST;
        snprintf(message, size, "%s", evidence->text);
    } else if (evidence->has_record && plr_init_end_code((int)evidence->record.status) == code) {
        plr_init_end_status(end, (int)evidence->record.status);
    } else if (evidence->stopped != 0 &&
               (code == 128 + evidence->stopped || is_held_end(evidence))) {
        end->reason = PLR_REASON_SIGNAL;
        end->signal = evidence->stopped;
    } else if (is_held_end(evidence)) {
        end->reason = PLR_REASON_INFRASTRUCTURE;
        snprintf(message, size, "plr-init ended before the command ran (exit code %d)", code);
    } else if (evidence->signal != 0 || (code == 128 + SIGKILL && evidence->is_init)) {
        /* Without a record, PID 1 itself was killed. */
        end->reason = PLR_REASON_SIGNAL;
        end->signal = evidence->signal != 0 ? evidence->signal : SIGKILL;
    } else {
        say_start_error(evidence, end, message, size);
    }
}

void plr_kube_end_decide(
        const plr_kube_evidence *evidence, plr_end *ret_end, char *message, size_t size)
{
    *ret_end = (plr_end){
        .size = sizeof(*ret_end),
        .reason = PLR_REASON_EXIT,
        .exit_code = evidence->exit_code,
    };
    message[0] = '\0';
    if (evidence->has_record)
        plr_init_end_usage(ret_end, &evidence->record);
    if (evidence->has_status && !evidence->restarted)
        say_status(evidence, ret_end, message, size);
    else
        say_trouble(evidence, ret_end, message, size);
    ret_end->message = message[0] == '\0' ? NULL : message;
}
