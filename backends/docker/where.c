/* SPDX-License-Identifier: MIT */
/* Where the daemon is: --docker-host, DOCKER_HOST, a context of the docker CLI, or the first of the
 * usual sockets that exists. Nothing is connected to here. */
#include "backends/docker/where.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/jsonc.h"
#include "backends/docker/rest.h"
#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

#define DEFAULT_SOCKET "/var/run/docker.sock"

/* A config file or a context's description is small. */
#define FILE_LIMIT (1024 * 1024)

void plr_docker_where_clear(plr_docker_where *where)
{
    free(where->base);
    free(where->origin);
    free(where->ca);
    free(where->cert);
    free(where->key);
    *where = (plr_docker_where){ 0 };
}

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static int format_path(char **ret_path, const char *folder, const char *file, plr_error *err)
{
    if (asprintf(ret_path, "%s/%s", folder, file) >= 0)
        return 0;
    *ret_path = NULL;
    return plr_error_nomem(err);
}

/* ca.pem, cert.pem, key.pem of a folder, those that are there. */
static int take_certificates(plr_docker_where *where, const char *folder, plr_error *err)
{
    const struct {
        const char *file;
        char **path;
    } files[] = {
        { "ca.pem", &where->ca },
        { "cert.pem", &where->cert },
        { "key.pem", &where->key },
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        _cleanup_free_ char *path = NULL;
        int r = format_path(&path, folder, files[i].file, err);
        if (r < 0)
            return r;
        if (access(path, F_OK) == 0)
            *files[i].path = steal(path);
    }
    return 0;
}

/* Sets where->base from a text such as DOCKER_HOST holds. */
static int take_host(plr_docker_where *where, const char *host, plr_error *err)
{
    if (strncmp(host, "ssh://", 6) == 0)
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "%s is %s: ssh is not supported. Forward the daemon's socket instead "
                "(ssh -L /tmp/docker.sock:/var/run/docker.sock HOST) and name "
                "unix:///tmp/docker.sock",
                where->origin, host);
    if (strncmp(host, "npipe://", 8) == 0 || strncmp(host, "fd://", 5) == 0)
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "%s is %s: only unix://, tcp://, http:// and https:// are understood here",
                where->origin, host);
    where->local = strncmp(host, "unix://", 7) == 0;
    if (strstr(host, "://") != NULL)
        return plr_text_copy(&where->base, host, err);
    /* Docker takes an address without a scheme as tcp. */
    if (asprintf(&where->base, "tcp://%s", host) >= 0)
        return 0;
    where->base = NULL;
    return plr_error_nomem(err);
}

/* DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, for addresses that are not those of a context. */
static int take_tls(
        plr_docker_where *where, const char *config_folder, plr_docker_getenv *get, plr_error *err)
{
    const char *folder = get("DOCKER_CERT_PATH");
    if (where->local || !is_set(get("DOCKER_TLS_VERIFY")))
        return 0;
    if (!is_set(folder))
        folder = config_folder;
    int r = folder == NULL ? 0 : take_certificates(where, folder, err);
    if (r == 0 && where->ca == NULL)
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "DOCKER_TLS_VERIFY is set, but there is no ca.pem in %s",
                folder == NULL ? "DOCKER_CERT_PATH" : folder);
    return r;
}

/* The JSON object in a file; NULL if there is none. */
static int read_json(json_object **ret_json, const char *path, plr_error *err)
{
    *ret_json = NULL;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return errno == ENOENT || errno == ENOTDIR || errno == EACCES
                       ? 0
                       : plr_error_set(err, PLR_ERR_CONFIGURATION, "%s: %s", path, strerror(errno));
    _cleanup_buf_ plr_buf text = { 0 };
    char piece[4096];
    size_t n;
    while ((n = fread(piece, 1, sizeof(piece), file)) > 0 && text.size <= FILE_LIMIT)
        plr_buf_put(&text, piece, n);
    fclose(file);
    int r = plr_buf_check(&text, err);
    if (r < 0)
        return r;
    *ret_json = text.size > FILE_LIMIT ? NULL : plr_jsonc_parse(text.data, text.size);
    if (!json_object_is_type(*ret_json, json_type_object)) {
        json_object_put(steal(*ret_json));
        return plr_error_set(err, PLR_ERR_CONFIGURATION, "%s is not a JSON object", path);
    }
    return 0;
}

/* Endpoint and certificates of a context that was found: `id` is the name of its folders. */
static int take_context(plr_docker_where *where, const char *config_folder, const char *id,
        const char *name, json_object *meta, plr_error *err)
{
    json_object *docker =
            plr_jsonc_at(meta, json_type_object, "Endpoints", "docker", (const char *)NULL);
    const char *host = plr_jsonc_text(docker, "Host");
    if (host[0] == '\0')
        return plr_error_set(
                err, PLR_ERR_CONFIGURATION, "context \"%s\" names no Docker endpoint", name);
    if (plr_jsonc_true(docker, "SkipTLSVerify"))
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "context \"%s\" skips the check of certificates; that is not supported", name);
    int r = take_host(where, host, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *folder = NULL;
    if (asprintf(&folder, "%s/contexts/tls/%s/docker", config_folder, id) < 0)
        return plr_error_nomem(err);
    return take_certificates(where, folder, err);
}

/* A context's folder is named by a digest of its name; reading them all spares the digest. */
static int find_context(
        plr_docker_where *where, const char *config_folder, const char *name, plr_error *err)
{
    _cleanup_free_ char *folder = NULL;
    if (asprintf(&where->origin, "context \"%s\"", name) < 0) {
        where->origin = NULL;
        return plr_error_nomem(err);
    }
    int r = config_folder == NULL ? 0 : format_path(&folder, config_folder, "contexts/meta", err);
    if (r < 0)
        return r;
    DIR *dir = folder == NULL ? NULL : opendir(folder);
    bool found = false;
    for (struct dirent *entry; r == 0 && !found && dir != NULL && (entry = readdir(dir)) != NULL;) {
        _cleanup_free_ char *path = NULL;
        _cleanup_json_ json_object *meta = NULL;
        if (entry->d_name[0] == '.')
            continue;
        if (asprintf(&path, "%s/%s/meta.json", folder, entry->d_name) < 0) {
            path = NULL;
            r = plr_error_nomem(err);
        } else {
            r = read_json(&meta, path, err);
        }
        if (r == 0 && strcmp(plr_jsonc_text(meta, "Name"), name) == 0) {
            found = true;
            r = take_context(where, config_folder, entry->d_name, name, meta, err);
        }
    }
    if (dir != NULL)
        closedir(dir);
    if (r == 0 && !found)
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "there is no context \"%s\" (docker context ls shows them)", name);
    return r;
}

/* The name of the context in force, or NULL: none, or the default one. */
static int current_context(char **ret_name, const plr_docker_settings *settings,
        const char *config_folder, plr_docker_getenv *get, plr_error *err)
{
    _cleanup_json_ json_object *config = NULL;
    const char *name = is_set(settings->context) ? settings->context : get("DOCKER_CONTEXT");
    if (!is_set(name) && config_folder != NULL) {
        _cleanup_free_ char *path = NULL;
        int r = format_path(&path, config_folder, "config.json", err);
        if (r == 0)
            r = read_json(&config, path, err);
        if (r < 0)
            return r;
        name = plr_jsonc_text(config, "currentContext");
    }
    *ret_name = NULL;
    if (!is_set(name) || strcmp(name, "default") == 0)
        return 0;
    return plr_text_copy(ret_name, name, err);
}

/* The first of the usual sockets that exists; none: Docker's own, for the message it will give. */
static int find_socket(plr_docker_where *where, plr_docker_getenv *get, plr_error *err)
{
    const char *runtime = get("XDG_RUNTIME_DIR");
    char candidates[4][512] = { DEFAULT_SOCKET, "", "", "/run/podman/podman.sock" };
    if (is_set(runtime) && runtime[0] == '/') {
        snprintf(candidates[1], sizeof(candidates[1]), "%s/docker.sock", runtime);
        snprintf(candidates[2], sizeof(candidates[2]), "%s/podman/podman.sock", runtime);
    }
    const char *chosen = candidates[0];
    for (size_t i = 0; i < 4; i++) {
        struct stat st;
        if (candidates[i][0] != '\0' && stat(candidates[i], &st) == 0 && S_ISSOCK(st.st_mode)) {
            chosen = candidates[i];
            break;
        }
    }
    where->local = true;
    int r = plr_text_copy(&where->origin, "the usual place", err);
    if (r == 0 && asprintf(&where->base, "unix://%s", chosen) < 0) {
        where->base = NULL;
        return plr_error_nomem(err);
    }
    return r;
}

int plr_docker_where_find(plr_docker_where *ret_where, const plr_docker_settings *settings,
        plr_docker_getenv *get, plr_error *err)
{
    _cleanup_(plr_docker_where_clear) plr_docker_where where = { 0 };
    _cleanup_free_ char *config_folder = NULL;
    _cleanup_free_ char *context = NULL;
    const char *home = get("HOME");
    int r = 0;
    if (is_set(get("DOCKER_CONFIG")))
        r = plr_text_copy(&config_folder, get("DOCKER_CONFIG"), err);
    else if (is_set(home))
        r = format_path(&config_folder, home, ".docker", err);
    if (r < 0)
        return r;

    const char *host = settings->host;
    const char *origin = "--docker-host";
    if (!is_set(host) && !is_set(settings->context)) {
        host = get("DOCKER_HOST");
        origin = "DOCKER_HOST";
    }
    where.given = true;
    if (is_set(host)) {
        r = plr_text_copy(&where.origin, origin, err);
        if (r == 0)
            r = take_host(&where, host, err);
        if (r == 0)
            r = take_tls(&where, config_folder, get, err);
    } else {
        r = current_context(&context, settings, config_folder, get, err);
        if (r == 0 && context != NULL) {
            r = find_context(&where, config_folder, context, err);
        } else if (r == 0) {
            where.given = false;
            r = find_socket(&where, get, err);
        }
    }
    if (r < 0)
        return r;
    *ret_where = where;
    where = (plr_docker_where){ 0 };
    return 0;
}
