/* SPDX-License-Identifier: MIT */
/* How a container's end is read from what the daemon, plr-init and we know; and what refusals of
 * daemons and registries mean. */
#include "backends/docker/end.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "backends/docker/pull_error.h"
#include "backends/docker/refusal.h"
#include "tests/unit/harness.h"

#define EXITED(code) ((uint32_t)(code) << 8)
#define SIGNALLED(number) ((uint32_t)(number))

static plr_end decide(const plr_docker_evidence *evidence, char *message)
{
    plr_end end;
    plr_docker_end_decide(evidence, &end, message, 600);
    return end;
}

static void the_init_explains(void)
{
    char message[600];
    plr_docker_evidence evidence = { .exited = true,
        .exit_code = 3,
        .has_record = true,
        .record = { .status = EXITED(3), .user_us = 5, .maxrss_kib = 2 } };
    plr_end end = decide(&evidence, message);
    CU_ASSERT_EQUAL(end.reason, PLR_REASON_EXIT);
    CU_ASSERT_EQUAL(end.exit_code, 3);
    CU_ASSERT_EQUAL(end.usage.cpu_user_us, 5);
    CU_ASSERT_EQUAL(end.usage.memory_peak, 2048);
    CU_ASSERT_PTR_NULL(end.message);

    evidence.record.status = SIGNALLED(SIGSEGV);
    evidence.exit_code = 128 + SIGSEGV;
    end = decide(&evidence, message);
    CU_ASSERT_EQUAL(end.reason, PLR_REASON_SIGNAL);
    CU_ASSERT_EQUAL(end.signal, SIGSEGV);

    /* `exit 137` is no kill. */
    evidence.record.status = EXITED(137);
    evidence.exit_code = 137;
    CU_ASSERT_EQUAL(decide(&evidence, message).reason, PLR_REASON_EXIT);
    CU_ASSERT_FALSE(plr_docker_end_is_odd(&evidence));
}

static void the_daemon_is_the_truth(void)
{
    char message[600];
    /* Its command ended with 0, but the container was killed before the init did. */
    plr_docker_evidence evidence = {
        .exited = true, .exit_code = 137, .has_record = true, .record = { .status = EXITED(0) }
    };
    plr_end end = decide(&evidence, message);
    CU_ASSERT_EQUAL(end.reason, PLR_REASON_SIGNAL);
    CU_ASSERT_EQUAL(end.exit_code, 137);
    CU_ASSERT_TRUE(plr_docker_end_is_odd(&evidence));

    /* Told to end by somebody else: a daemon that is about to go, perhaps. */
    evidence.exit_code = 143;
    evidence.record.status = SIGNALLED(SIGTERM);
    CU_ASSERT_TRUE(plr_docker_end_is_odd(&evidence));
    evidence.stopped = SIGTERM;
    CU_ASSERT_FALSE(plr_docker_end_is_odd(&evidence));
}

static void memory(void)
{
    char message[600];
    plr_docker_evidence evidence = { .exited = true, .exit_code = 137, .oom = true };
    plr_end end = decide(&evidence, message);
    CU_ASSERT_EQUAL(end.reason, PLR_REASON_OOM);
    CU_ASSERT_TRUE(end.oom);
    CU_ASSERT_FALSE(plr_docker_end_is_odd(&evidence));

    /* Only a child of it was killed. */
    evidence.exit_code = 0;
    end = decide(&evidence, message);
    CU_ASSERT_EQUAL(end.reason, PLR_REASON_EXIT);
    CU_ASSERT_EQUAL(end.exit_code, 0);
    CU_ASSERT_TRUE(end.oom);
}

static void a_daemon_that_went_down(void)
{
    char message[600];
    plr_docker_evidence evidence = { .exited = true, .exit_code = 143, .dropped = true };
    CU_ASSERT_EQUAL(decide(&evidence, message).reason, PLR_REASON_INFRASTRUCTURE);
    evidence.exit_code = 137;
    CU_ASSERT_EQUAL(decide(&evidence, message).reason, PLR_REASON_INFRASTRUCTURE);
    /* What it did itself stays its own. */
    evidence.exit_code = 5;
    CU_ASSERT_EQUAL(decide(&evidence, message).reason, PLR_REASON_EXIT);
    /* And what we asked for is no fault of the daemon's. */
    evidence.exit_code = 143;
    evidence.stopped = SIGTERM;
    CU_ASSERT_EQUAL(decide(&evidence, message).reason, PLR_REASON_SIGNAL);
}

static void what_cannot_be_executed(void)
{
    char message[600];
    plr_docker_evidence evidence = { .exited = true,
        .exit_code = 127,
        .has_failure = true,
        .failure = { .error = ENOENT, .stage = PLR_INIT_STAGE_EXEC },
        .command = "nope" };
    plr_end end = decide(&evidence, message);
    CU_ASSERT_EQUAL(end.reason, PLR_REASON_EXIT);
    CU_ASSERT_EQUAL(end.exit_code, 127);
    CU_ASSERT_STRING_EQUAL(end.message, "exec: \"nope\": executable file not found in $PATH");
    evidence.failure.error = EACCES;
    evidence.exit_code = 126;
    CU_ASSERT_STRING_EQUAL(decide(&evidence, message).message, "exec: \"nope\": permission denied");
}

static void read_state(void)
{
    const struct {
        const char *state;
        bool exited;
    } cases[] = {
        { "{\"Status\":\"exited\",\"Running\":false,\"ExitCode\":4,\"OOMKilled\":true}", true },
        { "{\"Status\":\"running\",\"Running\":true,\"ExitCode\":0}", false },
        { "{\"Status\":\"created\",\"Running\":false,\"ExitCode\":0}", false },
        { "{\"Status\":\"paused\",\"Running\":true,\"Paused\":true,\"ExitCode\":0}", false },
        { "{}", false },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        plr_docker_evidence evidence = { 0 };
        json_object *inspect = json_object_new_object();
        plr_jsonc_add(inspect, "State", json_tokener_parse(cases[i].state));
        plr_docker_end_state(&evidence, inspect);
        CU_ASSERT_EQUAL(evidence.exited, cases[i].exited);
        json_object_put(inspect);
        if (i == 0) {
            CU_ASSERT_EQUAL(evidence.exit_code, 4);
            CU_ASSERT_TRUE(evidence.oom);
        }
    }
    plr_docker_evidence evidence = { .exited = true };
    plr_docker_end_state(&evidence, NULL);
    CU_ASSERT_FALSE(evidence.exited);
}

static void pulls(void)
{
    static const struct {
        const char *message;
        plr_docker_pull_kind kind;
    } cases[] = {
        { "toomanyrequests: You have reached your pull rate limit", PLR_DOCKER_PULL_BUSY },
        { "received unexpected HTTP status: 503 Service Unavailable", PLR_DOCKER_PULL_BUSY },
        { "error pulling image: received unexpected HTTP status: 500", PLR_DOCKER_PULL_BUSY },
        { "dial tcp 127.0.0.1:5000: connect: connection refused", PLR_DOCKER_PULL_UNREACHABLE },
        { "dial tcp: lookup registry.example: no such host", PLR_DOCKER_PULL_UNREACHABLE },
        { "net/http: TLS handshake timeout", PLR_DOCKER_PULL_UNREACHABLE },
        { "manifest for alpine:nope not found: manifest unknown", PLR_DOCKER_PULL_REFUSED },
        { "pull access denied for x, repository does not exist", PLR_DOCKER_PULL_REFUSED },
        { "Get \"https://r/v2/\": unauthorized: no", PLR_DOCKER_PULL_REFUSED },
        { "no matching manifest for linux/arm64 in the manifest list", PLR_DOCKER_PULL_REFUSED },
        { "write /var/lib/docker/x: no space left on device", PLR_DOCKER_PULL_BROKEN },
        { "x509: certificate signed by unknown authority", PLR_DOCKER_PULL_BROKEN },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CU_ASSERT_EQUAL(plr_docker_pull_classify(cases[i].message), cases[i].kind);
}

static void refusals(void)
{
    static const struct {
        int status;
        const char *message;
        int code;
    } cases[] = {
        { 500, "unable to find user x: no matching entries in passwd file", PLR_ERR_CONFIGURATION },
        { 400, "Range of CPUs is from 0.01 to 2.00", PLR_ERR_CONFIGURATION },
        { 500, "driver failed: Bind for 0.0.0.0:80 failed: port is already allocated",
                PLR_ERR_CONFIGURATION },
        { 500, "mkdir /var/lib/docker/x: no space left on device", PLR_ERR_INFRASTRUCTURE },
        { 409, "cannot join network of a non running container: 1", PLR_ERR_INFRASTRUCTURE },
        { 404, "No such image: alpine:3.6", PLR_ERR_IMAGE },
        { 500, "something that nobody has heard of", PLR_ERR_INFRASTRUCTURE },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CU_ASSERT_EQUAL(plr_docker_refusal_code(cases[i].status, cases[i].message), cases[i].code);
    CU_ASSERT_EQUAL(plr_docker_refusal_exec("OCI runtime create failed: exec: \"x\": executable "
                                            "file not found in $PATH: unknown"),
            127);
    CU_ASSERT_EQUAL(
            plr_docker_refusal_exec("starting container process caused: permission denied"), 126);
    CU_ASSERT_EQUAL(plr_docker_refusal_exec("port is already allocated"), 0);
    CU_ASSERT_TRUE(plr_docker_refusal_is_pool(
            "could not find an available, non-overlapping IPv4 address pool"));
    CU_ASSERT_TRUE(
            plr_docker_refusal_is_pool("all predefined address pools have been fully subnetted"));
    CU_ASSERT_TRUE(plr_docker_refusal_is_missing_path(
            "invalid mount config for type \"bind\": bind source path does not exist: /x"));
    CU_ASSERT_FALSE(plr_docker_refusal_is_missing_path("no such file or directory"));
}

static const plr_test tests[] = {
    { "plr-init's record explains an exit code", the_init_explains },
    { "the daemon's exit code wins over a record that it contradicts", the_daemon_is_the_truth },
    { "a kill for memory is told apart from one of a child", memory },
    { "a stop that nobody asked for is infrastructure when the daemon was gone",
            a_daemon_that_went_down },
    { "a command that cannot be executed is told in Docker's words", what_cannot_be_executed },
    { "only a container that ran and stopped has ended", read_state },
    { "pulls that may be tried again are told from those that may not", pulls },
    { "refusals are the user's, the registry's or the machine's", refusals },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("docker_end", tests);
}
