/* SPDX-License-Identifier: MIT */
/* The client against a scripted API server: who we are when tokens rotate and plugins misbehave,
 * what is asked again and what is not, and streams. */
#include "backends/kubernetes/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/kubernetes/auth.h"
#include "backends/kubernetes/exec_plugin.h"
#include "engine/host.h"
#include "engine/io/loop.h"
#include "tests/unit/clock.h"
#include "tests/unit/harness.h"
#include "tests/unit/http_peer.h"

#define API "client.authentication.k8s.io/v1"

static char folder[] = "/tmp/test_kube_client-XXXXXX";
static http_bench bench;
static plr_kube_client *client;

static const char *at(const char *name)
{
    static char paths[4][96];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(at(name), "w");
    CU_ASSERT_PTR_NOT_NULL(file);
    if (file != NULL) {
        fputs(text, file);
        fclose(file);
    }
}

/* A plugin is a script of its own; `calls` counts how often it ran. */
static void put_plugin(const char *script)
{
    char text[2000];
    snprintf(text, sizeof text, "#!/bin/sh\necho x >> %s\n%s\n", at("calls"), script);
    put("plugin", text);
    CU_ASSERT_EQUAL(chmod(at("plugin"), 0700), 0);
    unlink(at("calls"));
}

static long n_calls(void)
{
    struct stat st;
    return stat(at("calls"), &st) < 0 ? 0 : (long)st.st_size / 2;
}

/* `user` is the inner map of the only user. */
static void open_client(plr_peer_script *script, const char *user)
{
    char text[2000];
    char config[96];
    plr_error err = { 0 };
    bench_open(&bench, script);
    snprintf(text, sizeof text,
            "current-context: c\n"
            "contexts: [{name: c, context: {cluster: k, user: u, namespace: space}}]\n"
            "clusters: [{name: k, cluster: {server: '%s'}}]\n"
            "users: [{name: u, user: {%s}}]\n",
            bench.base, user);
    put("config", text);
    snprintf(config, sizeof config, "%s", at("config"));
    plr_kube_settings settings = { .kubeconfig = config };
    CU_ASSERT_EQUAL(plr_kube_client_new(&client, &plr_host_table, bench.loop, &settings, &err), 0);
    CU_ASSERT_STRING_EQUAL(err.message, "");
}

static void close_client(void)
{
    plr_kube_client_free(client);
    bench_close(&bench);
}

/* One call as the test sees it. */
typedef struct probe {
    plr_kube_call *call;
    int n_done, status, n_headers;
    char reply[200];
    plr_buf data;
    plr_error err;
} probe;

static void on_done(
        plr_kube_call *call, int status, json_object *reply, const plr_error *err, void *userdata)
{
    probe *to = userdata;
    CU_ASSERT(to->call == NULL || to->call == call);
    to->n_done++;
    to->status = status;
    if (reply != NULL)
        snprintf(to->reply, sizeof to->reply, "%s",
                json_object_to_json_string_ext(reply, JSON_C_TO_STRING_PLAIN));
    if (err != NULL)
        to->err = *err;
    plr_kube_call_cancel(call); /* does nothing in its own end */
}

static void on_headers(plr_kube_call *call, int status, void *userdata)
{
    probe *to = userdata;
    (void)call;
    CU_ASSERT_EQUAL(status, 200);
    to->n_headers++;
}

static void on_data(plr_kube_call *call, const void *data, size_t size, void *userdata)
{
    probe *to = userdata;
    (void)call;
    plr_buf_put(&to->data, data, size);
}

static bool start(probe *to, plr_kube_request request)
{
    plr_error err = { 0 };
    *to = (probe){ 0 };
    request.path = request.path != NULL ? request.path : "/x";
    request.method = request.method != NULL ? request.method : "GET";
    request.on_done = on_done;
    request.userdata = to;
    int r = plr_kube_call_start(client, &to->call, &request, &err);
    if (r < 0)
        to->err = err;
    CU_ASSERT_EQUAL(to->n_done, 0);
    return r == 0;
}

static void await(const int *n, int goal)
{
    for (int64_t until = bench_now_ms() + 60000; *n < goal && bench_now_ms() < until;)
        plr_loop_dispatch(bench.loop, 1000, NULL);
    CU_ASSERT_EQUAL(*n, goal);
}

static void call(probe *to, plr_kube_request request)
{
    if (start(to, request))
        await(&to->n_done, 1);
}

/* Scripts: what the server says to the requests of one connection, one after another. */

static void reply(int fd, int status, const char *headers, const char *body)
{
    char text[4000];
    snprintf(text, sizeof text, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n%s", status,
            strlen(body), headers, body);
    peer_say(fd, text);
}

/* Says in JSON what authorization it saw, unless a token has "old" in it: 401. */
static void serve_tokens(int listener)
{
    for (;;) {
        plr_buf request = { 0 };
        char body[300];
        int fd = peer_accept(listener);
        if (peer_read(fd, &request)) {
            const char *line = strstr(request.data, "Authorization: ");
            snprintf(body, sizeof body, "{\"saw\":\"%.*s\"}",
                    line != NULL ? (int)strcspn(line + 15, "\r") : 0,
                    line != NULL ? line + 15 : "");
            bool old = strstr(body, "old") != NULL;
            reply(fd, old ? 401 : 200, "Connection: close\r\n",
                    old ? "{\"message\":\"Unauthorized\"}" : body);
        }
        close(fd);
        plr_buf_clear(&request);
    }
}

static void identities(void)
{
    probe p;
    open_client(serve_tokens, "token: one");
    CU_ASSERT_STRING_EQUAL(plr_kube_client_namespace(client), "space");
    CU_ASSERT_PTR_NOT_NULL(strstr(plr_kube_client_origin(client), " (context c of /tmp/"));
    call(&p, (plr_kube_request){ 0 });
    CU_ASSERT_STRING_EQUAL(p.reply, "{\"saw\":\"Bearer one\"}");
    CU_ASSERT_EQUAL(p.err.code, 0);
    close_client();

    open_client(serve_tokens, "username: me, password: pass");
    call(&p, (plr_kube_request){ 0 });
    CU_ASSERT_STRING_EQUAL(p.reply, "{\"saw\":\"Basic bWU6cGFzcw==\"}");
    close_client();

    open_client(serve_tokens, "token: old");
    call(&p, (plr_kube_request){ 0 });
    CU_ASSERT_EQUAL(p.status, 401);
    CU_ASSERT_EQUAL(p.err.code, PLR_ERR_REFUSED);
    CU_ASSERT_PTR_NOT_NULL(strstr(p.err.message, "does not accept our credentials: Unauthorized"));
    close_client();
}

static void serve_groups(int listener)
{
    plr_buf request = { 0 };
    int fd = peer_accept(listener);
    peer_read(fd, &request);
    bool good =
            strstr(request.data, "\r\nImpersonate-User: boss\r\n") != NULL &&
            strstr(request.data, "\r\nImpersonate-Group: a\r\nImpersonate-Group: b\r\n") != NULL;
    reply(fd, good ? 200 : 500, "", "{}");
    peer_await_close(fd);
    plr_buf_clear(&request);
}

static void impersonation(void)
{
    probe p;
    open_client(serve_groups, "as: boss, as-groups: [a, b]");
    call(&p, (plr_kube_request){ 0 });
    CU_ASSERT_EQUAL(p.status, 200);
    close_client();
}

/* The file is read for each call, and once more after a refusal. */
static void token_file(void)
{
    probe p;
    char user[200];
    snprintf(user, sizeof user, "tokenFile: %s", at("token"));
    put("token", "one\n");
    open_client(serve_tokens, user);
    call(&p, (plr_kube_request){ 0 });
    CU_ASSERT_STRING_EQUAL(p.reply, "{\"saw\":\"Bearer one\"}");
    put("token", "two");
    call(&p, (plr_kube_request){ 0 });
    CU_ASSERT_STRING_EQUAL(p.reply, "{\"saw\":\"Bearer two\"}");
    unlink(at("token"));
    call(&p, (plr_kube_request){ 0 });
    CU_ASSERT_STRING_EQUAL(p.reply, "{\"saw\":\"Bearer two\"}");
    /* It changes while the call is on its way. */
    put("token", "old");
    CU_ASSERT(start(&p, (plr_kube_request){ 0 }));
    put("token", "three");
    await(&p.n_done, 1);
    CU_ASSERT_STRING_EQUAL(p.reply, "{\"saw\":\"Bearer three\"}");
    put("token", "old");
    call(&p, (plr_kube_request){ 0 });
    CU_ASSERT_EQUAL(p.status, 401);
    close_client();
}

static const char *plugin_user(void)
{
    static char user[300];
    snprintf(user, sizeof user,
            "exec: {apiVersion: " API
            ", command: ./plugin, args: [a b, '$x'], env: [{name: PLR_T, value: v}], "
            "provideClusterInfo: true}");
    return user;
}

#define CREDENTIAL(status)                                                                         \
    "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" API "\",\"status\":" status "}"
#define SAY(status) "echo '" CREDENTIAL(status) "'"

/* Asked once for all that wait, again when what it gave is refused or expires. */
static void plugin(void)
{
    probe p[4];
    put_plugin("[ \"$1\" = 'a b' ] && [ \"$2\" = '$x' ] && [ \"$PLR_T\" = v ] || exit 9\n"
               "read line && exit 8\n"
               "printf %s \"$KUBERNETES_EXEC_INFO\" > $(dirname $0)/question\n" SAY(
                       "{\"token\":\"one\"}"));
    open_client(serve_tokens, plugin_user());
    for (int i = 0; i < 3; i++)
        CU_ASSERT(start(&p[i], (plr_kube_request){ 0 }));
    for (int i = 0; i < 3; i++) {
        await(&p[i].n_done, 1);
        CU_ASSERT_STRING_EQUAL(p[i].reply, "{\"saw\":\"Bearer one\"}");
    }
    CU_ASSERT_EQUAL(n_calls(), 1);
    char question[600] = "", expected[600];
    FILE *file = fopen(at("question"), "r");
    CU_ASSERT_PTR_NOT_NULL(file);
    if (file != NULL) {
        CU_ASSERT_PTR_NOT_NULL(fgets(question, sizeof question, file));
        fclose(file);
    }
    snprintf(expected, sizeof expected,
            "{\"spec\":{\"interactive\":false,\"cluster\":{\"server\":\"%s\"}},\"kind\":"
            "\"ExecCredential\",\"apiVersion\":\"" API "\"}",
            bench.base);
    for (char *from = question, *to = question; (*to = *from) != '\0'; from++)
        to += *from != '\\';
    CU_ASSERT_STRING_EQUAL(question, expected);
    close_client();

    /* The first token is refused: once more, then it is final. */
    put_plugin(
            "[ $(wc -l < $(dirname $0)/calls) = 1 ] && exec " SAY("{\"token\":\"old\"}") "\n" SAY(
                    "{\"token\":\"new\",\"expirationTimestamp\":\"2999-01-01T00:00:00Z\"}"));
    open_client(serve_tokens, plugin_user());
    call(&p[0], (plr_kube_request){ 0 });
    CU_ASSERT_STRING_EQUAL(p[0].reply, "{\"saw\":\"Bearer new\"}");
    call(&p[0], (plr_kube_request){ 0 });
    CU_ASSERT_EQUAL(n_calls(), 2);
    close_client();
    put_plugin(SAY("{\"token\":\"old\"}"));
    open_client(serve_tokens, plugin_user());
    call(&p[0], (plr_kube_request){ 0 });
    CU_ASSERT_EQUAL(p[0].status, 401);
    CU_ASSERT_EQUAL(n_calls(), 2);
    close_client();

    /* What has expired is asked for again, but not at once. */
    clock_hold();
    put_plugin(SAY("{\"token\":\"t\",\"expirationTimestamp\":\"2001-01-01T00:00:00Z\"}"));
    open_client(serve_tokens, plugin_user());
    call(&p[0], (plr_kube_request){ 0 });
    call(&p[0], (plr_kube_request){ 0 });
    CU_ASSERT_EQUAL(n_calls(), 1);
    clock_pass(1);
    call(&p[0], (plr_kube_request){ 0 });
    CU_ASSERT_STRING_EQUAL(p[0].reply, "{\"saw\":\"Bearer t\"}");
    CU_ASSERT_EQUAL(n_calls(), 2);
    close_client();
    clock_release();
}

static void bad_plugin(const char *script, const char *expected)
{
    probe p;
    put_plugin(script);
    open_client(serve_tokens, plugin_user());
    call(&p, (plr_kube_request){ 0 });
    CU_ASSERT_EQUAL(p.err.code, PLR_ERR_CONFIGURATION);
    CU_ASSERT_EQUAL(p.status, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(p.err.message, expected));
    if (strstr(p.err.message, expected) == NULL)
        fprintf(stderr, "%s\n", p.err.message);
    CU_ASSERT_PTR_NULL(strstr(p.err.message, "s3cret"));
    close_client();
}

/* None of what it prints is shown. */
static void bad_plugins(void)
{
    bad_plugin("echo s3cret; echo s3cret >&2; exit 3", "/plugin failed with exit code 3; run it");
    bad_plugin("kill -9 $$", "/plugin was killed by signal 9");
    bad_plugin("echo s3cret", "expected an ExecCredential, as JSON on its stdout");
    bad_plugin("echo '\"s3cret\"'", "expected an ExecCredential");
    bad_plugin("echo '{\"kind\":\"s3cret\"}'", "expected an ExecCredential");
    bad_plugin("echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"s3cret\"}'",
            "expected an answer of the apiVersion that kubeconfig names, " API);
    bad_plugin(SAY("\"s3cret\""), "expected a status with a token or a client certificate");
    bad_plugin(SAY("{\"token\":\"s3cret\\r\\nX: y\"}"), "expected a token of visible characters");
    bad_plugin(SAY("{\"clientCertificateData\":\"s3cret\"}"), "clientKeyData together");
    bad_plugin(SAY("{\"token\":\"s3cret\",\"expirationTimestamp\":\"s3cret\"}"),
            "expected an expirationTimestamp like");
    probe p;
    open_client(serve_tokens, "exec: {apiVersion: " API
                              ", command: plr-no-such-program, installHint: see example.com}");
    call(&p, (plr_kube_request){ 0 });
    CU_ASSERT_EQUAL(p.err.code, PLR_ERR_CONFIGURATION);
    CU_ASSERT_PTR_NOT_NULL(strstr(p.err.message, "plr-no-such-program"));
    CU_ASSERT_PTR_NOT_NULL(strstr(p.err.message, "; see example.com"));
    close_client();
}

static void on_plugin(plr_kube_plugin *made, plr_kube_credential *credential, const plr_error *err,
        void *userdata)
{
    probe *to = userdata;
    (void)credential;
    to->n_done++;
    if (err != NULL)
        to->err = *err;
    plr_kube_plugin_free(made);
}

static void plugin_limits(void)
{
    plr_loop *loop = NULL;
    plr_kube_plugin *made;
    CU_ASSERT_EQUAL(plr_loop_new(&loop, PLR_CLOCK_MONOTONIC, NULL), 0);
    bench.loop = loop;
    static const struct {
        const char *script;
        int code;
        const char *message;
    } cases[] = {
        { "exec sleep 100", PLR_ERR_TIMEOUT, "did not answer in time" },
        { "exec yes s3cret", PLR_ERR_PROTOCOL, "prints more than 262144 bytes" },
    };
    for (size_t i = 0; i < 2; i++) {
        probe p = { 0 };
        plr_error err = { 0 };
        put_plugin(cases[i].script);
        plr_kube_exec exec = { .command = at("plugin"), .api_version = API };
        plr_kube_config config = { .user = { .exec = &exec } };
        uint64_t limit = i == 0 ? 200000000 : UINT64_C(60000000000);
        CU_ASSERT_EQUAL(plr_kube_plugin_new(
                                &made, &plr_host_table, loop, &config, limit, on_plugin, &p, &err),
                0);
        await(&p.n_done, 1);
        CU_ASSERT_EQUAL(p.err.code, cases[i].code);
        CU_ASSERT_PTR_NOT_NULL(strstr(p.err.message, cases[i].message));
        CU_ASSERT_PTR_NULL(strstr(p.err.message, "s3cret"));
    }
    plr_loop_free(loop);
}

/* 503, 500 and 429 with a delay, a broken connection, what a server says that has just come back.
 */
static void serve_passing(int listener)
{
    static const int statuses[] = { 503, 500, 429 };
    int fd = peer_accept(listener);
    for (size_t i = 0; i < 3; i++) {
        peer_read(fd, NULL);
        reply(fd, statuses[i], i == 2 ? "Retry-After: 1\r\n" : "", "{\"message\":\"later\"}");
    }
    peer_read(fd, NULL);
    /* libcurl connects once more by itself, and is told not to send the POST there. */
    do {
        close(fd);
        fd = peer_accept(listener);
    } while (!peer_read(fd, NULL));
    reply(fd, 401, "", "{}"); /* it has just come back, and knows nobody yet */
    peer_read(fd, NULL);
    reply(fd, 500, "", "{}"); /* nor its own parts: all tries before do not count */
    peer_read(fd, NULL);
    reply(fd, 201, "", "{\"good\":1}");
    peer_await_close(fd);
}

static void repeated(void)
{
    probe p;
    json_object *body = json_tokener_parse("{\"a\":1}");
    open_client(serve_passing, "token: t");
    int64_t began = bench_now_ms();
    call(&p, (plr_kube_request){ .method = "POST", .body = body, .repeatable = true });
    CU_ASSERT_EQUAL(p.status, 201);
    CU_ASSERT_STRING_EQUAL(p.reply, "{\"good\":1}");
    CU_ASSERT(bench_now_ms() - began >= 1000);
    json_object_put(body);
    close_client();
}

static void serve_final(int listener)
{
    plr_buf request = { 0 };
    int fd = peer_accept(listener);
    peer_read(fd, &request);
    bool good = strstr(request.data, "Content-Type: application/strategic-merge-patch+json\r\n") !=
                        NULL &&
                strstr(request.data, "\r\n\r\n{\"a\":\"b/c\"}") != NULL;
    reply(fd, good ? 409 : 400, "", "{\"message\":\"it is there\"}");
    peer_read(fd, NULL);
    reply(fd, 422, "", "no JSON");
    peer_read(fd, NULL);
    reply(fd, 404, "", "{\"message\":\"it is not there\"}");
    peer_read(fd, NULL);
    reply(fd, 503, "", "{\"message\":\"who knows\"}");
    peer_read(fd, NULL);
    reply(fd, 429, "Retry-After: 100\r\n", "{\"message\":\"too many\"}");
    peer_await_close(fd);
    plr_buf_clear(&request);
}

static void final(void)
{
    probe p;
    json_object *body = json_tokener_parse("{\"a\":\"b/c\"}");
    open_client(serve_final, "token: t");
    call(&p, (plr_kube_request){ .method = "PATCH", .body = body });
    CU_ASSERT_EQUAL(p.err.code, PLR_ERR_STATE);
    CU_ASSERT_STRING_EQUAL(p.err.message, "it is there");
    call(&p, (plr_kube_request){ 0 });
    CU_ASSERT_EQUAL(p.err.code, PLR_ERR_CONFIGURATION);
    CU_ASSERT_STRING_EQUAL(p.err.message, "the API server answered with status 422");
    call(&p, (plr_kube_request){ .method = "DELETE" });
    CU_ASSERT_EQUAL(p.err.code, PLR_ERR_NOTFOUND);
    /* A POST that may have been carried out; and a wait that is longer than its time. */
    call(&p, (plr_kube_request){ .method = "POST", .body = body });
    CU_ASSERT_EQUAL(p.status, 503);
    CU_ASSERT_EQUAL(p.err.code, PLR_ERR_INFRASTRUCTURE);
    call(&p, (plr_kube_request){ 0 });
    CU_ASSERT_EQUAL(p.status, 429);
    CU_ASSERT_STRING_EQUAL(p.err.message, "too many");
    json_object_put(body);
    close_client();
}

static void serve_stream(int listener)
{
    int fd = peer_accept(listener);
    peer_read(fd, NULL);
    peer_say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    peer_say(fd, "3\r\ntwo\r\n0\r\n\r\n");
    peer_read(fd, NULL);
    reply(fd, 410, "", "{\"message\":\"too old\"}");
    peer_read(fd, NULL);
    peer_await_close(fd);
}

static void streams(void)
{
    probe p, other;
    plr_kube_request stream = { .on_data = on_data, .on_headers = on_headers };
    open_client(serve_stream, "token: t");
    CU_ASSERT(start(&p, stream));
    plr_kube_call_pause(p.call);
    await(&p.n_headers, 1);
    bench_idle(&bench, 100);
    CU_ASSERT_EQUAL(p.data.size, 0);
    plr_kube_call_resume(p.call);
    await(&p.n_done, 1);
    CU_ASSERT_STRING_EQUAL(p.data.data != NULL ? p.data.data : "", "onetwo");
    CU_ASSERT_EQUAL(p.status, 200);
    plr_buf_clear(&p.data);

    call(&p, stream);
    CU_ASSERT_EQUAL(p.n_headers, 0);
    CU_ASSERT_EQUAL(p.status, 410);
    CU_ASSERT_EQUAL(p.err.code, PLR_ERR_STATE);

    /* Dropped on its way, and before it was sent: nothing comes any more. */
    CU_ASSERT(start(&p, stream));
    CU_ASSERT(start(&other, (plr_kube_request){ 0 }));
    plr_kube_call_cancel(other.call);
    bench_idle(&bench, 50);
    plr_kube_call_cancel(p.call);
    bench_idle(&bench, 50);
    CU_ASSERT_EQUAL(p.n_done + other.n_done, 0);
    /* And what is open when the client goes is forgotten. */
    CU_ASSERT(start(&p, stream));
    close_client();
    CU_ASSERT_EQUAL(p.n_done, 0);
}

static const plr_test tests[] = {
    { "tokens, names and passwords, and what a 401 says", identities },
    { "whom to act as", impersonation },
    { "a token file is followed as it rotates", token_file },
    { "a plugin is asked once, and again when its answer is refused or expires", plugin },
    { "a plugin that fails or prints garbage: nothing of it is shown", bad_plugins },
    { "a plugin that hangs, and one that never stops printing", plugin_limits },
    { "what passes is asked again", repeated },
    { "what does not pass is told, in the API's words", final },
    { "streams, their pause and their end", streams },
    { NULL, NULL },
};

int main(void)
{
    char command[64];
    if (mkdtemp(folder) == NULL)
        return 1;
    int r = plr_test_main("kube_client", tests);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) != 0 ? 1 : r;
}
