/* SPDX-License-Identifier: MIT */
/* What a step becomes as a request: compared with the JSON that Docker should get. */
#include "backends/docker/create.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pipeline/spec.h>

#include "backends/docker/sweep.h"
#include "engine/base/owner.h"
#include "tests/unit/harness.h"

/* A document's first task as a backend sees it. */
typedef struct subject {
    plr_spec *spec;
    plr_run_view run;
    plr_task task;
    plr_task_volume volumes[8];
    json_object *config;
    plr_docker_create create;
    json_object *body;
} subject;

static void prepare(subject *s, const char *document, const char *image_config)
{
    plr_error err = { 0 };
    *s = (subject){ 0 };
    int r = plr_spec_read(&s->spec, "test", document, strlen(document), NULL, NULL, NULL, &err);
    CU_ASSERT_EQUAL(r, 0);
    if (r != 0) {
        printf("%s\n", err.message);
        exit(1);
    }
    const plr_document *read = plr_spec_document(s->spec);
    s->run = (plr_run_view){
        .size = sizeof(s->run), .id = "r1", .document = read, .owner = "me", .grace_ns = 3000000000
    };
    s->task = (plr_task){ .size = sizeof(s->task),
        .run = &s->run,
        .attempt = 1,
        .step = read->tasks[0],
        .working_dir = read->tasks[0]->working_dir,
        .environment = read->tasks[0]->environment,
        .n_environment = read->tasks[0]->n_environment,
        .volumes = s->volumes };
    for (size_t i = 0; i < s->task.step->n_volumes; i++) {
        const plr_volume_mount *mount = &s->task.step->volumes[i];
        const plr_volume *volume = &read->volumes[mount->volume];
        s->volumes[s->task.n_volumes++] = (plr_task_volume){ .name = mount->name,
            .path = mount->path,
            .host_path = volume->host == NULL ? NULL : volume->host->path,
            .temp = volume->temp,
            .volume = mount->volume };
    }
    s->config = image_config == NULL ? NULL : json_tokener_parse(image_config);
    s->create = (plr_docker_create){ .task = &s->task,
        .image = "i",
        .config = s->config,
        .network = PLR_NETWORK_SHARED,
        .now_s = 1000 };
}

static void make(subject *s)
{
    CU_ASSERT_EQUAL(plr_docker_create_body(&s->body, &s->create, NULL), 0);
}

static void clear(subject *s)
{
    json_object_put(s->body);
    json_object_put(s->config);
    plr_spec_unref(s->spec);
}

/* Compares what is at a path of keys with JSON; NULL: nothing is there. */
static void expect(const subject *s, const char *path, const char *json)
{
    json_object *at = s->body;
    char keys[200];
    strcpy(keys, path);
    for (char *key = strtok(keys, " "); key != NULL && at != NULL; key = strtok(NULL, " "))
        at = json_object_object_get(at, key);
    json_object *wanted = json == NULL ? NULL : json_tokener_parse(json);
    if (!json_object_equal(at, wanted)) {
        printf("\n%s: %s, not %s\n", path, json_object_to_json_string(at), json);
        CU_FAIL("the request differs");
    }
    json_object_put(wanted);
}

#define DOCUMENT(step) "{\"steps\":[{\"metadata\":{\"name\":\"a\"}," step "}]}"

static void commands(void)
{
    static const char image[] = "{\"Entrypoint\":[\"/e\",\"x\"],\"Cmd\":[\"c\"]}";
    static const struct {
        const char *docker, *config, *wanted;
    } cases[] = {
        { "", image, "[\"/e\",\"x\",\"c\"]" },
        { ",\"args\":[\"mine\"]", image, "[\"/e\",\"x\",\"mine\"]" },
        { ",\"command\":[\"/own\"]", image, "[\"/own\"]" },
        { ",\"command\":[\"/own\"],\"args\":[\"y\"]", image, "[\"/own\",\"y\"]" },
        { "", "{\"Cmd\":[\"/bin/sh\"]}", "[\"/bin/sh\"]" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char document[300];
        subject s;
        snprintf(document, sizeof(document), DOCUMENT("\"docker\":{\"image\":\"i\"%s}"),
                cases[i].docker);
        prepare(&s, document, cases[i].config);
        s.create.share = "/share";
        make(&s);
        expect(&s, "Cmd", cases[i].wanted);
        expect(&s, "Entrypoint",
                "[\"/.pipeline-runtime/init\",\"--socket\",\"/.pipeline-runtime/socket\","
                "\"--lease\",\"2\",\"--grace-ms\",\"3000\",\"--\"]");
        clear(&s);
    }
    subject s;
    prepare(&s, DOCUMENT("\"docker\":{\"image\":\"i\"}"), image);
    s.create.nonce = "n0nce";
    make(&s);
    expect(&s, "Cmd", "[\"/e\",\"x\",\"c\"]");
    expect(&s, "Entrypoint",
            "[\"/.pipeline-runtime/init\",\"--signal-word\",\"n0nce\","
            "\"--late\",\"/.pipeline-runtime/late\",\"--\"]");
    expect(&s, "StopSignal", "\"SIGTERM\"");
    expect(&s, "HostConfig Mounts", "[]");
    clear(&s);
    prepare(&s, DOCUMENT("\"docker\":{\"image\":\"i\"}"), "{}");
    CU_ASSERT_EQUAL(plr_docker_create_body(&s.body, &s.create, NULL), PLR_ERR_CONFIGURATION);
    clear(&s);
    prepare(&s, DOCUMENT("\"docker\":{\"image\":\"i\",\"args\":[\"y\"]}"), image);
    make(&s);
    expect(&s, "Entrypoint", NULL);
    expect(&s, "Cmd", "[\"y\"]");
    clear(&s);
}

static void environment(void)
{
    static const plr_pair host[] = { { "A", "host" }, { "B", "host" } };
    subject s;
    plr_buf late = { 0 };
    prepare(&s,
            DOCUMENT("\"environment\":{\"B\":\"b\",\"C\":\"two\\nlines\"},"
                     "\"docker\":{\"image\":\"i\",\"command\":[\"x\"]}"),
            NULL);
    s.run.host_environment = host;
    s.run.n_host_environment = 2;
    s.create.pause_id = "p";
    plr_buf_put(&late, "C=late\0D=new", 13);
    s.create.late = &late;
    make(&s);
    expect(&s, "Env",
            "[\"A=host\",\"B=b\",\"DOCKER_NETWORK_ID=container:p\","
            "\"DRONE_DOCKER_NETWORK_ID=container:p\",\"C=late\",\"D=new\"]");
    plr_buf_clear(&late);
    clear(&s);
}

static void resources(void)
{
    subject s;
    prepare(&s,
            DOCUMENT("\"resources\":{\"limits\":{\"cpu\":1500,\"memory\":67108864,\"pids\":9},"
                     "\"requests\":{\"cpu\":250,\"memory\":1000000}},"
                     "\"docker\":{\"image\":\"i\",\"command\":[\"x\"],\"privileged\":true,"
                     "\"shm_size\":1048576,\"user\":\"1000:1000\"},\"working_dir\":\"/w\""),
            NULL);
    make(&s);
    expect(&s, "HostConfig NanoCpus", "1500000000");
    expect(&s, "HostConfig Memory", "67108864");
    expect(&s, "HostConfig MemorySwap", "67108864");
    expect(&s, "HostConfig PidsLimit", "9");
    expect(&s, "HostConfig CpuShares", "256");
    expect(&s, "HostConfig MemoryReservation", "1000000");
    expect(&s, "HostConfig Privileged", "true");
    expect(&s, "HostConfig ShmSize", "1048576");
    expect(&s, "User", "\"1000:1000\"");
    expect(&s, "WorkingDir", "\"/w\"");
    expect(&s, "Healthcheck", "{\"Test\":[\"NONE\"]}");
    clear(&s);
}

static void storage(void)
{
    static const char document[] =
            "{\"steps\":[{\"metadata\":{\"name\":\"a\"},\"docker\":{\"image\":\"i\",\"command\":["
            "\"x\"]},\"volumes\":[{\"name\":\"t\",\"path\":\"/t\"},{\"name\":\"h\",\"path\":\"/h\"}"
            ",{\"name\":\"shm\",\"path\":\"/s\"},{\"name\":\"null\",\"path\":\"/dev/n\"}],"
            "\"devices\":[{\"name\":\"null\",\"path\":\"/dev/m\"}]}],"
            "\"volumes\":[{\"metadata\":{\"name\":\"t\"},\"temp\":{}},{\"metadata\":{\"name\":"
            "\"h\"},\"host\":{\"path\":\"/host\"}},{\"metadata\":{\"name\":\"shm\"},\"host\":{"
            "\"path\":\"/dev/shm\"}},{\"metadata\":{\"name\":\"null\"},\"host\":{\"path\":"
            "\"/dev/null\"}}]}";
    subject s;
    prepare(&s, document, NULL);
    make(&s);
    expect(&s, "HostConfig Mounts",
            "[{\"Type\":\"volume\",\"Source\":\"plr-r1-v0\",\"Target\":\"/t\"},"
            "{\"Type\":\"bind\",\"Source\":\"/host\",\"Target\":\"/h\"},"
            "{\"Type\":\"bind\",\"Source\":\"/dev/shm\",\"Target\":\"/s\"}]");
    expect(&s, "HostConfig Devices",
            "[{\"PathOnHost\":\"/dev/null\",\"PathInContainer\":\"/dev/n\","
            "\"CgroupPermissions\":\"rwm\"},{\"PathOnHost\":\"/dev/null\",\"PathInContainer\":"
            "\"/dev/m\",\"CgroupPermissions\":\"rwm\"}]");
    json_object_put(s.body);
    s.create.bind_missing = true;
    make(&s);
    expect(&s, "HostConfig Binds", "[\"/host:/h\",\"/dev/shm:/s\"]");
    clear(&s);
}

static void networks(void)
{
    static const char plain[] =
            DOCUMENT("\"aliases\":[\"db\"],\"docker\":{\"image\":\"i\",\"command\":["
                     "\"x\"],\"extra_hosts\":[\"e:1.2.3.4\"],\"dns\":[\"9.9.9.9\"],\"ports\":[{"
                     "\"port\":80,\"host\":8080},{\"port\":53,\"protocol\":\"udp\"}]}");
    subject s;
    prepare(&s, plain, NULL);
    s.create.network = PLR_NETWORK_ISOLATED;
    s.create.network_id = "net1";
    make(&s);
    expect(&s, "HostConfig NetworkMode", "\"net1\"");
    expect(&s, "NetworkingConfig EndpointsConfig net1 Aliases", "[\"a\",\"db\"]");
    expect(&s, "HostConfig ExtraHosts", "[\"e:1.2.3.4\"]");
    expect(&s, "HostConfig Dns", "[\"9.9.9.9\"]");
    expect(&s, "HostConfig PortBindings",
            "{\"80/tcp\":[{\"HostPort\":\"8080\"}],\"53/udp\":[{\"HostPort\":\"\"}]}");
    json_object_put(s.body);

    s.create.network = PLR_NETWORK_SHARED;
    s.create.pause_id = "p";
    make(&s);
    expect(&s, "HostConfig NetworkMode", "\"container:p\"");
    expect(&s, "HostConfig ExtraHosts", NULL);
    expect(&s, "HostConfig PortBindings", NULL);
    json_object_put(s.body);

    s.create.pause_id = NULL;
    make(&s);
    expect(&s, "HostConfig NetworkMode", NULL);
    expect(&s, "HostConfig ExtraHosts", "[\"a:127.0.0.1\",\"db:127.0.0.1\",\"e:1.2.3.4\"]");
    clear(&s);

    prepare(&s, DOCUMENT("\"network\":\"host\",\"docker\":{\"image\":\"i\",\"command\":[\"x\"]}"),
            NULL);
    s.create.network = PLR_NETWORK_ISOLATED;
    s.create.network_id = "net1";
    make(&s);
    expect(&s, "HostConfig NetworkMode", "\"host\"");
    expect(&s, "NetworkingConfig", NULL);
    clear(&s);
}

static void labels(void)
{
    subject s;
    prepare(&s,
            "{\"steps\":[{\"metadata\":{\"name\":\"a\",\"labels\":{\"mine\":\"x\","
            "\"io.pipeline-runtime.run\":\"forged\"}},\"docker\":{\"image\":\"i\",\"command\":["
            "\"x\"]}}]}",
            NULL);
    s.run.timeout_ns = INT64_C(60000000000);
    make(&s);
    expect(&s, "Labels mine", "\"x\"");
    expect(&s, "Labels io.pipeline-runtime.run", "\"r1\"");
    expect(&s, "Labels io.pipeline-runtime.step", "\"a\"");
    expect(&s, "Labels io.pipeline-runtime.attempt", "\"1\"");
    expect(&s, "Labels io.pipeline-runtime.owner", "\"me\"");
    expect(&s, "Labels io.pipeline-runtime.deadline", "\"1960\"");
    clear(&s);
}

/* A dead owner has a pid that no process can have. */
static void leftovers(void)
{
    char boot[80] = "", space[80] = "", dead[300], alive[300];
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
    CU_ASSERT(file != NULL && fscanf(file, "%79s", boot) == 1);
    fclose(file);
    CU_ASSERT(readlink("/proc/self/ns/pid", space, sizeof(space) - 1) > 0);
    snprintf(dead, sizeof(dead), "%s/%.*s/999999999/1", boot, (int)strcspn(space + 5, "]"),
            space + 5);
    file = fopen("/proc/self/stat", "r");
    char start[40] = "";
    CU_ASSERT(file != NULL && fscanf(file,
                                      "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u "
                                      "%*u %*u %*u %*d %*d %*d %*d %*d %*d %39s",
                                      start) == 1);
    fclose(file);
    snprintf(alive, sizeof(alive), "%s/%.*s/%ld/%s", boot, (int)strcspn(space + 5, "]"), space + 5,
            (long)getpid(), start);
    CU_ASSERT_EQUAL(plr_owner_look(dead, "/proc"), PLR_OWNER_DEAD);
    CU_ASSERT_EQUAL(plr_owner_look(alive, "/proc"), PLR_OWNER_LIVES);
    CU_ASSERT_EQUAL(plr_owner_look("other/1/1/1", "/proc"), PLR_OWNER_UNKNOWN);
    CU_ASSERT_EQUAL(plr_owner_look("", "/proc"), PLR_OWNER_UNKNOWN);

    char other[] = "other/1/1/1", run[] = "r";
    plr_docker_choice choice = { .now_s = 1000, .older_than_s = 100, .proc = "/proc" };
    plr_docker_found found = { .owner = dead, .run = run, .created_s = 900, .deadline_s = 2000 };
    CU_ASSERT_TRUE(plr_docker_sweep_chooses(&found, &choice));
    found.created_s = 901;
    CU_ASSERT_FALSE(plr_docker_sweep_chooses(&found, &choice));
    found.created_s = 1;
    found.keep = true;
    CU_ASSERT_FALSE(plr_docker_sweep_chooses(&found, &choice));
    found.deadline_s = 1000;
    CU_ASSERT_TRUE(plr_docker_sweep_chooses(&found, &choice));
    found.owner = alive;
    CU_ASSERT_FALSE(plr_docker_sweep_chooses(&found, &choice));
    found.owner = other;
    CU_ASSERT_TRUE(plr_docker_sweep_chooses(&found, &choice));
    found.deadline_s = 1001;
    CU_ASSERT_FALSE(plr_docker_sweep_chooses(&found, &choice));
    choice.run = "r";
    found.owner = alive;
    CU_ASSERT_TRUE(plr_docker_sweep_chooses(&found, &choice));
    choice.run = "s";
    CU_ASSERT_FALSE(plr_docker_sweep_chooses(&found, &choice));

    CU_ASSERT_EQUAL(plr_jsonc_time("1970-01-01T01:00:10.5+01:00"), 10);
    CU_ASSERT_EQUAL(plr_jsonc_time("2024-01-02T03:04:05Z"), 1704164645);
    CU_ASSERT_EQUAL(plr_jsonc_time("yesterday"), 0);
}

static const plr_test tests[] = {
    { "plr-init stands around the command that Docker would run", commands },
    { "the environment is in its order, each name once", environment },
    { "limits, requests, user and folder are passed on", resources },
    { "volumes, host paths and devices are told apart", storage },
    { "networks follow the run's mode and the step's own wish", networks },
    { "labels name the run, and no document can forge them", labels },
    { "a sweep takes what nobody alive owns", leftovers },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("docker_create", tests);
}
