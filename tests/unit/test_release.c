/* SPDX-License-Identifier: MIT */
/* Tasks that release each other, in virtual time: what the engine tells them and what it leaves to
 * their records, when they run without being told to, and what becomes of what they decide against
 * the engine's view. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/harness.h"
#include "tests/unit/play.h"

typedef struct release_case {
    const char *name, *json;
    const char *told; /* facts, each with ';' behind it */
    const char *ends; /* the same of ends; "" for a case that is about facts only */
    plr_outcome outcome;
    double cancel_at[3]; /* seconds */
    double lasts;        /* seconds, with words of up to 1 ns; 0: however long */
    bool words_take_long;
} release_case;

#define ON_OOM ",'retry':{'attempts':2,'on':['oom']}"
#define TWICE ",'retry':{'attempts':2}"
#define READY ",'detach':true,'ready':{'log':'up'}"

static const release_case cases[] = {
    { "a chain needs no word, and no time between its steps",
            STEPS(STEP("a", "sleep 1s", "") "," STEP("b", "sleep 2s", "") "," STEP("c", "", "")),
            "", "a exit 0;b exit 0;c exit 0;", PLR_OUTCOME_PASSED, { 0 }, 3, false },
    { "a failure is in the record, and so is what is ignored",
            STEPS(STEP("a", "exit 2", ",'ignore_err':true") "," STEP("b", "exit 1", "") "," STEP(
                    "c", "", "")),
            "", "a exit 2 ignored;c skipped failed-before;b exit 1;", PLR_OUTCOME_FAILED, { 0 }, 0,
            false },
    { "exit 78 too", STEPS(STEP("a", "exit 78", "") "," STEP("b", "", "")), "",
            "b skipped exit-78;a exit 78;", PLR_OUTCOME_PASSED, { 0 }, 0, false },
    { "never is in the plan", STEPS(STEP("a", "", POLICY("never")) "," STEP("b", "", "")), "",
            "a skipped never;b exit 0;", PLR_OUTCOME_PASSED, { 0 }, 0, false },
    { "an end without a record is told",
            STEPS(STEP("a", "oom", "") "," STEP("b", "", POLICY("on-failure"))), "a failed;",
            "a oom;b exit 0;", PLR_OUTCOME_FAILED, { 0 }, 0, false },
    { "so is one of a step whose init died", STEPS(STEP("a", "silent", "") "," STEP("b", "", "")),
            "a passed;", "a exit 0;b exit 0;", PLR_OUTCOME_PASSED, { 0 }, 0, false },
    { "and of one that the host starts",
            STEPS(STEP("a", "", "") "," STEP("b", "host", "") "," STEP("c", "", "")), "b passed;",
            "a exit 0;b exit 0;c exit 0;", PLR_OUTCOME_PASSED, { 0 }, 0, false },
    { "a host's step that is skipped is told, the skipped one that says so is not",
            STEPS(STEP("a", "exit 1", "") "," STEP("b", "host", "") "," STEP("c", "", "")),
            "b skipped;", "b skipped failed-before;a exit 1;c skipped failed-before;",
            PLR_OUTCOME_FAILED, { 0 }, 0, false },
    { "the first of two attempts fails: nobody decides by that",
            STEPS(STEP("a", "@1 exit 1", TWICE) "," STEP("b", "", "")), "",
            "a exit 1 retry;a+ exit 0;b exit 0;", PLR_OUTCOME_PASSED, { 0 }, 0, false },
    { "the last one that fails is in the record",
            STEPS(STEP("a", "exit 1", TWICE) "," STEP("b", "", "")), "",
            "a exit 1 retry;b skipped failed-before;a+ exit 1;", PLR_OUTCOME_FAILED, { 0 }, 0,
            false },
    { "a failure that is not tried again although it might be is told",
            STEPS(STEP("a", "exit 1", ON_OOM) "," STEP("b", "", "")), "a failed;",
            "a exit 1;b skipped failed-before;", PLR_OUTCOME_FAILED, { 0 }, 0, false },
    { "a pass needs no word even if there were attempts left",
            STEPS(STEP("a", "", ON_OOM) "," STEP("b", "", "")), "", "a exit 0;b exit 0;",
            PLR_OUTCOME_PASSED, { 0 }, 0, false },
    { "a timeout is told, and what the step says after it counts for nobody",
            STEPS(STEP("a", "sleep 1m", ",'timeout':'2s'") "," STEP("b", "", "")), "a failed;",
            "a timeout;b skipped failed-before;", PLR_OUTCOME_FAILED, { 0 }, 2, false },
    { "an image that is not to be had is an end at its turn only",
            STEPS(STEP("a", "sleep 1s;exit 1", "") "," STEP("b", "fail-prepare image no",
                    "") "," STEP("c", "fail-prepare image no", POLICY("always"))),
            "b skipped;c failed;", "b skipped failed-before;c image;a exit 1;", PLR_OUTCOME_FAILED,
            { 0 }, 1, false },
    { "services are told when all are ready",
            "{'services':[" STEP("s", "sleep 1s;out up;hang",
                    ",'ready':{'log':'up'}") "],'steps':[" STEP("a", "", "") "]}",
            "services ready;", "a exit 0;s stopped;", PLR_OUTCOME_PASSED, { 0 }, 1, false },
    { "or when one has ended",
            "{'services':[" STEP("s", "", ",'ready':{'log':'up'}") "],'steps':[" STEP(
                    "a", "", "") "]}",
            "services failed;", "s not-ready;a skipped failed-before;", PLR_OUTCOME_FAILED, { 0 },
            0, false },
    { "a detached one is told when it is met",
            STEPS(STEP("d", "sleep 1s;out up;hang", READY) "," STEP("a", "", "")), "d passed;",
            "a exit 0;d stopped;", PLR_OUTCOME_PASSED, { 0 }, 1, false },
    { "the end phase begins when the rest is confirmed",
            STEPS(STEP("a", "told 3s", "") "," STEP("b", "", DEPENDS("'a'")) "," STEP(
                    "f", "", POLICY("on-failure"))),
            "main passed;", "b exit 0;a exit 0;f skipped nothing-failed;", PLR_OUTCOME_PASSED,
            { 0 }, 3, false },
    { "by the truth, not by what was said",
            STEPS(STEP("a", "told 3s;truth 1", "") "," STEP("b", "", DEPENDS("'a'")) "," STEP(
                    "f", "", POLICY("on-failure"))),
            "main failed;", "b exit 0;a exit 1;f exit 0;", PLR_OUTCOME_FAILED, { 0 }, 3, false },
    { "who was left out for what was not true has not passed",
            STEPS(STEP("a", "told 3s;exit 1;truth 0", "") "," STEP("b", "", "")), "",
            "b skipped failed-before;a exit 0;", PLR_OUTCOME_INFRASTRUCTURE, { 0 }, 3, false },
    { "hooks are the host's",
            "{'steps':[" STEP("a", "exit 1", "") "],'hooks':{'on_failure':[" STEP(
                    "h", "", "") "],'on_success':[" STEP("g", "", "") "]}}",
            "", "a exit 1;g skipped failed-before;h exit 0;", PLR_OUTCOME_FAILED, { 0 }, 0, false },
    { "a cancel is told",
            STEPS(STEP("a", "sleep 1m", "") "," STEP("b", "", "") "," STEP(
                    "c", "", POLICY("always"))),
            "cancelled 1, started;a failed;", "b skipped cancelled;a cancelled;c exit 0;",
            PLR_OUTCOME_CANCELLED, { 1 }, 1, false },
    { "a stronger one too",
            STEPS(STEP("a", "ignore-term;sleep 1m", "") "," STEP("c", "", POLICY("always"))),
            "cancelled 1, started;cancelled 2, started;a failed;",
            "c skipped cancelled;a cancelled;", PLR_OUTCOME_CANCELLED, { 1, 2 }, 2, false },
    { "what begins before it has heard of the cancel is shown, and stopped",
            STEPS(STEP("a", "sleep 1s", "") "," STEP("b", "hang", "")),
            "cancelled 1, started;a failed;b failed;", "a cancelled;b cancelled;",
            PLR_OUTCOME_CANCELLED, { 0.9999999 }, 0, true },
};

static void put_line(plr_buf *out, const char *text)
{
    plr_buf_printf(out, "%s;", text);
}

/* "a\nb\n" as "a;b;" */
static void in_one_line(plr_buf *text)
{
    for (size_t i = 0; i < text->size; i++)
        if (text->data[i] == '\n')
            text->data[i] = ';';
}

static plr_answer on_event(const plr_event *event, void *userdata)
{
    if (event->type == PLR_EVENT_NOTICE)
        put_line(userdata, event->u.warning.message);
    return PLR_ANSWER_GO_ON;
}

static const char *or_empty(const plr_buf *text)
{
    return text->data != NULL ? text->data : "";
}

static void expect(const release_case *one)
{
    plr_pair environment = { "FAKE_TELL", "" };
    _cleanup_buf_ plr_buf told = { 0 };
    plr_play play = {
        .options.environment = &environment,
        .options.n_environment = 1,
        .release = one->words_take_long ? "2s" : "0",
        .on_event = on_event,
        .userdata = &told,
    };
    for (int i = 0; i < 3; i++)
        play.cancel_at_ns[i] = (uint64_t)(one->cancel_at[i] * 1e9);
    int r = plr_play_json(&play, one->json);
    in_one_line(&play.ends);
    bool right = r == 0 && strcmp(or_empty(&told), one->told) == 0 &&
                 strcmp(or_empty(&play.ends), one->ends) == 0 &&
                 play.result.outcome == one->outcome &&
                 (one->lasts == 0 || play.duration_ns == (uint64_t)(one->lasts * 1e9));
    CU_ASSERT_TRUE(right);
    if (!right)
        fprintf(stderr,
                "\n%s: %d %s\ntold \"%s\", not \"%s\"\nends \"%s\", not \"%s\"\n%s (%s) after %f "
                "s\n",
                one->name, r, play.err.message, or_empty(&told), one->told, or_empty(&play.ends),
                one->ends, plr_outcome_name(play.result.outcome), play.result.message,
                (double)play.duration_ns / 1e9);
    plr_play_clear(&play);
}

static void each_case(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(&cases[i]);
}

/* All are prepared at once, and each passes through the states that it has on other backends. */
static void states_are_the_same_as_ever(void)
{
    plr_play play = { .release = "0" };
    CU_ASSERT_EQUAL(plr_play_json(&play, STEPS(STEP("a", "exit 1", "") "," STEP("b", "", ""))), 0);
    in_one_line(&play.trace);
    CU_ASSERT_STRING_EQUAL(or_empty(&play.trace),
            "a preparing;a prepared;b preparing;b prepared;a starting;a running;"
            "b ended;a ended;run ended;");
    plr_play_clear(&play);
}

/* max_parallel is a matter of the engine, so it releases; all are prepared all the same. */
static void who_bounds_them_releases_them(void)
{
    plr_play play = { .release = "0", .options.max_parallel = 1 };
    CU_ASSERT_EQUAL(plr_play_json(&play, STEPS(STEP("a", "sleep 1s", "") "," STEP("b", "sleep 1s",
                                                 "") "," STEP("c", "", DEPENDS("'a','b'")))),
            0);
    in_one_line(&play.trace);
    CU_ASSERT_STRING_EQUAL(or_empty(&play.trace),
            "a preparing;a prepared;b preparing;b prepared;c preparing;c prepared;"
            "a starting;a running;a ended;b starting;b running;b ended;c starting;c running;"
            "c ended;run ended;");
    plr_play_clear(&play);
}

/* A set-up that fails, or is cancelled, leaves nobody waiting for a step. */
static void a_set_up_that_fails(void)
{
    plr_pair environment = { "FAKE_SETUP", "sleep 5s;fail infrastructure no room" };
    plr_play play = {
        .release = "0", .options.environment = &environment, .options.n_environment = 1
    };
    CU_ASSERT_EQUAL(plr_play_json(&play, STEPS(STEP("a", "", "") "," STEP("b", "", ""))), 0);
    CU_ASSERT_STRING_EQUAL(or_empty(&play.ends), "a skipped run-failed\nb skipped run-failed\n");
    CU_ASSERT_EQUAL(play.result.outcome, PLR_OUTCOME_INFRASTRUCTURE);
    plr_play_clear(&play);
    environment.value = "sleep 5s";
    play = (plr_play){ .release = "0",
        .options.environment = &environment,
        .options.n_environment = 1,
        .cancel_at_ns = { 1000000000 } };
    CU_ASSERT_EQUAL(plr_play_json(&play, STEPS(STEP("a", "", "") "," STEP("b", "", ""))), 0);
    CU_ASSERT_STRING_EQUAL(or_empty(&play.ends), "a skipped cancelled\nb skipped cancelled\n");
    CU_ASSERT_EQUAL(play.result.outcome, PLR_OUTCOME_CANCELLED);
    plr_play_clear(&play);
}

static const plr_test tests[] = {
    { "what is told, and how it ends", each_case },
    { "states are the same as ever", states_are_the_same_as_ever },
    { "who bounds them releases them", who_bounds_them_releases_them },
    { "a set-up that fails", a_set_up_that_fails },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("release", tests);
}
