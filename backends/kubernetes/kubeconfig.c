/* SPDX-License-Identifier: MIT */
/* kubeconfig files to what a client needs to know. Files are not merged but asked in their order:
 * the first that has an entry of a name wins, which is what merging means. */
#include "backends/kubernetes/kubeconfig.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backends/kubernetes/kubeconfig_entry.h"
#include "backends/kubernetes/yaml_read.h"
#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "net/file.h"

#define MOST_FILES 64u
#define NAMESPACE "default"
#define LONGEST_NAMESPACE 256u

typedef struct finder {
    const plr_kube_settings *settings;
    plr_kube_config *config; /* being filled */
    plr_kube_source files[MOST_FILES];
    size_t n_files;
    plr_error *err;
} finder;

void plr_kube_config_clear(plr_kube_config *config)
{
    plr_arena_clear(&config->arena);
    *config = (plr_kube_config){ 0 };
}

static const char *format(finder *f, const char *text, ...) PLR_PRINTF(2, 3);

/* NULL, and an error set, if there is no memory. */
static const char *format(finder *f, const char *text, ...)
{
    _cleanup_buf_ plr_buf buf = { 0 };
    va_list arguments;
    va_start(arguments, text);
    plr_buf_vprintf(&buf, text, arguments);
    va_end(arguments);
    const char *copy = buf.failed ? NULL : plr_arena_copy(&f->config->arena, buf.data, buf.size);
    if (copy == NULL)
        plr_error_nomem(f->err);
    return copy;
}

/* An unquoted 1234 is a user's name or a password here, as it stands there. */
static void numbers_are_text(plr_node *node)
{
    if (node->type == PLR_NODE_NUMBER)
        node->type = PLR_NODE_STRING;
    if (node->type == PLR_NODE_ARRAY || node->type == PLR_NODE_OBJECT)
        for (plr_node *child = node->first; child != NULL; child = child->next)
            numbers_are_text(child);
}

static int add_text(finder *f, const char *path, const char *text, size_t size)
{
    plr_node *root;
    if (f->n_files == MOST_FILES)
        return plr_error_set(
                f->err, PLR_ERR_CONFIGURATION, "KUBECONFIG names more than %u files", MOST_FILES);
    int r = plr_yaml_read(&root, &f->config->arena, path, text, size, f->err);
    if (r < 0)
        return r;
    if (root->type != PLR_NODE_OBJECT && root->type != PLR_NODE_NULL)
        return plr_error_set(f->err, PLR_ERR_CONFIGURATION,
                "%s:%u:%u: expected a map (clusters, contexts, users), found %s", path, root->line,
                root->column, plr_node_type_name(root->type));
    numbers_are_text(root);
    path = plr_arena_copy(&f->config->arena, path, strlen(path));
    if (path == NULL)
        return plr_error_nomem(f->err);
    f->files[f->n_files++] = (plr_kube_source){ path, root };
    return 0;
}

static int add_file(finder *f, const char *path)
{
    _cleanup_buf_ plr_buf text = { 0 };
    int r = plr_file_read(&text, path, PLR_YAML_LARGEST, f->err);
    if (r < 0)
        return r;
    /* The tree refers to the text. */
    const char *copy =
            plr_arena_copy(&f->config->arena, text.data != NULL ? text.data : "", text.size);
    return copy == NULL ? plr_error_nomem(f->err) : add_text(f, path, copy, text.size);
}

/* Files that are not there are passed over. */
static int add_list(finder *f, const char *list)
{
    while (*list != '\0') {
        size_t size = strcspn(list, ":");
        _cleanup_free_ char *path = strndup(list, size);
        if (path == NULL)
            return plr_error_nomem(f->err);
        int r = size == 0 || access(path, F_OK) < 0 ? 0 : add_file(f, path);
        if (r < 0)
            return r;
        list += list[size] == '\0' ? size : size + 1;
    }
    return 0;
}

static int add_usual(finder *f, const char *home)
{
    _cleanup_free_ char *path = NULL;
    if (home == NULL || home[0] == '\0')
        return 0;
    if (asprintf(&path, "%s/.kube/config", home) < 0) {
        path = NULL;
        return plr_error_nomem(f->err);
    }
    return access(path, F_OK) < 0 ? 0 : add_file(f, path);
}

static bool node_is(const plr_node *node, const char *text)
{
    return node != NULL && node->type == PLR_NODE_STRING && strlen(text) == node->size &&
           memcmp(node->text, text, node->size) == 0;
}

/* The entry of that name in a list of `{name, <word>}`. Lists without it are looked through in
 * vain; what is malformed there concerns nobody. */
static const plr_node *find_entry(
        const finder *f, const char *list, const char *name, const plr_kube_source **ret_file)
{
    for (size_t i = 0; i < f->n_files; i++) {
        const plr_node *entries = plr_node_get(f->files[i].root, list);
        if (entries == NULL || entries->type != PLR_NODE_ARRAY)
            continue;
        for (const plr_node *entry = entries->first; entry != NULL; entry = entry->next) {
            if (node_is(plr_node_get(entry, "name"), name)) {
                *ret_file = &f->files[i];
                return entry;
            }
        }
    }
    return NULL;
}

/* ` It has "a", "b".` in a row of appends. */
static void put_names(const finder *f, const char *list, plr_buf *out)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n_files; i++) {
        const plr_node *entries = plr_node_get(f->files[i].root, list);
        if (entries == NULL || entries->type != PLR_NODE_ARRAY)
            continue;
        for (const plr_node *entry = entries->first; entry != NULL; entry = entry->next) {
            const plr_node *name = plr_node_get(entry, "name");
            if (name == NULL || name->type != PLR_NODE_STRING || n == 8)
                continue;
            plr_buf_printf(out, "%s\"%.*s\"", n++ == 0 ? "; there is " : ", ",
                    plr_findings_shown(name->text, name->size), name->text);
        }
    }
}

/* `at` is what named the entry, NULL: an option did. */
static int no_entry(const finder *f, const plr_kube_source *file, const plr_node *at,
        const char *list, const char *name)
{
    _cleanup_buf_ plr_buf names = { 0 };
    put_names(f, list, &names);
    const char *others = names.data != NULL ? names.data : "";
    if (at != NULL)
        return plr_kube_source_refuse(file, at, f->err,
                "expected the name of an entry of \"%s\", found \"%s\"%s", list, name, others);
    return plr_error_set(f->err, PLR_ERR_CONFIGURATION,
            "%s: expected an entry \"%s\" in \"%s\", as kube-context says%s",
            f->n_files > 0 ? f->files[0].path : "no kubeconfig", name, list, others);
}

/* The inner object of an entry: `context` of one of `contexts`. */
static int open_entry(finder *f, const plr_kube_source *named_in, const plr_node *at,
        const char *list, const char *word, const char *name, plr_kube_entry *ret_entry)
{
    const plr_kube_source *file;
    const plr_node *entry = find_entry(f, list, name, &file);
    if (entry == NULL)
        return no_entry(f, named_in, at, list, name);
    const plr_node *inner = plr_node_get(entry, word);
    if (inner == NULL || inner->type != PLR_NODE_OBJECT)
        return plr_kube_source_refuse(file, inner != NULL ? inner : entry, f->err,
                "expected a map \"%s\" in the entry \"%s\"", word, name);
    *ret_entry = (plr_kube_entry){ file, inner };
    return 0;
}

/* The current-context of the first file that says one. */
static int current_context(finder *f, const plr_kube_source **ret_file, const plr_node **ret_node,
        const char **ret_name)
{
    *ret_node = NULL;
    *ret_file = NULL;
    *ret_name = f->settings->context;
    for (size_t i = 0; *ret_name == NULL && i < f->n_files; i++) {
        const plr_node *node = plr_node_get(f->files[i].root, "current-context");
        if (node == NULL || node->type == PLR_NODE_NULL ||
                (node->type == PLR_NODE_STRING && node->size == 0))
            continue;
        if (node->type != PLR_NODE_STRING)
            return plr_kube_source_refuse(&f->files[i], node, f->err,
                    "expected the name of a context, found %s", plr_node_type_name(node->type));
        *ret_name = format(f, "%.*s", (int)node->size, node->text);
        if (*ret_name == NULL)
            return PLR_ERR_NOMEM;
        *ret_file = &f->files[i];
        *ret_node = node;
    }
    return 0;
}

static int use_context(
        finder *f, const plr_kube_source *named_in, const plr_node *at, const char *name)
{
    plr_kube_entry context, entry;
    plr_kube_context names = { 0 };
    plr_kube_config *config = f->config;
    int r = open_entry(f, named_in, at, "contexts", "context", name, &context);
    if (r == 0)
        r = plr_kube_context_decode(&names, &context, &config->arena, f->err);
    if (r == 0 && names.cluster != NULL) {
        r = open_entry(f, context.source, plr_node_get(context.node, "cluster"), "clusters",
                "cluster", names.cluster, &entry);
        if (r == 0)
            r = plr_kube_cluster_decode(config, &entry, f->settings->url != NULL, f->err);
    } else if (r == 0 && f->settings->url == NULL) {
        r = plr_kube_source_refuse(context.source, context.node, f->err,
                "expected \"cluster\" in the context \"%s\"", name);
    }
    if (r == 0 && names.user != NULL) {
        r = open_entry(f, context.source, plr_node_get(context.node, "user"), "users", "user",
                names.user, &entry);
        if (r == 0)
            r = plr_kube_user_decode(&config->user, &entry, &config->arena, f->err);
    }
    if (r < 0)
        return r;
    if (names.namespace_name != NULL)
        config->namespace_name = names.namespace_name;
    config->origin = format(f, "context %s of %s", name, context.source->path);
    return config->origin == NULL ? PLR_ERR_NOMEM : 0;
}

/* What Kubernetes mounts into each pod that has a service account. */
static int use_pod(finder *f, const plr_kube_surroundings *place)
{
    const char *host = place->get("KUBERNETES_SERVICE_HOST");
    const char *port = place->get("KUBERNETES_SERVICE_PORT");
    plr_kube_config *config = f->config;
    _cleanup_buf_ plr_buf space = { 0 };
    bool v6 = strchr(host, ':') != NULL;
    config->cluster.server = format(f, "https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "",
            port != NULL && port[0] != '\0' ? port : "443");
    config->cluster.ca_file = format(f, "%s/ca.crt", place->service_account);
    config->user.token_file = format(f, "%s/token", place->service_account);
    const char *file = format(f, "%s/namespace", place->service_account);
    config->origin = "this pod's service account";
    if (config->cluster.server == NULL || config->cluster.ca_file == NULL ||
            config->user.token_file == NULL || file == NULL)
        return PLR_ERR_NOMEM;
    if (access(file, F_OK) < 0)
        return 0;
    int r = plr_file_read(&space, file, LONGEST_NAMESPACE, f->err);
    if (r < 0 || space.size == 0)
        return r;
    config->namespace_name = format(f, "%.*s", (int)strcspn(space.data, " \r\n"), space.data);
    return config->namespace_name == NULL ? PLR_ERR_NOMEM : 0;
}

static bool is_in_pod(finder *f, const plr_kube_surroundings *place)
{
    const char *host = place->get("KUBERNETES_SERVICE_HOST");
    if (host == NULL || host[0] == '\0')
        return false;
    const char *token = format(f, "%s/token", place->service_account);
    return token != NULL && access(token, F_OK) == 0;
}

/* The files are read: what do they and the options say? `place` NULL: there is no pod. */
static int choose(finder *f, const plr_kube_surroundings *place)
{
    const plr_kube_source *file;
    const plr_node *node;
    const char *name;
    plr_kube_config *config = f->config;
    config->namespace_name = NAMESPACE;
    int r = current_context(f, &file, &node, &name);
    if (r < 0)
        return r;
    if (name != NULL)
        r = use_context(f, file, node, name);
    else if (f->settings->url != NULL)
        config->origin = "kube-url";
    else if (f->settings->kubeconfig == NULL && place != NULL && is_in_pod(f, place))
        r = use_pod(f, place);
    else if (f->n_files > 0)
        r = plr_error_set(f->err, PLR_ERR_CONFIGURATION,
                "%s: expected a current-context, or --kube-context NAME", f->files[0].path);
    else
        r = plr_error_set(f->err, PLR_ERR_CONFIGURATION,
                "no cluster is named: expected --kube-config FILE, KUBECONFIG, ~/.kube/config, or "
                "to run in a pod with a service account");
    if (r == 0 && f->settings->url != NULL)
        r = plr_kube_cluster_set_server(config, f->settings->url, "kube-url", f->err);
    if (r == 0 && f->settings->namespace_name != NULL) {
        config->namespace_name = format(f, "%s", f->settings->namespace_name);
        r = config->namespace_name == NULL ? PLR_ERR_NOMEM : 0;
    }
    if (r == 0 && config->cluster.insecure) {
        config->warning = format(f,
                "anybody can pretend to be %s: its certificate is not verified "
                "(insecure-skip-tls-verify, %s)",
                config->cluster.server, config->origin);
        r = config->warning == NULL ? PLR_ERR_NOMEM : 0;
    }
    return r;
}

int plr_kube_config_find(plr_kube_config *ret_config, const plr_kube_settings *settings,
        const plr_kube_surroundings *place, plr_error *err)
{
    _cleanup_kube_config_ plr_kube_config config = { 0 };
    finder f = { .settings = settings, .config = &config, .err = err };
    const char *list = place->get("KUBECONFIG");
    plr_arena_init(&config.arena);
    int r = settings->kubeconfig != NULL      ? add_file(&f, settings->kubeconfig)
            : list != NULL && list[0] != '\0' ? add_list(&f, list)
                                              : add_usual(&f, place->get("HOME"));
    if (r == 0)
        r = choose(&f, place);
    if (r < 0)
        return r;
    *ret_config = config;
    config = (plr_kube_config){ 0 };
    return 0;
}

int plr_kube_config_read(plr_kube_config *ret_config, const plr_kube_settings *settings,
        const char *file, const char *text, size_t size, plr_error *err)
{
    _cleanup_kube_config_ plr_kube_config config = { 0 };
    finder f = { .settings = settings, .config = &config, .err = err };
    plr_arena_init(&config.arena);
    int r = add_text(&f, file, text, size);
    if (r == 0)
        r = choose(&f, NULL);
    if (r < 0)
        return r;
    *ret_config = config;
    config = (plr_kube_config){ 0 };
    return 0;
}
