/* SPDX-License-Identifier: MIT */
/* config.json with credentials: any bytes, for three kinds of registry. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/docker_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const registries[] = { "docker.io", "r.io", "192.168.1.10:5000" };
    for (size_t i = 0; i < sizeof registries / sizeof *registries; i++) {
        plr_docker_config_answer answer = { 0 };
        plr_error err = { 0 };
        int r = plr_docker_config_find(
                &answer, "file", (const char *)data, size, registries[i], &err);
        if (r != err.code || (r < 0 && strncmp(err.message, "file: ", 6) != 0))
            abort();
        if (r < 0 && (answer.helper != NULL || !plr_credential_is_none(&answer.credential)))
            abort();
        if (answer.helper != NULL && strchr(answer.helper, '/') != NULL)
            abort();
        plr_docker_config_answer_clear(&answer);
    }
    return 0;
}
