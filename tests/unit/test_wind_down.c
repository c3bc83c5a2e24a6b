/* SPDX-License-Identifier: MIT */
/* When a backend is told that nothing more of a run is to start: as soon as the last step has said
 * its end, not when that is confirmed, and never while something may still follow. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/harness.h"
#include "tests/unit/play.h"

typedef struct wind_case {
    const char *json, *order;
    bool keep_on_failure;
} wind_case;

#define HOOK(kind, fake)                                                                           \
    "{'steps':[" STEP("a", "told 1s", "") "],'hooks':{'" kind "':[" STEP("h", fake, "") "]}}"

static const wind_case cases[] = {
    { STEPS(STEP("a", "told 1s", "")), "told a", false },
    { STEPS(STEP("a", "told 1s", "") "," STEP("b", "sleep 2s;told 1s", "")), "a told b", false },
    /* Not known from the init's word alone. */
    { STEPS(STEP("a", "", "")), "a told", false },
    { STEPS(STEP("a", "exit 1;told 1s", "") "," STEP("b", "", "")), "b told a", false },
    { STEPS(STEP("a", "exit 1;told 1s", ",'retry':{'attempts':2}")), "a told a", false },
    { STEPS(STEP("a", "told 1s", "") "," STEP("b", "hang", ",'detach':true")), "told a b", false },
    { "{'steps':[" STEP("a", "told 1s", DEPENDS("")) "," STEP(
              "b", "sleep 5s;told 1s", DEPENDS("")) "]}",
            "a told b", false },
    { HOOK("on_success", "told 1s"), "a told h", false },
    { HOOK("on_failure", "told 1s"), "a h told", false },
    /* What failed is looked at by somebody. */
    { STEPS(STEP("a", "exit 1;told 1s", "")), "a", true },
    { STEPS(STEP("a", "told 1s", "")), "told a", true },
};

static plr_answer on_event(const plr_event *event, void *userdata)
{
    plr_buf *order = userdata;
    if (event->type == PLR_EVENT_STEP && event->u.moved.to == PLR_STATE_ENDED)
        plr_buf_printf(order, "%s%s", order->size > 0 ? " " : "", event->step);
    if (event->type == PLR_EVENT_NOTICE && strcmp(event->u.warning.message, "winding down") == 0)
        plr_buf_printf(order, "%stold", order->size > 0 ? " " : "");
    return PLR_ANSWER_GO_ON;
}

static void each_order(void)
{
    plr_pair environment = { "FAKE_WIND_DOWN", "" };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plr_buf order = { 0 };
        plr_play play = {
            .options.environment = &environment,
            .options.n_environment = 1,
            .options.keep_on_failure = cases[i].keep_on_failure,
            .on_event = on_event,
            .userdata = &order,
        };
        CU_ASSERT_EQUAL(plr_play_json(&play, cases[i].json), 0);
        bool right = order.data != NULL && strcmp(order.data, cases[i].order) == 0;
        CU_ASSERT_TRUE(right);
        if (!right)
            fprintf(stderr, "\n%s: \"%s\", not \"%s\"\n", cases[i].json, order.data,
                    cases[i].order);
        plr_buf_clear(&order);
        plr_play_clear(&play);
    }
}

static const plr_test tests[] = {
    { "told once, and at the right moment", each_order },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("wind_down", tests);
}
