/* SPDX-License-Identifier: MIT */
/* The numbered rules of document.md, each played on the fake backend: a document, and the end of
 * every attempt in order. */
#include "tests/unit/harness.h"
#include "tests/unit/play.h"

static const plr_play_case cases[] = {
    { "1: without depends_on steps run one after another",
            STEPS(STEP("a", "sleep 1s", "") "," STEP("b", "exit 0", "")), "a exit 0\nb exit 0\n",
            .outcome = PLR_OUTCOME_PASSED, .exit_code = 0 },
    { "1: with depends_on they run side by side",
            STEPS(STEP("a", "sleep 2s", "") "," STEP("b", "sleep 1s", "") "," STEP(
                    "c", "exit 0", DEPENDS("'a'"))),
            "b exit 0\na exit 0\nc exit 0\n", .outcome = PLR_OUTCOME_PASSED, .exit_code = 0 },
    { "2: a failure skips what depends on it, on-failure runs and heals nothing",
            STEPS(STEP("a", "exit 3", "") "," STEP("b", "", "") "," STEP(
                    "c", "", POLICY("on-failure")) "," STEP("d", "", "") "," STEP("e", "",
                    POLICY("always"))),
            "a exit 3\nb skipped failed-before\nc exit 0\nd skipped failed-before\ne exit 0\n",
            .outcome = PLR_OUTCOME_FAILED, .exit_code = 1 },
    { "2: never is transparent",
            STEPS(STEP("a", "exit 1", "") "," STEP("b", "", POLICY("never")) "," STEP("c", "", "")),
            "b skipped never\na exit 1\nc skipped failed-before\n", .outcome = PLR_OUTCOME_FAILED,
            .exit_code = 1 },
    { "2: a failing sibling skips no independent branch",
            STEPS(STEP("a", "exit 1", "") "," STEP("b", "sleep 1s", "") "," STEP(
                    "c", "", DEPENDS("'b'")) "," STEP("d", "", DEPENDS("'a'"))),
            "a exit 1\nd skipped failed-before\nb exit 0\nc exit 0\n",
            .outcome = PLR_OUTCOME_FAILED, .exit_code = 1 },
    { "3: an on-failure step without dependencies comes after all else",
            STEPS(STEP("f", "", POLICY("on-failure")) "," STEP("a", "exit 1", "") "," STEP(
                    "b", "sleep 5s", "") "," STEP("c", "", DEPENDS("'b'"))),
            "a exit 1\nb exit 0\nc exit 0\nf exit 0\n", .outcome = PLR_OUTCOME_FAILED,
            .exit_code = 1 },
    { "3: and is skipped if nothing failed",
            STEPS(STEP("f", "", POLICY("on-failure")) "," STEP("a", "", "") "," STEP(
                    "c", "", DEPENDS("'a'"))),
            "a exit 0\nc exit 0\nf skipped nothing-failed\n", .outcome = PLR_OUTCOME_PASSED,
            .exit_code = 0 },
    { "4: a detached step is met when it has started",
            STEPS(STEP("s", "hang", ",'detach':true") "," STEP("a", "sleep 1s", "")),
            "a exit 0\ns stopped\n", .outcome = PLR_OUTCOME_PASSED, .exit_code = 0 },
    { "4: or is ready",
            STEPS(STEP("s", "ready 3s;hang", ",'detach':true,'ready':{'tcp':80}") "," STEP(
                    "a", "", "")),
            "a exit 0\ns stopped\n", .outcome = PLR_OUTCOME_PASSED, .exit_code = 0 },
    { "4: an end before that is a failure whatever the code",
            STEPS(STEP("s", "sleep 1s;exit 0", ",'detach':true,'ready':{'log':'up'}") "," STEP(
                    "a", "", "")),
            "s not-ready\na skipped failed-before\n", .outcome = PLR_OUTCOME_FAILED,
            .exit_code = 1 },
    { "5: services are ready before the first step",
            "{'services':[" STEP("s", "sleep 2s;out up;hang",
                    ",'ready':{'log':'up'}") "],'steps':[" STEP("a", "", "") "]}",
            "a exit 0\ns stopped\n", .outcome = PLR_OUTCOME_PASSED, .exit_code = 0 },
    { "5: a later death of a service fails the run and changes no other decision",
            "{'services':[" STEP("s", "sleep 1s;exit 7", "") "],'steps':[" STEP("a", "sleep 2s",
                    "") "," STEP("b", "", "") "," STEP("c", "", POLICY("on-failure")) "]}",
            "s exit 7\na exit 0\nb exit 0\nc skipped nothing-failed\n",
            .outcome = PLR_OUTCOME_FAILED, .exit_code = 1 },
    { "5: with code 0 it is fine",
            "{'services':[" STEP("s", "sleep 1s;exit 0", "") "],'steps':[" STEP(
                    "a", "sleep 2s", "") "]}",
            "s exit 0\na exit 0\n", .outcome = PLR_OUTCOME_PASSED, .exit_code = 0 },
    { "6: exit 78 skips the rest that is not always",
            STEPS(STEP("a", "exit 78", "") "," STEP("b", "", "") "," STEP(
                    "c", "", POLICY("always")) "," STEP("d", "", "")),
            "a exit 78\nb skipped exit-78\nc exit 0\nd skipped exit-78\n",
            .outcome = PLR_OUTCOME_PASSED, .exit_code = 0 },
    { "6: in a graph its descendants only",
            STEPS(STEP("a", "exit 78", "") "," STEP("b", "sleep 1s", "") "," STEP(
                    "c", "", DEPENDS("'a'")) "," STEP("d", "", DEPENDS("'b'"))),
            "a exit 78\nc skipped exit-78\nb exit 0\nd exit 0\n", .outcome = PLR_OUTCOME_PASSED,
            .exit_code = 0 },
    { "7: ignore_err keeps the reason and lets dependents see success",
            STEPS(STEP("a", "exit 5", ",'ignore_err':true") "," STEP("b", "", "")),
            "a exit 5 ignored\nb exit 0\n", .outcome = PLR_OUTCOME_PASSED, .exit_code = 0 },
    { "7: it covers lost", STEPS(STEP("a", "lost", ",'ignore_err':true") "," STEP("b", "", "")),
            "a lost ignored\nb exit 0\n", .outcome = PLR_OUTCOME_PASSED, .exit_code = 0 },
    { "7: without it lost is infrastructure", STEPS(STEP("a", "lost", "") "," STEP("b", "", "")),
            "a lost\nb skipped failed-before\n", .outcome = PLR_OUTCOME_INFRASTRUCTURE,
            .exit_code = 3 },
    { "8: hooks by result, then always",
            "{'steps':[" STEP("a", "exit 1", "") "],'hooks':{'on_success':[" STEP(
                    "hs", "", "") "],'on_failure':[" STEP("hf", "sleep 1s",
                    "") "],'always':[" STEP("ha", "", "") "]}}",
            "a exit 1\nhs skipped failed-before\nhf exit 0\nha exit 0\n",
            .outcome = PLR_OUTCOME_FAILED, .exit_code = 1 },
    { "8: a failed hook fails a passed run and starts no other",
            "{'steps':[" STEP("a", "", "") "],'hooks':{'on_success':[" STEP(
                    "hs", "exit 1", "") "],'on_failure':[" STEP("hf", "",
                    "") "],'always':[" STEP("ha", "", "") "]}}",
            "a exit 0\nhs exit 1\nhf skipped nothing-failed\nha exit 0\n",
            .outcome = PLR_OUTCOME_FAILED, .exit_code = 1 },
    { "8: a hook that hangs is killed when the pipeline's time and the time to clean up are over",
            "{'timeout':'5s','steps':[" STEP("a", "", "") "],'hooks':{'always':[" STEP(
                    "h", "hang", "") "]}}",
            "a exit 0\nh cancelled\n", .outcome = PLR_OUTCOME_TIMEOUT, .exit_code = 1,
            .lasts = 305 },
    { "9: retry by cause, the last attempt counts",
            STEPS(STEP("a", "@1 exit 1;@2 exit 2;exit 0",
                    ",'retry':{'attempts':3,'on':['exit'],'backoff':'1s'}") "," STEP("b", "", "")),
            "a exit 1 retry\na+ exit 2 retry\na+ exit 0\nb exit 0\n", .outcome = PLR_OUTCOME_PASSED,
            .exit_code = 0 },
    { "9: another cause is not retried",
            STEPS(STEP("a", "@1 oom;exit 0", ",'retry':{'attempts':3,'on':['exit']}")), "a oom\n",
            .outcome = PLR_OUTCOME_FAILED, .exit_code = 1 },
    { "9: a timeout is retried only if named",
            STEPS(STEP("a", "@1 sleep 1h", ",'timeout':'2s','retry':{'attempts':2}")),
            "a timeout\n", .outcome = PLR_OUTCOME_FAILED, .exit_code = 1 },
    { "9: if named it is",
            STEPS(STEP(
                    "a", "@1 sleep 1h", ",'timeout':'2s','retry':{'attempts':2,'on':['timeout']}")),
            "a timeout retry\na+ exit 0\n", .outcome = PLR_OUTCOME_PASSED, .exit_code = 0 },
    { "9: a preparation that fails is tried again if it is the cause",
            STEPS(STEP("a", "@1 fail-prepare image gone;exit 0",
                    ",'retry':{'attempts':2,'on':['image']}")),
            "a image retry\na+ exit 0\n", .outcome = PLR_OUTCOME_PASSED, .exit_code = 0 },
    { "10: cancel ends running steps, skips on-success, runs the rest",
            STEPS(STEP("a", "sleep 1h", "") "," STEP("b", "", "") "," STEP(
                    "c", "", POLICY("on-failure")) "," STEP("d", "", POLICY("always"))),
            "b skipped cancelled\na cancelled\nc exit 0\nd exit 0\n",
            .outcome = PLR_OUTCOME_CANCELLED, .exit_code = 130, .cancel_at = { 5 } },
    { "10: a step that ignores TERM is killed after the grace",
            STEPS(STEP("a", "ignore-term;sleep 1h", "") "," STEP("b", "", POLICY("always"))),
            "a cancelled\nb exit 0\n", .outcome = PLR_OUTCOME_CANCELLED, .exit_code = 130,
            .cancel_at = { 5 } },
    { "10: a second cancel kills always steps too",
            STEPS(STEP("a", "sleep 1h", "") "," STEP("b", "sleep 1h", POLICY("always")) "," STEP(
                    "c", "", POLICY("always"))),
            "a cancelled\nc skipped cancelled\nb cancelled\n", .outcome = PLR_OUTCOME_CANCELLED,
            .exit_code = 130, .cancel_at = { 5, 8 } },
    { "10: cancel before anything started: nothing runs",
            "{'steps':[" STEP("a", "prepare 10s", "") "," STEP(
                    "b", "", POLICY("always")) "],'hooks':{'always':[" STEP("h", "", "") "]}}",
            "b skipped cancelled\na cancelled\nh skipped cancelled\n",
            .outcome = PLR_OUTCOME_CANCELLED, .exit_code = 130, .cancel_at = { 5 } },
    { "10: after the last step's end it changes nothing",
            "{'steps':[" STEP("a", "sleep 1s", "") "],'hooks':{'always':[" STEP(
                    "h", "sleep 10s", "") "]}}",
            "a exit 0\nh exit 0\n", .outcome = PLR_OUTCOME_PASSED, .exit_code = 0,
            .cancel_at = { 5 } },
    { "10: the pipeline's timeout is a cancel with a cause of its own",
            "{'timeout':'5s','steps':[" STEP("a", "sleep 1h", "") "," STEP(
                    "b", "", POLICY("always")) "]}",
            "a cancelled\nb exit 0\n", .outcome = PLR_OUTCOME_TIMEOUT, .exit_code = 1 },
    { "11: the first unignored cause counts",
            STEPS(STEP("a", "sleep 1s;lost", "") "," STEP("b", "sleep 2s;exit 1", "") "," STEP(
                    "c", "", DEPENDS("'a','b'"))),
            "a lost\nb exit 1\nc skipped failed-before\n", .outcome = PLR_OUTCOME_INFRASTRUCTURE,
            .exit_code = 3 },
    { "the init's word releases the next step before the end is confirmed",
            STEPS(STEP("a", "told 5s;exit 0", "") "," STEP("b", "exit 0", "")),
            "b exit 0\na exit 0\n", .outcome = PLR_OUTCOME_PASSED, .exit_code = 0 },
    { "a broken run kills all and is infrastructure",
            STEPS(STEP("a", "break-run the pause died;sleep 1h", "") "," STEP(
                    "b", "", POLICY("always"))),
            "b skipped cancelled\na cancelled\n", .outcome = PLR_OUTCOME_INFRASTRUCTURE,
            .exit_code = 3 },
};

static void every_rule(void)
{
    plr_play_cases(cases, sizeof cases / sizeof *cases);
}

static const plr_test tests[] = {
    { "every numbered rule holds", every_rule },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("run", tests);
}
