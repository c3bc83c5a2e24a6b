/* SPDX-License-Identifier: MIT */
/* What a caller may ask of a run and what a policy forbids: each refusal says why, and nothing has
 * been started. And what each task sees of all that. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/run.h"
#include "tests/unit/harness.h"
#include "tests/unit/play.h"

#define ONE STEPS(STEP("a", "", ""))

static void expect_refusal(plr_run_options options, const char *json, int code, const char *text)
{
    plr_play play = { .options = options };
    int r = plr_play_json(&play, json);
    bool as_expected = r == code && strstr(play.err.message, text) != NULL && play.n_events == 0;
    CU_ASSERT_TRUE(as_expected);
    if (!as_expected)
        fprintf(stderr, "\nexpected: %s\ngot: %d %s\n", text, r, play.err.message);
    plr_play_clear(&play);
}

static void expect_pass(plr_run_options options, const char *json)
{
    plr_play play = { .options = options };
    int r = plr_play_json(&play, json);
    CU_ASSERT_EQUAL(r, 0);
    CU_ASSERT_EQUAL(play.result.outcome, PLR_OUTCOME_PASSED);
    if (r < 0)
        fprintf(stderr, "\n%s\n", play.err.message);
    plr_play_clear(&play);
}

#define OPTIONS(...) ((plr_run_options){ __VA_ARGS__ })

static void refuse_environment(const char *name, const char *text)
{
    plr_pair pair = { name, "x" };
    expect_refusal(OPTIONS(.environment = &pair, .n_environment = 1), ONE, PLR_ERR_USAGE, text);
}

static void environment_is_checked(void)
{
    refuse_environment("", "not the name of a variable");
    refuse_environment("A=B", "\"A=B\" is not the name");
    refuse_environment("PIPELINE_RESULT", "kept for the engine");
}

static void ids_are_checked(void)
{
    static const char *const wrong[] = { "", "-a", "A", "a_b", "a/b",
        "12345678901234567890123456789012345678901" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect_refusal(OPTIONS(.id = wrong[i]), ONE, PLR_ERR_USAGE, "is not an id for a run");
    expect_pass(OPTIONS(.id = "1234567890123456789012345678901234567890"), ONE);
}

static void secrets_are_checked(void)
{
    plr_host_secret nul = { "s", "a\0b", 3 };
    expect_refusal(OPTIONS(.secrets = &nul, .n_secrets = 1), ONE, PLR_ERR_USAGE, "NUL byte");
    expect_refusal(OPTIONS(.timeout_ns = 0),
            STEPS(STEP("a", "", ",'secrets':[{'name':'s','env':'S'}]")), PLR_ERR_DOCUMENT,
            "step a: there is no secret \"s\"");
}

#define VOLUME(more) "'volumes':[{'metadata':{'name':'v'}," more "}]"
#define MOUNTS ",'volumes':[{'name':'v','path':'/v'}]"
#define WITH_HOST(path)                                                                            \
    "{" VOLUME("'host':{'path':'" path "'}") ",'steps':[" STEP("a", "", MOUNTS) "]}"

static void paths_are_checked(void)
{
    plr_pair unknown = { "w", "/srv" }, relative = { "v", "srv" };
    expect_refusal(
            OPTIONS(.volumes = &unknown, .n_volumes = 1), ONE, PLR_ERR_USAGE, "no volume \"w\"");
    expect_refusal(OPTIONS(.volumes = &relative, .n_volumes = 1), WITH_HOST("/x"), PLR_ERR_USAGE,
            "not absolute");
    expect_refusal(OPTIONS(.workspace = "here"), ONE, PLR_ERR_USAGE, "not an absolute path");
}

static void selections_are_checked(void)
{
    const char *const only[] = { "a", "b" };
    expect_refusal(OPTIONS(.only = only, .n_only = 2), ONE, PLR_ERR_USAGE, "no step \"b\" to run");
    expect_refusal(OPTIONS(.from = "b"), ONE, PLR_ERR_USAGE, "no step \"b\" to begin from");
}

static void times_are_checked(void)
{
    expect_refusal(OPTIONS(.timeout_ns = -1), ONE, PLR_ERR_USAGE, "negative");
    expect_refusal(OPTIONS(.cleanup_ns = -1), ONE, PLR_ERR_USAGE, "negative");
}

/* A limit that is not understood must not be dropped in silence. */
static void structs_carry_their_size(void)
{
    struct {
        plr_policy policy;
        bool more;
    } newer = { .policy = { .size = sizeof newer, .privileged = PLR_PRIVILEGED_ALLOWED } };
    plr_policy without = { .privileged = PLR_PRIVILEGED_ALLOWED };
    plr_engine *engine = NULL;
    plr_error err = { 0 };
    expect_refusal(OPTIONS(.policy = &without), ONE, PLR_ERR_USAGE, "plr_policy: its size");
    expect_pass(OPTIONS(.policy = &newer.policy), ONE);
    newer.more = true;
    expect_refusal(OPTIONS(.policy = &newer.policy), ONE, PLR_ERR_USAGE, "plr_policy asks for");
    CU_ASSERT_EQUAL(plr_engine_new(&engine, &(plr_engine_options){ 0 }, &err), PLR_ERR_USAGE);
    /* An older caller's is shorter: what it does not know is as if it had not asked. */
    plr_policy older = { .size = offsetof(plr_policy, limit_host_paths), .limit_images = true };
    expect_pass(OPTIONS(.policy = &older), ONE);
}

static void refuse(plr_policy policy, const char *json, const char *text)
{
    policy.size = sizeof policy;
    expect_refusal(OPTIONS(.policy = &policy), json, PLR_ERR_REFUSED, text);
}

static void allow(plr_policy policy, const char *json)
{
    policy.size = sizeof policy;
    expect_pass(OPTIONS(.policy = &policy), json);
    expect_pass(OPTIONS(.policy = NULL), json);
}

#define DOCKER(more) "{'steps':[{'metadata':{'name':'a'},'docker':{'image':'i:1'" more "}}]}"
#define IMAGE(image) "{'steps':[{'metadata':{'name':'a'},'docker':{'image':'" image "'}}]}"
#define POLICY_OF(...) ((plr_policy){ __VA_ARGS__ })

static void a_policy_forbids(void)
{
    refuse(POLICY_OF(0), DOCKER(",'privileged':true"),
            "step a: the policy does not allow privileged steps");
    allow(POLICY_OF(.privileged = PLR_PRIVILEGED_ALLOWED), DOCKER(",'privileged':true"));
    refuse(POLICY_OF(0), STEPS(STEP("a", "", ",'network':'host'")), "the host's network");
    refuse(POLICY_OF(0), DOCKER(",'network':'host'"), "the host's network");
    allow(POLICY_OF(.allow_host_network = true), DOCKER(",'network':'host'"));
    plr_policy nothing = { .size = sizeof nothing };
    expect_refusal(OPTIONS(.policy = &nothing, .network = PLR_NETWORK_HOST), ONE, PLR_ERR_REFUSED,
            "the host's network");
    const char *device = "{" VOLUME("'host':{'path':'/dev/kvm'}") ",'steps':[" STEP(
            "a", "", ",'devices':[{'name':'v','path':'/dev/kvm'}]") "]}";
    refuse(POLICY_OF(0), device, "devices");
    allow(POLICY_OF(.allow_devices = true), device);
    /* Services and hooks are no way around it. */
    refuse(POLICY_OF(0),
            "{'services':[{'metadata':{'name':'s'},'docker':{'image':'i:1','privileged':true}}],'"
            "steps':[" STEP("a", "", "") "]}",
            "step s");
    refuse(POLICY_OF(0),
            "{'steps':[" STEP("a", "", "") "],'hooks':{'always':[{'metadata':{'name':'h'},'docker':"
                                           "{'image':'i:1','privileged':true}}]}}",
            "step h");
}

/* Of a step that is privileged, on a backend that forbids it by itself. */
static int check_privileged(const plr_policy *policy, unsigned capabilities)
{
    const plr_backend_module module = { .capabilities = capabilities };
    plr_backend backend = { .module = &module };
    const plr_step step = { .metadata.name = "a", .docker.privileged = true };
    const plr_document document = { .n_tasks = 1 };
    plr_run run = { .backend = &backend, .document = &document, .options.policy = policy };
    plr_run_node node = { .run = &run, .task.step = &step };
    run.nodes = &node;
    return plr_policy_check(&run, NULL);
}

static void who_decides_of_privileged_steps(void)
{
    const unsigned strict = PLR_CAPABILITY_REFUSES_PRIVILEGED;
    plr_policy policy = { .privileged = PLR_PRIVILEGED_BY_BACKEND };
    CU_ASSERT_EQUAL(check_privileged(NULL, 0), 0);
    CU_ASSERT_EQUAL(check_privileged(NULL, strict), PLR_ERR_REFUSED);
    CU_ASSERT_EQUAL(check_privileged(&policy, 0), 0);
    CU_ASSERT_EQUAL(check_privileged(&policy, strict), PLR_ERR_REFUSED);
    policy.privileged = PLR_PRIVILEGED_ALLOWED;
    CU_ASSERT_EQUAL(check_privileged(&policy, strict), 0);
    policy.privileged = PLR_PRIVILEGED_FORBIDDEN;
    CU_ASSERT_EQUAL(check_privileged(&policy, 0), PLR_ERR_REFUSED);
}

static void a_policy_forbids_host_paths(void)
{
    const char *patterns[] = { "/srv/*", "/cache" };
    plr_policy some = { .limit_host_paths = true, .host_paths = patterns, .n_host_paths = 2 };
    allow(some, WITH_HOST("/srv/a/b"));
    allow(some, WITH_HOST("/cache/"));
    refuse(some, WITH_HOST("/etc"), "the host path /etc");
    refuse(some, WITH_HOST("/srv"), "the host path");
    refuse(some, WITH_HOST("/cache/x"), "the host path");
    refuse(some, WITH_HOST("//etc/./passwd"), "the host path /etc/passwd");
    refuse(POLICY_OF(.limit_host_paths = true), WITH_HOST("/srv/a"), "the host path");
    plr_pair given = { "v", "/etc" };
    some.size = sizeof some;
    expect_refusal(OPTIONS(.policy = &some, .volumes = &given, .n_volumes = 1), WITH_HOST("/srv/a"),
            PLR_ERR_REFUSED, "the host path /etc");
    expect_pass(OPTIONS(.policy = &some, .workspace = "/home"), ONE); /* the caller's own wish */
}

static void a_policy_forbids_daemon_sockets(void)
{
    static const char *const paths[] = { "/var/run/docker.sock", "/run/docker.sock", "/var/run",
        "/run", "/", "/home/me/docker.sock", "/run/podman", "/run/containerd/containerd.sock" };
    char json[512];
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        snprintf(json, sizeof json,
                "{" VOLUME("'host':{'path':'%s'}") ",'steps':[" STEP("a", "", MOUNTS) "]}",
                paths[i]);
        refuse(POLICY_OF(0), json, "a daemon's socket");
        allow(POLICY_OF(.allow_daemon_sockets = true), json);
    }
    allow(POLICY_OF(0), WITH_HOST("/var/runner"));
}

static void a_policy_forbids_images(void)
{
    const char *patterns[] = { "docker.io/library/*", "registry.example.com:5000/team/*" };
    plr_policy some = { .limit_images = true, .images = patterns, .n_images = 2 };
    allow(some, IMAGE("alpine:3"));
    allow(some, IMAGE("docker.io/library/alpine"));
    allow(some, IMAGE("registry.example.com:5000/team/a/b:1"));
    refuse(some, IMAGE("someone/alpine"), "the image someone/alpine");
    refuse(some, IMAGE("localhost/library/alpine"), "the image");
    refuse(some, IMAGE("evil.com/docker.io/library/alpine"), "the image");
    refuse(POLICY_OF(.limit_images = true), IMAGE("alpine"), "the image");
}

typedef struct sight {
    plr_play play;
    const char *of;
    char environment[256], volumes[256], working_dir[64];
} sight;

static plr_answer on_event(const plr_event *event, void *userdata)
{
    sight *s = userdata;
    if (event->type != PLR_EVENT_STEP || event->u.moved.to != PLR_STATE_PREPARED ||
            s->play.run == NULL)
        return PLR_ANSWER_GO_ON;
    const plr_task *task = &s->play.run->nodes[event->task].task;
    for (size_t i = 0; i < task->n_environment; i++)
        snprintf(s->environment + strlen(s->environment),
                sizeof s->environment - strlen(s->environment), "%s=%s;", task->environment[i].name,
                task->environment[i].value);
    for (size_t i = 0; i < task->n_volumes; i++)
        snprintf(s->volumes + strlen(s->volumes), sizeof s->volumes - strlen(s->volumes),
                "%s:%s:%s%s;", task->volumes[i].name, task->volumes[i].path,
                task->volumes[i].host_path != NULL ? task->volumes[i].host_path : "",
                task->volumes[i].temp != NULL ? "temp" : "");
    snprintf(s->working_dir, sizeof s->working_dir, "%s",
            task->working_dir != NULL ? task->working_dir : "(none)");
    return PLR_ANSWER_GO_ON;
}

static void look(sight *s, const char *json)
{
    s->play.on_event = on_event;
    s->play.userdata = s;
    CU_ASSERT_EQUAL(plr_play_json(&s->play, json), 0);
    plr_play_clear(&s->play);
}

/* What a step sees: later ones win; a host's secret replaces the document's. */
static void what_a_task_sees(void)
{
    plr_host_secret secret = { "s", "of the host", 11 };
    plr_pair volume = { "v", "/given" };
    sight s = { .play.options = { .secrets = &secret,
                        .n_secrets = 1,
                        .volumes = &volume,
                        .n_volumes = 1,
                        .workspace = "/home/me" } };
    look(&s, "{'secrets':[{'metadata':{'name':'s'},'data':'of the document'}]," VOLUME(
                     "'temp':{}") ",'steps':[{'metadata':{'name':'a'},'docker':{'image':'i:1'},'"
                                  "environment':{'A':'1','S':'2'},'secrets':[{'name':'s','env':'S'}"
                                  "]" MOUNTS "}]}");
    CU_ASSERT_STRING_EQUAL(s.environment, "A=1;S=of the host;");
    CU_ASSERT_STRING_EQUAL(s.volumes, "v:/v:/given;workspace:/workspace:/home/me;");
    CU_ASSERT_STRING_EQUAL(s.working_dir, "/workspace");
    sight t = { .play.options = { .workspace = "/home/me" } };
    look(&t, "{" VOLUME("'temp':{}") ",'steps':[{'metadata':{'name':'a'},'docker':{'image':'i:1'},'"
                                     "working_dir':'/src'" MOUNTS "}]}");
    CU_ASSERT_STRING_EQUAL(t.volumes, "v:/v:temp;workspace:/src:/home/me;");
    CU_ASSERT_STRING_EQUAL(t.working_dir, "/src");
    sight u = { .of = "a" };
    look(&u, ONE);
    CU_ASSERT_STRING_EQUAL(u.working_dir, "(none)");
}

/* Of two time limits the smaller holds. */
static void the_smaller_timeout_holds(void)
{
    for (int i = 0; i < 2; i++) {
        plr_play play = { .options.timeout_ns = (i == 0 ? 3 : 7) * (int64_t)1000000000 };
        CU_ASSERT_EQUAL(
                plr_play_json(&play, "{'timeout':'5s','steps':[" STEP("a", "hang", "") "]}"), 0);
        CU_ASSERT_EQUAL(play.result.outcome, PLR_OUTCOME_TIMEOUT);
        CU_ASSERT_EQUAL(play.duration_ns, (i == 0 ? 3 : 5) * (uint64_t)1000000000);
        plr_play_clear(&play);
    }
}

static void parts_of_a_document(void)
{
    const char *const only[] = { "b" };
    const char *graph =
            STEPS(STEP("a", "exit 1", "") "," STEP("b", "exit 2", DEPENDS("'a'")) "," STEP("c", "",
                    DEPENDS("'b'") POLICY("on-failure")) "," STEP("f", "", POLICY("on-failure")));
    plr_play one = { .options.only = only, .options.n_only = 1 };
    CU_ASSERT_EQUAL(plr_play_json(&one, graph), 0);
    CU_ASSERT_STRING_EQUAL(one.ends.data,
            "a skipped not-selected\nc skipped not-selected\nf skipped not-selected\nb exit 2\n");
    CU_ASSERT_EQUAL(one.result.n_skipped, 3);
    plr_play_clear(&one);
    plr_play two = { .options.from = "b" };
    CU_ASSERT_EQUAL(plr_play_json(&two, graph), 0);
    CU_ASSERT_STRING_EQUAL(two.ends.data, "a skipped not-selected\nb exit 2\nc exit 0\nf exit 0\n");
    plr_play_clear(&two);
}

static const plr_test tests[] = {
    { "environment is checked", environment_is_checked },
    { "ids are checked", ids_are_checked },
    { "secrets are checked", secrets_are_checked },
    { "paths are checked", paths_are_checked },
    { "selections are checked", selections_are_checked },
    { "times are checked", times_are_checked },
    { "structs carry their size", structs_carry_their_size },
    { "who decides of privileged steps", who_decides_of_privileged_steps },
    { "who decides of privileged steps", who_decides_of_privileged_steps },
    { "a policy forbids", a_policy_forbids },
    { "a policy forbids host paths", a_policy_forbids_host_paths },
    { "a policy forbids daemons' sockets", a_policy_forbids_daemon_sockets },
    { "a policy forbids images", a_policy_forbids_images },
    { "what a task sees", what_a_task_sees },
    { "the smaller timeout holds", the_smaller_timeout_holds },
    { "parts of a document", parts_of_a_document },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("options", tests);
}
