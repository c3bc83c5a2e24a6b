/* SPDX-License-Identifier: MIT */
/* Configs of images, and the challenges of registries on the way to them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "net/digest.h"
#include "net/manifest.h"
#include "net/registry_auth.h"

static void read_config(const char *text, size_t size)
{
    plr_arena arena;
    plr_arena_init(&arena);
    for (size_t n = 0; n < 3; n++) {
        plr_image_config config = { 0 };
        plr_error err = { 0 };
        int r = plr_image_config_read(&config, &arena, text, size, n, "it", &err);
        if (r != err.code)
            abort();
        for (size_t i = 0; r == 0 && i < n; i++)
            if (!plr_digest_is_valid(config.rootfs.diff_ids[i]))
                abort();
        if (r == 0 && (config.config.user == NULL || config.config.working_dir == NULL ||
                              config.platform.os == NULL || config.platform.arch == NULL))
            abort();
    }
    plr_arena_clear(&arena);
}

static void read_challenge(const char *text)
{
    plr_challenge challenge = { 0 };
    plr_buf origin = { 0 }, path = { 0 }, question = { 0 };
    if (plr_challenge_parse(&challenge, text, NULL) == 0) {
        if (challenge.bearer && challenge.realm == NULL)
            abort();
        plr_auth_put_question(&challenge, "a/b", NULL, &question, NULL);
        if (question.data != NULL && strpbrk(question.data, " \r\n") != NULL)
            abort();
        if (challenge.realm != NULL && plr_url_split(challenge.realm, &origin, &path) &&
                (strncmp(origin.data, "http", 4) != 0 || path.data[0] != '/' ||
                        strpbrk(path.data, " \r\n#") != NULL))
            abort();
    }
    plr_challenge_clear(&challenge);
    plr_buf_clear(&origin);
    plr_buf_clear(&path);
    plr_buf_clear(&question);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    plr_buf text = { 0 };
    plr_buf_put(&text, data, size);
    read_config((const char *)data, size);
    read_challenge(text.data != NULL ? text.data : "");
    plr_buf_clear(&text);
    return 0;
}
