/* SPDX-License-Identifier: MIT */
/* All that Docker cannot do in a document, found before anything is created. */
#include <stdio.h>
#include <string.h>

#include "backends/check.h"
#include "backends/docker/create.h"
#include "backends/docker/docker.h"

/* Docker's own lower limit. */
#define MEMORY_MIN (INT64_C(6) << 20)

/* The kernel's own folders, and ours. */
static const char *const reserved[] = { "/dev", "/proc", "/sys", PLR_DOCKER_SHARE, NULL };

static void check_volumes(plr_check *check, const plr_step *step)
{
    static const char *const ours[] = { PLR_DOCKER_SHARE, NULL };
    const plr_volume *volumes = check->document->volumes;
    char where[64];
    plr_check_mounts(check, step, ours);
    for (size_t i = 0; i < step->n_volumes; i++) {
        const plr_volume_host *host = volumes[step->volumes[i].volume].host;
        snprintf(where, sizeof(where), "/volumes/%zu/path", i);
        if (host != NULL && strchr(host->path, ':') != NULL)
            plr_check_error(check, step, "bad-mount", where,
                    "Docker cannot mount the host path %s: there is a colon in it", host->path);
    }
    for (size_t i = 0; i < step->n_devices; i++) {
        snprintf(where, sizeof(where), "/devices/%zu/name", i);
        if (volumes[step->devices[i].volume].host == NULL)
            plr_check_error(check, step, "bad-device", where,
                    "volume \"%s\" is no path of the host", step->devices[i].name);
    }
}

static void check_resources(plr_check *check, const plr_step *step)
{
    int64_t memory = step->resources.limits.memory;
    if (memory > 0 && memory < MEMORY_MIN)
        plr_check_error(check, step, "memory-limit", "/resources/limits/memory",
                "a limit of %lld bytes of memory is below Docker's least, 6 MiB",
                (long long)memory);
}

/* Who shares another's network has its name service and its ports, too. */
static void check_shared(plr_check *check, const plr_step *step)
{
    const plr_docker_options *options = &step->docker;
    const struct {
        bool used;
        const char *where, *what;
    } fields[] = {
        { options->n_dns > 0, "/docker/dns", "a name server of its own" },
        { options->n_dns_search > 0, "/docker/dns_search", "search domains of its own" },
        { options->n_extra_hosts > 0, "/docker/extra_hosts", "hosts of its own" },
        { options->n_networks > 0, "/docker/networks", "other networks" },
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (fields[i].used)
            plr_check_error(check, step, "shared-network", fields[i].where,
                    "step \"%s\" cannot have %s in the shared network of the run "
                    "(--network isolated can)",
                    step->metadata.name, fields[i].what);
}

static bool has_own_network(const plr_step *step)
{
    return (step->network != NULL && step->network[0] != '\0') ||
           (step->docker.network != NULL && step->docker.network[0] != '\0');
}

void plr_docker_check(plr_docker *docker, const plr_run_view *view, plr_op *op)
{
    const plr_document *document = view->document;
    plr_network_mode network = plr_docker_network_mode(docker, view);
    plr_check check = { .host = docker->host, .op = op, .document = document };
    for (size_t i = 0; i < document->n_tasks; i++) {
        const plr_step *step = document->tasks[i];
        plr_check_image(&check, step, "Docker");
        plr_check_files(&check, step, reserved);
        check_volumes(&check, step);
        check_resources(&check, step);
        if (network == PLR_NETWORK_SHARED && document->n_tasks > 1 && !has_own_network(step)) {
            check_shared(&check, step);
            plr_check_host_ports(&check, i);
        }
    }
    if (document->platform.os != NULL && document->platform.os[0] != '\0' &&
            strcmp(document->platform.os, "linux") != 0)
        plr_check_error(&check, NULL, "platform", "/platform/os",
                "the document is for %s; the Docker backend runs Linux containers",
                document->platform.os);
    docker->host->op_complete(op, NULL);
}
