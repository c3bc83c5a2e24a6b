/* SPDX-License-Identifier: MIT */
/* Digests as registries write them ("sha256:…"), computed while the bytes go by. The only file that
 * includes OpenSSL's. */
#ifndef PLR_NET_DIGEST_H
#define PLR_NET_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include <pipeline/error.h>

#include "engine/base/cleanup.h"

#define PLR_DIGEST_SIZE 136u /* of the text of the longest, with its NUL */

typedef struct plr_digest plr_digest;

/* Whether a text is a digest that can be verified here: sha256 or sha512, hex digits in lower case.
 */
bool plr_digest_is_valid(const char *text);

/* Begins to compute what `expected`, a valid digest, promises. */
int plr_digest_new(plr_digest **ret_digest, const char *expected, plr_error *err);
void plr_digest_free(plr_digest *digest);
void plr_digest_update(plr_digest *digest, const void *data, size_t size);

/* Ends the computing: PLR_ERR_IMAGE names both digests if they differ. `what` is for the message.
 */
int plr_digest_check(plr_digest *digest, const char *what, plr_error *err);

PLR_DEFINE_CLEANUP(plr_digest, plr_digest_free)
#define _cleanup_digest_ _cleanup_(cleanup_plr_digest_free)

/* The sha256 of bytes that are all there, as text. */
int plr_digest_of(const void *data, size_t size, char ret_text[PLR_DIGEST_SIZE], plr_error *err);

/* The hex digits of a valid digest. */
const char *plr_digest_hex(const char *text);

#endif
