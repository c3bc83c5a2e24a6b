/* SPDX-License-Identifier: MIT */
/* Image names as users write them, and the slips that are refused with a reason. */
#include "net/image_name.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/harness.h"

#define SHA "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
    const char *text, *registry, *repository, *tag, *digest, *whole;
    bool latest;
} good[] = {
    { "alpine", "docker.io", "library/alpine", NULL, NULL, "docker.io/library/alpine:latest",
            true },
    { "alpine:3.6", "docker.io", "library/alpine", "3.6", NULL, "docker.io/library/alpine:3.6",
            false },
    { "alpine:latest", "docker.io", "library/alpine", "latest", NULL,
            "docker.io/library/alpine:latest", true },
    { "team/app", "docker.io", "team/app", NULL, NULL, "docker.io/team/app:latest", true },
    { "docker.io/alpine", "docker.io", "library/alpine", NULL, NULL,
            "docker.io/library/alpine:latest", true },
    { "index.docker.io/library/alpine:3", "docker.io", "library/alpine", "3", NULL,
            "docker.io/library/alpine:3", false },
    { "localhost/app", "localhost", "app", NULL, NULL, "localhost/app:latest", true },
    { "localhost:5000", "docker.io", "library/localhost", "5000", NULL,
            "docker.io/library/localhost:5000", false },
    { "localhost:5000/a/b/c:x", "localhost:5000", "a/b/c", "x", NULL, "localhost:5000/a/b/c:x",
            false },
    { "192.168.1.10:5000/x", "192.168.1.10:5000", "x", NULL, NULL, "192.168.1.10:5000/x:latest",
            true },
    { "192.168.1.10:5000/x:1", "192.168.1.10:5000", "x", "1", NULL, "192.168.1.10:5000/x:1",
            false },
    { "[2001:db8::1]:5000/x", "[2001:db8::1]:5000", "x", NULL, NULL, "[2001:db8::1]:5000/x:latest",
            true },
    { "[::1]/x", "[::1]", "x", NULL, NULL, "[::1]/x:latest", true },
    { "Registry.Example.com/a", "Registry.Example.com", "a", NULL, NULL,
            "Registry.Example.com/a:latest", true },
    { "alpine@" SHA, "docker.io", "library/alpine", NULL, SHA, "docker.io/library/alpine@" SHA,
            false },
    { "r.io:1/a__b/c---d.e:v_1.2-rc@" SHA, "r.io:1", "a__b/c---d.e", "v_1.2-rc", SHA,
            "r.io:1/a__b/c---d.e:v_1.2-rc@" SHA, false },
    { "alpine:latest@" SHA, "docker.io", "library/alpine", "latest", SHA,
            "docker.io/library/alpine:latest@" SHA, false },
};

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void taken_apart(void)
{
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        plr_image_name name = { 0 };
        plr_buf whole = { 0 };
        plr_error err = { 0 };
        int r = plr_image_name_parse(&name, good[i].text, &err);
        CU_ASSERT_EQUAL(r, 0);
        if (r < 0) {
            fprintf(stderr, "%s\n", err.message);
            continue;
        }
        CU_ASSERT(same(name.registry, good[i].registry));
        CU_ASSERT(same(name.repository, good[i].repository));
        CU_ASSERT(same(name.tag, good[i].tag));
        CU_ASSERT(same(name.digest, good[i].digest));
        CU_ASSERT_EQUAL(plr_image_name_is_latest(&name), good[i].latest);
        plr_image_name_put(&name, &whole);
        CU_ASSERT(same(whole.data, good[i].whole));
        plr_image_name_clear(&name);
        plr_buf_clear(&whole);
    }
}

/* The whole name of a name is taken apart to the same whole name. */
static void canonical(void)
{
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        plr_image_name name = { 0 };
        plr_buf whole = { 0 };
        CU_ASSERT_EQUAL(plr_image_name_parse(&name, good[i].whole, NULL), 0);
        if (name.registry != NULL)
            plr_image_name_put(&name, &whole);
        CU_ASSERT(same(whole.data, good[i].whole));
        plr_image_name_clear(&name);
        plr_buf_clear(&whole);
    }
}

static const struct {
    const char *text, *word;
} bad[] = {
    { "", "empty" },
    { "Alpine", "lower case" },
    { "team/App", "lower case" },
    { "alpine:", "a tag is" },
    { "alpine:.x", "a tag is" },
    { "alpine:-x", "a tag is" },
    { "alpine:a b", "a tag is" },
    { "alpine:a:b", "a tag is" },
    { "al pine", "white space" },
    { "alpine\n", "white space" },
    { "https://r.io/alpine", "https://" },
    { "/alpine", "words of" },
    { "alpine/", "words of" },
    { "a//b", "words of" },
    { "r.io/", "words of" },
    { "r.io//a", "words of" },
    { "a..b", "words of" },
    { "a___b", "words of" },
    { "a-_b", "words of" },
    { "_a", "words of" },
    { "a_", "words of" },
    { "ä", "words of" },
    { ":3.6", "words of" },
    { "r.io:/a", "registry" },
    { "r.io:port/a", "registry" },
    { "r.io:123456/a", "registry" },
    { "-r.io/a", "registry" },
    { "r..io/a", "registry" },
    { "r.io./a", "registry" },
    { "[::1/a", "registry" },
    { "r.io:1:2/a", "registry" },
    { "alpine@", "digest" },
    { "alpine@sha256:12", "digest" },
    { "alpine@md5:" HEX64, "digest" },
    { "alpine@sha256:" HEX64 "0", "digest" },
    { "alpine@" SHA "@" SHA, "digest" },
    { HEX64, "id" },
    { "sha256:" HEX64, "id" },
    { HEX64 HEX64 HEX64 HEX64 "a", "255" },
};

static void refused(void)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        plr_image_name name = { 0 };
        plr_error err = { 0 };
        CU_ASSERT_EQUAL(plr_image_name_parse(&name, bad[i].text, &err), PLR_ERR_CONFIGURATION);
        if (strstr(err.message, bad[i].word) == NULL) {
            fprintf(stderr, "%s: %s\n", bad[i].text, err.message);
            CU_FAIL("the reason is another");
        }
        CU_ASSERT_PTR_NULL(name.registry);
        plr_image_name_clear(&name);
    }
}

static void tag_lengths(void)
{
    char text[200] = "alpine:";
    plr_image_name name = { 0 };
    memset(text + 7, 'x', 128);
    CU_ASSERT_EQUAL(plr_image_name_parse(&name, text, NULL), 0);
    plr_image_name_clear(&name);
    text[7 + 128] = 'x';
    CU_ASSERT_EQUAL(plr_image_name_parse(&name, text, NULL), PLR_ERR_CONFIGURATION);
}

static void keys(void)
{
    CU_ASSERT_STRING_EQUAL(plr_image_registry_key("docker.io"), "https://index.docker.io/v1/");
    CU_ASSERT_STRING_EQUAL(plr_image_registry_key("r.io:5000"), "r.io:5000");
}

static const plr_test tests[] = {
    { "names are taken apart", taken_apart },
    { "the whole name means the same", canonical },
    { "what names no image is refused with the reason", refused },
    { "a tag has at most 128 characters", tag_lengths },
    { "credentials have a key of the registry's own", keys },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("image_name", tests);
}
