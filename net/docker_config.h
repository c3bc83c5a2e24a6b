/* SPDX-License-Identifier: MIT */
/* What ~/.docker/config.json and its like say about the credentials of one registry. */
#ifndef PLR_NET_DOCKER_CONFIG_H
#define PLR_NET_DOCKER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include <pipeline/error.h>

#include "engine/base/cleanup.h"

/* Either a name and a password, or an identity token; all NULL: none. */
typedef struct plr_credential {
    char *username, *password;
    char *identity_token;
} plr_credential;

void plr_credential_clear(plr_credential *credential);
#define _cleanup_credential_ _cleanup_(plr_credential_clear)

bool plr_credential_is_none(const plr_credential *credential);

/* "https://index.docker.io/v1/", "docker.io", "example.com:5000/v2/": whether an address under
 * which somebody filed credentials means the registry (as in plr_image_name). */
bool plr_registry_matches(const char *address, const char *registry);

typedef struct plr_docker_config_answer {
    char *helper;              /* the program to ask first, "docker-credential-…"; NULL: none */
    plr_credential credential; /* what stands in the file itself */
} plr_docker_config_answer;

void plr_docker_config_answer_clear(plr_docker_config_answer *answer);
#define _cleanup_docker_config_answer_ _cleanup_(plr_docker_config_answer_clear)

/* `file` is for messages: PLR_ERR_CONFIGURATION names it, and never shows what stands in it. */
int plr_docker_config_find(plr_docker_config_answer *ret_answer, const char *file, const char *text,
        size_t size, const char *registry, plr_error *err);

#endif
