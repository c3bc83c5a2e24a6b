/* SPDX-License-Identifier: MIT */
/* Challenges of registries and what answers them. */
#include "net/registry_auth.h"

#include <string.h>
#include <strings.h>

#include "engine/base/arena.h"
#include "engine/base/decode.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "net/http.h"

void plr_challenge_clear(plr_challenge *challenge)
{
    free(challenge->realm);
    free(challenge->service);
    free(challenge->scope);
    *challenge = (plr_challenge){ 0 };
}

/* One `name="value"` or `name=value`; leaves `*at` behind it and its comma. False at the end. */
static bool next_pair(const char **at, plr_buf *name, plr_buf *value)
{
    const char *c = *at + strspn(*at, " \t,");
    size_t n = strcspn(c, "=, \t\"");
    if (n == 0 || c[n] != '=')
        return false;
    plr_buf_put(name, c, n);
    c += n + 1;
    if (*c != '"') {
        n = strcspn(c, ", \t");
        plr_buf_put(value, c, n);
        *at = c + n;
        return true;
    }
    for (c++; *c != '"' && *c != '\0'; c++) {
        if (*c == '\\' && c[1] != '\0')
            c++;
        plr_buf_putc(value, *c);
    }
    *at = *c == '"' ? c + 1 : c;
    return true;
}

int plr_challenge_parse(plr_challenge *ret_challenge, const char *text, plr_error *err)
{
    _cleanup_challenge_ plr_challenge challenge = { 0 };
    text += strspn(text, " \t");
    size_t n = strcspn(text, " \t");
    challenge.bearer = n == 6 && strncasecmp(text, "Bearer", n) == 0;
    if (!challenge.bearer && !(n == 5 && strncasecmp(text, "Basic", n) == 0))
        return plr_error_set(err, PLR_ERR_PROTOCOL,
                "it asks for a kind of authentication that is not known: %.40s", text);
    for (text += n;;) {
        _cleanup_buf_ plr_buf name = { 0 };
        _cleanup_buf_ plr_buf value = { 0 };
        if (!next_pair(&text, &name, &value))
            break;
        int r = plr_buf_check(&name, err);
        if (r < 0)
            return r;
        char **place = strcasecmp(name.data, "realm") == 0     ? &challenge.realm
                       : strcasecmp(name.data, "service") == 0 ? &challenge.service
                       : strcasecmp(name.data, "scope") == 0   ? &challenge.scope
                                                               : NULL;
        if (place == NULL || *place != NULL)
            continue;
        r = plr_buf_steal(&value, place, err);
        if (r < 0)
            return r;
    }
    if (challenge.bearer && (challenge.realm == NULL || *challenge.realm == '\0'))
        return plr_error_set(err, PLR_ERR_PROTOCOL, "it does not say where tokens are to be had");
    *ret_challenge = challenge;
    challenge = (plr_challenge){ 0 };
    return 0;
}

int plr_auth_put_basic(const plr_credential *credential, plr_buf *out, plr_error *err)
{
    _cleanup_buf_ plr_buf both = { 0 };
    plr_buf_printf(&both, "%s:%s", credential->username,
            credential->password != NULL ? credential->password : "");
    plr_buf_puts(out, "Authorization: Basic ");
    int r = plr_buf_check(&both, err);
    if (r == 0)
        r = plr_base64_encode(both.data, both.size, false, out, err);
    if (both.data != NULL)
        explicit_bzero(both.data, both.size);
    return r;
}

static void put_field(plr_buf *out, const char *name, const char *value)
{
    plr_buf_printf(out, "&%s=", name);
    plr_http_escape(out, value);
}

int plr_auth_put_question(const plr_challenge *challenge, const char *repository,
        const plr_credential *credential, plr_buf *out, plr_error *err)
{
    _cleanup_buf_ plr_buf scope = { 0 };
    plr_buf_printf(&scope, "repository:%s:pull", repository);
    int r = plr_buf_check(&scope, err);
    if (r < 0)
        return r;
    plr_buf_puts(out, "client_id=pipeline-runtime");
    if (challenge->service != NULL)
        put_field(out, "service", challenge->service);
    put_field(out, "scope",
            challenge->scope != NULL && *challenge->scope != '\0' ? challenge->scope : scope.data);
    if (credential != NULL && credential->identity_token != NULL) {
        put_field(out, "grant_type", "refresh_token");
        put_field(out, "refresh_token", credential->identity_token);
    }
    return plr_buf_check(out, err);
}

/* Docker's token servers write one name, OAuth's the other, many both. */
typedef struct answer {
    const char *token, *access_token;
} answer;

static const plr_field answer_fields[] = {
    { "token", PLR_FIELD_STRING, .offset = offsetof(answer, token) },
    { "access_token", PLR_FIELD_STRING, .offset = offsetof(answer, access_token) },
};
static const plr_table answer_table = { .name = "answer",
    .title = "an answer",
    .size = sizeof(answer),
    .fields = answer_fields,
    .n_fields = 2 };

int plr_auth_put_bearer(const char *text, size_t size, plr_buf *out, plr_error *err)
{
    _cleanup_arena_ plr_arena arena;
    answer got = { 0 };
    plr_arena_init(&arena);
    int r = plr_decode_text(
            &got, &arena, &answer_table, text, size, "the token", PLR_ERR_PROTOCOL, err);
    if (r < 0)
        return r;
    const char *token = got.token != NULL ? got.token : got.access_token;
    if (token == NULL || token[strcspn(token, "\r\n")] != '\0')
        return plr_error_set(err, PLR_ERR_PROTOCOL, "its answer holds no token");
    plr_buf_printf(out, "Authorization: Bearer %s", token);
    return plr_buf_check(out, err);
}

bool plr_url_split(const char *url, plr_buf *origin, plr_buf *path)
{
    size_t scheme = strncasecmp(url, "https://", 8) == 0  ? 8
                    : strncasecmp(url, "http://", 7) == 0 ? 7
                                                          : 0;
    size_t host = strcspn(url + scheme, "/?#");
    const char *rest = url + scheme + host;
    /* A name and password in it would go to whom the registry likes. */
    if (scheme == 0 || host == 0 || memchr(url + scheme, '@', host) != NULL)
        return false;
    for (const char *c = url; *c != '\0'; c++)
        if (*c <= ' ' || *c >= 0x7f)
            return false;
    plr_buf_puts(origin, scheme == 8 ? "https://" : "http://");
    plr_buf_put(origin, url + scheme, host);
    if (*rest != '/')
        plr_buf_putc(path, '/');
    plr_buf_put(path, rest, strcspn(rest, "#"));
    return true;
}
