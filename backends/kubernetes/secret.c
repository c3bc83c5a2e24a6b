/* SPDX-License-Identifier: MIT */
/* The Secrets of a run. Keys are made from indices, because names of secrets and files may hold
 * what a key may not. */
#include "backends/kubernetes/secret.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "init/embed.h"
#include "net/digest.h"
#include "net/docker_config.h"
#include "net/image_name.h"
#include "net/jsonc.h"

void plr_kube_secret_key(
        char ret_key[PLR_KUBE_KEY_SIZE], const plr_document *document, size_t task, size_t i)
{
    const char *name = document->tasks[task]->secrets[i].name;
    for (size_t t = 0; t <= task; t++) {
        const plr_step *step = document->tasks[t];
        for (size_t k = 0; k < step->n_secrets; k++) {
            if (strcmp(step->secrets[k].name, name) != 0)
                continue;
            snprintf(ret_key, PLR_KUBE_KEY_SIZE, "secret-%zu-%zu", t, k);
            return;
        }
    }
}

void plr_kube_file_key(char ret_key[PLR_KUBE_KEY_SIZE], const plr_file_mount *file)
{
    snprintf(ret_key, PLR_KUBE_KEY_SIZE, "file-%zu", file->file);
}

static plr_bytes init_of(const char *architecture)
{
    return strcmp(architecture, "arm64") == 0 ? (plr_bytes){ plr_init_arm64, plr_init_arm64_size }
                                              : (plr_bytes){ plr_init_amd64, plr_init_amd64_size };
}

int plr_kube_init_name(char ret_name[PLR_KUBE_NAME_SIZE], const char *architecture, plr_error *err)
{
    char digest[PLR_DIGEST_SIZE];
    if (architecture == NULL)
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "there is no plr-init for the architecture of the pod: amd64 and arm64 can be had");
    plr_bytes init = init_of(architecture);
    int r = plr_digest_of(init.data, init.size, digest, err);
    if (r == 0)
        snprintf(ret_name, PLR_KUBE_NAME_SIZE, "plr-init-%.16s", plr_digest_hex(digest));
    return r;
}

static json_object *in_base64(const void *data, size_t size)
{
    _cleanup_buf_ plr_buf text = { 0 };
    if (plr_base64_encode(data, size, false, &text, NULL) < 0)
        return NULL;
    return json_object_new_string_len(text.data == NULL ? "" : text.data, (int)text.size);
}

/* Takes its parts. NULL if there is no memory. */
static json_object *make_secret(const char *type, json_object *metadata, json_object *data)
{
    return plr_jsonc_object("apiVersion", plr_jsonc_string("v1"), "kind",
            plr_jsonc_string("Secret"), "metadata", metadata, "type", plr_jsonc_string(type),
            "immutable", json_object_new_boolean(true), "data", data, NULL);
}

int plr_kube_init_secret(json_object **ret_secret, const char *architecture,
        const plr_kube_place *place, bool filled, plr_error *err)
{
    char name[PLR_KUBE_NAME_SIZE];
    int r = plr_kube_init_name(name, architecture, err);
    if (r < 0)
        return r;
    plr_bytes init = init_of(architecture);
    _cleanup_json_ json_object *metadata = plr_jsonc_object("name", plr_jsonc_string(name),
            "labels", plr_jsonc_object(PLR_KUBE_LABEL_KIND, plr_jsonc_string("init"), NULL),
            "annotations",
            plr_jsonc_object(PLR_KUBE_NOTE_VERSION, plr_jsonc_string(PACKAGE_VERSION), NULL), NULL);
    if (metadata == NULL ||
            (place->namespace_name != NULL &&
                    !plr_jsonc_add(metadata, "namespace", plr_jsonc_string(place->namespace_name))))
        return plr_error_nomem(err);
    json_object *data =
            filled ? plr_jsonc_object(PLR_KUBE_INIT_KEY, in_base64(init.data, init.size), NULL)
                   : json_object_new_object();
    *ret_secret = make_secret("Opaque", steal(metadata), data);
    return *ret_secret == NULL ? plr_error_nomem(err) : 0;
}

static const char *value_of(const plr_task *task, const char *name)
{
    for (size_t i = task->n_environment; i-- > 0;)
        if (strcmp(task->environment[i].name, name) == 0)
            return task->environment[i].value;
    return "";
}

/* One that is there already is the same. */
static bool add_bytes(json_object *data, const char *key, plr_bytes bytes, size_t *total)
{
    if (json_object_object_get_ex(data, key, NULL))
        return true;
    *total += strlen(key) + bytes.size;
    return plr_jsonc_add(data, key, in_base64(bytes.data, bytes.size));
}

static bool add_task(json_object *data, const plr_task *task, size_t *total)
{
    const plr_document *document = task->run->document;
    const plr_step *step = task->step;
    char key[PLR_KUBE_KEY_SIZE];
    bool good = true;
    for (size_t i = 0; i < step->n_secrets && good; i++) {
        /* Of two secrets in one variable the later is seen: that is its value. */
        bool hidden = false;
        for (size_t k = i + 1; k < step->n_secrets; k++)
            hidden |= strcmp(step->secrets[k].env, step->secrets[i].env) == 0;
        if (hidden)
            continue;
        const char *value = value_of(task, step->secrets[i].env);
        plr_kube_secret_key(key, document, task->index, i);
        good = add_bytes(
                data, key, (plr_bytes){ (const unsigned char *)value, strlen(value) }, total);
    }
    for (size_t i = 0; i < step->n_files && good; i++) {
        plr_kube_file_key(key, &step->files[i]);
        good = add_bytes(data, key, document->files[step->files[i].file].data, total);
    }
    return good;
}

int plr_kube_run_secret(json_object **ret_secret, const plr_run_view *run, plr_task *const *tasks,
        size_t n_tasks, const plr_kube_place *place, plr_error *err)
{
    char name[PLR_KUBE_NAME_SIZE];
    size_t total = 0;
    _cleanup_json_ json_object *data = json_object_new_object();
    bool good = data != NULL;
    for (size_t i = 0; i < n_tasks && good; i++)
        good = add_task(data, tasks[i], &total);
    if (!good)
        return plr_error_nomem(err);
    *ret_secret = NULL;
    if (json_object_object_length(data) == 0)
        return 0;
    if (total > PLR_KUBE_SECRET_MAX)
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "the secrets and files of this run are %zu bytes together; Kubernetes keeps 1 MiB "
                "at most in a Secret",
                total);
    plr_kube_pod_name(name, run->id, place->only);
    *ret_secret = make_secret("Opaque",
            plr_kube_metadata(run, name, place->namespace_name, place->now_s), steal(data));
    return *ret_secret == NULL ? plr_error_nomem(err) : 0;
}

/* Kubernetes looks for Docker Hub under its old key only. */
static bool add_auth(json_object *auths, const plr_auth *auth)
{
    const char *key =
            plr_registry_matches(auth->address, PLR_IMAGE_HUB) ? PLR_IMAGE_HUB_KEY : auth->address;
    _cleanup_buf_ plr_buf pair = { 0 };
    plr_buf_printf(&pair, "%s:%s", auth->username, auth->password);
    return !pair.failed && plr_jsonc_add(auths, key,
                                   plr_jsonc_object("auth", in_base64(pair.data, pair.size), NULL));
}

int plr_kube_pull_secret(json_object **ret_secret, const plr_run_view *run,
        const plr_kube_place *place, plr_error *err)
{
    const plr_document *document = run->document;
    char name[PLR_KUBE_NAME_SIZE];
    *ret_secret = NULL;
    if (document->n_auths == 0 && place->registry_auths == NULL)
        return 0;
    _cleanup_json_ json_object *auths = json_object_new_object();
    bool good = auths != NULL;
    if (place->registry_auths != NULL) {
        json_object_object_foreach(place->registry_auths, key, value)
        {
            good = good && plr_jsonc_add(auths, key, json_object_get(value));
        }
    }
    /* The document's own win. */
    for (size_t i = 0; i < document->n_auths && good; i++)
        good = add_auth(auths, &document->auths[i]);
    _cleanup_json_ json_object *config =
            good ? plr_jsonc_object("auths", steal(auths), NULL) : NULL;
    const char *text = config == NULL
                               ? NULL
                               : json_object_to_json_string_ext(config,
                                         JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    if (text == NULL)
        return plr_error_nomem(err);
    plr_kube_pull_name(name, run->id, place->only);
    *ret_secret = make_secret("kubernetes.io/dockerconfigjson",
            plr_kube_metadata(run, name, place->namespace_name, place->now_s),
            plr_jsonc_object(".dockerconfigjson", in_base64(text, strlen(text)), NULL));
    return *ret_secret == NULL ? plr_error_nomem(err) : 0;
}
