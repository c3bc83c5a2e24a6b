/* SPDX-License-Identifier: MIT */
/* What ~/.docker/config.json and its like say about the credentials of one registry: a helper for
 * this registry (credHelpers), one for all (credsStore), or the secret itself (auths). */
#include "net/docker_config.h"

#include <json-c/json.h>
#include <limits.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "net/image_name.h"

#define DEEPEST 64

void plr_credential_clear(plr_credential *credential)
{
    free(credential->username);
    free(credential->password);
    free(credential->identity_token);
    *credential = (plr_credential){ 0 };
}

bool plr_credential_is_none(const plr_credential *credential)
{
    return credential->username == NULL && credential->identity_token == NULL;
}

void plr_docker_config_answer_clear(plr_docker_config_answer *answer)
{
    free(answer->helper);
    plr_credential_clear(&answer->credential);
    *answer = (plr_docker_config_answer){ 0 };
}

bool plr_registry_matches(const char *address, const char *registry)
{
    static const char *const hub[] = { PLR_IMAGE_HUB, "index.docker.io", "registry-1.docker.io" };
    const char *scheme = strstr(address, "://");
    const char *host = scheme != NULL ? scheme + 3 : address;
    size_t size = strcspn(host, "/");
    if (strlen(registry) == size && strncasecmp(host, registry, size) == 0)
        return true;
    if (strcmp(registry, PLR_IMAGE_HUB) != 0)
        return false;
    for (size_t i = 0; i < sizeof hub / sizeof *hub; i++)
        if (strlen(hub[i]) == size && strncasecmp(host, hub[i], size) == 0)
            return true;
    return false;
}

typedef struct file_reader {
    const char *file;
    const char *registry;
    plr_error *err;
} file_reader;

static int fault(const file_reader *reader, const char *what)
{
    return plr_error_set(reader->err, PLR_ERR_CONFIGURATION, "%s: %s", reader->file, what);
}

/* The member, checked for its type: NULL if it is absent, null, or (with an error) of another. */
static int member(const file_reader *reader, json_object *object, const char *name, json_type type,
        json_object **ret_value)
{
    json_object *value = NULL;
    *ret_value = NULL;
    if (!json_object_object_get_ex(object, name, &value) || value == NULL)
        return 0;
    if (!json_object_is_type(value, type))
        return plr_error_set(reader->err, PLR_ERR_CONFIGURATION, "%s: \"%s\" is no %s",
                reader->file, name, json_type_to_name(type));
    *ret_value = value;
    return 0;
}

static int text_member(
        const file_reader *reader, json_object *object, const char *name, char **ret_text)
{
    json_object *value;
    int r = member(reader, object, name, json_type_string, &value);
    if (r < 0 || value == NULL || json_object_get_string_len(value) == 0)
        return r;
    return plr_text_copy(ret_text, json_object_get_string(value), reader->err);
}

/* The value filed for the registry: under its proper key, else under any that means it. */
static json_object *filed(json_object *object, const char *registry)
{
    json_object *value = NULL;
    if (object == NULL)
        return NULL;
    if (json_object_object_get_ex(object, plr_image_registry_key(registry), &value))
        return value;
    json_object_object_foreach(object, key, each)
    {
        if (plr_registry_matches(key, registry))
            return each;
    }
    return NULL;
}

/* base64 of "name:password". */
static int split_auth(const file_reader *reader, const char *auth, plr_credential *credential)
{
    _cleanup_buf_ plr_buf plain = { 0 };
    int r = plr_base64_decode(auth, strlen(auth), &plain, NULL);
    if (r == PLR_ERR_NOMEM)
        return plr_error_nomem(reader->err);
    /* Old writers filled up with NUL: the string ends before. */
    char *colon = r == 0 && plain.size > 0 ? strchr(plain.data, ':') : NULL;
    if (colon == NULL || colon == plain.data)
        return fault(reader, "an \"auth\" is not base64 of a name, a colon and a password");
    *colon = '\0';
    r = plr_text_copy(&credential->username, plain.data, reader->err);
    return r < 0 ? r : plr_text_copy(&credential->password, colon + 1, reader->err);
}

static int read_entry(const file_reader *reader, json_object *entry, plr_credential *ret_credential)
{
    _cleanup_credential_ plr_credential credential = { 0 };
    _cleanup_free_ char *auth = NULL;
    if (entry == NULL)
        return 0;
    if (!json_object_is_type(entry, json_type_object))
        return fault(reader, "an entry of \"auths\" is no object");
    int r = text_member(reader, entry, "auth", &auth);
    if (r == 0 && auth != NULL)
        r = split_auth(reader, auth, &credential);
    if (r == 0 && auth == NULL)
        r = text_member(reader, entry, "username", &credential.username);
    if (r == 0 && auth == NULL)
        r = text_member(reader, entry, "password", &credential.password);
    if (r == 0)
        r = text_member(reader, entry, "identitytoken", &credential.identity_token);
    if (r < 0)
        return r;
    *ret_credential = credential;
    credential = (plr_credential){ 0 };
    return 0;
}

static int read_helper(const file_reader *reader, json_object *root, char **ret_helper)
{
    _cleanup_buf_ plr_buf program = { 0 };
    json_object *helpers, *store;
    int r = member(reader, root, "credHelpers", json_type_object, &helpers);
    if (r == 0)
        r = member(reader, root, "credsStore", json_type_string, &store);
    if (r < 0)
        return r;
    json_object *helper = filed(helpers, reader->registry);
    if (helper == NULL)
        helper = store;
    if (helper == NULL)
        return 0;
    if (!json_object_is_type(helper, json_type_string))
        return fault(reader, "an entry of \"credHelpers\" is no string");
    const char *name = json_object_get_string(helper);
    if (*name == '\0')
        return 0; /* how a user says that this registry has none */
    if (strchr(name, '/') != NULL)
        return fault(reader, "the name of a credential helper has a slash in it");
    plr_buf_printf(&program, "docker-credential-%s", name);
    return plr_buf_steal(&program, ret_helper, reader->err);
}

static int read_root(
        const file_reader *reader, json_object *root, plr_docker_config_answer *ret_answer)
{
    _cleanup_docker_config_answer_ plr_docker_config_answer answer = { 0 };
    json_object *auths;
    if (!json_object_is_type(root, json_type_object))
        return fault(reader, "it is no JSON object");
    int r = member(reader, root, "auths", json_type_object, &auths);
    if (r == 0)
        r = read_helper(reader, root, &answer.helper);
    if (r == 0)
        r = read_entry(reader, filed(auths, reader->registry), &answer.credential);
    if (r < 0)
        return r;
    *ret_answer = answer;
    answer = (plr_docker_config_answer){ 0 };
    return 0;
}

int plr_docker_config_find(plr_docker_config_answer *ret_answer, const char *file, const char *text,
        size_t size, const char *registry, plr_error *err)
{
    file_reader reader = { .file = file, .registry = registry, .err = err };
    if (size > INT_MAX)
        return fault(&reader, "it is too large");
    json_tokener *tokener = json_tokener_new_ex(DEEPEST);
    if (tokener == NULL)
        return plr_error_nomem(err);
    json_object *root = json_tokener_parse_ex(tokener, text, (int)size);
    enum json_tokener_error error = json_tokener_get_error(tokener);
    int r;
    if (error == json_tokener_continue)
        r = fault(&reader, "it is no whole JSON document");
    else if (error != json_tokener_success)
        r = plr_error_set(err, PLR_ERR_CONFIGURATION, "%s: byte %zu: %s", file,
                json_tokener_get_parse_end(tokener), json_tokener_error_desc(error));
    else
        r = read_root(&reader, root, ret_answer);
    json_object_put(root);
    json_tokener_free(tokener);
    return r;
}
