/* SPDX-License-Identifier: MIT */
/* How a registry wants to be asked: its challenge (Www-Authenticate), and the request for a token
 * that answers it. Without I/O. */
#ifndef PLR_NET_REGISTRY_AUTH_H
#define PLR_NET_REGISTRY_AUTH_H

#include <stdbool.h>

#include <pipeline/error.h>

#include "engine/base/buf.h"
#include "net/docker_config.h"

typedef struct plr_challenge {
    bool bearer;                   /* else basic */
    char *realm, *service, *scope; /* of bearer; NULL: not said */
} plr_challenge;

void plr_challenge_clear(plr_challenge *challenge);
#define _cleanup_challenge_ _cleanup_(plr_challenge_clear)

/* PLR_ERR_PROTOCOL for what is neither Bearer with a realm nor Basic. */
int plr_challenge_parse(plr_challenge *ret_challenge, const char *text, plr_error *err);

/* Appends "Authorization: Basic …". */
int plr_auth_put_basic(const plr_credential *credential, plr_buf *out, plr_error *err);

/* The question for a token: the query of a GET, or the form of a POST for an identity token. */
int plr_auth_put_question(const plr_challenge *challenge, const char *repository,
        const plr_credential *credential, plr_buf *out, plr_error *err);

/* Appends "Authorization: Bearer …" from the answer. */
int plr_auth_put_bearer(const char *text, size_t size, plr_buf *out, plr_error *err);

/* Takes "scheme://host:port/path?query" apart: the origin without a slash at its end, and the rest
 * from its slash, without a fragment. False if it is no http(s) address of that kind. */
bool plr_url_split(const char *url, plr_buf *origin, plr_buf *path);

#endif
