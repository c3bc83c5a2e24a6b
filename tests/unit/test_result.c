/* SPDX-License-Identifier: MIT */
/* What a run's result is: outcome, exit code, words and numbers, for each way to end. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/harness.h"
#include "tests/unit/play.h"

typedef struct result_case {
    const char *json, *message;
    plr_outcome outcome;
    plr_reason reason;
    int exit_code;
    bool no_task;
} result_case;

#define INFRASTRUCTURE PLR_OUTCOME_INFRASTRUCTURE
#define FAILED PLR_OUTCOME_FAILED

static const result_case cases[] = {
    { STEPS(STEP("a", "", "")), "", PLR_OUTCOME_PASSED, PLR_REASON_NONE, 0, true },
    { STEPS(STEP("a", "exit 42", "")), "step a ended with exit code 42", FAILED, PLR_REASON_EXIT, 1,
            false },
    { STEPS(STEP("a", "signal 9", "")), "step a ended by signal 9", FAILED, PLR_REASON_SIGNAL, 1,
            false },
    { STEPS(STEP("a", "oom", "")), "step a: oom", FAILED, PLR_REASON_OOM, 1, false },
    { STEPS(STEP("a", "hang", ",'timeout':'1s'")), "step a: timeout", FAILED, PLR_REASON_TIMEOUT, 1,
            false },
    { STEPS(STEP("a", "exit 0", ",'detach':true,'ready':{'log':'x'}")), "step a: not-ready", FAILED,
            PLR_REASON_NOT_READY, 1, false },
    { STEPS(STEP("a", "fail-prepare image no such image", "")), "step a: image: no such image",
            FAILED, PLR_REASON_IMAGE, 1, false },
    { STEPS(STEP("a", "lost", "")), "step a: lost", INFRASTRUCTURE, PLR_REASON_LOST, 3, false },
    { STEPS(STEP("a", "evicted", "")), "step a: evicted", INFRASTRUCTURE, PLR_REASON_EVICTED, 3,
            false },
    { STEPS(STEP("a", "fail-start infrastructure the daemon is gone", "")),
            "step a: infrastructure: the daemon is gone", INFRASTRUCTURE, PLR_REASON_INFRASTRUCTURE,
            3, false },
    { STEPS(STEP("a", "break-run the pause died;hang", "")), "the pause died", INFRASTRUCTURE,
            PLR_REASON_INFRASTRUCTURE, 3, true },
    { "{'timeout':'90s','steps':[" STEP("a", "hang", "") "]}",
            "the pipeline's time limit of 1m30s was over", PLR_OUTCOME_TIMEOUT, PLR_REASON_TIMEOUT,
            1, true },
};

static void each_way_to_end(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plr_play play = { 0 };
        CU_ASSERT_EQUAL(plr_play_json(&play, cases[i].json), 0);
        bool right = play.result.outcome == cases[i].outcome &&
                     play.result.reason == cases[i].reason &&
                     play.result.exit_code == cases[i].exit_code &&
                     play.result.task == (cases[i].no_task ? PLR_NONE : 0) &&
                     strcmp(play.result.message, cases[i].message) == 0;
        CU_ASSERT_TRUE(right);
        if (!right)
            fprintf(stderr, "\n%s: %s %s %d \"%s\"\n", cases[i].json,
                    plr_outcome_name(play.result.outcome), plr_reason_name(play.result.reason),
                    play.result.exit_code, play.result.message);
        plr_play_clear(&play);
    }
}

/* A run around whose steps something goes wrong; the host's environment says what to the backend.
 */
static void expect_around(const char *variable, const char *script, plr_outcome outcome,
        int exit_code, const char *message, const char *ends)
{
    plr_pair environment = { variable, script };
    plr_play play = { .options.environment = &environment, .options.n_environment = 1 };
    CU_ASSERT_EQUAL(plr_play_json(&play, STEPS(STEP("a", "", ""))), 0);
    CU_ASSERT_EQUAL(play.result.outcome, outcome);
    CU_ASSERT_EQUAL(play.result.exit_code, exit_code);
    CU_ASSERT_STRING_EQUAL(play.result.message, message);
    CU_ASSERT_STRING_EQUAL(play.ends.data, ends);
    plr_play_clear(&play);
}

static void around_the_steps(void)
{
    expect_around("FAKE_CHECK", "fail refused no devices here", PLR_OUTCOME_REFUSED, 2,
            "no devices here", "a skipped run-failed\n");
    expect_around("FAKE_CHECK", "fail infrastructure no daemon", INFRASTRUCTURE, 3, "no daemon",
            "a skipped run-failed\n");
    expect_around("FAKE_SETUP", "sleep 1s;fail infrastructure no room", INFRASTRUCTURE, 3,
            "no room", "a skipped run-failed\n");
    expect_around("FAKE_TEARDOWN", "sleep 1s;fail infrastructure in use", PLR_OUTCOME_PASSED, 0, "",
            "a exit 0\n");
}

static void expect_cancelled(const char *variable, plr_cause cause, int mode, int exit_code)
{
    plr_pair environment = { variable, "sleep 1h" };
    plr_play play = {
        .options.environment = &environment, .options.n_environment = 1, .cause = cause
    };
    play.cancel_at_ns[mode] = 5000000000;
    CU_ASSERT_EQUAL(
            plr_play_json(&play, STEPS(STEP("a", "", "") "," STEP("b", "", POLICY("always")))), 0);
    CU_ASSERT_EQUAL(play.result.outcome, PLR_OUTCOME_CANCELLED);
    CU_ASSERT_EQUAL(play.result.exit_code, exit_code);
    CU_ASSERT_STRING_EQUAL(play.ends.data, "a skipped cancelled\nb skipped cancelled\n");
    CU_ASSERT_TRUE(play.duration_ns == 5000000000);
    plr_play_clear(&play);
}

/* Nothing has started: nothing runs. */
static void cancelled_before_the_steps(void)
{
    for (int mode = 0; mode < 3; mode++) {
        expect_cancelled("FAKE_CHECK", PLR_CAUSE_USER, mode, 130);
        expect_cancelled("FAKE_CHECK", PLR_CAUSE_TERMINATED, mode, 143);
        expect_cancelled("FAKE_SETUP", PLR_CAUSE_USER, mode, 130);
    }
}

static void the_time_is_over_before_the_steps(void)
{
    plr_pair environment = { "FAKE_SETUP", "sleep 1h" };
    plr_play play = {
        .options = { .environment = &environment, .n_environment = 1, .timeout_ns = 5000000000 }
    };
    CU_ASSERT_EQUAL(plr_play_json(&play, STEPS(STEP("a", "", ""))), 0);
    CU_ASSERT_EQUAL(play.result.outcome, PLR_OUTCOME_TIMEOUT);
    CU_ASSERT_EQUAL(play.result.exit_code, 1);
    CU_ASSERT_STRING_EQUAL(play.ends.data, "a skipped timeout\n");
    plr_play_clear(&play);
}

static void numbers(void)
{
    plr_play play = { 0 };
    CU_ASSERT_EQUAL(plr_play_json(&play,
                            "{'services':[" STEP("s", "hang", "") "],'steps':[" STEP(
                                    "a", "sleep 2s", "") "," STEP("b", "exit 1",
                                    ",'retry':{'attempts':2}") "," STEP("c", "", "") "," STEP("d",
                                    "exit 1", ",'ignore_err':true" POLICY("always")) "]}"),
            0);
    CU_ASSERT_EQUAL(play.result.n_passed, 3);
    CU_ASSERT_EQUAL(play.result.n_failed, 1);
    CU_ASSERT_EQUAL(play.result.n_skipped, 1);
    CU_ASSERT_EQUAL(play.result.duration_ns, 2000000000);
    plr_play_clear(&play);
}

/* A long message is cut where a character ends. */
static void a_long_message_is_cut(void)
{
    char json[2000];
    plr_play play = { 0 };
    int n = snprintf(json, sizeof json,
            "{'steps':[{'metadata':{'name':'a'},'docker':{'image':'i:1'},'environment':{'FAKE':'"
            "fail-prepare image ");
    for (int i = 0; i < 300; i++)
        n += snprintf(json + n, sizeof json - (size_t)n, "\xc3\xa4");
    snprintf(json + n, sizeof json - (size_t)n, "'}}]}");
    CU_ASSERT_EQUAL(plr_play_json(&play, json), 0);
    size_t length = strlen(play.result.message);
    CU_ASSERT_TRUE(length >= 253 && length <= 255);
    CU_ASSERT_STRING_EQUAL(play.result.message + length - 2, "\xc3\xa4");
    plr_play_clear(&play);
}

static const plr_test tests[] = {
    { "each way to end", each_way_to_end },
    { "around the steps", around_the_steps },
    { "cancelled before the steps", cancelled_before_the_steps },
    { "the time is over before the steps", the_time_is_over_before_the_steps },
    { "numbers", numbers },
    { "a long message is cut", a_long_message_is_cut },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("result", tests);
}
