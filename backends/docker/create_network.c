/* SPDX-License-Identifier: MIT */
/* The network part of a container: what the run's mode and the step's own wishes come to. */
#include "backends/docker/create.h"

#include <stdio.h>
#include <string.h>

/* Names that are no host names (with spaces, say) cannot be resolved by anybody. */
static bool is_host_name(const char *name)
{
    static const char allowed[] =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    return name != NULL && name[0] != '\0' && name[strspn(name, allowed)] == '\0';
}

static bool append_loopback(json_object *hosts, const char *name)
{
    char text[320];
    if (!is_host_name(name) || strlen(name) > 255)
        return true;
    snprintf(text, sizeof(text), "%s:127.0.0.1", name);
    return plr_jsonc_append(hosts, plr_jsonc_string(text));
}

json_object *plr_docker_loopback_hosts(const plr_document *document)
{
    _cleanup_json_ json_object *hosts = json_object_new_array();
    for (size_t i = 0; i < document->n_tasks; i++) {
        const plr_step *step = document->tasks[i];
        if (!append_loopback(hosts, step->metadata.name))
            return NULL;
        for (size_t k = 0; k < step->n_aliases; k++)
            if (!append_loopback(hosts, step->aliases[k]))
                return NULL;
    }
    return steal(hosts);
}

bool plr_docker_create_ports(
        json_object *body, json_object *host_config, const plr_port *ports, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char key[64], port[32] = "";
        snprintf(key, sizeof(key), "%lld/%s", (long long)ports[i].port,
                ports[i].protocol == NULL ? "tcp" : ports[i].protocol);
        if (ports[i].host > 0)
            snprintf(port, sizeof(port), "%lld", (long long)ports[i].host);
        json_object *exposed = plr_jsonc_get(body, "ExposedPorts", json_type_object);
        json_object *bindings = plr_jsonc_get(host_config, "PortBindings", json_type_object);
        if (exposed == NULL) {
            exposed = json_object_new_object();
            bindings = json_object_new_object();
            if (!plr_jsonc_add(body, "ExposedPorts", exposed) ||
                    !plr_jsonc_add(host_config, "PortBindings", bindings))
                return false;
        }
        json_object *list = plr_jsonc_get(bindings, key, json_type_array);
        if (list == NULL) {
            list = json_object_new_array();
            if (!plr_jsonc_add(exposed, key, json_object_new_object()) ||
                    !plr_jsonc_add(bindings, key, list))
                return false;
        }
        json_object *binding = json_object_new_object();
        bool good = plr_jsonc_add(binding, "HostPort", plr_jsonc_string(port));
        if (!plr_jsonc_append(list, binding) || !good)
            return false;
    }
    return true;
}

/* Name and aliases of the step in the network made for the run. */
static bool add_endpoint(json_object *body, const plr_docker_create *create)
{
    const plr_step *step = create->task->step;
    json_object *networking = json_object_new_object();
    json_object *endpoints = json_object_new_object();
    json_object *endpoint = json_object_new_object();
    json_object *aliases = json_object_new_array();
    bool good = plr_jsonc_add(body, "NetworkingConfig", networking);
    good = plr_jsonc_add(networking, "EndpointsConfig", endpoints) && good;
    good = plr_jsonc_add(endpoints, create->network_id, endpoint) && good;
    good = plr_jsonc_add(endpoint, "Aliases", aliases) && good;
    if (good && is_host_name(step->metadata.name))
        good = plr_jsonc_append(aliases, plr_jsonc_string(step->metadata.name));
    for (size_t i = 0; i < step->n_aliases && good; i++)
        if (is_host_name(step->aliases[i]))
            good = plr_jsonc_append(aliases, plr_jsonc_string(step->aliases[i]));
    return good;
}

static bool add_mode(json_object *host_config, const char *mode)
{
    return plr_jsonc_add(host_config, "NetworkMode", plr_jsonc_string(mode));
}

static bool append_texts(json_object *array, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!plr_jsonc_append(array, plr_jsonc_string(texts[i])))
            return false;
    return true;
}

/* What another container's namespace does not take: names, dns, ports. */
static bool add_own(json_object *body, json_object *host_config, const plr_docker_create *create,
        bool loopback, bool ports)
{
    const plr_docker_options *docker = &create->task->step->docker;
    json_object *hosts = loopback ? plr_docker_loopback_hosts(create->task->run->document)
                                  : json_object_new_array();
    bool good = append_texts(hosts, docker->extra_hosts, docker->n_extra_hosts);
    return plr_jsonc_add(host_config, "ExtraHosts", hosts) && good &&
           (docker->n_dns == 0 || plr_jsonc_add(host_config, "Dns",
                                          plr_jsonc_strings(docker->dns, docker->n_dns))) &&
           (docker->n_dns_search == 0 ||
                   plr_jsonc_add(host_config, "DnsSearch",
                           plr_jsonc_strings(docker->dns_search, docker->n_dns_search))) &&
           (!ports || plr_docker_create_ports(body, host_config, docker->ports, docker->n_ports));
}

bool plr_docker_create_network(
        json_object *body, json_object *host_config, const plr_docker_create *create)
{
    const plr_step *step = create->task->step;
    const char *own = step->network != NULL && step->network[0] != '\0' ? step->network
                                                                        : step->docker.network;
    char mode[128];
    if (own != NULL && own[0] != '\0') {
        bool joins = strncmp(own, "container:", 10) == 0;
        bool host = strcmp(own, "host") == 0;
        return add_mode(host_config, own) &&
               (joins || add_own(body, host_config, create, host, !host));
    }
    switch (create->network) {
    case PLR_NETWORK_ISOLATED:
        return add_mode(host_config, create->network_id) && add_endpoint(body, create) &&
               add_own(body, host_config, create, false, true);
    case PLR_NETWORK_HOST:
        return add_mode(host_config, "host") && add_own(body, host_config, create, true, false);
    case PLR_NETWORK_NONE:
        return add_mode(host_config, "none") && add_own(body, host_config, create, true, false);
    default:
        if (create->pause_id == NULL)
            return add_own(body, host_config, create, true, true);
        snprintf(mode, sizeof(mode), "container:%s", create->pause_id);
        return add_mode(host_config, mode);
    }
}
