/* SPDX-License-Identifier: MIT */
/* What cannot be of the network of a pod, which all its containers share. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/check_parts.h"
#include "backends/kubernetes/layout.h"
#include "backends/kubernetes/pod_parts.h"

/* The steps of the run have one network. */
static bool is_shared(const plr_kube_checker *c)
{
    return c->place->layout != PLR_KUBE_LAYOUT_POD_PER_STEP;
}

static void check_names(plr_kube_checker *c, const plr_step *step)
{
    char where[64];
    for (size_t i = 0; i < step->n_aliases; i++) {
        snprintf(where, sizeof(where), "/aliases/%zu", i);
        if (!plr_kube_is_host_name(step->aliases[i]))
            plr_check_error(&c->found, step, "bad-host-name", where,
                    "\"%s\" cannot be an alias: names that resolve are made of letters, digits, "
                    "-, _ and .",
                    step->aliases[i]);
    }
    if (c->run->network == PLR_NETWORK_HOST && plr_kube_needs_hosts_file(step))
        plr_check_error(&c->found, step, "bad-host-name", "",
                "a name of step \"%s\" cannot resolve in the network of the node: there it is "
                "made of a-z, 0-9, - and .",
                step->metadata.name);
}

static void check_own_network(plr_kube_checker *c, const plr_step *step)
{
    const plr_docker_options *docker = &step->docker;
    const struct {
        bool used;
        const char *where, *what;
    } fields[] = {
        { step->network != NULL && step->network[0] != '\0', "/network",
                "a network of its own (--network host is for all of the run)" },
        { docker->network != NULL && docker->network[0] != '\0', "/docker/network",
                "a network of Docker's" },
        { docker->n_networks > 0, "/docker/networks", "networks of Docker's" },
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (fields[i].used)
            plr_check_error(&c->found, step, "network", fields[i].where,
                    "step \"%s\" cannot have %s: pods have what the cluster gives them",
                    step->metadata.name, fields[i].what);
}

static void check_hosts(plr_kube_checker *c, const plr_step *step)
{
    char where[64], name[254];
    const char *address;
    for (size_t i = 0; i < step->docker.n_extra_hosts; i++) {
        unsigned char bytes[16];
        const char *text = step->docker.extra_hosts[i];
        snprintf(where, sizeof(where), "/docker/extra_hosts/%zu", i);
        if (!plr_kube_extra_host(text, name, &address) || !plr_kube_is_host_name(name) ||
                (inet_pton(AF_INET, address, bytes) != 1 &&
                        inet_pton(AF_INET6, address, bytes) != 1))
            plr_check_error(&c->found, step, "bad-host-name", where,
                    "\"%s\" is not NAME:ADDRESS with a name of letters, digits, -, _ and .", text);
    }
}

static bool same_texts(const char *const *a, size_t n_a, const char *const *b, size_t n_b)
{
    bool same = n_a == n_b;
    for (size_t i = 0; i < n_a && same; i++)
        same = strcmp(a[i], b[i]) == 0;
    return same;
}

/* All have one resolv.conf: who says nothing gets what another says. */
static void check_dns(plr_kube_checker *c, size_t task)
{
    const plr_step *step = c->document->tasks[task];
    const plr_docker_options *mine = &step->docker;
    bool dns = mine->n_dns > 0, search = mine->n_dns_search > 0;
    if (mine->n_dns > 3)
        plr_check_error(
                &c->found, step, "dns", "/docker/dns", "a pod has three name servers at most");
    for (size_t i = 0; i < task && is_shared(c) && (dns || search); i++) {
        const plr_docker_options *other = &c->document->tasks[i]->docker;
        bool differs = (dns && other->n_dns > 0 &&
                               !same_texts(mine->dns, mine->n_dns, other->dns, other->n_dns)) ||
                       (search && other->n_dns_search > 0 &&
                               !same_texts(mine->dns_search, mine->n_dns_search, other->dns_search,
                                       other->n_dns_search));
        if (!differs)
            continue;
        plr_check_error(&c->found, step, "dns", "/docker",
                "\"%s\" and \"%s\" want different name servers or search domains: in a pod all "
                "have the same",
                c->document->tasks[i]->metadata.name, step->metadata.name);
        return;
    }
}

static void check_listeners(plr_kube_checker *c, size_t task)
{
    const plr_step *step = c->document->tasks[task];
    const char *where;
    for (size_t t = 0; t < task && is_shared(c); t++) {
        const plr_step *other = c->document->tasks[t];
        int64_t port = plr_kube_shared_port(step, other, &where);
        if (port == 0)
            continue;
        plr_check_error(&c->found, step, "port-clash", where,
                "\"%s\" and \"%s\" both serve port %lld, and stand in one pod: give one of them "
                "another port, or each a pod (--kube-layout pod-per-step)",
                other->metadata.name, step->metadata.name, (long long)port);
        return;
    }
}

void plr_kube_check_network(plr_kube_checker *c, size_t task)
{
    const plr_step *step = c->document->tasks[task];
    check_names(c, step);
    check_own_network(c, step);
    check_hosts(c, step);
    check_dns(c, task);
    check_listeners(c, task);
    plr_check_host_ports(&c->found, task);
    if (plr_kube_probe_count(step->ready) > PLR_KUBE_PROBES)
        plr_check_error(&c->found, step, "ready", "/ready",
                "Kubernetes can ask two questions of a container; leave out one of tcp, http and "
                "exec");
}
