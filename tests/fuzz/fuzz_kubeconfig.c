/* SPDX-License-Identifier: MIT */
/* kubeconfig files of strangers: whatever they say, there is a configuration with all that is
 * needed of it, or a message of one line; and what a plugin answers, the same. */
#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/kubernetes/exec_plugin.h"
#include "backends/kubernetes/kubeconfig.h"

static void check(int r, const plr_error *err)
{
    if (r != err->code || (r < 0) != (err->message[0] != '\0') || strchr(err->message, '\n'))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const plr_kube_exec exec = { .command = "p",
        .api_version = "client.authentication.k8s.io/v1" };
    plr_kube_settings settings = { 0 };
    plr_kube_config config = { 0 };
    plr_kube_credential credential = { 0 };
    plr_error err = { 0 };
    const char *text = (const char *)data;

    int r = plr_kube_config_read(&config, &settings, "/nowhere/config", text, size, &err);
    check(r, &err);
    if (r == 0 && (config.cluster.server == NULL || config.namespace_name == NULL ||
                          config.origin == NULL))
        abort();
    plr_kube_config_clear(&config);

    err = (plr_error){ 0 };
    r = plr_kube_credential_parse(&credential, &exec, text, size, &err);
    check(r, &err);
    if (r == 0 && credential.token == NULL && credential.key_pem == NULL)
        abort();
    plr_kube_credential_clear(&credential);
    return 0;
}
