/* SPDX-License-Identifier: MIT */
/* Which network a run gets when nobody chose one. Shared costs least, but two servers on one port
 * clash there; so it is taken only where the document shows that they cannot. */
#include "engine/network.h"

#include "engine/base/path.h"

static bool mounts_daemon_socket(const plr_document *document, const plr_step *step)
{
    for (size_t i = 0; i < step->n_volumes; i++) {
        const plr_volume_host *host = document->volumes[step->volumes[i].volume].host;
        if (host != NULL && plr_is_daemon_socket(host->path))
            return true;
    }
    return false;
}

static bool wants_network_of_its_own(const plr_document *document, const plr_step *step)
{
    const plr_docker_options *docker = &step->docker;
    return step->network != NULL || (docker->network != NULL && docker->network[0] != '\0') ||
           docker->n_networks > 0 || docker->n_dns > 0 || docker->n_dns_search > 0 ||
           docker->n_extra_hosts > 0 || mounts_daemon_socket(document, step);
}

/* Whether two detached steps declare one port, or one of them declares none. */
static bool ports_may_clash(const plr_step *a, const plr_step *b)
{
    if (a->docker.n_ports == 0 || b->docker.n_ports == 0)
        return true;
    for (size_t i = 0; i < a->docker.n_ports; i++)
        for (size_t j = 0; j < b->docker.n_ports; j++)
            if (a->docker.ports[i].port == b->docker.ports[j].port)
                return true;
    return false;
}

plr_network_mode plr_network_auto(const plr_document *document, bool serial_only)
{
    if (serial_only && !document->serial)
        return PLR_NETWORK_ISOLATED;
    for (size_t i = 0; i < document->n_tasks; i++) {
        const plr_step *step = document->tasks[i];
        if (wants_network_of_its_own(document, step))
            return PLR_NETWORK_ISOLATED;
        if (!step->detach)
            continue;
        for (size_t j = 0; j < i; j++)
            if (document->tasks[j]->detach && ports_may_clash(step, document->tasks[j]))
                return PLR_NETWORK_ISOLATED;
    }
    return PLR_NETWORK_SHARED;
}
