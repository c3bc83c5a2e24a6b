/* SPDX-License-Identifier: MIT */
/* Digests by libcrypto. */
#include "net/digest.h"

#include <openssl/evp.h>
#include <string.h>

#include "engine/base/error.h"

static const struct {
    const char *prefix;
    size_t digits;
} algorithms[] = { { "sha256:", 64 }, { "sha512:", 128 } };

struct plr_digest {
    char expected[PLR_DIGEST_SIZE];
    EVP_MD_CTX *context;
};

bool plr_digest_is_valid(const char *text)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        size_t prefix = strlen(algorithms[i].prefix);
        if (strncmp(text, algorithms[i].prefix, prefix) == 0)
            return strspn(text + prefix, "0123456789abcdef") == algorithms[i].digits &&
                   text[prefix + algorithms[i].digits] == '\0';
    }
    return false;
}

const char *plr_digest_hex(const char *text)
{
    return strchr(text, ':') + 1;
}

void plr_digest_free(plr_digest *digest)
{
    if (digest == NULL)
        return;
    EVP_MD_CTX_free(digest->context);
    free(digest);
}

int plr_digest_new(plr_digest **ret_digest, const char *expected, plr_error *err)
{
    _cleanup_digest_ plr_digest *digest = calloc(1, sizeof *digest);
    if (digest == NULL)
        return plr_error_nomem(err);
    if (!plr_digest_is_valid(expected))
        return plr_error_set(err, PLR_ERR_PROTOCOL, "\"%.80s\" is no digest", expected);
    strcpy(digest->expected, expected);
    digest->context = EVP_MD_CTX_new();
    const EVP_MD *algorithm = expected[3] == '2' ? EVP_sha256() : EVP_sha512();
    if (digest->context == NULL || EVP_DigestInit_ex(digest->context, algorithm, NULL) != 1)
        return plr_error_nomem(err);
    *ret_digest = steal(digest);
    return 0;
}

void plr_digest_update(plr_digest *digest, const void *data, size_t size)
{
    EVP_DigestUpdate(digest->context, data, size);
}

static void to_text(const char *prefix, const unsigned char *bytes, unsigned n, char *text)
{
    static const char digits[] = "0123456789abcdef";
    text = stpcpy(text, prefix);
    for (unsigned i = 0; i < n; i++) {
        *text++ = digits[bytes[i] >> 4];
        *text++ = digits[bytes[i] & 15];
    }
    *text = '\0';
}

int plr_digest_check(plr_digest *digest, const char *what, plr_error *err)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    char text[PLR_DIGEST_SIZE];
    unsigned n = 0;
    if (EVP_DigestFinal_ex(digest->context, bytes, &n) != 1)
        return plr_error_nomem(err);
    to_text(n == 32 ? "sha256:" : "sha512:", bytes, n, text);
    if (strcmp(text, digest->expected) == 0)
        return 0;
    return plr_error_set(err, PLR_ERR_IMAGE, "%s is not what its digest says: %s instead of %s",
            what, text, digest->expected);
}

int plr_digest_of(const void *data, size_t size, char ret_text[PLR_DIGEST_SIZE], plr_error *err)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (EVP_Digest(data, size, bytes, &n, EVP_sha256(), NULL) != 1)
        return plr_error_nomem(err);
    to_text("sha256:", bytes, n, ret_text);
    return 0;
}
