/* SPDX-License-Identifier: MIT */
/* Where credentials come from: the order of the sources, helper programs of all manners, and what
 * is said when something is wrong on the way. */
#include "net/credentials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "engine/base/text.h"
#include "engine/host.h"
#include "engine/io/loop.h"
#include "tests/unit/harness.h"

typedef struct answer {
    int n_ends;
    char *username, *password, *token;
    plr_error warning;
} answer;

static char folder[] = "/tmp/test_credentials-XXXXXX";
static char named[64], user[64];

static void put_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    CU_ASSERT(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
    CU_ASSERT_EQUAL(chmod(path, mode), 0);
}

/* A program docker-credential-<name> in a folder of PATH. */
static void put_helper(const char *name, const char *script)
{
    char path[100];
    plr_buf text = { 0 };
    snprintf(path, sizeof path, "%s/docker-credential-%s", folder, name);
    plr_buf_printf(&text, "#!/bin/sh\n%s\n", script);
    put_file(path, text.data, 0755);
    plr_buf_clear(&text);
}

static char *copy(const char *text)
{
    return text != NULL ? strdup(text) : NULL;
}

static void on_found(plr_credential_lookup *lookup, const plr_credential *credential,
        const plr_error *warning, void *userdata)
{
    answer *to = userdata;
    to->n_ends++;
    if (credential != NULL) {
        to->username = copy(credential->username);
        to->password = copy(credential->password);
        to->token = copy(credential->identity_token);
    }
    if (warning != NULL)
        to->warning = *warning;
    plr_credential_lookup_free(lookup);
}

static void look_up(answer *to, const plr_credential_sources *sources, const char *registry)
{
    plr_loop *loop = NULL;
    plr_credential_lookup *lookup = NULL;
    *to = (answer){ 0 };
    CU_ASSERT_EQUAL(plr_loop_new(&loop, PLR_CLOCK_MONOTONIC, NULL), 0);
    CU_ASSERT_EQUAL(plr_credential_lookup_new(
                            &lookup, &plr_host_table, loop, sources, registry, on_found, to, NULL),
            0);
    CU_ASSERT_EQUAL(to->n_ends, 0);
    for (time_t until = time(NULL) + 60; to->n_ends == 0 && time(NULL) < until;)
        plr_loop_dispatch(loop, 1000, NULL);
    CU_ASSERT_EQUAL(to->n_ends, 1);
    plr_loop_free(loop);
}

static void answer_clear(answer *to)
{
    free(to->username);
    free(to->password);
    free(to->token);
}

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* With only the user's file; `warning` NULL: there is none. */
static void check(const char *config, const char *username, const char *password, const char *token,
        const char *warning)
{
    answer to;
    plr_credential_sources sources = { .user_config_file = user };
    put_file(user, config, 0600);
    look_up(&to, &sources, "r.io");
    if (!same(to.username, username) || !same(to.token, token) ||
            (warning == NULL) != (to.warning.code == 0))
        fprintf(stderr, "%s: %s\n", config, to.warning.message);
    CU_ASSERT(same(to.username, username));
    CU_ASSERT(same(to.password, password));
    CU_ASSERT(same(to.token, token));
    CU_ASSERT_EQUAL(to.warning.code != 0, warning != NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(to.warning.message, warning != NULL ? warning : ""));
    CU_ASSERT_PTR_NULL(strstr(to.warning.message, "s3cret"));
    answer_clear(&to);
}

static void order(void)
{
    static const plr_auth auths[] = {
        { .address = "other.io", .username = "no", .password = "no" },
        { .address = "https://r.io/v2/", .username = "document", .password = "1" },
    };
    answer to;
    plr_credential_sources sources = {
        .auths = auths,
        .n_auths = 2,
        .config_file = named,
        .user_config_file = user,
    };
    put_file(named, "{\"auths\":{\"r.io\":{\"username\":\"named\",\"password\":\"2\"}}}", 0600);
    put_file(user, "{\"auths\":{\"r.io\":{\"username\":\"user\",\"password\":\"3\"}}}", 0600);
    static const char *const wanted[] = { "document", "named", "user" };
    for (size_t i = 0; i < 3; i++) {
        if (i == 1)
            sources.n_auths = 1;
        if (i == 2)
            put_file(named, "{\"auths\":{\"q.io\":{\"username\":\"q\"}}}", 0600);
        look_up(&to, &sources, "r.io");
        CU_ASSERT(same(to.username, wanted[i]));
        CU_ASSERT_EQUAL(to.warning.code, 0);
        answer_clear(&to);
    }
    look_up(&to, &sources, "nowhere.io");
    CU_ASSERT_PTR_NULL(to.username);
    CU_ASSERT_EQUAL(to.warning.code, 0);
    answer_clear(&to);
}

static void files(void)
{
    answer to;
    plr_credential_sources sources = { .config_file = named, .user_config_file = user };
    unlink(named);
    unlink(user);
    look_up(&to, &sources, "r.io");
    CU_ASSERT_EQUAL(to.warning.code, PLR_ERR_CONFIGURATION); /* the one that was named */
    CU_ASSERT_PTR_NOT_NULL(strstr(to.warning.message, named));
    answer_clear(&to);

    sources.config_file = NULL;
    look_up(&to, &sources, "r.io");
    CU_ASSERT_EQUAL(to.warning.code, 0);
    answer_clear(&to);

    /* What is wrong with the first is told, and the second still asked. */
    sources.config_file = named;
    put_file(named, "{\"auths\":", 0600);
    put_file(user, "{\"auths\":{\"r.io\":{\"username\":\"user\",\"password\":\"3\"}}}", 0600);
    look_up(&to, &sources, "r.io");
    CU_ASSERT(same(to.username, "user"));
    CU_ASSERT_EQUAL(to.warning.code, PLR_ERR_CONFIGURATION);
    CU_ASSERT_PTR_NOT_NULL(strstr(to.warning.message, named));
    answer_clear(&to);

    sources.config_file = folder;
    look_up(&to, &sources, "r.io");
    CU_ASSERT(same(to.username, "user"));
    CU_ASSERT_PTR_NOT_NULL(strstr(to.warning.message, "regular file"));
    answer_clear(&to);
}

static void environment(void)
{
    answer to;
    plr_credential_sources sources = { 0 };
    char path[100];
    snprintf(path, sizeof path, "%s/config.json", folder);
    put_file(path, "{\"auths\":{\"r.io\":{\"username\":\"configured\"}}}", 0600);
    setenv("DOCKER_CONFIG", folder, 1);
    look_up(&to, &sources, "r.io");
    CU_ASSERT(same(to.username, "configured"));
    answer_clear(&to);
    unlink(path);
    unsetenv("DOCKER_CONFIG");

    snprintf(path, sizeof path, "%s/.docker", folder);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/.docker/config.json", folder);
    put_file(path, "{\"auths\":{\"r.io\":{\"username\":\"at-home\"}}}", 0600);
    setenv("HOME", folder, 1);
    look_up(&to, &sources, "r.io");
    CU_ASSERT(same(to.username, "at-home"));
    answer_clear(&to);
    unlink(path);
    snprintf(path, sizeof path, "%s/.docker", folder);
    rmdir(path);
}

static void helpers(void)
{
    /* It is asked by the protocol: "get", and the registry on its stdin. */
    put_helper("good", "[ \"$1\" = get ] && [ \"$(cat)\" = r.io ] &&"
                       " echo '{\"ServerURL\":\"r.io\",\"Username\":\"u\",\"Secret\":\"s3cret\"}'");
    check("{\"credsStore\":\"good\"}", "u", "s3cret", NULL, NULL);
    check("{\"credHelpers\":{\"r.io\":\"good\"}}", "u", "s3cret", NULL, NULL);
    check("{\"credHelpers\":{\"q.io\":\"good\"}}", NULL, NULL, NULL, NULL);
    put_helper("token", "echo '{\"Username\":\"<token>\",\"Secret\":\"s3cret\"}'");
    check("{\"credsStore\":\"token\"}", NULL, NULL, "s3cret", NULL);

    put_helper("none", "echo credentials not found in native keychain; exit 1");
    check("{\"credsStore\":\"none\"}", NULL, NULL, NULL, NULL);
    check("{\"credsStore\":\"none\",\"auths\":{\"r.io\":{\"auth\":\"dTpw\"}}}", "u", "p", NULL,
            NULL);
    /* The helper knows better than the file. */
    check("{\"credsStore\":\"good\",\"auths\":{\"r.io\":{\"auth\":\"eDp5\"}}}", "u", "s3cret", NULL,
            NULL);
}

static void bad_helpers(void)
{
    put_helper("fails", "echo s3cret; echo s3cret >&2; exit 7");
    check("{\"credsStore\":\"fails\"}", NULL, NULL, NULL, "r.io failed with status 7");
    put_helper("dies", "kill -9 $$");
    check("{\"credsStore\":\"dies\"}", NULL, NULL, NULL, "failed with signal 9");
    put_helper("garbage", "echo s3cret");
    check("{\"credsStore\":\"garbage\"}", NULL, NULL, NULL, "no user name");
    put_helper("array", "echo '[\"s3cret\"]'");
    check("{\"credsStore\":\"array\"}", NULL, NULL, NULL, "no user name");
    put_helper("silent", "exit 0");
    check("{\"credsStore\":\"silent\"}", NULL, NULL, NULL, "no user name");
    put_helper("flood", "exec yes s3cret");
    check("{\"credsStore\":\"flood\"}", NULL, NULL, NULL, "prints more than");
    check("{\"credsStore\":\"missing\"}", NULL, NULL, NULL, "docker-credential-missing");
    /* What the file itself has is still good. */
    check("{\"credsStore\":\"fails\",\"auths\":{\"r.io\":{\"auth\":\"dTpw\"}}}", "u", "p", NULL,
            "failed");
}

static void hub(void)
{
    answer to;
    plr_credential_sources sources = { .user_config_file = user };
    put_helper("echo", "printf '{\"Username\":\"%s\",\"Secret\":\"x\"}' \"$(cat)\"");
    put_file(user, "{\"credsStore\":\"echo\"}", 0600);
    look_up(&to, &sources, "docker.io");
    CU_ASSERT(same(to.username, "https://index.docker.io/v1/"));
    answer_clear(&to);
}

/* Freed while its helper runs, and before it began. */
static void given_up(void)
{
    for (int began = 0; began < 2; began++) {
        plr_loop *loop = NULL;
        plr_credential_lookup *lookup = NULL;
        answer to = { 0 };
        plr_credential_sources sources = { .user_config_file = user };
        put_helper("sleeps", "exec sleep 100");
        put_file(user, "{\"credsStore\":\"sleeps\"}", 0600);
        CU_ASSERT_EQUAL(plr_loop_new(&loop, PLR_CLOCK_MONOTONIC, NULL), 0);
        CU_ASSERT_EQUAL(plr_credential_lookup_new(&lookup, &plr_host_table, loop, &sources, "r.io",
                                on_found, &to, NULL),
                0);
        for (int turns = 0; began && turns < 5; turns++)
            plr_loop_dispatch(loop, 10, NULL);
        plr_credential_lookup_free(lookup);
        plr_loop_dispatch(loop, 10, NULL);
        CU_ASSERT_EQUAL(to.n_ends, 0);
        plr_loop_free(loop);
    }
}

static void check_header(const plr_credential *credential, const char *registry, const char *wanted)
{
    plr_buf out = { 0 };
    CU_ASSERT_EQUAL(plr_credential_put_header(credential, registry, &out, NULL), 0);
    plr_buf plain = { 0 };
    for (size_t i = 0; i < out.size; i++) { /* back from the URL's alphabet */
        CU_ASSERT(out.data[i] != '+' && out.data[i] != '/');
        out.data[i] = out.data[i] == '-' ? '+' : out.data[i] == '_' ? '/' : out.data[i];
    }
    CU_ASSERT_EQUAL(plr_base64_decode(out.data, out.size, &plain, NULL), 0);
    CU_ASSERT_STRING_EQUAL(plain.data, wanted);
    plr_buf_clear(&plain);
    plr_buf_clear(&out);
}

static void header(void)
{
    /* Bytes that base64 writes with + and /. */
    plr_credential password = { .username = "ü>?", .password = "~~~\"\n" };
    plr_credential token = { .identity_token = "t" };
    check_header(&password, "docker.io",
            "{\"serveraddress\":\"https://index.docker.io/v1/\",\"username\":\"ü>?\","
            "\"password\":\"~~~\\\"\\n\"}");
    check_header(&token, "r.io:5000", "{\"serveraddress\":\"r.io:5000\",\"identitytoken\":\"t\"}");
}

static const plr_test tests[] = {
    { "the document wins over the named file, that over the user's", order },
    { "files that are absent or malformed", files },
    { "Docker's own file is found as Docker does", environment },
    { "helpers are asked by their protocol", helpers },
    { "helpers that fail, and no secret in what is said of them", bad_helpers },
    { "Docker Hub has a key of its own", hub },
    { "a lookup that is freed tells nothing", given_up },
    { "the header is base64url of JSON", header },
    { NULL, NULL },
};

int main(void)
{
    plr_buf path = { 0 };
    if (mkdtemp(folder) == NULL)
        return 1;
    plr_buf_printf(&path, "%s:%s", folder, getenv("PATH"));
    setenv("PATH", path.data, 1);
    plr_buf_clear(&path);
    snprintf(named, sizeof named, "%s/named.json", folder);
    snprintf(user, sizeof user, "%s/user.json", folder);
    int r = plr_test_main("credentials", tests);
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) == 0 ? r : 1;
}
