/* SPDX-License-Identifier: MIT */
/* Events as words and as lines of JSON. */
#include "tests/unit/harness.h"

#include <pipeline/event.h>
#include <stdlib.h>
#include <string.h>

static plr_event event_of(plr_event_type type)
{
    return (plr_event){ .size = sizeof(plr_event),
        .type = type,
        .sequence = 7,
        .monotonic_ns = 1500000000,
        .wall_ns = 1700000000123456789,
        .run = "r1",
        .task = PLR_NONE };
}

static plr_event step_event_of(plr_event_type type)
{
    plr_event event = event_of(type);
    event.task = 2;
    event.step = "build";
    event.attempt = 1;
    return event;
}

#define HEAD(type)                                                                                 \
    "{\"event\":\"" type "\",\"run\":\"r1\",\"sequence\":7,"                                       \
    "\"time\":\"2023-11-14T22:13:20.123456789Z\",\"monotonic_ns\":1500000000"
#define STEP_HEAD(type) HEAD(type) ",\"task\":2,\"step\":\"build\",\"attempt\":1"

static void check_line(const plr_event *event, const char *expected)
{
    char *line = NULL;
    plr_error err = { 0 };
    CU_ASSERT_EQUAL(plr_event_to_json(event, &line, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(line);
    if (line != NULL)
        CU_ASSERT_STRING_EQUAL(line, expected);
    free(line);
}

static void words(void)
{
    CU_ASSERT_STRING_EQUAL(plr_state_name(PLR_STATE_ENDED), "ended");
    CU_ASSERT_STRING_EQUAL(plr_reason_name(PLR_REASON_NOT_READY), "not-ready");
    CU_ASSERT_STRING_EQUAL(plr_reason_name(PLR_REASON_INFRASTRUCTURE), "infrastructure");
    CU_ASSERT_STRING_EQUAL(plr_skip_name(PLR_SKIP_EXIT_78), "exit-78");
    CU_ASSERT_STRING_EQUAL(plr_event_type_name(PLR_EVENT_RUN_ENDED), "run-ended");
    CU_ASSERT_STRING_EQUAL(plr_fault_name(PLR_FAULT_REGISTRY), "registry");
    CU_ASSERT_STRING_EQUAL(plr_outcome_name(PLR_OUTCOME_TIMEOUT), "timeout");
    CU_ASSERT_STRING_EQUAL(plr_state_name((plr_state)99), "unknown");
    CU_ASSERT_STRING_EQUAL(plr_outcome_name((plr_outcome)-1), "unknown");
}

static void run_started(void)
{
    size_t first[] = { 0 };
    plr_step steps[] = {
        { .kind = PLR_STEP_SERVICE, .metadata.name = "db", .detach = true },
        { .kind = PLR_STEP_STEP, .metadata.name = "t", .dependencies = first, .n_dependencies = 1 },
        { .kind = PLR_STEP_HOOK_ALWAYS, .metadata.name = "h" },
    };
    const plr_step *tasks[] = { &steps[0], &steps[1], &steps[2] };
    plr_document document = { .tasks = tasks, .n_tasks = 3 };
    plr_event event = event_of(PLR_EVENT_RUN_STARTED);
    event.u.run_started.backend = "docker";
    event.u.run_started.version = "0.1.0";
    event.u.run_started.document = &document;
    check_line(&event,
            HEAD("run-started") ",\"backend\":\"docker\",\"version\":\"0.1.0\",\"steps\":["
                                "{\"name\":\"db\",\"kind\":\"service\",\"detach\":true},"
                                "{\"name\":\"t\",\"kind\":\"step\",\"after\":[0]},"
                                "{\"name\":\"h\",\"kind\":\"hook\"}]}");
}

static void step_moved(void)
{
    plr_event event = step_event_of(PLR_EVENT_STEP);
    event.u.moved.from = PLR_STATE_STARTING;
    event.u.moved.to = PLR_STATE_RUNNING;
    check_line(&event, STEP_HEAD("step") ",\"from\":\"starting\",\"to\":\"running\"}");
}

static void step_ended(void)
{
    plr_end end = { .reason = PLR_REASON_EXIT,
        .fault = PLR_FAULT_USER,
        .exit_code = 0,
        .failed = true,
        .oom = true,
        .usage.memory_peak = 4096 };
    plr_event event = step_event_of(PLR_EVENT_STEP);
    event.u.moved.from = PLR_STATE_RUNNING;
    event.u.moved.to = PLR_STATE_ENDED;
    event.u.moved.end = &end;
    check_line(&event, STEP_HEAD("step") ",\"from\":\"running\",\"to\":\"ended\",\"end\":{"
                                         "\"reason\":\"exit\",\"fault\":\"user\",\"exit_code\":0,"
                                         "\"oom\":true,\"failed\":true,"
                                         "\"usage\":{\"memory_peak\":4096}}}");
    end = (plr_end){ .reason = PLR_REASON_SKIPPED, .exit_code = -1, .skip = PLR_SKIP_NEVER };
    check_line(&event, STEP_HEAD("step") ",\"from\":\"running\",\"to\":\"ended\",\"end\":{"
                                         "\"reason\":\"skipped\",\"skip\":\"never\"}}");
}

static void output(void)
{
    plr_event event = step_event_of(PLR_EVENT_OUTPUT);
    event.u.output.stream = PLR_STREAM_STDERR;
    event.u.output.offset = UINT64_MAX;
    event.u.output.data = "a\"\\\n\x01\0\xc3\xa9";
    event.u.output.size = 8;
    check_line(&event, STEP_HEAD("output") ",\"stream\":\"stderr\",\"offset\":18446744073709551615,"
                                           "\"text\":\"a\\\"\\\\\\n\\u0001\\u0000\xc3\xa9\"}");
    event.u.output.stream = PLR_STREAM_STDOUT;
    event.u.output.offset = 0;
    event.u.output.data = "\xff\n";
    event.u.output.size = 2;
    event.u.output.flags = PLR_OUTPUT_PARTIAL | PLR_OUTPUT_GAP;
    check_line(&event, STEP_HEAD("output") ",\"stream\":\"stdout\",\"offset\":0,\"partial\":true,"
                                           "\"gap\":true,\"base64\":\"/wo=\"}");
    event.u.output.data = NULL;
    event.u.output.size = 0;
    event.u.output.flags = PLR_OUTPUT_SPLIT | PLR_OUTPUT_NOTICE;
    check_line(&event, STEP_HEAD("output") ",\"stream\":\"stdout\",\"offset\":0,\"split\":true,"
                                           "\"notice\":true,\"text\":\"\"}");
}

static void messages_are_repaired(void)
{
    plr_event event = event_of(PLR_EVENT_WARNING);
    event.u.warning.message = "a\xff\xfe"
                              "b\xc3";
    check_line(&event, HEAD("warning") ",\"message\":\"a\xef\xbf\xbd\xef\xbf\xbd"
                                       "b\xef\xbf\xbd\"}");
}

static void pull(void)
{
    plr_event event = step_event_of(PLR_EVENT_PULL);
    event.u.pull.image = "alpine:3.6";
    event.u.pull.status = "Downloading";
    event.u.pull.current = 5;
    check_line(&event, STEP_HEAD("pull") ",\"image\":\"alpine:3.6\",\"status\":\"Downloading\","
                                         "\"current\":5}");
}

static void run_ended(void)
{
    plr_result result = { .outcome = PLR_OUTCOME_FAILED,
        .reason = PLR_REASON_SIGNAL,
        .task = 0,
        .exit_code = 1,
        .n_passed = 3,
        .n_failed = 1,
        .duration_ns = 12,
        .message = "why" };
    plr_event event = event_of(PLR_EVENT_RUN_ENDED);
    event.u.run_ended.result = &result;
    event.wall_ns = -1;
    check_line(&event, "{\"event\":\"run-ended\",\"run\":\"r1\",\"sequence\":7,"
                       "\"time\":\"1969-12-31T23:59:59.999999999Z\",\"monotonic_ns\":1500000000,"
                       "\"outcome\":\"failed\",\"reason\":\"signal\",\"cause\":0,\"exit_code\":1,"
                       "\"passed\":3,\"failed\":1,\"skipped\":0,\"duration_ns\":12,"
                       "\"message\":\"why\"}");
}

static const plr_test tests[] = {
    { "each enum has its words", words },
    { "a run's start lists its steps", run_started },
    { "a step moves", step_moved },
    { "a step's end says why", step_ended },
    { "output is text if it is UTF-8, else base64", output },
    { "messages that are not UTF-8 are repaired", messages_are_repaired },
    { "progress of an image", pull },
    { "a run's end", run_ended },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("event", tests);
}
