/* SPDX-License-Identifier: MIT */
/* kubeconfig: whom and where it names, how files go together, and what is said of each mistake. */
#include "backends/kubernetes/kubeconfig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/kubernetes/yaml_read.h"
#include "engine/base/buf.h"
#include "tests/unit/harness.h"

#define PEM "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==" /* -----BEGIN CERTIFICATE----- */

static char folder[] = "/tmp/test_kube_config-XXXXXX";

/* What the process would find. */
static const char *list, *service_host;
static char home[128];

static const char *get(const char *name)
{
    return strcmp(name, "KUBECONFIG") == 0                ? list
           : strcmp(name, "HOME") == 0                    ? home
           : strcmp(name, "KUBERNETES_SERVICE_HOST") == 0 ? service_host
                                                          : NULL;
}

static const char *at(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static const char *put(const char *name, const char *text)
{
    const char *path = at(name);
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL(file);
    if (file != NULL) {
        fputs(text, file);
        fclose(file);
    }
    return path;
}

static int find(plr_kube_config *config, const plr_kube_settings *settings, plr_error *err)
{
    plr_kube_surroundings place = { get, at("account") };
    *err = (plr_error){ 0 };
    *config = (plr_kube_config){ 0 };
    return plr_kube_config_find(config, settings, &place, err);
}

static int read_text(plr_kube_config *config, const char *text, plr_error *err)
{
    plr_kube_settings settings = { 0 };
    *err = (plr_error){ 0 };
    *config = (plr_kube_config){ 0 };
    return plr_kube_config_read(config, &settings, "/f/config", text, strlen(text), err);
}

/* A file with one context whose cluster and user say this. */
static char *one(const char *cluster, const char *user)
{
    char *text;
    CU_ASSERT(asprintf(&text,
                      "current-context: c\n"
                      "contexts: [{name: c, context: {cluster: k, user: u}}]\n"
                      "clusters: [{name: k, cluster: {%s}}]\n"
                      "users: [{name: u, user: {%s}}]\n",
                      cluster, user) > 0);
    return text;
}

static void good(plr_kube_config *config, const char *cluster, const char *user)
{
    plr_error err;
    char *text = one(cluster, user);
    CU_ASSERT_EQUAL(read_text(config, text, &err), 0);
    CU_ASSERT_STRING_EQUAL(err.message, "");
    free(text);
}

static void bad_text(const char *text, const char *message)
{
    plr_kube_config config;
    plr_error err;
    CU_ASSERT_EQUAL(read_text(&config, text, &err), PLR_ERR_CONFIGURATION);
    CU_ASSERT_STRING_EQUAL(err.message, message);
    if (strcmp(err.message, message) != 0)
        fprintf(stderr, "%s\n", err.message);
    plr_kube_config_clear(&config);
}

static void bad(const char *cluster, const char *user, const char *message)
{
    char *text = one(cluster, user);
    bad_text(text, message);
    free(text);
}

static void all_fields(void)
{
    plr_kube_config c;
    good(&c,
            "server: 'https://k.example:6443/', tls-server-name: other, proxy-url: socks5://p:1, "
            "certificate-authority-data: " PEM,
            "client-certificate-data: " PEM ", client-key-data: " PEM
            ", username: 12, password: 0340, as: boss, as-uid: '7', as-groups: [a, b]");
    CU_ASSERT_STRING_EQUAL(c.cluster.server, "https://k.example:6443/");
    CU_ASSERT_STRING_EQUAL(c.cluster.tls_server_name, "other");
    CU_ASSERT_STRING_EQUAL(c.cluster.proxy_url, "socks5://p:1");
    CU_ASSERT_STRING_EQUAL((const char *)c.cluster.ca.data, "-----BEGIN CERTIFICATE-----\n");
    CU_ASSERT_STRING_EQUAL((const char *)c.user.key.data, "-----BEGIN CERTIFICATE-----\n");
    CU_ASSERT_STRING_EQUAL(c.user.username, "12");
    CU_ASSERT_STRING_EQUAL(c.user.password, "0340");
    CU_ASSERT_STRING_EQUAL(c.user.as, "boss");
    CU_ASSERT_EQUAL(c.user.n_as_groups, 2);
    CU_ASSERT_STRING_EQUAL(c.namespace_name, "default");
    CU_ASSERT_STRING_EQUAL(c.origin, "context c of /f/config");
    CU_ASSERT_PTR_NULL(c.warning);
    plr_kube_config_clear(&c);

    good(&c,
            "server: k.example, insecure-skip-tls-verify: true, extensions: [{name: "
            "client.authentication.k8s.io/exec, extension: {audience: 7}}]",
            "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: bin/p, args: [x, "
            "1], env: [{name: A, value: b}], provideClusterInfo: true, installHint: get it}");
    CU_ASSERT_STRING_EQUAL(c.cluster.server, "https://k.example");
    CU_ASSERT_STRING_EQUAL(c.warning,
            "anybody can pretend to be https://k.example: its certificate is not verified "
            "(insecure-skip-tls-verify, context c of /f/config)");
    CU_ASSERT_STRING_EQUAL(c.user.exec->command, "/f/bin/p");
    CU_ASSERT_STRING_EQUAL(c.user.exec->args[1], "1");
    CU_ASSERT_STRING_EQUAL(c.user.exec->env[0].value, "b");
    CU_ASSERT(c.user.exec->provide_cluster_info);
    CU_ASSERT_STRING_EQUAL(c.cluster.exec_config, "{\"audience\":\"7\"}");
    plr_kube_config_clear(&c);
}

static void json(void)
{
    plr_kube_config c;
    plr_error err;
    CU_ASSERT_EQUAL(read_text(&c,
                            "\t{\"current-context\": \"c\", \"contexts\": [{\"name\": \"c\", "
                            "\"context\": {\"cluster\": \"k\", \"namespace\": \"n\\u0061\"}}],\n"
                            "\"clusters\": [{\"name\": \"k\", \"cluster\": {\"server\": "
                            "\"https:\\/\\/x\"}}]}",
                            &err),
            0);
    CU_ASSERT_STRING_EQUAL(c.cluster.server, "https://x");
    CU_ASSERT_STRING_EQUAL(c.namespace_name, "na");
    plr_kube_config_clear(&c);
}

static void mistakes(void)
{
    bad("server: ftp://x", "",
            "/f/config:3:40: \"ftp://x\" is no address of a server: it begins with unix://, "
            "tcp://, http:// or https://");
    bad("", "", "/f/config:3:31: expected \"server\", the address of the API server");
    bad("server: [a]", "", "/f/config:3:40: expected a string, found an array");
    bad("server: x, insecure-skip-tls-verify: yes", "",
            "/f/config:3:69: expected a boolean, found a string");
    bad("server: x, certificate-authority-data: s*cret", "",
            "/f/config:3:71: not base64: its byte 2 is no character of it");
    bad("server: x, certificate-authority-data: aGVsbG8=", "",
            "/f/config:3:71: expected PEM (\"-----BEGIN ...\") in base64");
    bad("server: x, certificate-authority: nothing.pem", "",
            "/f/config:3:66: expected a file that can be read: /f/nothing.pem: No such file or "
            "directory");
    bad("server: x, insecure-skip-tls-verify: true, certificate-authority-data: " PEM, "",
            "/f/config:3:69: expected either a certificate authority or insecure-skip-tls-verify, "
            "not both");
    bad("server: x", "client-certificate-data: " PEM,
            "/f/config:4:25: expected \"client-key\" (or its -data) beside the other half");
    bad("server: x", "token: s3cret, username: me",
            "/f/config:4:51: expected either a token or a user name with a password, not both");
    bad("server: x", "auth-provider: {name: gcp}",
            "/f/config:4:41: expected \"exec\" instead of \"auth-provider\", which Kubernetes "
            "1.26 removed");
    bad("server: x", "exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}",
            "/f/config:4:45: \"client.authentication.k8s.io/v1alpha1\" is not one of "
            "client.authentication.k8s.io/v1 or client.authentication.k8s.io/v1beta1");
    bad("server: x",
            "exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: "
            "Always}",
            "/f/config:4:32: expected a plugin that can do without a terminal (interactiveMode: "
            "Always)");
    bad_text("- x", "/f/config:1:1: expected a map (clusters, contexts, users), found an array");
    bad_text("", "/f/config: expected a current-context, or --kube-context NAME");
    bad_text("current-context: a\ncontexts: [{name: b}, {name: c}]",
            "/f/config:1:18: expected the name of an entry of \"contexts\", found \"a\"; there is "
            "\"b\", \"c\"");
    bad_text("current-context: \"two\\nlines\"",
            "/f/config:1:18: expected the name of an entry of \"contexts\", found \"two lines\"");
    bad_text("current-context: a\ncontexts:\n- name: a\n  context: {cluster: k}",
            "/f/config:4:22: expected the name of an entry of \"clusters\", found \"k\"");
    bad_text("current-context: a\ncontexts:\n- name: a",
            "/f/config:3:3: expected a map \"context\" in the entry \"a\"");
    bad_text("a: 1\nb: [", "/f/config:3:1: did not find expected node content");
    bad_text("a: &x 1\nb: *x", "/f/config:2:4: aliases are not supported: write it out");
    bad_text("a: 1\nb:\n  c: 1\n  c: 2", "/f/config:4:3: \"c\" stands already on line 3");
}

/* The first file that has an entry of a name wins, as a whole. */
static void merged(void)
{
    plr_kube_config c;
    plr_error err;
    plr_kube_settings none = { 0 }, other = { .context = "second", .namespace_name = "mine" };
    char both[300];
    mkdir(at("sub"), 0700);
    put("a", "current-context: first\n"
             "contexts: [{name: first, context: {cluster: k, user: u, namespace: n}}]\n"
             "users: [{name: u, user: {tokenFile: token}}]");
    put("token", "t");
    put("sub/b", "current-context: second\n"
                 "contexts: [{name: second, context: {cluster: k}}, {name: first}]\n"
                 "clusters: [{name: k, cluster: {server: https://b, certificate-authority: ca}}]\n"
                 "users: [{name: u, user: {token: never}}]");
    put("sub/ca", "-----BEGIN CERTIFICATE-----");
    snprintf(both, sizeof both, ":%s/missing:%s/a:%s/sub/b", folder, folder, folder);
    list = both;
    CU_ASSERT_EQUAL(find(&c, &none, &err), 0);
    CU_ASSERT_STRING_EQUAL(c.cluster.server, "https://b");
    CU_ASSERT_STRING_EQUAL(c.cluster.ca_file, at("sub/ca"));
    CU_ASSERT_STRING_EQUAL(c.user.token_file, at("token"));
    CU_ASSERT_PTR_NULL(c.user.token);
    CU_ASSERT_STRING_EQUAL(c.namespace_name, "n");
    plr_kube_config_clear(&c);

    CU_ASSERT_EQUAL(find(&c, &other, &err), 0);
    CU_ASSERT_PTR_NULL(c.user.token_file);
    CU_ASSERT_STRING_EQUAL(c.namespace_name, "mine");
    plr_kube_config_clear(&c);
    list = NULL;
}

static void places(void)
{
    plr_kube_config c;
    plr_error err;
    plr_kube_settings none = { 0 }, url = { .url = "https://elsewhere" };
    char missing[128], expected[200];
    plr_kube_settings named = { .kubeconfig = missing };
    snprintf(missing, sizeof missing, "%s", at("missing"));
    snprintf(home, sizeof home, "%s", at("nobody"));
    CU_ASSERT_EQUAL(find(&c, &none, &err), PLR_ERR_CONFIGURATION);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "no cluster is named: expected --kube-config"));

    /* --kube-url alone names a cluster without saying who we are. */
    CU_ASSERT_EQUAL(find(&c, &url, &err), 0);
    CU_ASSERT_STRING_EQUAL(c.cluster.server, "https://elsewhere");
    plr_kube_config_clear(&c);

    service_host = "fd00::1";
    mkdir(at("account"), 0700);
    CU_ASSERT_EQUAL(find(&c, &none, &err), PLR_ERR_CONFIGURATION); /* an account without a token */
    put("account/token", "t");
    put("account/namespace", "here\n");
    CU_ASSERT_EQUAL(find(&c, &none, &err), 0);
    CU_ASSERT_STRING_EQUAL(c.cluster.server, "https://[fd00::1]:443");
    CU_ASSERT_STRING_EQUAL(c.user.token_file, at("account/token"));
    CU_ASSERT_STRING_EQUAL(c.cluster.ca_file, at("account/ca.crt"));
    CU_ASSERT_STRING_EQUAL(c.namespace_name, "here");
    plr_kube_config_clear(&c);

    /* A file that was named must be there, though we are in a pod. */
    CU_ASSERT_EQUAL(find(&c, &named, &err), PLR_ERR_CONFIGURATION);
    snprintf(expected, sizeof expected, "%s: No such file or directory", missing);
    CU_ASSERT_STRING_EQUAL(err.message, expected);

    snprintf(home, sizeof home, "%s", at("home"));
    mkdir(home, 0700);
    mkdir(at("home/.kube"), 0700);
    put("home/.kube/config", "current-context: c\n"
                             "contexts: [{name: c, context: {cluster: k}}]\n"
                             "clusters: [{name: k, cluster: {server: https://home}}]");
    CU_ASSERT_EQUAL(find(&c, &none, &err), 0);
    CU_ASSERT_STRING_EQUAL(c.cluster.server, "https://home");
    plr_kube_config_clear(&c);
    CU_ASSERT_EQUAL(find(&c, &url, &err), 0);
    CU_ASSERT_STRING_EQUAL(c.cluster.server, "https://elsewhere");
    CU_ASSERT_STRING_EQUAL(c.origin + strlen("context c of "), at("home/.kube/config"));
    plr_kube_config_clear(&c);
}

static void yaml_bad(const char *text, size_t size, const char *message)
{
    plr_arena arena;
    plr_node *root;
    plr_error err = { 0 };
    plr_arena_init(&arena);
    CU_ASSERT_EQUAL(plr_yaml_read(&root, &arena, "f", text, size, &err), PLR_ERR_CONFIGURATION);
    CU_ASSERT_STRING_EQUAL(err.message, message);
    plr_arena_clear(&arena);
}

static void limits(void)
{
    static char large[PLR_YAML_LARGEST + 1];
    memset(large, '[', sizeof large);
    yaml_bad(large, sizeof large, "f: 1048577 bytes, more than 1 MiB");
    yaml_bad(large, sizeof large - 1, "f:1:65: nesting is deeper than 64 levels");
    yaml_bad("a: \"\\0\"", 7, "f:1:4: a text cannot hold NUL");
    yaml_bad("a: !!int '1'", 12, "f:1:4: tags are not supported here");
    yaml_bad("--- a\n--- b\n", 12, "f:2:1: expected one document");
    yaml_bad("[a]: b", 6, "f:1:1: expected a key, found a list or a map");
    yaml_bad("a: \xff", 4, "f:1:1: invalid leading UTF-8 octet");
    yaml_bad("{\"a\": 1, \"a\": 2}", 16, "f:1:10: \"a\" stands already on line 1");
}

static void types(void)
{
    static const char text[] =
            "[~, '', null, 'null', true, False, yes, 1, -1.5e3, 01, 0x1, .5, !!str 1]";
    plr_arena arena;
    plr_node *root;
    json_object *json = NULL;
    plr_arena_init(&arena);
    CU_ASSERT_EQUAL(plr_yaml_read(&root, &arena, "f", text, strlen(text), NULL), 0);
    CU_ASSERT_EQUAL(plr_yaml_to_json(&json, root, NULL), 0);
    CU_ASSERT_STRING_EQUAL(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN),
            "[null,\"\",null,\"null\",true,false,\"yes\",1,-1.5e3,\"01\",\"0x1\",\".5\",\"1\"]");
    json_object_put(json);
    plr_arena_clear(&arena);
}

static const plr_test tests[] = {
    { "all that a file may say", all_fields },
    { "JSON is as good as YAML", json },
    { "a mistake is told with its line and what was expected", mistakes },
    { "of several files the first wins, and paths are seen from where they stand", merged },
    { "options, ~/.kube/config, and the pod that we are in", places },
    { "limits of YAML", limits },
    { "types of plain scalars", types },
    { NULL, NULL },
};

int main(void)
{
    if (mkdtemp(folder) == NULL)
        return 1;
    int r = plr_test_main("kube_config", tests);
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) != 0 ? 1 : r;
}
