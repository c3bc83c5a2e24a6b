/* SPDX-License-Identifier: MIT */
/* What pods say of a container, and what follows: each way to end, each trouble and how long it is
 * borne, and what is no end yet. */
#include "backends/kubernetes/end.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/buf.h"
#include "tests/unit/harness.h"

#define EXITED(code) ((uint32_t)(code) << 8)
#define SIGNALLED(number) ((uint32_t)(number))

/* A pod whose container s0 has this state; `more` are members of the pod's status. */
static json_object *pod_of(const char *state, const char *more)
{
    plr_buf text = { 0 };
    plr_buf_printf(&text,
            "{\"metadata\":{\"name\":\"p\"},\"status\":{%s%s\"containerStatuses\":["
            "{\"name\":\"other\",\"state\":{\"running\":{}}},"
            "{\"name\":\"s0\",\"restartCount\":0,\"containerID\":\"c://1\",\"state\":{%s}}]}}",
            more, more[0] == '\0' ? "" : ",", state);
    json_object *pod = json_tokener_parse(text.data);
    CU_ASSERT_PTR_NOT_NULL(pod);
    plr_buf_clear(&text);
    return pod;
}

static void look(plr_kube_evidence *evidence, const char *state, const char *more)
{
    json_object *pod = pod_of(state, more);
    plr_kube_end_look(evidence, pod, "s0");
    json_object_put(pod);
}

static void look_at(plr_kube_evidence *evidence, const char *text)
{
    json_object *pod = json_tokener_parse(text);
    plr_kube_end_look(evidence, pod, "s0");
    json_object_put(pod);
}

static char message[1200];

static plr_end decide(const plr_kube_evidence *evidence)
{
    plr_end end;
    plr_kube_end_decide(evidence, &end, message, sizeof(message));
    CU_ASSERT(end.message == NULL || end.message == message);
    return end;
}

#define TERMINATED(code, reason)                                                                   \
    "\"terminated\":{\"exitCode\":" #code ",\"reason\":\"" reason "\",\"message\":\"the text\"}"
#define WAITING(reason, text) "\"waiting\":{\"reason\":\"" reason "\",\"message\":\"" text "\"}"

#define PHASE(phase) "\"phase\":\"" phase "\""
#define REASON(reason, text) PHASE("Failed") ",\"reason\":\"" reason "\",\"message\":\"" text "\""
#define CONDITION(type, status, reason, text)                                                      \
    "\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\"},{\"type\":\"" type                  \
    "\",\"status\":\"" status "\",\"reason\":\"" reason "\",\"message\":\"" text "\"}]"

/* One look, and the end that it is. */
static const struct {
    const char *state, *more;
    plr_reason reason;
    int exit_code, signal;
    const char *words; /* in the message; NULL: there is none */
} ends[] = {
    { TERMINATED(0, "Completed"), "", PLR_REASON_EXIT, 0, 0, NULL },
    { TERMINATED(3, "Error"), "", PLR_REASON_EXIT, 3, 0, NULL },
    { TERMINATED(137, "OOMKilled"), "", PLR_REASON_OOM, 137, 9, "memory limit" },
    { TERMINATED(137, "Error"), "", PLR_REASON_SIGNAL, 137, 9, NULL },
    { TERMINATED(137, "ContainerStatusUnknown"), "", PLR_REASON_LOST, 137, 0, "the text" },
    { TERMINATED(128, "StartError"), "", PLR_REASON_EXIT, 128, 0, "the text" },
    { "\"terminated\":{\"exitCode\":128,\"reason\":\"StartError\",\"message\":\"exec: not found\"}",
            "", PLR_REASON_EXIT, 127, 0, "not found" },
    { "\"terminated\":{\"exitCode\":1,\"signal\":6}", "", PLR_REASON_SIGNAL, 1, 6, NULL },
    /* Disturbed. */
    { TERMINATED(137, "Error"), REASON("Evicted", "low on memory"), PLR_REASON_EVICTED, 137, 0,
            "Evicted: low on memory (exit code 137)" },
    { TERMINATED(143, "Error"),
            CONDITION("DisruptionTarget", "True", "PreemptionByScheduler", "for another"),
            PLR_REASON_EVICTED, 143, 0, "PreemptionByScheduler: for another" },
    { TERMINATED(143, "Error"),
            CONDITION("DisruptionTarget", "True", "EvictionByEvictionAPI", "by the API"),
            PLR_REASON_EVICTED, 143, 0, "by the API" },
    { TERMINATED(137, "Error"), REASON("Terminated", "node shutdown"), PLR_REASON_EVICTED, 137, 0,
            "node shutdown" },
    { TERMINATED(137, "Error"),
            CONDITION("DisruptionTarget", "True", "DeletionByTaintManager", "node is gone"),
            PLR_REASON_LOST, 137, 0, "node is gone" },
    { TERMINATED(137, "Error"), REASON("DeadlineExceeded", "active too long"), PLR_REASON_TIMEOUT,
            137, 0, "active too long" },
    { TERMINATED(143, "Error"), CONDITION("DisruptionTarget", "False", "EvictionByEvictionAPI", ""),
            PLR_REASON_EXIT, 143, 0, NULL },
    /* It was done before anybody disturbed it. */
    { TERMINATED(0, "Completed"), REASON("Evicted", "low on memory"), PLR_REASON_EXIT, 0, 0, NULL },
    /* It will never run. */
    { WAITING("InvalidImageName", "no such form"), "", PLR_REASON_IMAGE, -1, 0,
            "InvalidImageName: no such form" },
    { WAITING("ErrImageNeverPull", "absent"), "", PLR_REASON_IMAGE, -1, 0, "absent" },
    { WAITING("CreateContainerConfigError", "no secret"), "", PLR_REASON_CONFIGURATION, -1, 0,
            "CreateContainerConfigError: no secret" },
};

static void ways_to_end(void)
{
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        plr_kube_evidence evidence = { .is_init = true, .ran = true };
        look(&evidence, ends[i].state, ends[i].more);
        CU_ASSERT_EQUAL(evidence.standing, PLR_KUBE_ENDED);
        plr_end end = decide(&evidence);
        CU_ASSERT_EQUAL(end.reason, ends[i].reason);
        CU_ASSERT_EQUAL(end.exit_code, ends[i].exit_code);
        CU_ASSERT_EQUAL(end.signal, ends[i].signal);
        bool said = ends[i].words == NULL
                            ? end.message == NULL
                            : end.message != NULL && strstr(end.message, ends[i].words) != NULL;
        CU_ASSERT_TRUE(said);
        if (!said || end.reason != ends[i].reason)
            fprintf(stderr, "%zu: %s\n", i, message);
    }
}

/* No end yet; and what it is if patience has run out. */
static const struct {
    const char *state, *more;
    plr_kube_standing standing;
    plr_kube_patience patience;
    plr_reason reason; /* when troubled */
    const char *words;
} stands[] = {
    { "\"running\":{}", PHASE("Running"), PLR_KUBE_RUNNING, PLR_KUBE_PATIENCE_NONE, 0, "" },
    { WAITING("ContainerCreating", ""), PHASE("Pending"), PLR_KUBE_WAITING, PLR_KUBE_PATIENCE_NONE,
            0, "" },
    { "", "", PLR_KUBE_WAITING, PLR_KUBE_PATIENCE_NONE, 0, "" },
    { WAITING("ErrImagePull", "401 Unauthorized"), "", PLR_KUBE_TROUBLED, PLR_KUBE_PATIENCE_IMAGE,
            PLR_REASON_IMAGE, "ErrImagePull: 401 Unauthorized" },
    { WAITING("ImagePullBackOff", "Back-off"), "", PLR_KUBE_TROUBLED, PLR_KUBE_PATIENCE_IMAGE,
            PLR_REASON_IMAGE, "ImagePullBackOff: Back-off" },
    { WAITING("CreateContainerError", "busy"), "", PLR_KUBE_TROUBLED, PLR_KUBE_PATIENCE_STATUS,
            PLR_REASON_CONFIGURATION, "CreateContainerError: busy" },
    { WAITING("RunContainerError", "no"), "", PLR_KUBE_TROUBLED, PLR_KUBE_PATIENCE_STATUS,
            PLR_REASON_CONFIGURATION, "RunContainerError: no" },
    /* The phase is ahead of the state. */
    { "\"running\":{}", PHASE("Succeeded"), PLR_KUBE_TROUBLED, PLR_KUBE_PATIENCE_STATUS,
            PLR_REASON_LOST, "nobody tells" },
    { "\"running\":{}", PHASE("Failed"), PLR_KUBE_TROUBLED, PLR_KUBE_PATIENCE_STATUS,
            PLR_REASON_LOST, "nobody tells" },
    { WAITING("PodInitializing", ""), REASON("Evicted", "low on disk"), PLR_KUBE_TROUBLED,
            PLR_KUBE_PATIENCE_STATUS, PLR_REASON_EVICTED, "Evicted: low on disk" },
    { WAITING("ContainerCreating", ""), REASON("OutOfcpu", "no room"), PLR_KUBE_TROUBLED,
            PLR_KUBE_PATIENCE_STATUS, PLR_REASON_INFRASTRUCTURE, "OutOfcpu: no room" },
};

static void what_is_no_end_yet(void)
{
    for (size_t i = 0; i < sizeof(stands) / sizeof(stands[0]); i++) {
        plr_kube_evidence evidence = { .is_init = true };
        look(&evidence, stands[i].state, stands[i].more);
        CU_ASSERT_EQUAL(evidence.standing, stands[i].standing);
        CU_ASSERT_EQUAL(evidence.patience, stands[i].patience);
        if (evidence.standing != stands[i].standing)
            fprintf(stderr, "%zu: %d\n", i, evidence.standing);
        if (stands[i].standing == PLR_KUBE_TROUBLED) {
            plr_end end = decide(&evidence);
            CU_ASSERT_EQUAL(end.reason, stands[i].reason);
            CU_ASSERT_EQUAL(end.exit_code, -1);
            CU_ASSERT_PTR_NOT_NULL(strstr(message, stands[i].words));
        }
        /* All may still be well. */
        look(&evidence, TERMINATED(0, "Completed"), PHASE("Succeeded"));
        CU_ASSERT_EQUAL(evidence.standing, PLR_KUBE_ENDED);
        CU_ASSERT_EQUAL(decide(&evidence).exit_code, 0);
        CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_EXIT);
    }
}

static void pods_without_containers(void)
{
    plr_kube_evidence evidence = { .is_init = true };
    look_at(&evidence, "{\"metadata\":{},\"status\":{\"phase\":\"Pending\"," CONDITION(
                               "PodScheduled", "False", "Unschedulable", "0/3 nodes") "}}");
    CU_ASSERT_EQUAL(evidence.standing, PLR_KUBE_TROUBLED);
    CU_ASSERT_EQUAL(evidence.patience, PLR_KUBE_PATIENCE_SCHEDULE);
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_INFRASTRUCTURE);
    CU_ASSERT_STRING_EQUAL(message, "Unschedulable: 0/3 nodes");
    look_at(&evidence, "{\"metadata\":{},\"status\":{\"phase\":\"Pending\"," CONDITION(
                               "PodScheduled", "True", "", "") "}}");
    CU_ASSERT_EQUAL(evidence.standing, PLR_KUBE_WAITING);
    /* As kubelets before 1.22 evict. */
    look_at(&evidence, "{\"status\":{" REASON("Evicted", "low") "}}");
    CU_ASSERT_EQUAL(evidence.standing, PLR_KUBE_TROUBLED);
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_EVICTED);
    static const char *const odd[] = { "{}", "[]", "{\"status\":7}",
        "{\"status\":{\"containerStatuses\":{}}}",
        "{\"status\":{\"containerStatuses\":[null,7,{\"name\":\"s0\",\"state\":[]}]}}" };
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        plr_kube_evidence none = { .is_init = true };
        look_at(&none, odd[i]);
        CU_ASSERT_EQUAL(none.standing, PLR_KUBE_WAITING);
    }
}

/* What the registry said outlives the back-off that hides it, but not another answer. */
static void the_registrys_words(void)
{
    plr_kube_evidence evidence = { .is_init = true };
    look(&evidence, WAITING("ErrImagePull", "manifest unknown"), "");
    look(&evidence, WAITING("ImagePullBackOff", "Back-off pulling image"), "");
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_IMAGE);
    CU_ASSERT_STRING_EQUAL(message, "ImagePullBackOff: manifest unknown");
    look(&evidence, WAITING("ImagePullBackOff", "Back-off: ErrImagePull: 429"), "");
    decide(&evidence);
    CU_ASSERT_STRING_EQUAL(message, "ImagePullBackOff: Back-off: ErrImagePull: 429");
}

static void gone(void)
{
    plr_kube_evidence evidence = { .is_init = true, .ran = true, .has_record = true };
    look(&evidence, "\"running\":{}", "");
    plr_kube_end_gone(&evidence, NULL, "s0");
    CU_ASSERT_EQUAL(evidence.standing, PLR_KUBE_ENDED);
    plr_end end = decide(&evidence);
    /* Its record says 0, but who knows. */
    CU_ASSERT_EQUAL(end.reason, PLR_REASON_LOST);
    CU_ASSERT_EQUAL(end.exit_code, -1);

    /* Its last word was an end; or why it went. */
    json_object *last = pod_of(TERMINATED(4, "Error"), "");
    evidence = (plr_kube_evidence){ .is_init = true };
    plr_kube_end_gone(&evidence, last, "s0");
    CU_ASSERT_EQUAL(decide(&evidence).exit_code, 4);
    json_object_put(last);
    last = pod_of("\"running\":{}",
            CONDITION("DisruptionTarget", "True", "DeletionByPodGC", "node is gone"));
    evidence = (plr_kube_evidence){ .is_init = true };
    plr_kube_end_gone(&evidence, last, "s0");
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_LOST);
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "node is gone"));
    json_object_put(last);

    /* By ourselves. */
    evidence = (plr_kube_evidence){ .is_init = true, .deleting = true };
    plr_kube_end_gone(&evidence, NULL, "s0");
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_SIGNAL);
    CU_ASSERT_EQUAL(decide(&evidence).signal, SIGKILL);

    /* What has ended stays so. */
    evidence = (plr_kube_evidence){ .is_init = true };
    look(&evidence, TERMINATED(0, "Completed"), "");
    plr_kube_end_gone(&evidence, NULL, "s0");
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_EXIT);
    CU_ASSERT_EQUAL(decide(&evidence).exit_code, 0);
}

/* What was seen last of a node that is gone is no end, and not for ever. */
static void a_node_that_tells_nothing(void)
{
    static const char pod[] =
            "{\"metadata\":{\"deletionTimestamp\":\"2026-11-21T15:12:32Z\","
            "\"deletionGracePeriodSeconds\":7},\"status\":{%s,"
            "\"containerStatuses\":[{\"name\":\"s0\",\"containerID\":\"1\",\"state\":{%s}}]}}";
    char text[800];
    plr_kube_evidence evidence = { .is_init = true, .ran = true };
    snprintf(text, sizeof(text), pod,
            CONDITION("DisruptionTarget", "True", "DeletionByTaintManager", "the taint"),
            "\"running\":{}");
    look_at(&evidence, text);
    CU_ASSERT_EQUAL(evidence.standing, PLR_KUBE_RUNNING);
    CU_ASSERT_EQUAL(evidence.patience, PLR_KUBE_PATIENCE_DELETION);
    CU_ASSERT_EQUAL(evidence.deletion_grace_ns, UINT64_C(7000000000));
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_LOST);
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "the taint"));
    /* It does after all. */
    snprintf(text, sizeof(text), pod, PHASE("Running"), TERMINATED(143, "Error"));
    look_at(&evidence, text);
    CU_ASSERT_EQUAL(evidence.standing, PLR_KUBE_ENDED);
    CU_ASSERT_EQUAL(evidence.patience, PLR_KUBE_PATIENCE_NONE);
    /* We have asked for its deletion. */
    evidence = (plr_kube_evidence){ .is_init = true, .ran = true, .deleting = true };
    snprintf(text, sizeof(text), pod, PHASE("Running"), "\"running\":{}");
    look_at(&evidence, text);
    CU_ASSERT_EQUAL(evidence.patience, PLR_KUBE_PATIENCE_DELETION);
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_LOST);
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "does not tell"));
}

static void deleted_by_someone_else(void)
{
    static const char pod[] =
            "{\"metadata\":{\"deletionTimestamp\":\"2026-11-21T15:12:32Z\"},\"status\":{"
            "\"containerStatuses\":[{\"name\":\"s0\",\"containerID\":\"1\",\"state\":{%s}}]}}";
    char text[600];
    snprintf(text, sizeof(text), pod, TERMINATED(143, "Error"));
    plr_kube_evidence evidence = {
        .is_init = true, .ran = true, .has_record = true, .record = { .status = SIGNALLED(SIGTERM) }
    };
    look_at(&evidence, text);
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_LOST);
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "deleted by someone else"));
    evidence = (plr_kube_evidence){ .is_init = true, .deleting = true, .stopped = SIGTERM };
    look_at(&evidence, text);
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_SIGNAL);
    CU_ASSERT_EQUAL(decide(&evidence).signal, SIGTERM);
}

static void restarts(void)
{
    static const char again[] =
            "{\"status\":{\"containerStatuses\":[{\"name\":\"s0\",\"restartCount\":1,"
            "\"containerID\":\"2\",\"state\":{\"running\":{}}}]}}";
    plr_kube_evidence evidence = { .is_init = true };
    look(&evidence, "\"running\":{}", "");
    look_at(&evidence, again);
    CU_ASSERT_EQUAL(evidence.standing, PLR_KUBE_ENDED);
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_INFRASTRUCTURE);
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "started again"));

    /* Another container, without a count. */
    evidence = (plr_kube_evidence){ .is_init = true };
    look(&evidence, "\"running\":{}", "");
    look_at(&evidence, "{\"status\":{\"containerStatuses\":[{\"name\":\"s0\",\"containerID\":\"9\","
                       "\"state\":{\"terminated\":{\"exitCode\":0}}}]}}");
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_INFRASTRUCTURE);

    /* Its image was patched: what runs before is not the step. */
    evidence = (plr_kube_evidence){ .restarts = 1 };
    look(&evidence, "\"running\":{}", "");
    CU_ASSERT_EQUAL(evidence.standing, PLR_KUBE_WAITING);
    look(&evidence, TERMINATED(0, "Completed"), "");
    CU_ASSERT_EQUAL(evidence.standing, PLR_KUBE_WAITING);
    look(&evidence, WAITING("ErrImagePull", "no"), "");
    CU_ASSERT_EQUAL(evidence.standing, PLR_KUBE_TROUBLED);
    look_at(&evidence, again);
    CU_ASSERT_EQUAL(evidence.standing, PLR_KUBE_RUNNING);
}

static void the_init_explains(void)
{
    plr_kube_evidence evidence = { .is_init = true,
        .ran = true,
        .has_record = true,
        .record = { .status = SIGNALLED(SIGSEGV), .user_us = 5, .maxrss_kib = 2 } };
    plr_end end;
    plr_kube_end_early(&evidence, &end);
    CU_ASSERT_EQUAL(end.signal, SIGSEGV);
    look(&evidence, TERMINATED(139, "Error"), "");
    end = decide(&evidence);
    CU_ASSERT_EQUAL(end.reason, PLR_REASON_SIGNAL);
    CU_ASSERT_EQUAL(end.signal, SIGSEGV);
    CU_ASSERT_EQUAL(end.usage.cpu_user_us, 5);
    CU_ASSERT_EQUAL(end.usage.memory_peak, 2048);

    /* `exit 137` is no kill; but a record of another end is none at all. */
    evidence.record.status = EXITED(137);
    evidence.exit_code = 137;
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_EXIT);
    evidence.record.status = EXITED(0);
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_SIGNAL);

    /* Only a child of it was killed for memory. */
    evidence = (plr_kube_evidence){
        .is_init = true, .has_record = true, .record = { .status = EXITED(1) }
    };
    look(&evidence, TERMINATED(1, "OOMKilled"), "");
    end = decide(&evidence);
    CU_ASSERT_EQUAL(end.reason, PLR_REASON_EXIT);
    CU_ASSERT_TRUE(end.oom);

    evidence = (plr_kube_evidence){ .is_init = true,
        .has_failure = true,
        .failure = { ENOENT, PLR_INIT_STAGE_EXEC },
        .command = "nope" };
    look(&evidence, TERMINATED(127, "Error"), "");
    CU_ASSERT_EQUAL(decide(&evidence).exit_code, 127);
    CU_ASSERT_STRING_EQUAL(message, "exec: \"nope\": executable file not found in $PATH");
}

static void an_init_that_ends_while_it_holds(void)
{
    plr_kube_evidence evidence = { .is_init = true };
    look(&evidence, TERMINATED(124, "Error"), "");
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_INFRASTRUCTURE);
    evidence.stopped = SIGTERM;
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_SIGNAL);
    /* 124 of the step's own. */
    evidence.stopped = 0;
    evidence.ran = true;
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_EXIT);
    CU_ASSERT_EQUAL(decide(&evidence).exit_code, 124);
    evidence.is_init = evidence.ran = false;
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_EXIT);
}

static const plr_test tests[] = {
    { "a node that tells nothing", a_node_that_tells_nothing },
    { "ways to end", ways_to_end },
    { "what is no end yet, and for how long", what_is_no_end_yet },
    { "pods without containers, and odd ones", pods_without_containers },
    { "the registry's words are kept", the_registrys_words },
    { "a pod that is gone is lost, unless it said more", gone },
    { "deleted by someone else", deleted_by_someone_else },
    { "a restart is the infrastructure's, unless it was asked for", restarts },
    { "plr-init explains what the status says", the_init_explains },
    { "an init that ends while it holds", an_init_that_ends_while_it_holds },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("kube_end", tests);
}
