/* SPDX-License-Identifier: MIT */
/* The names that /etc/hosts of a pod has. The API takes those of DNS for the kubelet to write into
 * it; where a document has others (redis_1), the containers get a file of ours in its place. Where
 * each step has a pod, names of those that come later are DNS' (service.h): the file of a pod never
 * changes. */
#include <string.h>

#include "backends/kubernetes/pod_parts.h"
#include "backends/kubernetes/service.h"
#include "engine/base/buf.h"
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

/* Where others find a step: in a pod for all at its loopback. NULL: nowhere yet. */
static const char *address_of(const plr_kube_pod_maker *maker, size_t task)
{
    const plr_kube_place *place = maker->place;
    if (place->only == NULL || place->only->index == task)
        return "127.0.0.1";
    return place->addresses == NULL ? NULL : place->addresses[task];
}

static bool add_names(json_object *hosts, const plr_step *step, const char *address)
{
    bool good = !plr_kube_is_host_name(step->metadata.name) ||
                add_host(hosts, address, step->metadata.name);
    for (size_t i = 0; i < step->n_aliases && good; i++)
        good = !plr_kube_is_host_name(step->aliases[i]) ||
               add_host(hosts, address, step->aliases[i]);
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

bool plr_kube_hosts_init(plr_kube_pod_maker *maker)
{
    json_object *hosts = maker->hosts = json_object_new_array();
    bool good = hosts != NULL;
    for (size_t i = 0; i < maker->document->n_tasks && good; i++) {
        const plr_step *step = maker->document->tasks[i];
        const char *address = address_of(maker, i);
        bool own = maker->place->only == NULL || maker->place->only->index == i;
        good = (address == NULL || add_names(hosts, step, address)) &&
               (!own || add_extra_hosts(hosts, &step->docker));
        maker->hosts_file |= (own || address != NULL) && plr_kube_needs_hosts_file(step);
    }
    return good;
}

bool plr_kube_needs_hosts_file(const plr_step *step)
{
    char name[254];
    const char *address;
    bool needs = step->detach && plr_kube_is_host_name(step->metadata.name) &&
                 !plr_kube_is_dns_name(step->metadata.name);
    for (size_t i = 0; i < step->n_aliases; i++)
        needs |= !plr_kube_is_dns_name(step->aliases[i]);
    for (size_t i = 0; i < step->docker.n_extra_hosts; i++)
        needs |= plr_kube_extra_host(step->docker.extra_hosts[i], name, &address) &&
                 !plr_kube_is_dns_name(name);
    return needs;
}

bool plr_kube_add_aliases(json_object *spec, const plr_kube_pod_maker *maker)
{
    json_object *aliases = json_object_new_array();
    bool good = aliases != NULL;
    for (size_t i = 0; i < json_object_array_length(maker->hosts) && good; i++) {
        json_object *entry = json_object_array_get_idx(maker->hosts, i);
        json_object *names = plr_jsonc_get(entry, "hostnames", json_type_array);
        for (size_t k = 0; k < json_object_array_length(names) && good; k++) {
            const char *name = json_object_get_string(json_object_array_get_idx(names, k));
            good = !plr_kube_is_dns_name(name) ||
                   add_host(aliases, plr_jsonc_text(entry, "ip"), name);
        }
    }
    return plr_kube_add_filled(spec, "hostAliases", aliases) && good;
}

bool plr_kube_add_hosts_note(json_object *notes, const plr_kube_pod_maker *maker)
{
    _cleanup_buf_ plr_buf text = { 0 };
    char pod[PLR_KUBE_NAME_SIZE]; /* the host's name, too: what is longer the kubelet cuts off */
    const char *own = plr_kube_hostname(maker->run, maker->place);
    if (!maker->hosts_file)
        return true;
    plr_kube_pod_name(pod, maker->run->id, maker->place->only);
    plr_buf_printf(&text, "127.0.0.1\tlocalhost %.63s\n::1\tlocalhost ip6-localhost ip6-loopback\n",
            own == NULL ? pod : own);
    for (size_t i = 0; i < json_object_array_length(maker->hosts); i++) {
        json_object *entry = json_object_array_get_idx(maker->hosts, i);
        json_object *names = plr_jsonc_get(entry, "hostnames", json_type_array);
        plr_buf_puts(&text, plr_jsonc_text(entry, "ip"));
        for (size_t k = 0; k < json_object_array_length(names); k++)
            plr_buf_printf(&text, "%c%s", k == 0 ? '\t' : ' ',
                    json_object_get_string(json_object_array_get_idx(names, k)));
        plr_buf_putc(&text, '\n');
    }
    return !text.failed && plr_jsonc_add(notes, PLR_KUBE_NOTE_HOSTS, plr_jsonc_string(text.data));
}
