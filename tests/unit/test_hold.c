/* SPDX-License-Identifier: MIT */
/* What is prepared before its turn and what is even held: as design.md has it, seen in the order of
 * states and in what the backend is told. */
#include <stdio.h>
#include <string.h>

#include "engine/run.h"
#include "tests/unit/harness.h"
#include "tests/unit/play.h"

typedef struct watcher {
    plr_play play;
    size_t n_ahead, most_ahead; /* begun, and not yet given a turn */
    const char *of;             /* whether this step may be held, as it is prepared */
    bool is_prepared_ahead, is_held, first_is_over;
} watcher;

static plr_answer on_event(const plr_event *event, void *userdata)
{
    watcher *w = userdata;
    if (event->type != PLR_EVENT_STEP)
        return PLR_ANSWER_GO_ON;
    if (strcmp(event->step, "a") == 0) {
        w->first_is_over |= event->u.moved.to == PLR_STATE_ENDED;
        return PLR_ANSWER_GO_ON;
    }
    w->n_ahead += event->u.moved.to == PLR_STATE_PREPARING;
    w->n_ahead -= event->u.moved.to == PLR_STATE_STARTING;
    w->most_ahead = w->n_ahead > w->most_ahead ? w->n_ahead : w->most_ahead;
    if (w->of != NULL && strcmp(event->step, w->of) == 0 &&
            event->u.moved.to == PLR_STATE_PREPARED) {
        w->is_prepared_ahead = !w->first_is_over;
        w->is_held = w->play.run->nodes[event->task].task.hold;
    }
    return PLR_ANSWER_GO_ON;
}

static void watch(watcher *w, const char *json)
{
    w->play.on_event = on_event;
    w->play.userdata = w;
    int r = plr_play_json(&w->play, json);
    CU_ASSERT_EQUAL(r, 0);
    if (r < 0)
        fprintf(stderr, "\n%s\n", w->play.err.message);
    plr_play_clear(&w->play);
}

static void two_are_ahead_at_most(void)
{
    watcher w = { 0 };
    watch(&w, STEPS(STEP("a", "sleep 10s", "") "," STEP("b", "", DEPENDS("'a'")) "," STEP(
                      "c", "", DEPENDS("'a'")) "," STEP("d", "", DEPENDS("'a'")) "," STEP("e",
                      "sleep 1s", DEPENDS("'b'"))));
    CU_ASSERT_EQUAL(w.most_ahead, 2);
    CU_ASSERT_EQUAL(w.n_ahead, 0);
}

/* In a row of steps, too: the one after the next needs not wait until the next one runs. */
static void two_are_ahead_in_a_row(void)
{
    watcher w = { 0 };
    watch(&w, STEPS(STEP("a", "sleep 10s", "") "," STEP("b", "", "") "," STEP("c", "", "") "," STEP(
                      "d", "", "")));
    CU_ASSERT_EQUAL(w.most_ahead, 2);
    CU_ASSERT_EQUAL(w.n_ahead, 0);
}

/* b and c take the places; d, which waits for the long one, gets one as soon as b has its turn. */
static void a_place_that_is_free_is_taken(void)
{
    watcher w = { .of = "d" };
    watch(&w, STEPS(STEP("x", "sleep 1s", "") "," STEP("a", "sleep 10s", "") "," STEP(
                      "b", "", DEPENDS("'x'")) "," STEP("c", "", DEPENDS("'x'")) "," STEP("d", "",
                      DEPENDS("'a'"))));
    CU_ASSERT_TRUE(w.is_prepared_ahead);
}

static void expect_held(const char *json, bool ahead, bool held)
{
    watcher w = { .of = "b" };
    watch(&w, json);
    CU_ASSERT_EQUAL(w.is_prepared_ahead, ahead);
    CU_ASSERT_EQUAL(w.is_held, held);
}

#define IMAGE(name, image, more)                                                                   \
    "{'metadata':{'name':'" name "'},'docker':{'image':'" image "'" more                           \
    "},'environment':{'FAKE':'sleep 1s'}}"
#define VOLUME(more) "'volumes':[{'metadata':{'name':'v'}," more "}]"
#define MOUNTS ",'volumes':[{'name':'v','path':'/v'}]"

static void held_or_only_prepared(void)
{
    expect_held(STEPS(IMAGE("a", "i:1", "") "," IMAGE("b", "i:1", "")), true, true);
    /* (a) what runs before could tell */
    expect_held(
            STEPS(IMAGE("a", "i:1", ",'privileged':true") "," IMAGE("b", "i:1", "")), true, false);
    expect_held("{" VOLUME("'host':{'path':'/run/docker.sock'}") ",'steps':[" STEP(
                        "a", "sleep 1s", MOUNTS) "," STEP("b", "", "") "]}",
            true, false);
    expect_held("{" VOLUME("'host':{'path':'/'}") ",'steps':[" STEP(
                        "a", "sleep 1s", MOUNTS) "," STEP("b", "", "") "]}",
            true, false);
    expect_held("{" VOLUME("'host':{'path':'/srv'}") ",'steps':[" STEP(
                        "a", "sleep 1s", MOUNTS) "," STEP("b", "", "") "]}",
            true, true);
    expect_held("{" VOLUME("'temp':{}") ",'steps':[" STEP("a", "sleep 1s", MOUNTS) "," STEP(
                        "b", "", MOUNTS) "]}",
            true, true);
    expect_held("{" VOLUME("'host':{'path':'/dev/null'}") ",'steps':[" STEP("a", "sleep 1s",
                        ",'devices':[{'name':'v','path':'/dev/x'}]") "," STEP("b", "", "") "]}",
            true, false);
    expect_held("{" VOLUME("'host':{'path':'/srv'}") ",'steps':[" STEP(
                        "a", "sleep 1s", "") "," STEP("b", "", MOUNTS) "]}",
            true, true);
    expect_held(STEPS(IMAGE("a", "i:1", "") "," IMAGE("b", "i:1", "") "," IMAGE(
                        "c", "i:1", ",'privileged':true")),
            true, true);
    expect_held(STEPS(STEP("a", "sleep 1s", "") "," STEP("b", "", DEPENDS("'a'")) "," IMAGE(
                        "c", "i:1", ",'privileged':true")),
            true, false);
    /* (b) its own ports */
    expect_held(STEPS(IMAGE("a", "i:1", "") "," IMAGE("b", "i:1", ",'ports':[{'port':80}]")), true,
            false);
    /* (c) an image that is resolved at its turn */
    expect_held(STEPS(IMAGE("a", "i:1", "") "," IMAGE("b", "i", "")), false, true);
    expect_held(STEPS(IMAGE("a", "i:1", "") "," IMAGE("b", "r:5000/i:latest", "")), false, true);
    expect_held(STEPS(IMAGE("a", "i:1", "") "," IMAGE("b", "i:1", ",'pull_policy':'always'")),
            false, true);
    expect_held(STEPS(IMAGE("a", "i:1", "") "," IMAGE("b", "i", ",'pull_policy':'if-not-exists'")),
            true, true);
}

/* a has the folder /srv, b a path of the machine's: whether b is held. */
static void expect_bound(const char *path, bool held)
{
    char json[1000];
    snprintf(json, sizeof json,
            "{'volumes':[{'metadata':{'name':'v'},'host':{'path':'/srv'}},"
            "{'metadata':{'name':'w'},'host':{'path':'%s'}}],'steps':[" STEP("a", "sleep 1s",
                    MOUNTS) "," STEP("b", "", ",'volumes':[{'name':'w','path':'/w'}]") "]}",
            path);
    expect_held(json, true, held);
}

/* What a could put something else in the place of, b is not bound to before its turn. */
static void what_a_folder_is_bound_to(void)
{
    expect_bound("/srv", true);
    expect_bound("/srv/", true);
    expect_bound("/srvices/b", true);
    expect_bound("/other", true);
    expect_bound("/srv/b", false);
    expect_bound("/srv//b/c", false);
}

/* A failure to prepare is not an end. */
static void a_preparation_that_fails_is_tried_again_at_the_turn(void)
{
    plr_play play = { 0 };
    CU_ASSERT_EQUAL(plr_play_json(&play, STEPS(STEP("a", "sleep 1s", "") "," STEP(
                                                 "b", "fail-prepare image no", ""))),
            0);
    CU_ASSERT_STRING_EQUAL(play.ends.data, "a exit 0\nb image\n");
    CU_ASSERT_PTR_NOT_NULL(
            strstr(play.trace.data, "b preparing\nb pending\na ended\nb preparing\nb ended\n"));
    plr_play_clear(&play);
}

/* Nor does one that will not run matter. */
static void what_was_prepared_in_vain_is_removed(void)
{
    plr_play play = { 0 };
    CU_ASSERT_EQUAL(
            plr_play_json(&play, STEPS(STEP("a", "sleep 1s;exit 1", "") "," STEP("b", "",
                                         "") "," STEP("c", "prepare 1h", POLICY("on-failure")))),
            0);
    CU_ASSERT_STRING_EQUAL(play.ends.data, "a exit 1\nb skipped failed-before\nc exit 0\n");
    plr_play_clear(&play);
}

static const plr_test tests[] = {
    { "two are ahead at most", two_are_ahead_at_most },
    { "two are ahead in a row", two_are_ahead_in_a_row },
    { "a place that is free is taken", a_place_that_is_free_is_taken },
    { "held, or only prepared", held_or_only_prepared },
    { "what somebody before could replace is not bound early", what_a_folder_is_bound_to },
    { "a preparation that fails is tried again at the turn",
            a_preparation_that_fails_is_tried_again_at_the_turn },
    { "what was prepared in vain is removed", what_was_prepared_in_vain_is_removed },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("hold", tests);
}
