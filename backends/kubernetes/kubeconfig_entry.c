/* SPDX-License-Identifier: MIT */
/* Tables of what a context, a cluster and a user may say, and what must hold between their parts.
 * Nothing of an entry's contents is shown: most of it is secret. */
#include "backends/kubernetes/kubeconfig_entry.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backends/kubernetes/yaml_read.h"
#include "engine/base/buf.h"
#include "engine/base/decode.h"
#include "engine/base/error.h"
#include "net/http_base.h"
#include "net/jsonc.h"

#define AT(type, member) .offset = offsetof(type, member)
#define AT_N(type, member, n_member) AT(type, member), .n_offset = offsetof(type, n_member)
#define TABLE(type, list, what)                                                                    \
    {                                                                                              \
        .name = what, .title = "a " what, .size = sizeof(type), .fields = list,                    \
        .n_fields = sizeof list / sizeof *list,                                                    \
    }

static const plr_field context_fields[] = {
    { "cluster", PLR_FIELD_STRING, AT(plr_kube_context, cluster) },
    { "user", PLR_FIELD_STRING, AT(plr_kube_context, user) },
    { "namespace", PLR_FIELD_STRING, AT(plr_kube_context, namespace_name) },
};
static const plr_table context_table = TABLE(plr_kube_context, context_fields, "context");

static const plr_field cluster_fields[] = {
    { "server", PLR_FIELD_STRING, AT(plr_kube_cluster, server) },
    { "certificate-authority", PLR_FIELD_STRING, AT(plr_kube_cluster, ca_file) },
    { "certificate-authority-data", PLR_FIELD_BYTES, AT(plr_kube_cluster, ca) },
    { "tls-server-name", PLR_FIELD_STRING, AT(plr_kube_cluster, tls_server_name) },
    { "proxy-url", PLR_FIELD_STRING, AT(plr_kube_cluster, proxy_url) },
    { "insecure-skip-tls-verify", PLR_FIELD_BOOL, AT(plr_kube_cluster, insecure) },
};
static const plr_table cluster_table = TABLE(plr_kube_cluster, cluster_fields, "cluster");

static const plr_field variable_fields[] = {
    { "name", PLR_FIELD_STRING, AT(plr_kube_variable, name), .required = true },
    { "value", PLR_FIELD_STRING, AT(plr_kube_variable, value) },
};
static const plr_table variable_table = TABLE(plr_kube_variable, variable_fields, "variable");

static const plr_word api_versions[] = {
    { "client.authentication.k8s.io/v1", 0 },
    { "client.authentication.k8s.io/v1beta1", 0 },
    { NULL, 0 },
};
static const plr_word interactive_modes[] = {
    { "Never", 0 },
    { "IfAvailable", 0 },
    { "Always", 0 },
    { NULL, 0 },
};
static const plr_field exec_fields[] = {
    { "apiVersion", PLR_FIELD_WORD, AT(plr_kube_exec, api_version), .required = true,
            .words = api_versions },
    { "command", PLR_FIELD_STRING, AT(plr_kube_exec, command), .required = true },
    { "args", PLR_FIELD_STRINGS, AT_N(plr_kube_exec, args, n_args) },
    { "env", PLR_FIELD_LIST, AT_N(plr_kube_exec, env, n_env), .table = &variable_table },
    { "installHint", PLR_FIELD_STRING, AT(plr_kube_exec, install_hint) },
    { "interactiveMode", PLR_FIELD_WORD, AT(plr_kube_exec, interactive),
            .words = interactive_modes },
    { "provideClusterInfo", PLR_FIELD_BOOL, AT(plr_kube_exec, provide_cluster_info) },
};
static const plr_table exec_table = TABLE(plr_kube_exec, exec_fields, "plugin");

static const plr_field user_fields[] = {
    { "client-certificate", PLR_FIELD_STRING, AT(plr_kube_user, cert_file) },
    { "client-certificate-data", PLR_FIELD_BYTES, AT(plr_kube_user, cert) },
    { "client-key", PLR_FIELD_STRING, AT(plr_kube_user, key_file) },
    { "client-key-data", PLR_FIELD_BYTES, AT(plr_kube_user, key) },
    { "token", PLR_FIELD_STRING, AT(plr_kube_user, token) },
    { "tokenFile", PLR_FIELD_STRING, AT(plr_kube_user, token_file) },
    { "username", PLR_FIELD_STRING, AT(plr_kube_user, username) },
    { "password", PLR_FIELD_STRING, AT(plr_kube_user, password) },
    { "exec", PLR_FIELD_POINTER, AT(plr_kube_user, exec), .table = &exec_table },
    { "as", PLR_FIELD_STRING, AT(plr_kube_user, as) },
    { "as-uid", PLR_FIELD_STRING, AT(plr_kube_user, as_uid) },
    { "as-groups", PLR_FIELD_STRINGS, AT_N(plr_kube_user, as_groups, n_as_groups) },
};
static const plr_table user_table = TABLE(plr_kube_user, user_fields, "user");

int plr_kube_source_refuse(const plr_kube_source *source, const plr_node *node, plr_error *err,
        const char *format, ...)
{
    plr_error what = { 0 };
    va_list arguments;
    va_start(arguments, format);
    plr_error_set_v(&what, PLR_ERR_CONFIGURATION, format, arguments);
    va_end(arguments);
    return plr_error_set(err, PLR_ERR_CONFIGURATION, "%s:%u:%u: %s", source->path, node->line,
            node->column, what.message);
}

/* The member of an entry, or the entry itself where there is none: a place to point at. */
static const plr_node *place_of(const plr_kube_entry *entry, const char *key)
{
    const plr_node *node = plr_node_get(entry->node, key);
    return node != NULL ? node : entry->node;
}

static int decode(const plr_kube_entry *entry, const plr_table *table, plr_arena *arena, void *out,
        plr_error *err)
{
    _cleanup_(plr_findings_clear) plr_findings findings;
    plr_error first = { 0 };
    plr_findings_init(&findings);
    plr_decoder decoder = { arena, &findings, .lenient = true };
    plr_decode(&decoder, table, entry->node, out);
    int r = plr_findings_tell(&findings, entry->source->path, NULL, NULL, &first);
    if (r == PLR_ERR_NOMEM)
        return plr_error_nomem(err);
    return r < 0 ? plr_error_set(err, PLR_ERR_CONFIGURATION, "%s", first.message) : 0;
}

int plr_kube_context_decode(plr_kube_context *ret_context, const plr_kube_entry *entry,
        plr_arena *arena, plr_error *err)
{
    return decode(entry, &context_table, arena, ret_context, err);
}

/* A path as seen from the file that names it. */
static int resolve(
        const plr_kube_source *source, plr_arena *arena, const char **path, plr_error *err)
{
    _cleanup_buf_ plr_buf full = { 0 };
    const char *slash = strrchr(source->path, '/');
    if (*path == NULL || (*path)[0] == '/' || slash == NULL)
        return 0;
    plr_buf_put(&full, source->path, (size_t)(slash - source->path) + 1);
    plr_buf_puts(&full, *path);
    int r = plr_buf_check(&full, err);
    if (r < 0)
        return r;
    *path = plr_arena_copy(arena, full.data, full.size);
    return *path == NULL ? plr_error_nomem(err) : 0;
}

/* A file that an entry names: as seen from there, and readable. */
static int use_file(const plr_kube_entry *entry, const char *key, plr_arena *arena,
        const char **path, plr_error *err)
{
    int r = resolve(entry->source, arena, path, err);
    if (r == 0 && *path != NULL && access(*path, R_OK) < 0)
        r = plr_kube_source_refuse(entry->source, place_of(entry, key), err,
                "expected a file that can be read: %s: %s", *path, strerror(errno));
    return r;
}

static int check_pem(
        const plr_kube_entry *entry, const char *key, const plr_bytes *pem, plr_error *err)
{
    if (pem->data == NULL || (memchr(pem->data, '\0', pem->size) == NULL &&
                                     strstr((const char *)pem->data, "-----BEGIN ") != NULL))
        return 0;
    return plr_kube_source_refuse(entry->source, place_of(entry, key), err,
            "expected PEM (\"-----BEGIN ...\") in base64");
}

/* `extensions: [{name: client.authentication.k8s.io/exec, extension: …}]` is for plugins. */
static int find_exec_config(plr_kube_config *config, const plr_kube_entry *entry, plr_error *err)
{
    static const char word[] = "client.authentication.k8s.io/exec";
    const plr_node *list = plr_node_get(entry->node, "extensions");
    const plr_node *item = list != NULL && list->type == PLR_NODE_ARRAY ? list->first : NULL;
    for (; item != NULL; item = item->next) {
        const plr_node *name = plr_node_get(item, "name");
        const plr_node *value = plr_node_get(item, "extension");
        if (value == NULL || name == NULL || name->type != PLR_NODE_STRING ||
                name->size != strlen(word) || memcmp(name->text, word, name->size) != 0)
            continue;
        _cleanup_json_ json_object *json = NULL;
        int r = plr_yaml_to_json(&json, value, err);
        if (r < 0)
            return r;
        const char *text = json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN);
        config->cluster.exec_config =
                text == NULL ? NULL : plr_arena_copy(&config->arena, text, strlen(text));
        return config->cluster.exec_config == NULL ? plr_error_nomem(err) : 0;
    }
    return 0;
}

int plr_kube_cluster_set_server(
        plr_kube_config *config, const char *text, const char *where, plr_error *err)
{
    _cleanup_buf_ plr_buf url = { 0 };
    _cleanup_http_base_ plr_http_base base = { 0 };
    plr_error why = { 0 };
    plr_buf_printf(&url, "%s%s", strstr(text, "://") == NULL ? "https://" : "", text);
    int r = plr_buf_check(&url, err);
    if (r == 0)
        r = plr_http_base_parse(&base, url.data, true, &why);
    if (r == PLR_ERR_CONFIGURATION)
        return plr_error_set(err, PLR_ERR_CONFIGURATION, "%s: %s", where, why.message);
    if (r < 0)
        return plr_error_nomem(err);
    config->cluster.server = plr_arena_copy(&config->arena, url.data, url.size);
    return config->cluster.server == NULL ? plr_error_nomem(err) : 0;
}

int plr_kube_cluster_decode(
        plr_kube_config *config, const plr_kube_entry *entry, bool elsewhere, plr_error *err)
{
    plr_kube_cluster *cluster = &config->cluster;
    int r = decode(entry, &cluster_table, &config->arena, cluster, err);
    if (r < 0)
        return r;
    if (cluster->server != NULL) {
        char where[512];
        const plr_node *node = place_of(entry, "server");
        snprintf(where, sizeof where, "%s:%u:%u", entry->source->path, node->line, node->column);
        r = plr_kube_cluster_set_server(config, cluster->server, where, err);
    } else if (!elsewhere) {
        r = plr_kube_source_refuse(entry->source, entry->node, err,
                "expected \"server\", the address of the API server");
    }
    if (r == 0)
        r = check_pem(entry, "certificate-authority-data", &cluster->ca, err);
    if (r == 0 && cluster->ca.data == NULL)
        r = use_file(entry, "certificate-authority", &config->arena, &cluster->ca_file, err);
    if (r == 0 && cluster->insecure && (cluster->ca.data != NULL || cluster->ca_file != NULL))
        r = plr_kube_source_refuse(entry->source, place_of(entry, "insecure-skip-tls-verify"), err,
                "expected either a certificate authority or insecure-skip-tls-verify, not both");
    return r < 0 ? r : find_exec_config(config, entry, err);
}

/* What would be passed over in silence, though it says who somebody is. */
static int check_unsupported(const plr_kube_entry *entry, plr_error *err)
{
    const plr_node *node = plr_node_get(entry->node, "auth-provider");
    if (node != NULL && node->type != PLR_NODE_NULL)
        return plr_kube_source_refuse(entry->source, node, err,
                "expected \"exec\" instead of \"auth-provider\", which Kubernetes 1.26 removed");
    node = plr_node_get(entry->node, "as-user-extra");
    if (node != NULL && node->type != PLR_NODE_NULL)
        return plr_kube_source_refuse(entry->source, node, err, "as-user-extra is not supported");
    return 0;
}

static int check_exec(
        const plr_kube_user *user, const plr_kube_entry *entry, plr_arena *arena, plr_error *err)
{
    /* The decoder made it, for us. */
    plr_kube_exec *exec = (plr_kube_exec *)user->exec;
    const plr_node *node = place_of(entry, "exec");
    if (exec->interactive != NULL && strcmp(exec->interactive, "Always") == 0)
        return plr_kube_source_refuse(entry->source, node, err,
                "expected a plugin that can do without a terminal (interactiveMode: Always)");
    return strchr(exec->command, '/') == NULL ? 0
                                              : resolve(entry->source, arena, &exec->command, err);
}

int plr_kube_user_decode(
        plr_kube_user *ret_user, const plr_kube_entry *entry, plr_arena *arena, plr_error *err)
{
    plr_kube_user user = { 0 };
    int r = decode(entry, &user_table, arena, &user, err);
    if (r == 0)
        r = check_unsupported(entry, err);
    if (r == 0)
        r = check_pem(entry, "client-certificate-data", &user.cert, err);
    if (r == 0)
        r = check_pem(entry, "client-key-data", &user.key, err);
    if (r == 0 && user.cert.data == NULL)
        r = use_file(entry, "client-certificate", arena, &user.cert_file, err);
    if (r == 0 && user.key.data == NULL)
        r = use_file(entry, "client-key", arena, &user.key_file, err);
    if (r == 0)
        r = use_file(entry, "tokenFile", arena, &user.token_file, err);
    if (r < 0)
        return r;
    bool has_cert = user.cert.data != NULL || user.cert_file != NULL;
    bool has_key = user.key.data != NULL || user.key_file != NULL;
    if (has_cert != has_key)
        return plr_kube_source_refuse(entry->source, entry->node, err,
                "expected \"%s\" (or its -data) beside the other half",
                has_cert ? "client-key" : "client-certificate");
    if (user.username != NULL && (user.token != NULL || user.token_file != NULL))
        return plr_kube_source_refuse(entry->source, place_of(entry, "username"), err,
                "expected either a token or a user name with a password, not both");
    if (user.exec != NULL)
        r = check_exec(&user, entry, arena, err);
    if (r == 0)
        *ret_user = user;
    return r;
}
