/* SPDX-License-Identifier: MIT */
/* What config.json says about a registry, and that a malformed one is told by name without its
 * secrets. */
#include "net/docker_config.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/harness.h"

#define HUB "https://index.docker.io/v1/"

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void addresses(void)
{
    static const struct {
        const char *address, *registry;
        bool matches;
    } rows[] = {
        { "r.io", "r.io", true },
        { "https://r.io", "r.io", true },
        { "http://r.io/v2/", "r.io", true },
        { "r.io/v1/", "r.io", true },
        { "R.io", "r.io", true },
        { "r.io:5000", "r.io", false },
        { "r.io", "r.io:5000", false },
        { "192.168.1.10:5000", "192.168.1.10:5000", true },
        { "https://192.168.1.10:5000/v2/", "192.168.1.10:5000", true },
        { "evil-r.io", "r.io", false },
        { "r.io.evil", "r.io", false },
        { HUB, "docker.io", true },
        { "docker.io", "docker.io", true },
        { "index.docker.io", "docker.io", true },
        { "https://registry-1.docker.io/v2/", "docker.io", true },
        { "hub.docker.io.evil", "docker.io", false },
        { "index.docker.io", "r.io", false },
        { "", "r.io", false },
        { "https://", "r.io", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool matches = plr_registry_matches(rows[i].address, rows[i].registry);
        if (matches != rows[i].matches)
            fprintf(stderr, "%s, %s\n", rows[i].address, rows[i].registry);
        CU_ASSERT_EQUAL(matches, rows[i].matches);
    }
}

typedef struct row {
    const char *text, *registry;
    const char *helper, *username, *password, *token;
} row;

static void check(const row *given)
{
    plr_docker_config_answer answer = { 0 };
    plr_error err = { 0 };
    int r = plr_docker_config_find(
            &answer, "c.json", given->text, strlen(given->text), given->registry, &err);
    if (r < 0)
        fprintf(stderr, "%s: %s\n", given->text, err.message);
    CU_ASSERT_EQUAL(r, 0);
    CU_ASSERT(same(answer.helper, given->helper));
    CU_ASSERT(same(answer.credential.username, given->username));
    CU_ASSERT(same(answer.credential.password, given->password));
    CU_ASSERT(same(answer.credential.identity_token, given->token));
    CU_ASSERT_EQUAL(plr_credential_is_none(&answer.credential),
            given->username == NULL && given->token == NULL);
    plr_docker_config_answer_clear(&answer);
}

static void found(void)
{
    static const row rows[] = {
        { "{}", "r.io", NULL, NULL, NULL, NULL },
        { " {\"auths\":null,\"credsStore\":null}\n", "r.io", NULL, NULL, NULL, NULL },
        { "{\"auths\":{\"r.io\":{\"auth\":\"dTpwOnE=\"}}}", "r.io", NULL, "u", "p:q", NULL },
        { "{\"auths\":{\"r.io\":{\"auth\":\"dTpwOnE\"}}}", "r.io", NULL, "u", "p:q", NULL },
        /* "u:p" and three NUL */
        { "{\"auths\":{\"r.io\":{\"auth\":\"dTpwAAAA\"}}}", "r.io", NULL, "u", "p", NULL },
        { "{\"auths\":{\"r.io\":{\"auth\":\"dTo=\"}}}", "r.io", NULL, "u", "", NULL },
        { "{\"auths\":{\"r.io\":{\"username\":\"u\",\"password\":\"p\"}}}", "r.io", NULL, "u", "p",
                NULL },
        { "{\"auths\":{\"r.io\":{\"identitytoken\":\"t\"}}}", "r.io", NULL, NULL, NULL, "t" },
        { "{\"auths\":{\"r.io\":{\"auth\":\"dTo=\",\"identitytoken\":\"t\"}}}", "r.io", NULL, "u",
                "", "t" },
        { "{\"auths\":{\"https://r.io/v2/\":{\"auth\":\"dTpw\"}}}", "r.io", NULL, "u", "p", NULL },
        { "{\"auths\":{\"r.io\":{\"auth\":\"dTpw\"}}}", "r.io:5000", NULL, NULL, NULL, NULL },
        { "{\"auths\":{\"192.168.1.10:5000\":{\"auth\":\"dTpw\"}}}", "192.168.1.10:5000", NULL, "u",
                "p", NULL },
        /* The proper key wins over one that means the same. */
        { "{\"auths\":{\"docker.io\":{\"auth\":\"eDp5\"},\"" HUB "\":{\"auth\":\"dTpw\"}}}",
                "docker.io", NULL, "u", "p", NULL },
        { "{\"auths\":{\"docker.io\":{\"auth\":\"eDp5\"}}}", "docker.io", NULL, "x", "y", NULL },
        /* Docker leaves an empty entry where a helper has the secret. */
        { "{\"auths\":{\"r.io\":{}},\"credsStore\":\"pass\"}", "r.io", "docker-credential-pass",
                NULL, NULL, NULL },
        { "{\"credHelpers\":{\"r.io\":\"one\"},\"credsStore\":\"all\"}", "r.io",
                "docker-credential-one", NULL, NULL, NULL },
        { "{\"credHelpers\":{\"q.io\":\"one\"},\"credsStore\":\"all\"}", "r.io",
                "docker-credential-all", NULL, NULL, NULL },
        { "{\"credHelpers\":{\"r.io\":\"\"},\"credsStore\":\"all\"}", "r.io", NULL, NULL, NULL,
                NULL },
        { "{\"credsStore\":\"\"}", "r.io", NULL, NULL, NULL, NULL },
        { "{\"credHelpers\":{\"docker.io\":\"hub\"}}", "docker.io", "docker-credential-hub", NULL,
                NULL, NULL },
        { "{\"psFormat\":\"x\",\"auths\":{\"r.io\":null}}", "r.io", NULL, NULL, NULL, NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check(&rows[i]);
}

static void malformed(void)
{
    static const struct {
        const char *text, *word;
    } rows[] = {
        { "", "no whole JSON" },
        { "{\"auths\":{", "no whole JSON" },
        { "{\"auths\":{]}", "byte" },
        { "[]", "no JSON object" },
        { "\"s3cret\"", "no JSON object" },
        { "{\"auths\":[]}", "\"auths\" is no object" },
        { "{\"auths\":{\"r.io\":\"s3cret\"}}", "entry of \"auths\"" },
        { "{\"auths\":{\"r.io\":{\"auth\":7}}}", "\"auth\" is no string" },
        { "{\"auths\":{\"r.io\":{\"auth\":\"s3cret!\"}}}", "base64" },
        { "{\"auths\":{\"r.io\":{\"auth\":\"c2VjcmV0\"}}}", "base64" },     /* no colon */
        { "{\"auths\":{\"r.io\":{\"auth\":\"OnNlY3JldA==\"}}}", "base64" }, /* no name */
        { "{\"credHelpers\":\"x\"}", "\"credHelpers\" is no object" },
        { "{\"credHelpers\":{\"r.io\":1}}", "entry of \"credHelpers\"" },
        { "{\"credsStore\":{}}", "\"credsStore\" is no string" },
        { "{\"credsStore\":\"../../tmp/x\"}", "slash" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        plr_docker_config_answer answer = { 0 };
        plr_error err = { 0 };
        int r = plr_docker_config_find(
                &answer, "c.json", rows[i].text, strlen(rows[i].text), "r.io", &err);
        CU_ASSERT_EQUAL(r, PLR_ERR_CONFIGURATION);
        if (strstr(err.message, rows[i].word) == NULL)
            fprintf(stderr, "%s: %s\n", rows[i].text, err.message);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, rows[i].word));
        CU_ASSERT_EQUAL(strncmp(err.message, "c.json: ", 8), 0);
        CU_ASSERT_PTR_NULL(strstr(err.message, "cret"));
        CU_ASSERT_PTR_NULL(answer.helper);
        plr_docker_config_answer_clear(&answer);
    }
}

static void bomb(void)
{
    char text[4096];
    plr_docker_config_answer answer = { 0 };
    plr_error err = { 0 };
    memset(text, '[', sizeof text);
    CU_ASSERT_EQUAL(plr_docker_config_find(&answer, "c.json", text, sizeof text, "r.io", &err),
            PLR_ERR_CONFIGURATION);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "nesting"));
}

static const plr_test tests[] = {
    { "an address means a registry with or without scheme and version", addresses },
    { "helpers, tokens and passwords are found", found },
    { "a malformed file is told by name, without what stands in it", malformed },
    { "a nesting bomb is refused", bomb },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("docker_config", tests);
}
