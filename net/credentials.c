/* SPDX-License-Identifier: MIT */
/* The credentials for an image's registry: asks one source after the other, and waits for helper
 * programs without holding up the loop. */
#include "net/credentials.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/wait.h>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "net/file.h"
#include "net/helper.h"
#include "net/image_name.h"

#define HELPER_TIMEOUT_NS 30000000000u
#define LONGEST_ANSWER ((size_t)256 << 10)
#define LONGEST_FILE ((size_t)16 << 20)

/* Of the files; the order in which they are asked. */
enum { FILE_NAMED, FILE_USER, N_FILES };

struct plr_credential_lookup {
    const plr_host *host;
    plr_loop *loop;
    char *registry;
    plr_timer *timer;     /* begins the lookup from the loop */
    char *files[N_FILES]; /* still to be asked, in order; NULL: none */
    size_t next;          /* the file to be asked next */
    plr_helper *helper;   /* of the file before `next` */
    plr_credential found; /* the answer, or what a file says if its helper knows nothing */
    plr_error warning;    /* the first */
    plr_credential_fn *on_found;
    void *userdata;
};

void plr_credential_lookup_free(plr_credential_lookup *lookup)
{
    if (lookup == NULL)
        return;
    plr_helper_free(lookup->helper);
    if (lookup->timer != NULL)
        lookup->host->timer_free(lookup->timer);
    for (size_t i = 0; i < N_FILES; i++)
        free(lookup->files[i]);
    plr_credential_clear(&lookup->found);
    free(lookup->registry);
    free(lookup);
}

static void end(plr_credential_lookup *lookup)
{
    bool none = plr_credential_is_none(&lookup->found);
    lookup->on_found(lookup, none ? NULL : &lookup->found,
            lookup->warning.code != PLR_OK ? &lookup->warning : NULL, lookup->userdata);
}

/* {"ServerURL":…,"Username":…,"Secret":…}; the name "<token>" says that the secret is a token. */
static int read_answer(const char *program, const char *text, size_t size,
        plr_credential *ret_credential, plr_error *err)
{
    _cleanup_credential_ plr_credential credential = { 0 };
    json_object *username = NULL, *secret = NULL;
    json_tokener *tokener = json_tokener_new_ex(8);
    if (tokener == NULL)
        return plr_error_nomem(err);
    json_object *root = json_tokener_parse_ex(tokener, text, (int)size);
    json_tokener_free(tokener);
    int r = 0;
    if (!json_object_object_get_ex(root, "Username", &username) ||
            !json_object_object_get_ex(root, "Secret", &secret) ||
            !json_object_is_type(username, json_type_string) ||
            !json_object_is_type(secret, json_type_string)) {
        r = plr_error_set(err, PLR_ERR_CONFIGURATION,
                "%s answers with something that is no user name and secret", program);
    } else if (strcmp(json_object_get_string(username), "<token>") == 0) {
        r = plr_text_copy(&credential.identity_token, json_object_get_string(secret), err);
    } else {
        r = plr_text_copy(&credential.username, json_object_get_string(username), err);
        if (r == 0)
            r = plr_text_copy(&credential.password, json_object_get_string(secret), err);
    }
    json_object_put(root);
    if (r < 0)
        return r;
    *ret_credential = credential;
    credential = (plr_credential){ 0 };
    return 0;
}

static void ask_next(plr_credential_lookup *lookup);

static void on_helper(plr_helper *helper, int status, const char *output, size_t size,
        const plr_error *err, void *userdata)
{
    plr_credential_lookup *lookup = userdata;
    plr_credential answer = { 0 };
    bool failed = status != -1 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0);
    if (err != NULL) {
        plr_error_set(&lookup->warning, err->code, "%s", err->message);
    } else if (strstr(output, "credentials not found in native keychain") != NULL) {
        /* The protocol's words for "none". */
    } else if (failed) {
        /* What it printed may hold the secret, or part of it. */
        plr_error_set(&lookup->warning, PLR_ERR_CONFIGURATION,
                "the credential helper for %s failed with %s %d", lookup->registry,
                WIFEXITED(status) ? "status" : "signal",
                WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    } else if (read_answer("the credential helper", output, size, &answer, &lookup->warning) == 0) {
        plr_credential_clear(&lookup->found);
        lookup->found = answer;
    }
    plr_helper_free(helper);
    lookup->helper = NULL;
    ask_next(lookup);
}

/* Returns 1 if a helper was started, 0 if what the file knows is in `found`, or an error. */
static int ask_file(plr_credential_lookup *lookup, size_t i, plr_error *err)
{
    _cleanup_buf_ plr_buf text = { 0 };
    _cleanup_docker_config_answer_ plr_docker_config_answer answer = { 0 };
    if (i == FILE_USER && access(lookup->files[i], F_OK) < 0 && errno == ENOENT)
        return 0;
    int r = plr_file_read(&text, lookup->files[i], LONGEST_FILE, err);
    if (r == 0)
        r = plr_docker_config_find(
                &answer, lookup->files[i], text.data, text.size, lookup->registry, err);
    if (r < 0)
        return r;
    lookup->found = answer.credential;
    answer.credential = (plr_credential){ 0 };
    if (answer.helper == NULL)
        return 0;
    plr_helper_options options = {
        .argv = (const char *const[]){ answer.helper, "get", NULL },
        .input = plr_image_registry_key(lookup->registry),
        .max_output = LONGEST_ANSWER,
        .timeout_ns = HELPER_TIMEOUT_NS,
    };
    r = plr_helper_new(
            &lookup->helper, lookup->host, lookup->loop, &options, on_helper, lookup, err);
    return r < 0 ? r : 1;
}

/* Goes on until something is known, a helper has to be waited for, or nobody is left to ask. */
static void ask_next(plr_credential_lookup *lookup)
{
    while (plr_credential_is_none(&lookup->found) && lookup->next < N_FILES) {
        size_t i = lookup->next++;
        plr_error err = { 0 };
        if (lookup->files[i] == NULL)
            continue;
        int r = ask_file(lookup, i, &err);
        if (r > 0)
            return;
        if (r < 0)
            plr_error_set(&lookup->warning, r, "%s", err.message);
    }
    end(lookup);
}

static void on_timer(plr_timer *timer, void *userdata)
{
    (void)timer;
    ask_next(userdata);
}

/* Where Docker's own commands look; NULL if there is no home. */
static int user_file(char **ret_path, plr_error *err)
{
    const char *folder = getenv("DOCKER_CONFIG");
    const char *home = getenv("HOME");
    _cleanup_buf_ plr_buf path = { 0 };
    if (folder != NULL && *folder != '\0')
        plr_buf_printf(&path, "%s/config.json", folder);
    else if (home != NULL && *home != '\0')
        plr_buf_printf(&path, "%s/.docker/config.json", home);
    else
        return 0;
    return plr_buf_steal(&path, ret_path, err);
}

static int take_document(
        plr_credential_lookup *lookup, const plr_credential_sources *sources, plr_error *err)
{
    for (size_t i = 0; i < sources->n_auths; i++) {
        const plr_auth *auth = &sources->auths[i];
        if (auth->address == NULL || auth->username == NULL ||
                !plr_registry_matches(auth->address, lookup->registry))
            continue;
        int r = plr_text_copy(&lookup->found.username, auth->username, err);
        return r < 0 ? r : plr_text_copy(&lookup->found.password, auth->password, err);
    }
    return 0;
}

int plr_credential_lookup_new(plr_credential_lookup **ret_lookup, const plr_host *host,
        plr_loop *loop, const plr_credential_sources *sources, const char *registry,
        plr_credential_fn *on_found, void *userdata, plr_error *err)
{
    _cleanup_credential_lookup_ plr_credential_lookup *lookup = calloc(1, sizeof *lookup);
    if (lookup == NULL)
        return plr_error_nomem(err);
    lookup->host = host;
    lookup->loop = loop;
    lookup->on_found = on_found;
    lookup->userdata = userdata;
    int r = plr_text_copy(&lookup->registry, registry, err);
    if (r == 0)
        r = take_document(lookup, sources, err);
    if (r == 0)
        r = plr_text_copy(&lookup->files[FILE_NAMED], sources->config_file, err);
    if (r == 0 && sources->user_config_file != NULL)
        r = plr_text_copy(&lookup->files[FILE_USER], sources->user_config_file, err);
    else if (r == 0)
        r = user_file(&lookup->files[FILE_USER], err);
    if (r == 0)
        r = host->timer_new(loop, &lookup->timer, on_timer, lookup, err);
    if (r < 0)
        return r;
    host->timer_set(lookup->timer, host->now(loop));
    *ret_lookup = steal(lookup);
    return 0;
}

static bool add(json_object *object, const char *name, const char *text)
{
    json_object *value = json_object_new_string(text);
    if (value != NULL && json_object_object_add(object, name, value) == 0)
        return true;
    json_object_put(value);
    return false;
}

int plr_credential_put_header(
        const plr_credential *credential, const char *registry, plr_buf *out, plr_error *err)
{
    json_object *object = json_object_new_object();
    bool done = object != NULL && add(object, "serveraddress", plr_image_registry_key(registry));
    if (credential->username != NULL)
        done = done && add(object, "username", credential->username);
    if (credential->password != NULL)
        done = done && add(object, "password", credential->password);
    if (credential->identity_token != NULL)
        done = done && add(object, "identitytoken", credential->identity_token);
    const char *text = done ? json_object_to_json_string_ext(object,
                                      JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
                            : NULL;
    int r = text != NULL ? plr_base64_encode(text, strlen(text), true, out, err)
                         : plr_error_nomem(err);
    json_object_put(object);
    return r;
}
