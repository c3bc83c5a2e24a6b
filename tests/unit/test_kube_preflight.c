/* SPDX-License-Identifier: MIT */
/* What is said of missing rights, by a server that lists some and answers for others; the Role. */
#include "backends/kubernetes/preflight.h"

#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/role.h"
#include "engine/host.h"
#include "engine/io/loop.h"
#include "tests/unit/harness.h"
#include "tests/unit/http_peer.h"

static void reply(int fd, const char *body)
{
    char text[2000];
    snprintf(text, sizeof text,
            "HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
            strlen(body), body);
    peer_say(fd, text);
}

typedef struct ended {
    int n;
    plr_error err;
} ended;

static void on_end(plr_kube_preflight *preflight, const plr_error *err, void *userdata)
{
    ended *to = userdata;
    to->n++;
    plr_kube_preflight_free(preflight); /* the error outlives it */
    if (err != NULL)
        to->err = *err;
}

/* The rules lack three of the rights; of these, one is granted all the same. */
static void serve_rights(int listener)
{
    static const char rules[] =
            "{\"status\":{\"incomplete\":true,\"resourceRules\":[{\"verbs\":[\"create\",\"get\","
            "\"list\",\"watch\",\"patch\",\"delete\"],\"apiGroups\":[\"\"],\"resources\":"
            "[\"pods\"]},{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"pods/log\"],"
            "\"resourceNames\":[\"p\"]},{\"verbs\":[\"get\",\"patch\"],\"apiGroups\":"
            "[\"\"],\"resources\":[\"*\"]}]}}";
    for (;;) {
        plr_buf request = { 0 };
        int fd = peer_accept(listener);
        if (peer_read(fd, &request)) {
            bool all = strstr(request.data, "/selfsubjectrulesreviews ") != NULL;
            bool allowed = strstr(request.data, "\"secrets\"") == NULL;
            reply(fd, all       ? rules
                      : allowed ? "{\"status\":{\"allowed\":true}}"
                                : "{\"status\":{\"allowed\":false}}");
        }
        close(fd);
        plr_buf_clear(&request);
    }
}

static void rights(void)
{
    plr_kube_preflight *preflight = NULL;
    ended e = { 0 };
    plr_kube_client *client = NULL;
    http_bench bench;
    bench_open(&bench, serve_rights);
    plr_kube_settings settings = {
        .kubeconfig = "/dev/null",
        .url = bench.base,
        .namespace_name = "space",
    };
    CU_ASSERT_EQUAL(plr_kube_client_new(&client, &plr_host_table, bench.loop, &settings, NULL), 0);
    CU_ASSERT_EQUAL(plr_kube_preflight_new(
                            &preflight, client, plr_kube_rules, PLR_KUBE_N_RULES, on_end, &e, NULL),
            0);
    while (e.n == 0 && plr_loop_dispatch(bench.loop, 60000, NULL) > 0)
        ;
    CU_ASSERT_EQUAL(e.err.code, PLR_ERR_REFUSED);
    CU_ASSERT_STRING_EQUAL(e.err.message,
            "1 rights are missing in namespace space; a Role with these rules grants them: "
            "[{apiGroups: [\"\"], resources: [secrets], verbs: [create]}] (`pipeline-runtime "
            "kube-role` prints the whole Role)");
    CU_ASSERT_EQUAL(plr_kube_preflight_new(
                            &preflight, client, plr_kube_rules, PLR_KUBE_N_RULES, on_end, &e, NULL),
            0);
    plr_kube_preflight_free(preflight);
    plr_kube_client_free(client);
    bench_close(&bench);
    CU_ASSERT_EQUAL(e.n, 1);
}

static void role(void)
{
    plr_buf text = { 0 };
    plr_kube_role_put(&text, "n", "runner", PLR_KUBE_N_RULES);
    CU_ASSERT_PTR_NOT_NULL(strstr(text.data, "  namespace: \"n\"\nrules:\n- apiGroups: [\"\"]\n"
                                             "  resources: [\"pods\"]\n  verbs: [\"create\", "));
    CU_ASSERT_PTR_NOT_NULL(strstr(text.data, "resources: [\"pods/log\"]\n  verbs: [\"get\"]\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text.data, "- kind: ServiceAccount\n  name: \"runner\"\n"));
    CU_ASSERT_PTR_NULL(strstr(text.data, "services"));
    plr_buf_clear(&text);
    plr_kube_role_put(&text, NULL, NULL, PLR_KUBE_N_ALL_RULES);
    CU_ASSERT_PTR_NOT_NULL(strstr(text.data, "resources: [\"services\"]\n  verbs: [\"create\"]\n"));
    plr_buf_clear(&text);
}

static const plr_test tests[] = {
    { "missing rights are told at once", rights },
    { "the Role", role },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("kube_preflight", tests);
}
