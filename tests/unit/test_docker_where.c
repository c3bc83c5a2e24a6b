/* SPDX-License-Identifier: MIT */
/* Where the daemon is looked for: the order of options, environment, contexts and usual sockets. */
#include "backends/docker/where.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/harness.h"

static char folder[] = "/tmp/test_docker_where-XXXXXX";

/* The environment of the test at hand: name, value, ... NULL. */
static const char *const *environment;

static const char *get(const char *name)
{
    for (size_t i = 0; environment[i] != NULL; i += 2)
        if (strcmp(environment[i], name) == 0)
            return environment[i + 1];
    return NULL;
}

static void put_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    for (char *slash = strchr(path + strlen(folder) + 1, '/'); slash != NULL;
            slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    CU_ASSERT(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* Finds it and compares; `base` NULL: an error whose message has `words`. */
static plr_docker_where find(
        const plr_docker_settings *settings, const char *base, const char *words)
{
    static const plr_docker_settings none;
    plr_docker_where where = { 0 };
    plr_error err = { 0 };
    int r = plr_docker_where_find(&where, settings == NULL ? &none : settings, get, &err);
    CU_ASSERT_EQUAL(r == 0, base != NULL);
    if (r == 0 && base != NULL)
        CU_ASSERT_STRING_EQUAL(where.base, base);
    if (words != NULL)
        CU_ASSERT_PTR_NOT_NULL(strstr(r == 0 ? where.origin : err.message, words));
    return where;
}

#define ENVIRONMENT(...)                                                                           \
    environment = (const char *const[])                                                            \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

static void order(void)
{
    char option[] = "tcp://option:1";
    plr_docker_settings settings = { .host = option };
    plr_docker_where where;
    ENVIRONMENT("HOME", folder, "DOCKER_HOST", "unix:///var/x.sock", "DOCKER_CONTEXT", "build");
    where = find(&settings, "tcp://option:1", "--docker-host");
    CU_ASSERT_FALSE(where.local);
    plr_docker_where_clear(&where);
    where = find(NULL, "unix:///var/x.sock", "DOCKER_HOST");
    CU_ASSERT_TRUE(where.local);
    CU_ASSERT_TRUE(where.given);
    plr_docker_where_clear(&where);
    ENVIRONMENT("HOME", folder, "DOCKER_HOST", "there:2375");
    where = find(NULL, "tcp://there:2375", NULL);
    plr_docker_where_clear(&where);
}

static void contexts(void)
{
    char option[] = "build";
    plr_docker_settings settings = { .context = option };
    plr_docker_where where;
    put_file(".docker/contexts/meta/abc/meta.json",
            "{\"Name\":\"build\",\"Endpoints\":{\"docker\":{\"Host\":\"tcp://build:2376\"}}}");
    put_file(".docker/contexts/meta/def/meta.json",
            "{\"Name\":\"away\",\"Endpoints\":{\"docker\":{\"Host\":\"ssh://me@away\"}}}");
    put_file(".docker/contexts/tls/abc/docker/ca.pem", "ca");
    put_file(".docker/config.json", "{\"currentContext\":\"build\"}");
    ENVIRONMENT("HOME", folder);
    where = find(NULL, "tcp://build:2376", "context \"build\"");
    CU_ASSERT(where.ca != NULL && strstr(where.ca, "tls/abc/docker/ca.pem") != NULL);
    CU_ASSERT_PTR_NULL(where.key);
    plr_docker_where_clear(&where);

    ENVIRONMENT("HOME", folder, "DOCKER_CONTEXT", "away");
    find(NULL, NULL, "ssh is not supported");
    where = find(&settings, "tcp://build:2376", "build");
    plr_docker_where_clear(&where);
    ENVIRONMENT("HOME", folder, "DOCKER_CONTEXT", "nowhere");
    find(NULL, NULL, "there is no context \"nowhere\"");
    put_file(".docker/contexts/meta/abc/meta.json", "not JSON");
    ENVIRONMENT("HOME", folder, "DOCKER_CONTEXT", "build");
    find(NULL, NULL, "meta.json is not a JSON object");
    put_file(".docker/config.json", "{}");
}

static void certificates(void)
{
    char path[100];
    plr_docker_where where;
    put_file("certs/ca.pem", "ca");
    put_file("certs/cert.pem", "cert");
    put_file("certs/key.pem", "key");
    snprintf(path, sizeof(path), "%s/certs", folder);
    ENVIRONMENT(
            "DOCKER_HOST", "tcp://there:2376", "DOCKER_TLS_VERIFY", "1", "DOCKER_CERT_PATH", path);
    where = find(NULL, "tcp://there:2376", NULL);
    CU_ASSERT(where.ca != NULL && where.cert != NULL && where.key != NULL);
    plr_docker_where_clear(&where);
    ENVIRONMENT("DOCKER_HOST", "tcp://there:2376", "DOCKER_TLS_VERIFY", "1", "DOCKER_CERT_PATH",
            "/nonexistent");
    find(NULL, NULL, "no ca.pem");
}

static void usual_sockets(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    plr_docker_where where;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/docker.sock", folder);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ENVIRONMENT("HOME", folder, "XDG_RUNTIME_DIR", folder);
    char wanted[128];
    snprintf(wanted, sizeof(wanted), "unix://%s",
            access("/var/run/docker.sock", F_OK) == 0 ? "/var/run/docker.sock" : address.sun_path);
    where = find(NULL, wanted, "usual");
    CU_ASSERT_FALSE(where.given);
    plr_docker_where_clear(&where);
    close(fd);
    unlink(address.sun_path);
}

static void what_is_no_place(void)
{
    ENVIRONMENT("DOCKER_HOST", "npipe:////./pipe/docker");
    find(NULL, NULL, "only unix://");
    ENVIRONMENT("DOCKER_HOST", "ssh://me@there");
    find(NULL, NULL, "ssh -L");
}

static void options(void)
{
    const plr_option good[] = { { "docker-host", "unix:///x" }, { "docker-mtu", "1400" },
        { "docker-ipv6", NULL } };
    const plr_option bad[] = { { "docker-mtu", "many" }, { "docker-ipv6", "maybe" },
        { "docker-host", "" }, { "unknown", "x" } };
    plr_docker_settings settings;
    CU_ASSERT_EQUAL(plr_docker_settings_read(&settings, good, 3, NULL), 0);
    CU_ASSERT_STRING_EQUAL(settings.host, "unix:///x");
    CU_ASSERT_EQUAL(settings.mtu, 1400);
    CU_ASSERT_TRUE(settings.ipv6);
    plr_docker_settings_clear(&settings);
    for (size_t i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(plr_docker_settings_read(&settings, &bad[i], 1, NULL), PLR_ERR_USAGE);
}

static const plr_test tests[] = {
    { "an option wins over the environment, that over a context", order },
    { "contexts of the docker CLI are found by their name", contexts },
    { "DOCKER_TLS_VERIFY brings the certificates of DOCKER_CERT_PATH", certificates },
    { "without all that the usual sockets are tried", usual_sockets },
    { "what cannot be spoken to is refused with a way out", what_is_no_place },
    { "options are read and refused", options },
    { NULL, NULL },
};

int main(void)
{
    if (mkdtemp(folder) == NULL)
        return 1;
    int code = plr_test_main("docker_where", tests);
    char command[100];
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command) == 0 ? code : 1;
}
