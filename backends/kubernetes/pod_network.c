/* SPDX-License-Identifier: MIT */
/* What all containers of a pod share of the network besides the names in pod_hosts.c. */
#include <string.h>

#include "backends/kubernetes/pod_parts.h"
#include "net/jsonc.h"

/* One step's are everybody's in its pod: check sees to it that no two differ. */
static bool add_dns(json_object *spec, const plr_kube_pod_maker *maker, json_object *config)
{
    bool host = maker->run->network == PLR_NETWORK_HOST, good = true;
    const char *policy = host ? "ClusterFirstWithHostNet" : "ClusterFirst";
    for (size_t i = 0; i < maker->document->n_tasks && good; i++) {
        const plr_docker_options *docker = &maker->document->tasks[i]->docker;
        if (maker->place->only != NULL && maker->place->only->index != i)
            continue;
        if (docker->n_dns > 0) {
            policy = "None";
            good = plr_jsonc_add(
                    config, "nameservers", plr_jsonc_strings(docker->dns, docker->n_dns));
        }
        if (docker->n_dns_search > 0)
            good = plr_jsonc_add(config, "searches",
                           plr_jsonc_strings(docker->dns_search, docker->n_dns_search)) &&
                   good;
    }
    return good && plr_jsonc_add(spec, "dnsPolicy", plr_jsonc_string(policy)) &&
           plr_kube_add_filled(spec, "dnsConfig", json_object_get(config));
}

bool plr_kube_add_network(json_object *spec, const plr_kube_pod_maker *maker)
{
    _cleanup_json_ json_object *config = json_object_new_object();
    return config != NULL && add_dns(spec, maker, config) && plr_kube_add_aliases(spec, maker) &&
           (maker->run->network != PLR_NETWORK_HOST ||
                   plr_jsonc_add(spec, "hostNetwork", json_object_new_boolean(true)));
}
