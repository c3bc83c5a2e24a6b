/* SPDX-License-Identifier: MIT */
/* The rule for network=auto, clause by clause as design.md has it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pipeline/pipeline.h>

#include "engine/network.h"
#include "tests/unit/harness.h"

#define STEP(name, more) "{'metadata':{'name':'" name "'},'docker':{'image':'i:1'}" more "}"
#define DOCKER(name, more) "{'metadata':{'name':'" name "'},'docker':{'image':'i:1'" more "}}"
#define DETACHED(name, ports)                                                                      \
    "{'metadata':{'name':'" name "'},'detach':true,'docker':{'image':'i:1'" ports "}}"
#define STEPS(list) "{'steps':[" list "]}"

static plr_network_mode mode_of(const char *json, bool serial_only)
{
    char *text = strdup(json);
    plr_spec *spec = NULL;
    plr_error err = { 0 };
    plr_network_mode mode = PLR_NETWORK_NONE;
    for (char *c = text; *c != '\0'; c++)
        if (*c == '\'')
            *c = '"';
    int r = plr_spec_read(&spec, "test", text, strlen(text), NULL, NULL, NULL, &err);
    CU_ASSERT_EQUAL(r, 0);
    if (r == 0)
        mode = plr_network_auto(plr_spec_document(spec), serial_only);
    else
        fprintf(stderr, "\n%s\n", err.message);
    plr_spec_unref(spec);
    free(text);
    return mode;
}

static void is_shared(const char *json)
{
    CU_ASSERT_EQUAL(mode_of(json, true), PLR_NETWORK_SHARED);
    CU_ASSERT_EQUAL(mode_of(json, false), PLR_NETWORK_SHARED);
}

static void is_isolated(const char *json)
{
    CU_ASSERT_EQUAL(mode_of(json, true), PLR_NETWORK_ISOLATED);
    CU_ASSERT_EQUAL(mode_of(json, false), PLR_NETWORK_ISOLATED);
}

#define PORT(n) ",'ports':[{'port':" n "}]"

static void servers_must_not_clash(void)
{
    is_shared(STEPS(STEP("a", "") "," STEP("b", "")));
    is_shared(STEPS(DETACHED("s", "") "," STEP("b", "")));
    is_shared("{'services':[" STEP("s", "") "],'steps':[" STEP("a", "") "]}");
    is_isolated(STEPS(DETACHED("s", "") "," DETACHED("t", "") "," STEP("b", "")));
    is_isolated("{'services':[" STEP("s", "") "],'steps':[" DETACHED("t", PORT("1")) "]}");
    is_shared(STEPS(DETACHED("s", PORT("1")) "," DETACHED("t", PORT("2")) "," STEP("b", "")));
    is_isolated(STEPS(DETACHED("s", PORT("1")) "," DETACHED("t", PORT("1")) "," STEP("b", "")));
    is_isolated(STEPS(DETACHED("s", PORT("1")) "," DETACHED("t", PORT("2")) "," DETACHED("u", "")));
}

static void wishes_of_a_step_count(void)
{
    is_isolated(STEPS(STEP("a", ",'network':'none'")));
    is_isolated(STEPS(DOCKER("a", ",'network':'bridge'")));
    is_isolated(STEPS(DOCKER("a", ",'networks':['mine']")));
    is_isolated(STEPS(DOCKER("a", ",'dns':['1.1.1.1']")));
    is_isolated(STEPS(DOCKER("a", ",'dns_search':['local']")));
    is_isolated(STEPS(DOCKER("a", ",'extra_hosts':['a:1.1.1.1']")));
    is_shared(STEPS(DOCKER("a", ",'network':'','dns':[]")));
    is_isolated("{'steps':[" STEP("a", "") "],'hooks':{'always':[" STEP(
            "h", ",'network':'host'") "]}}");
}

#define MOUNT(path)                                                                                \
    "{'volumes':[{'metadata':{'name':'v'},'host':{'path':'" path                                   \
    "'}}],'steps':[" STEP("a", ",'volumes':[{'name':'v','path':'/v'}]") "]}"

static void a_daemon_reaches_around_it(void)
{
    is_isolated(MOUNT("/var/run/docker.sock"));
    is_isolated(MOUNT("/run"));
    is_shared(MOUNT("/srv"));
}

static void graphs_share_where_the_backend_can(void)
{
    const char *graph = STEPS(STEP("a", "") "," STEP("b", ",'depends_on':['a']"));
    CU_ASSERT_EQUAL(mode_of(graph, true), PLR_NETWORK_ISOLATED);
    CU_ASSERT_EQUAL(mode_of(graph, false), PLR_NETWORK_SHARED);
}

static const plr_test tests[] = {
    { "servers must not clash", servers_must_not_clash },
    { "wishes of a step count", wishes_of_a_step_count },
    { "a daemon reaches around it", a_daemon_reaches_around_it },
    { "graphs share where the backend can", graphs_share_where_the_backend_can },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("network", tests);
}
