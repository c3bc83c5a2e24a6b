/* SPDX-License-Identifier: MIT */
/* The small print of the rules: what each clause of document.md says beside its first sentence, and
 * where rules meet (a cancel in a backoff, a limit with services, a death in the end phase). */
#include <string.h>

#include "tests/unit/harness.h"
#include "tests/unit/play.h"

#define SERVICE(name, fake, more) "'services':[" STEP(name, fake, more) "]"
#define DETACHED ",'detach':true"
#define LOG ",'ready':{'log':'up'}"
#define IGNORED ",'ignore_err':true"
#define HOOKS(list) ",'hooks':{'always':[" list "]}"

#define PASSED .outcome = PLR_OUTCOME_PASSED, .exit_code = 0
#define FAILED .outcome = PLR_OUTCOME_FAILED, .exit_code = 1
#define CANCELLED .outcome = PLR_OUTCOME_CANCELLED, .exit_code = 130
#define BROKEN .outcome = PLR_OUTCOME_INFRASTRUCTURE, .exit_code = 3

static const plr_play_case graphs[] = {
    { "1: an empty depends_on is none",
            STEPS(STEP("a", "sleep 2s", ",'depends_on':[]") "," STEP("b", "", "")),
            "a exit 0\nb exit 0\n", PASSED },
    { "2: always waits for its dependencies",
            STEPS(STEP("a", "sleep 2s;exit 1", "") "," STEP(
                    "b", "", POLICY("always") DEPENDS("'a'"))),
            "a exit 1\nb exit 0\n", FAILED },
    { "2: what matters is above a skipped step",
            STEPS(STEP("a", "exit 1", "") "," STEP("b", "", DEPENDS("'a'")) "," STEP("c", "",
                    DEPENDS("'b'") POLICY("on-failure")) "," STEP("d", "", DEPENDS("'c'"))),
            "a exit 1\nb skipped failed-before\nc exit 0\nd skipped failed-before\n", FAILED },
    { "3: an always step without dependencies starts at once",
            STEPS(STEP("a", "", POLICY("always")) "," STEP("b", "sleep 1s;exit 1", "") "," STEP(
                    "c", "", DEPENDS("'b'"))),
            "a exit 0\nb exit 1\nc skipped failed-before\n", FAILED },
    { "3: what hangs on the end phase belongs to it",
            STEPS(STEP("f", "", POLICY("on-failure")) "," STEP("g", "", DEPENDS("'f'")) "," STEP(
                    "a", "sleep 1s;exit 1", "") "," STEP("h", "", DEPENDS("'f'") POLICY("always"))),
            "a exit 1\nf exit 0\ng skipped failed-before\nh exit 0\n", FAILED },
    { "3: the end phase does not wait for a detached step's end",
            STEPS(STEP("s", "hang", DETACHED) "," STEP("f", "", POLICY("on-failure")) "," STEP(
                    "a", "exit 1", DEPENDS("'s'"))),
            "a exit 1\nf exit 0\ns stopped\n", FAILED },
    { "4: a detached step that cannot be started fails its dependents",
            STEPS(STEP("s", "fail-start configuration no such file", DETACHED) "," STEP(
                    "a", "", DEPENDS("'s'")) "," STEP("b", "", "")),
            "s configuration\na skipped failed-before\nb exit 0\n", FAILED },
};

static const plr_play_case services[] = {
    { "5: a service that is not ready skips the steps",
            "{" SERVICE("s", "ready 1h;hang",
                    ",'ready':{'tcp':80,'timeout':'5s'}") ",'steps':[" STEP("a", "",
                    "") "," STEP("b", "", POLICY("always")) "]" HOOKS(STEP("h", "", "")) "}",
            "s not-ready\na skipped failed-before\nb exit 0\nh exit 0\n", FAILED },
    { "5: a probe that hangs does not outlast the readiness' limit",
            "{" SERVICE("s", "probe 24h;hang",
                    ",'ready':{'tcp':80,'timeout':'5s'}") ",'steps':[" STEP("a", "sleep 1s",
                    "") "]}",
            "s not-ready\na skipped failed-before\n", FAILED },
    { "5: later probes that hang do not, either",
            "{" SERVICE("s", "probe 3m;ready 1h;hang",
                    ",'ready':{'tcp':80,'timeout':'4m'}") ",'steps':[" STEP("a", "sleep 1s",
                    "") "]}",
            "s not-ready\na skipped failed-before\n", FAILED, .lasts = 240 },
    { "5: a service's own timeout counts until it is ready",
            "{" SERVICE("s", "sleep 1s;out up;hang", LOG ",'timeout':'2s'") ",'steps':[" STEP(
                    "a", "sleep 10s", "") "]}",
            "a exit 0\ns stopped\n", PASSED },
    { "5: and ends it if it is not",
            "{" SERVICE("s", "hang", LOG ",'timeout':'2s'") ",'steps':[" STEP("a", "", "") "]}",
            "s timeout\na skipped failed-before\n", FAILED },
    { "5: of a detached step without readiness it never counts",
            STEPS(STEP("s", "hang", DETACHED ",'timeout':'2s'") "," STEP("a", "sleep 10s", "")),
            "a exit 0\ns stopped\n", PASSED },
    { "5: a literal is found across pieces, in what is not shown",
            "{" SERVICE("s", "part it is u;sleep 1s;part p now;hang",
                    LOG ",'ignore_stdout':true") ",'steps':[" STEP("a", "", "") "]}",
            "a exit 0\ns stopped\n", PASSED },
    { "5: a literal is of one stream",
            "{" SERVICE("s", "part u;err x;part p;hang", LOG) ",'steps':[" STEP("a", "", "") "]}",
            "a exit 0\ns stopped\n", PASSED },
    { "5: a late death is seen by the end phase of a graph",
            STEPS(STEP("s", "sleep 1s;exit 3", DETACHED) "," STEP(
                    "a", "sleep 2s", DEPENDS("'s'")) "," STEP("b", "", DEPENDS("'a'")) "," STEP("f",
                    "", POLICY("on-failure"))),
            "s exit 3\na exit 0\nb exit 0\nf exit 0\n", FAILED },
    { "5: in a serial document by hooks only",
            "{'steps':[" STEP("s", "sleep 1s;exit 3", DETACHED) "," STEP(
                    "a", "sleep 2s", "") "," STEP("f", "",
                    POLICY("on-failure")) "],'hooks':{'on_failure':[" STEP("h", "", "") "]}}",
            "s exit 3\na exit 0\nf skipped nothing-failed\nh exit 0\n", FAILED },
    { "5: a service that ignores TERM is killed, and that is no failure",
            "{" SERVICE("s", "ignore-term;hang", "") ",'steps':[" STEP("a", "", "") "]}",
            "a exit 0\ns stopped\n", PASSED },
    { "5: they live through hooks",
            "{" SERVICE("s", "hang", "") ",'steps':[" STEP("a", "", "") "]" HOOKS(
                    STEP("h", "sleep 5s", "")) "}",
            "a exit 0\nh exit 0\ns stopped\n", PASSED },
    { "5: what a service's death means is ignored with ignore_err",
            "{" SERVICE("s", "sleep 1s;exit 3", IGNORED) ",'steps':[" STEP(
                    "a", "sleep 2s", "") "]}",
            "s exit 3 ignored\na exit 0\n", PASSED },
};

static const plr_play_case halts[] = {
    { "6: from a service 78 is an ordinary code",
            "{" SERVICE("s", "sleep 1s;exit 78", "") ",'steps':[" STEP(
                    "a", "sleep 2s", "") "," STEP("b", "", "") "]}",
            "s exit 78\na exit 0\nb exit 0\n", FAILED },
    { "6: from a detached step, too",
            STEPS(STEP("s", "sleep 1s;exit 78", DETACHED) "," STEP("a", "sleep 2s", "")),
            "s exit 78\na exit 0\n", FAILED },
    { "6: from a hook, too", "{'steps':[" STEP("a", "", "") "]" HOOKS(STEP("h", "exit 78", "")) "}",
            "a exit 0\nh exit 78\n", FAILED },
    { "6: from the end phase, too",
            STEPS(STEP("f", "exit 78", POLICY("on-failure")) "," STEP(
                    "g", "", DEPENDS("'f'")) "," STEP("a", "exit 1", "")),
            "a exit 1\nf exit 78\ng skipped failed-before\n", FAILED },
    { "6: a failure elsewhere fails the run all the same",
            STEPS(STEP("a", "exit 78", "") "," STEP("b", "exit 2", "") "," STEP(
                    "c", "", DEPENDS("'a'"))),
            "a exit 78\nc skipped exit-78\nb exit 2\n", FAILED },
    { "6: an on-failure step below is skipped, too",
            STEPS(STEP("a", "exit 78", "") "," STEP("b", "", POLICY("on-failure"))),
            "a exit 78\nb skipped exit-78\n", PASSED },
};

static const plr_play_case ignored[] = {
    { "7: a signal", STEPS(STEP("a", "signal 11", IGNORED) "," STEP("b", "", "")),
            "a signal 11 ignored\nb exit 0\n", PASSED },
    { "7: oom", STEPS(STEP("a", "oom", IGNORED) "," STEP("b", "", "")), "a oom ignored\nb exit 0\n",
            PASSED },
    { "7: a step's timeout",
            STEPS(STEP("a", "hang", IGNORED ",'timeout':'1s'") "," STEP("b", "", "")),
            "a timeout ignored\nb exit 0\n", PASSED },
    { "7: an image", STEPS(STEP("a", "fail-prepare image no", IGNORED) "," STEP("b", "", "")),
            "a image ignored\nb exit 0\n", PASSED },
    { "7: not ready", STEPS(STEP("a", "exit 0", IGNORED DETACHED LOG) "," STEP("b", "", "")),
            "a not-ready ignored\nb exit 0\n", PASSED },
    { "7: evicted", STEPS(STEP("a", "evicted", IGNORED) "," STEP("b", "", "")),
            "a evicted ignored\nb exit 0\n", PASSED },
    { "7: infrastructure",
            STEPS(STEP("a", "fail-start infrastructure no", IGNORED) "," STEP("b", "", "")),
            "a infrastructure ignored\nb exit 0\n", PASSED },
    { "7: not a cancel", STEPS(STEP("a", "hang", IGNORED) "," STEP("b", "", POLICY("on-failure"))),
            "a cancelled\nb exit 0\n", CANCELLED, .cancel_at = { 1 } },
    { "7: nor the pipeline's timeout",
            "{'timeout':'1s','steps':[" STEP("a", "hang", IGNORED) "," STEP(
                    "b", "", POLICY("on-failure")) "]}",
            "a cancelled\nb exit 0\n", .outcome = PLR_OUTCOME_TIMEOUT, .exit_code = 1 },
    { "11: without it evicted is infrastructure", STEPS(STEP("a", "evicted", "")), "a evicted\n",
            BROKEN },
    { "11: an image that the registry refuses is a failure",
            STEPS(STEP("a", "fail-prepare image no", "")), "a image\n", FAILED },
    { "11: a start that the daemon does not do is infrastructure",
            STEPS(STEP("a", "fail-start infrastructure no", "")), "a infrastructure\n", BROKEN },
};

#define TELLS "env PIPELINE_RESULT;env PIPELINE_FAILED_STEPS"

static void expect_told(const char *json, uint64_t cancel_at_ns, const char *output)
{
    plr_play play = { .cancel_at_ns = { cancel_at_ns } };
    CU_ASSERT_EQUAL(plr_play_json(&play, json), 0);
    CU_ASSERT_PTR_NOT_NULL(play.output.data);
    if (play.output.data != NULL)
        CU_ASSERT_STRING_EQUAL(play.output.data, output);
    plr_play_clear(&play);
}

/* Rule 8: what a hook is told is what stands when all else has ended. */
static void hooks_are_told(void)
{
    expect_told("{'steps':[" STEP("a", "", "") "]" HOOKS(STEP("h", TELLS, "")) "}", 0,
            "h|passed\nh|\n");
    expect_told("{'steps':[" STEP("a", "exit 1", "") "," STEP(
                        "b", "lost", POLICY("always")) "]" HOOKS(STEP("h", TELLS, "")) "}",
            0, "h|failed\nh|a,b\n");
    expect_told("{'steps':[" STEP("a", "hang", "") "]" HOOKS(STEP("h", TELLS, "")) "}", 1,
            "h|cancelled\nh|a\n");
    expect_told(
            "{'timeout':'5s','steps':[" STEP("a", "hang", "") "]" HOOKS(STEP("h", TELLS, "")) "}",
            0, "h|timeout\nh|a\n");
    expect_told("{'timeout':'5s','steps':[" STEP("a", "", "") "]" HOOKS(
                        STEP("h", "sleep 10s", "") "," STEP("i", TELLS, "")) "}",
            0, "i|passed\ni|\n");
}

static const plr_play_case hooks[] = {
    { "8: a failed hook ends its list's others not",
            "{'steps':[" STEP("a", "", "") "]" HOOKS(
                    STEP("h", "exit 1", "") "," STEP("i", "", "")) "}",
            "a exit 0\nh exit 1\ni exit 0\n", FAILED },
    { "8: ignore_err of a hook",
            "{'steps':[" STEP("a", "", "") "]" HOOKS(STEP("h", "exit 1", IGNORED)) "}",
            "a exit 0\nh exit 1 ignored\n", PASSED },
    { "8: a cancel counts as a failure",
            "{'steps':[" STEP("a", "hang", "") "],'hooks':{'on_success':[" STEP(
                    "s", "", "") "],'on_failure':[" STEP("f", "", "") "]}}",
            "a cancelled\ns skipped failed-before\nf exit 0\n", CANCELLED, .cancel_at = { 1 } },
    { "8: a hook's timeout and retry",
            "{'steps':[" STEP("a", "", "") "]" HOOKS(STEP("h", "@1 hang;exit 0",
                    ",'timeout':'1s','retry':{'attempts':2,'on':['timeout']}")) "}",
            "a exit 0\nh timeout retry\nh+ exit 0\n", PASSED },
};

static const plr_play_case retries[] = {
    { "9: the backoff doubles",
            STEPS(STEP("a", "exit 1", ",'retry':{'attempts':4,'backoff':'1s'}")),
            "a exit 1 retry\na+ exit 1 retry\na+ exit 1 retry\na+ exit 1\n", FAILED, .lasts = 7 },
    { "9: only what is named is tried again",
            STEPS(STEP("a", "exit 1", ",'retry':{'attempts':3,'on':['signal']}")), "a exit 1\n",
            FAILED },
    { "9: 78 is not tried again",
            STEPS(STEP("a", "exit 78", ",'retry':{'attempts':3,'on':['exit']}")), "a exit 78\n",
            PASSED },
    { "9: a detached step before it is ready",
            STEPS(STEP("s", "@1 exit 1;@2 out up;hang",
                    DETACHED LOG ",'retry':{'attempts':2}") "," STEP("a", "sleep 1s", "")),
            "s not-ready retry\na exit 0\ns+ stopped\n", PASSED },
    { "9: and not after",
            STEPS(STEP("s", "out up;sleep 1s;exit 1",
                    DETACHED LOG ",'retry':{'attempts':2}") "," STEP("a", "sleep 2s", "")),
            "s exit 1\na exit 0\n", FAILED },
    { "9: the timeout is from running, not from the preparation",
            STEPS(STEP("a", "prepare 10s;start 10s;sleep 1s", ",'timeout':'2s'")), "a exit 0\n",
            PASSED },
    { "9: and for each attempt",
            STEPS(STEP("a", "@1 sleep 3s;@1 exit 1;@2 sleep 3s",
                    ",'timeout':'4s','retry':{'attempts':2}")),
            "a exit 1 retry\na+ exit 0\n", PASSED },
    { "9: the pipeline's timeout covers all",
            "{'timeout':'5s','steps':[" STEP(
                    "a", "exit 1", ",'retry':{'attempts':9,'backoff':'2s'}") "]}",
            "a exit 1 retry\na+ exit 1 retry\na+ cancelled\n", .outcome = PLR_OUTCOME_TIMEOUT,
            .exit_code = 1, .lasts = 5 },
    { "9: a cancel in the backoff",
            STEPS(STEP("a", "exit 1", ",'retry':{'attempts':2,'backoff':'10s'}") "," STEP(
                    "b", "", "") "," STEP("c", "", POLICY("on-failure"))),
            "a exit 1 retry\na+ cancelled\nb skipped cancelled\nc exit 0\n", CANCELLED,
            .cancel_at = { 5 } },
    { "9: dependents see the last attempt, ignored if it is",
            STEPS(STEP("a", "exit 1", IGNORED ",'retry':{'attempts':2}") "," STEP("b", "", "")),
            "a exit 1 ignored retry\na+ exit 1 ignored\nb exit 0\n", PASSED },
    { "9: a failed start is tried again",
            STEPS(STEP("a", "@1 fail-start lost gone;exit 0",
                    ",'retry':{'attempts':2,'on':['lost']}")),
            "a lost retry\na+ exit 0\n", PASSED },
};

static const plr_play_case cancels[] = {
    { "10: a running always step lives on, as one that waits would",
            STEPS(STEP("a", "sleep 1s", "") "," STEP("b", "sleep 10s", POLICY("always")) "," STEP(
                    "c", "", "")),
            "a exit 0\nc skipped cancelled\nb exit 0\n", CANCELLED, .cancel_at = { 5 } },
    { "10: a running on-failure step, too",
            STEPS(STEP("a", "exit 1", "") "," STEP("b", "sleep 10s", POLICY("on-failure"))),
            "a exit 1\nb exit 0\n", FAILED, .cancel_at = { 5 } },
    { "10: what outlasts the budget is killed",
            STEPS(STEP("a", "hang", "") "," STEP("b", "ignore-term;hang", POLICY("always"))),
            "a cancelled\nb cancelled\n", CANCELLED, .cancel_at = { 5 }, .lasts = 305 },
    { "10: hooks share the budget",
            "{'steps':[" STEP("a", "hang", "") "]" HOOKS(STEP("h", "sleep 4m", "") "," STEP(
                    "i", "sleep 4m", "") "," STEP("j", "", "")) "}",
            "a cancelled\nh exit 0\ni cancelled\nj skipped cancelled\n", CANCELLED,
            .cancel_at = { 5 } },
    { "10: a second cancel kills hooks",
            "{'steps':[" STEP("a", "hang", "") "]" HOOKS(
                    STEP("h", "hang", "") "," STEP("i", "", "")) "}",
            "a cancelled\nh cancelled\ni skipped cancelled\n", CANCELLED, .cancel_at = { 5, 7 } },
    { "10: a detached step that is met lives on",
            STEPS(STEP("s", "hang", DETACHED) "," STEP("a", "hang", "") "," STEP(
                    "b", "sleep 5s", POLICY("always"))),
            "a cancelled\nb exit 0\ns stopped\n", CANCELLED, .cancel_at = { 5 } },
    { "10: a service that is not ready yet is cancelled",
            "{" SERVICE("s", "hang", LOG) ",'steps':[" STEP("a", "", "") "," STEP(
                    "b", "", POLICY("always")) "]}",
            "a skipped cancelled\ns cancelled\nb exit 0\n", CANCELLED, .cancel_at = { 5 } },
    { "10: a preparation is cancelled",
            STEPS(STEP("a", "", "") "," STEP("b", "prepare 1h", "") "," STEP(
                    "c", "", POLICY("on-failure"))),
            "a exit 0\nb cancelled\nc exit 0\n", CANCELLED, .cancel_at = { 5 }, .lasts = 5 },
    { "10: a start is cancelled",
            STEPS(STEP("a", "", "") "," STEP("b", "start 1h", "") "," STEP(
                    "c", "", POLICY("on-failure"))),
            "a exit 0\nb cancelled\nc exit 0\n", CANCELLED, .cancel_at = { 5 }, .lasts = 5 },
    { "10: what ended by the init's word is not cancelled",
            STEPS(STEP("a", "told 10s;exit 0", "") "," STEP("b", "sleep 1s", "")),
            "b exit 0\na exit 0\n", PASSED, .cancel_at = { 5 } },
    { "9: nor does its timeout come after that word",
            STEPS(STEP("a", "sleep 1s;told 10s;exit 0", ",'timeout':'2s'") "," STEP("b", "", "")),
            "b exit 0\na exit 0\n", PASSED },
    { "10: now kills at once and runs nothing more",
            "{'steps':[" STEP("a", "ignore-term;hang", "") "," STEP(
                    "b", "", POLICY("always")) "]" HOOKS(STEP("h", "", "")) "}",
            "b skipped cancelled\na cancelled\nh skipped cancelled\n", CANCELLED,
            .cancel_at = { 0, 5 } },
    { "10: abandon leaves all",
            "{'steps':[" STEP("a", "hang", "") "," STEP("b", "", POLICY("always")) "]}",
            "a cancelled\nb skipped cancelled\n", CANCELLED, .cancel_at = { 0, 0, 5 }, .lasts = 5 },
    { "10: a step that waits for a slot is skipped, or runs if it is always", /* max_parallel is 1
                                                                               */
            STEPS(STEP("a", "hang", "") "," STEP("b", "", "") "," STEP(
                    "c", "sleep 1s", POLICY("always")) "," STEP("d", "", DEPENDS("'a'"))),
            "b skipped cancelled\nd skipped cancelled\na cancelled\nc exit 0\n", CANCELLED,
            .cancel_at = { 5 }, .lasts = 6, .max_parallel = 1 },
    { "10: the pipeline's timeout skips with its own word",
            "{'timeout':'5s','steps':[" STEP("a", "hang", "") "," STEP("b", "", "") "]}",
            "b skipped timeout\na cancelled\n", .outcome = PLR_OUTCOME_TIMEOUT, .exit_code = 1 },
    { "11: a failure before the cancel is the first cause",
            STEPS(STEP("a", "exit 1", "") "," STEP("b", "hang", "") "," STEP(
                    "c", "", DEPENDS("'a'"))),
            "a exit 1\nc skipped failed-before\nb cancelled\n", FAILED, .cancel_at = { 5 } },
};

#define PLAY(cases) plr_play_cases(cases, sizeof(cases) / sizeof *(cases))

static void order(void)
{
    PLAY(graphs);
}

static void services_and_detached(void)
{
    PLAY(services);
}

static void exit_78(void)
{
    PLAY(halts);
}

static void ignore_err(void)
{
    PLAY(ignored);
}

static void hooks_in_a_row(void)
{
    PLAY(hooks);
}

static void retry(void)
{
    PLAY(retries);
}

static void cancel(void)
{
    PLAY(cancels);
}

static const plr_test tests[] = {
    { "order", order },
    { "services and detached steps", services_and_detached },
    { "exit 78", exit_78 },
    { "ignore_err", ignore_err },
    { "hooks", hooks_in_a_row },
    { "what hooks are told", hooks_are_told },
    { "retry and timeouts", retry },
    { "cancel", cancel },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("clauses", tests);
}
