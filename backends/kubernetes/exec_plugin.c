/* SPDX-License-Identifier: MIT */
/* client.authentication.k8s.io: the question goes to a plugin in its environment, the answer comes
 * from its stdout. All that it prints may be secret, so messages say only what was expected. */
#include "backends/kubernetes/exec_plugin.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "net/file.h"
#include "net/helper.h"
#include "net/jsonc.h"

#define LONGEST_ANSWER ((size_t)256 << 10)
#define LONGEST_CA ((size_t)1 << 20)
#define QUESTION "KUBERNETES_EXEC_INFO"

struct plr_kube_plugin {
    const plr_kube_exec *exec;
    plr_helper *helper;
    plr_kube_plugin_fn *on_end;
    void *userdata;
};

void plr_kube_credential_clear(plr_kube_credential *credential)
{
    free(credential->token);
    free(credential->cert_pem);
    free(credential->key_pem);
    *credential = (plr_kube_credential){ 0 };
}

static int expected(const plr_kube_exec *exec, plr_error *err, const char *what)
{
    return plr_error_set(err, PLR_ERR_CONFIGURATION, "the credential plugin %s: expected %s",
            exec->command, what);
}

/* It goes into a header: one line of visible characters. */
static bool is_token(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (*c <= ' ' || *c >= 0x7f)
            return false;
    return text[0] != '\0';
}

static int take_text(char **ret_text, json_object *status, const char *key, plr_error *err)
{
    const char *text = plr_jsonc_text(status, key);
    return text[0] == '\0' ? 0 : plr_text_copy(ret_text, text, err);
}

static int take_status(plr_kube_credential *credential, const plr_kube_exec *exec,
        json_object *status, plr_error *err)
{
    int r = take_text(&credential->token, status, "token", err);
    if (r == 0)
        r = take_text(&credential->cert_pem, status, "clientCertificateData", err);
    if (r == 0)
        r = take_text(&credential->key_pem, status, "clientKeyData", err);
    if (r < 0)
        return r;
    if ((credential->cert_pem == NULL) != (credential->key_pem == NULL))
        return expected(exec, err, "clientCertificateData and clientKeyData together");
    if (credential->token == NULL && credential->cert_pem == NULL)
        return expected(exec, err, "a status with a token or a client certificate");
    if (credential->token != NULL && !is_token(credential->token))
        return expected(exec, err, "a token of visible characters");
    const char *expires = plr_jsonc_text(status, "expirationTimestamp");
    if (expires[0] == '\0')
        return 0;
    credential->expires_s = plr_jsonc_time(expires);
    return credential->expires_s > 0
                   ? 0
                   : expected(exec, err, "an expirationTimestamp like 2026-01-02T03:04:05Z");
}

int plr_kube_credential_parse(plr_kube_credential *ret_credential, const plr_kube_exec *exec,
        const char *text, size_t size, plr_error *err)
{
    _cleanup_kube_credential_ plr_kube_credential credential = { 0 };
    _cleanup_json_ json_object *json = plr_jsonc_parse(text, size);
    if (!json_object_is_type(json, json_type_object) ||
            strcmp(plr_jsonc_text(json, "kind"), "ExecCredential") != 0)
        return expected(exec, err, "an ExecCredential, as JSON on its stdout");
    if (strcmp(plr_jsonc_text(json, "apiVersion"), exec->api_version) != 0)
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "the credential plugin %s: expected an answer of the apiVersion that kubeconfig "
                "names, %s",
                exec->command, exec->api_version);
    int r = take_status(&credential, exec, plr_jsonc_get(json, "status", json_type_object), err);
    if (r < 0)
        return r;
    *ret_credential = credential;
    credential = (plr_kube_credential){ 0 };
    return 0;
}

/* The cluster's CA in base64, from wherever it is. */
static int add_ca(json_object *cluster, const plr_kube_cluster *from, plr_error *err)
{
    _cleanup_buf_ plr_buf pem = { 0 };
    _cleanup_buf_ plr_buf text = { 0 };
    int r = 0;
    if (from->ca.data != NULL)
        r = plr_buf_append(&pem, from->ca.data, from->ca.size, err);
    else if (from->ca_file != NULL)
        r = plr_file_read(&pem, from->ca_file, LONGEST_CA, err);
    if (r < 0 || pem.size == 0)
        return r;
    r = plr_base64_encode(pem.data, pem.size, false, &text, err);
    if (r == 0 &&
            !plr_jsonc_add(cluster, "certificate-authority-data", plr_jsonc_string(text.data)))
        r = plr_error_nomem(err);
    return r;
}

static bool add_text(json_object *object, const char *key, const char *text)
{
    return text == NULL || plr_jsonc_add(object, key, plr_jsonc_string(text));
}

static int add_cluster(json_object *spec, const plr_kube_cluster *from, plr_error *err)
{
    json_object *cluster = json_object_new_object();
    bool good = plr_jsonc_add(spec, "cluster", cluster) &&
                add_text(cluster, "server", from->server) &&
                add_text(cluster, "tls-server-name", from->tls_server_name) &&
                add_text(cluster, "proxy-url", from->proxy_url);
    if (good && from->insecure)
        good = plr_jsonc_add(cluster, "insecure-skip-tls-verify", json_object_new_boolean(true));
    if (good && from->exec_config != NULL)
        good = plr_jsonc_add(
                cluster, "config", plr_jsonc_parse(from->exec_config, strlen(from->exec_config)));
    return good ? add_ca(cluster, from, err) : plr_error_nomem(err);
}

/* KUBERNETES_EXEC_INFO=… */
static int put_question(plr_buf *out, const plr_kube_config *config, plr_error *err)
{
    const plr_kube_exec *exec = config->user.exec;
    _cleanup_json_ json_object *question = json_object_new_object();
    json_object *spec = json_object_new_object();
    bool good = plr_jsonc_add(question, "spec", spec) &&
                add_text(question, "kind", "ExecCredential") &&
                add_text(question, "apiVersion", exec->api_version) &&
                plr_jsonc_add(spec, "interactive", json_object_new_boolean(false));
    int r = good ? 0 : plr_error_nomem(err);
    if (r == 0 && exec->provide_cluster_info)
        r = add_cluster(spec, &config->cluster, err);
    if (r < 0)
        return r;
    const char *text = json_object_to_json_string_ext(question, JSON_C_TO_STRING_PLAIN);
    plr_buf_printf(out, QUESTION "=%s", text != NULL ? text : "");
    return text != NULL ? plr_buf_check(out, err) : plr_error_nomem(err);
}

static bool is_set_by(const char *variable, const plr_kube_exec *exec)
{
    size_t size = strcspn(variable, "=");
    if (size == strlen(QUESTION) && strncmp(variable, QUESTION, size) == 0)
        return true;
    for (size_t i = 0; i < exec->n_env; i++)
        if (strlen(exec->env[i].name) == size && strncmp(variable, exec->env[i].name, size) == 0)
            return true;
    return false;
}

/* Our own environment, what kubeconfig sets over it, and the question; texts in the arena. */
static int make_environment(const char *const **ret_environment, plr_arena *arena,
        const plr_kube_config *config, plr_error *err)
{
    const plr_kube_exec *exec = config->user.exec;
    _cleanup_buf_ plr_buf question = { 0 };
    size_t n_own = 0, n = 0;
    while (environ[n_own] != NULL)
        n_own++;
    const char **environment = plr_arena_array(arena, n_own + exec->n_env + 2, sizeof *environment);
    int r = put_question(&question, config, err);
    if (r < 0 || environment == NULL)
        return r < 0 ? r : plr_error_nomem(err);
    for (size_t i = 0; i < n_own; i++)
        if (!is_set_by(environ[i], exec))
            environment[n++] = environ[i];
    for (size_t i = 0; i < exec->n_env; i++) {
        _cleanup_buf_ plr_buf pair = { 0 };
        plr_buf_printf(&pair, "%s=%s", exec->env[i].name,
                exec->env[i].value != NULL ? exec->env[i].value : "");
        environment[n] = pair.failed ? NULL : plr_arena_copy(arena, pair.data, pair.size);
        if (environment[n++] == NULL)
            return plr_error_nomem(err);
    }
    environment[n] = plr_arena_copy(arena, question.data, question.size);
    if (environment[n] == NULL)
        return plr_error_nomem(err);
    *ret_environment = environment;
    return 0;
}

static void on_answer(plr_helper *helper, int status, const char *output, size_t size,
        const plr_error *failure, void *userdata)
{
    plr_kube_plugin *plugin = userdata;
    const plr_kube_exec *exec = plugin->exec;
    _cleanup_kube_credential_ plr_kube_credential credential = { 0 };
    plr_error err = { 0 };
    (void)helper;
    if (failure != NULL)
        plr_error_set(&err, failure->code, "the credential plugin %s", failure->message);
    else if (status != -1 && WIFSIGNALED(status))
        plr_error_set(&err, PLR_ERR_CONFIGURATION,
                "the credential plugin %s was killed by signal %d", exec->command,
                WTERMSIG(status));
    else if (status > 0)
        plr_error_set(&err, PLR_ERR_CONFIGURATION,
                "the credential plugin %s failed with exit code %d; run it by hand to see why",
                exec->command, WEXITSTATUS(status));
    else
        plr_kube_credential_parse(&credential, exec, output, size, &err);
    plugin->on_end(plugin, &credential, err.code != PLR_OK ? &err : NULL, plugin->userdata);
}

static int start(plr_kube_plugin *plugin, const plr_host *host, plr_loop *loop,
        const plr_kube_config *config, uint64_t timeout_ns, plr_error *err)
{
    const plr_kube_exec *exec = config->user.exec;
    _cleanup_arena_ plr_arena arena;
    plr_error why = { 0 };
    plr_arena_init(&arena);
    const char **argv = plr_arena_array(&arena, exec->n_args + 2, sizeof *argv);
    if (argv == NULL)
        return plr_error_nomem(err);
    argv[0] = exec->command;
    for (size_t i = 0; i < exec->n_args; i++)
        argv[i + 1] = exec->args[i];
    plr_helper_options options = {
        .argv = argv,
        .max_output = LONGEST_ANSWER,
        .timeout_ns = timeout_ns,
    };
    int r = make_environment(&options.environment, &arena, config, err);
    if (r < 0)
        return r;
    r = plr_helper_new(&plugin->helper, host, loop, &options, on_answer, plugin, &why);
    if (r == PLR_ERR_NOMEM)
        return plr_error_nomem(err);
    if (r < 0)
        return plr_error_set(err, PLR_ERR_CONFIGURATION, "the credential plugin %s: %s%s%s",
                exec->command, why.message, exec->install_hint != NULL ? "; " : "",
                exec->install_hint != NULL ? exec->install_hint : "");
    return 0;
}

int plr_kube_plugin_new(plr_kube_plugin **ret_plugin, const plr_host *host, plr_loop *loop,
        const plr_kube_config *config, uint64_t timeout_ns, plr_kube_plugin_fn *on_end,
        void *userdata, plr_error *err)
{
    _cleanup_kube_plugin_ plr_kube_plugin *plugin = calloc(1, sizeof *plugin);
    if (plugin == NULL)
        return plr_error_nomem(err);
    *plugin = (plr_kube_plugin){
        .exec = config->user.exec,
        .on_end = on_end,
        .userdata = userdata,
    };
    int r = start(plugin, host, loop, config, timeout_ns, err);
    if (r == 0)
        *ret_plugin = steal(plugin);
    return r;
}

void plr_kube_plugin_free(plr_kube_plugin *plugin)
{
    if (plugin == NULL)
        return;
    plr_helper_free(plugin->helper);
    free(plugin);
}
