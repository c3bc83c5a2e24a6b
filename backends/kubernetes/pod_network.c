/* SPDX-License-Identifier: MIT */
/* What all containers of a pod share of the network besides the names in pod_hosts.c. */
#include <string.h>

#include "backends/kubernetes/pod_parts.h"
#include "backends/kubernetes/service.h"
#include "net/jsonc.h"

/* The run's own domain comes before those of the step, which has it from the cluster's name servers
 * only. */
static bool add_searches(
        json_object *config, const plr_kube_pod_maker *maker, const plr_docker_options *docker)
{
    json_object *searches = json_object_new_array();
    bool own = plr_kube_has_service(maker->run, maker->place) && docker->n_dns == 0;
    bool good =
            !own || plr_jsonc_append(searches, plr_kube_search_domain(maker->run, maker->place));
    for (size_t i = 0; i < docker->n_dns_search && good; i++)
        good = plr_jsonc_append(searches, plr_jsonc_string(docker->dns_search[i]));
    return plr_kube_add_filled(config, "searches", searches) && good;
}

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
        good = good && add_searches(config, maker, docker);
    }
    return good && plr_jsonc_add(spec, "dnsPolicy", plr_jsonc_string(policy)) &&
           plr_kube_add_filled(spec, "dnsConfig", json_object_get(config));
}

/* As others find it. */
static bool add_hostname(json_object *spec, const plr_kube_pod_maker *maker)
{
    char service[PLR_KUBE_NAME_SIZE];
    const char *name = plr_kube_hostname(maker->run, maker->place);
    plr_kube_pod_name(service, maker->run->id, NULL);
    return name == NULL || (plr_jsonc_add(spec, "hostname", plr_jsonc_string(name)) &&
                                   plr_jsonc_add(spec, "subdomain", plr_jsonc_string(service)));
}

bool plr_kube_add_network(json_object *spec, const plr_kube_pod_maker *maker)
{
    _cleanup_json_ json_object *config = json_object_new_object();
    return config != NULL && add_dns(spec, maker, config) && plr_kube_add_aliases(spec, maker) &&
           add_hostname(spec, maker) &&
           (maker->run->network != PLR_NETWORK_HOST ||
                   plr_jsonc_add(spec, "hostNetwork", json_object_new_boolean(true)));
}
