/* SPDX-License-Identifier: MIT */
/* Manifests, indexes by platform, configs, digests, and what registries ask before they give them.
 */
#include "net/manifest.h"

#include <string.h>

#include "net/digest.h"
#include "net/platform.h"
#include "net/registry_auth.h"
#include "tests/unit/harness.h"

#define A "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static int read_manifest(const char *text, plr_manifest *manifest, plr_arena *arena, plr_error *err)
{
    plr_arena_init(arena);
    return plr_manifest_read(manifest, arena, text, strlen(text), "it", err);
}

static void manifests(void)
{
    static const struct {
        const char *text;
        int code;
    } cases[] = {
        { "{\"schemaVersion\":2,\"config\":{\"digest\":\"" A "\"},\"layers\":[{\"digest\":\"" A
          "\",\"size\":7}]}",
                0 },
        { "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"" A "\"}],\"more\":[]}", 0 },
        { "{\"schemaVersion\":1,\"fsLayers\":[]}", PLR_ERR_UNSUPPORTED },
        { "{\"manifests\":[{\"digest\":\"" A "\"}],\"layers\":[{\"digest\":\"" A "\"}]}",
                PLR_ERR_PROTOCOL },
        { "{\"config\":{\"digest\":\"sha256:../../x\"}}", PLR_ERR_PROTOCOL },
        { "{\"config\":{\"digest\":\"md5:0123456789abcdef0123456789abcdef\"}}", PLR_ERR_PROTOCOL },
        { "{\"config\":{\"digest\":\"" A "\",\"size\":-1}}", PLR_ERR_PROTOCOL },
        { "{\"config\":{\"digest\":\"" A "\"},\"layers\":[{\"digest\":\"" A
          "\",\"mediaType\":\"a.foreign.b\"}]}",
                PLR_ERR_UNSUPPORTED },
        { "{}", PLR_ERR_PROTOCOL },
        { "[]", PLR_ERR_PROTOCOL },
        { "", PLR_ERR_PROTOCOL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plr_manifest manifest = { 0 };
        plr_arena arena;
        plr_error err = { 0 };
        CU_ASSERT_EQUAL(read_manifest(cases[i].text, &manifest, &arena, &err), cases[i].code);
        CU_ASSERT_EQUAL(err.code, cases[i].code);
        if (i == 0)
            CU_ASSERT(manifest.n_layers == 1 && manifest.layers[0].size == 7 && !manifest.is_index);
        if (i == 1)
            CU_ASSERT(manifest.is_index);
        plr_arena_clear(&arena);
    }
}

static void platforms(void)
{
    static const plr_platform arm7 = { "linux", "arm", "v7", NULL };
    static const plr_platform amd = { "linux", "amd64", NULL, NULL };
    const plr_platform same[] = { { "linux", "arm", "v7", NULL }, { "linux", "arm", NULL, NULL },
        { "linux", "arm", "v6", NULL }, { "linux", "arm", "v5", NULL } };
    for (size_t i = 1; i < 4; i++)
        CU_ASSERT(plr_platform_fit(&arm7, &same[i]) < plr_platform_fit(&arm7, &same[i - 1]) &&
                  plr_platform_fit(&arm7, &same[i]) > 0);
    CU_ASSERT_EQUAL(plr_platform_fit(&same[2], &arm7), 0); /* v6 does not run v7 */
    CU_ASSERT_EQUAL(plr_platform_fit(&amd, &arm7), 0);
    CU_ASSERT_EQUAL(plr_platform_fit(&amd, &(plr_platform){ "windows", "amd64", NULL, NULL }), 0);
    CU_ASSERT(plr_platform_fit(&amd, &amd) > 0);
    CU_ASSERT_STRING_EQUAL(plr_platform_or_here(NULL).os, "linux");
    CU_ASSERT_STRING_EQUAL(plr_platform_or_here(&arm7).variant, "v7");
}

static void choices(void)
{
    plr_manifest index = { 0 };
    plr_arena arena;
    const plr_descriptor *entry = NULL;
    plr_error err = { 0 };
    const char *text = "{\"manifests\":[{\"digest\":\"" A
                       "\",\"size\":1,\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\","
                       "\"variant\":\"v6\"}},{\"digest\":\"" A
                       "\",\"size\":2,\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\","
                       "\"variant\":\"v7\"}}]}";
    CU_ASSERT_EQUAL(read_manifest(text, &index, &arena, NULL), 0);
    plr_platform wanted = { "linux", "arm", "v7", NULL };
    CU_ASSERT_EQUAL(plr_manifest_choose(&entry, &index, &wanted, "it", NULL), 0);
    CU_ASSERT(entry != NULL && entry->size == 2);
    wanted.arch = "amd64";
    CU_ASSERT_EQUAL(plr_manifest_choose(&entry, &index, &wanted, "it", &err), PLR_ERR_IMAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "linux/arm/v6, linux/arm/v7"));
    plr_arena_clear(&arena);
}

static void configs(void)
{
    plr_image_config config = { 0 };
    plr_arena arena;
    plr_arena_init(&arena);
    const char *text = "{\"architecture\":\"amd64\",\"config\":{\"Env\":[\"A=b\"],\"Cmd\":null},"
                       "\"rootfs\":{\"diff_ids\":[\"" A "\"]},\"history\":[{}]}";
    const char *bare = "{\"architecture\":\"amd64\",\"rootfs\":{\"diff_ids\":[]}}";
    CU_ASSERT_EQUAL(plr_image_config_read(&config, &arena, text, strlen(text), 1, "it", NULL), 0);
    CU_ASSERT(config.config.n_environment == 1 && config.config.n_cmd == 0);
    CU_ASSERT_STRING_EQUAL(config.platform.os, "linux");
    CU_ASSERT_EQUAL(plr_image_config_read(&config, &arena, text, strlen(text), 2, "it", NULL),
            PLR_ERR_PROTOCOL);
    CU_ASSERT_EQUAL(plr_image_config_read(&config, &arena, bare, strlen(bare), 0, "it", NULL), 0);
    CU_ASSERT_STRING_EQUAL(config.config.user, "");
    plr_arena_clear(&arena);
}

static void digests(void)
{
    /* Of "abc", from FIPS 180. */
    const char *abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    char text[PLR_DIGEST_SIZE];
    plr_digest *digest = NULL;
    plr_error err = { 0 };
    CU_ASSERT_EQUAL(plr_digest_of("abc", 3, text, NULL), 0);
    CU_ASSERT_STRING_EQUAL(text, abc);
    CU_ASSERT_EQUAL(plr_digest_new(&digest, abc, NULL), 0);
    plr_digest_update(digest, "a", 1);
    plr_digest_update(digest, "bc", 2);
    CU_ASSERT_EQUAL(plr_digest_check(digest, "it", NULL), 0);
    plr_digest_free(digest);
    CU_ASSERT_EQUAL(plr_digest_new(&digest, abc, NULL), 0);
    CU_ASSERT_EQUAL(plr_digest_check(digest, "it", &err), PLR_ERR_IMAGE);
    plr_digest_free(digest);
    CU_ASSERT(!plr_digest_is_valid("sha256:BA7816") && !plr_digest_is_valid("sha256:") &&
              !plr_digest_is_valid("") && plr_digest_is_valid(A));
}

static void challenges(void)
{
    plr_challenge c = { 0 };
    plr_buf out = { 0 };
    CU_ASSERT_EQUAL(plr_challenge_parse(&c,
                            "Bearer realm=\"https://a/t\",service=\"s, \\\"1\\\"\",scope=x", NULL),
            0);
    CU_ASSERT(c.bearer);
    CU_ASSERT_STRING_EQUAL(c.realm, "https://a/t");
    CU_ASSERT_STRING_EQUAL(c.service, "s, \"1\"");
    CU_ASSERT_STRING_EQUAL(c.scope, "x");
    CU_ASSERT_EQUAL(plr_auth_put_question(&c, "a/b", NULL, &out, NULL), 0);
    CU_ASSERT_STRING_EQUAL(out.data, "client_id=pipeline-runtime&service=s%2C%20%221%22&scope=x");
    plr_challenge_clear(&c);
    plr_buf_clear(&out);
    CU_ASSERT_EQUAL(plr_challenge_parse(&c, "basic", NULL), 0);
    CU_ASSERT(!c.bearer);
    plr_challenge_clear(&c);
    CU_ASSERT_EQUAL(plr_challenge_parse(&c, "Bearer service=\"s\"", NULL), PLR_ERR_PROTOCOL);
    CU_ASSERT_EQUAL(plr_challenge_parse(&c, "Digest realm=\"s\"", NULL), PLR_ERR_PROTOCOL);
    CU_ASSERT_EQUAL(plr_challenge_parse(&c, "", NULL), PLR_ERR_PROTOCOL);
}

static void addresses(void)
{
    static const struct {
        const char *url, *origin, *path;
    } cases[] = {
        { "https://a.b:5/c/d?e=f#g", "https://a.b:5", "/c/d?e=f" },
        { "HTTP://a", "http://a", "/" },
        { "http://a?x", "http://a", "/?x" },
        { "https://u@a/", NULL, NULL },
        { "https:///x", NULL, NULL },
        { "file:///x", NULL, NULL },
        { "http://a/b c", NULL, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plr_buf origin = { 0 }, path = { 0 };
        CU_ASSERT_EQUAL(plr_url_split(cases[i].url, &origin, &path), cases[i].origin != NULL);
        if (cases[i].origin != NULL) {
            CU_ASSERT_STRING_EQUAL(origin.data, cases[i].origin);
            CU_ASSERT_STRING_EQUAL(path.data, cases[i].path);
        }
        plr_buf_clear(&origin);
        plr_buf_clear(&path);
    }
}

static const plr_test tests[] = {
    { "a manifest is one thing, with digests that can be verified", manifests },
    { "an image fits a platform, or better than another, or not", platforms },
    { "the best of an index is taken", choices },
    { "a config has as many layers as its manifest", configs },
    { "digests are computed piece by piece", digests },
    { "challenges are taken apart", challenges },
    { "addresses are taken apart, and only those of web servers", addresses },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("manifest", tests);
}
