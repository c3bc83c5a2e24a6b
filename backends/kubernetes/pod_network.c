/* SPDX-License-Identifier: MIT */
/* What all containers of a pod share of the network: the names that they resolve, and their name
 * servers. */
#include <string.h>

#include "backends/kubernetes/pod_parts.h"
#include "net/jsonc.h"

static bool has_text(json_object *array, const char *text)
{
    for (size_t i = 0; i < json_object_array_length(array); i++)
        if (strcmp(json_object_get_string(json_object_array_get_idx(array, i)), text) == 0)
            return true;
    return false;
}

/* Names of an address: one entry for each address, as the API wants it. */
static bool add_host(json_object *aliases, const char *address, const char *name)
{
    json_object *names = NULL;
    for (size_t i = 0; i < json_object_array_length(aliases) && names == NULL; i++) {
        json_object *entry = json_object_array_get_idx(aliases, i);
        if (strcmp(plr_jsonc_text(entry, "ip"), address) == 0)
            names = plr_jsonc_get(entry, "hostnames", json_type_array);
    }
    if (names == NULL) {
        names = json_object_new_array();
        if (!plr_jsonc_append(aliases,
                    plr_jsonc_object("ip", plr_jsonc_string(address), "hostnames", names, NULL)))
            return false;
    }
    return has_text(names, name) || plr_jsonc_append(names, plr_jsonc_string(name));
}

static bool add_names(json_object *aliases, const plr_step *step)
{
    bool good = !plr_kube_is_dns_name(step->metadata.name) ||
                add_host(aliases, "127.0.0.1", step->metadata.name);
    for (size_t i = 0; i < step->n_aliases && good; i++)
        good = !plr_kube_is_dns_name(step->aliases[i]) ||
               add_host(aliases, "127.0.0.1", step->aliases[i]);
    return good;
}

bool plr_kube_extra_host(const char *text, char ret_name[254], const char **ret_address)
{
    size_t n = strcspn(text, ":=");
    if (text[n] == '\0' || n > 253)
        return false;
    memcpy(ret_name, text, n);
    ret_name[n] = '\0';
    *ret_address = text + n + 1;
    return true;
}

static bool add_extra_hosts(json_object *aliases, const plr_docker_options *docker)
{
    char name[254];
    const char *address;
    bool good = true;
    for (size_t i = 0; i < docker->n_extra_hosts && good; i++)
        good = !plr_kube_extra_host(docker->extra_hosts[i], name, &address) ||
               add_host(aliases, address, name);
    return good;
}

/* One step's are everybody's: check sees to it that no two differ. */
static bool add_dns(json_object *spec, const plr_kube_pod_maker *maker, json_object *config)
{
    bool host = maker->run->network == PLR_NETWORK_HOST, good = true;
    const char *policy = host ? "ClusterFirstWithHostNet" : "ClusterFirst";
    for (size_t i = 0; i < maker->document->n_tasks && good; i++) {
        const plr_docker_options *docker = &maker->document->tasks[i]->docker;
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
    json_object *aliases = json_object_new_array();
    _cleanup_json_ json_object *config = json_object_new_object();
    bool good = aliases != NULL && config != NULL;
    for (size_t i = 0; i < maker->document->n_tasks && good; i++)
        good = add_names(aliases, maker->document->tasks[i]) &&
               add_extra_hosts(aliases, &maker->document->tasks[i]->docker);
    good = good && add_dns(spec, maker, config) &&
           (maker->run->network != PLR_NETWORK_HOST ||
                   plr_jsonc_add(spec, "hostNetwork", json_object_new_boolean(true)));
    return plr_kube_add_filled(spec, "hostAliases", aliases) && good;
}
