/* SPDX-License-Identifier: MIT */
/* All that this backend cannot do in a document, found before anything is created. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backends/check.h"
#include "backends/local/local.h"
#include "backends/local/names.h"
#include "engine/base/error.h"
#include "net/image_name.h"
#include "net/platform.h"

typedef struct checker {
    plr_check found;
    const plr_local *local;
    plr_network_mode network;
} checker;

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static void check_image(checker *c, const plr_step *step)
{
    plr_error err = { 0 };
    _cleanup_image_name_ plr_image_name name = { 0 };
    bool needed = c->local->settings.rootfs == PLR_LOCAL_ROOTFS_IMAGE;
    if (!is_set(step->docker.image)) {
        if (needed)
            plr_check_error(&c->found, step, "no-image", "/docker",
                    "step \"%s\" names no image (--rootfs host runs it without one)",
                    step->metadata.name);
        else if (step->docker.n_command == 0 && step->docker.n_args == 0)
            plr_check_error(&c->found, step, "no-command", "/docker",
                    "step \"%s\" names neither an image nor a command", step->metadata.name);
    } else if (plr_image_name_parse(&name, step->docker.image, &err) < 0) {
        plr_check_error(&c->found, step, "bad-image", "/docker/image", "%s", err.message);
    }
}

static void check_modes(plr_check *check, const plr_step *step)
{
    char where[64];
    for (size_t i = 0; i < step->n_files; i++) {
        snprintf(where, sizeof(where), "/files/%zu/mode", i);
        if ((step->files[i].mode & ~INT64_C(07777)) != 0)
            plr_check_error(check, step, "bad-mode", where,
                    "the file %s cannot have the mode %04llo: only permission bits are set",
                    step->files[i].path, (unsigned long long)step->files[i].mode);
    }
}

/* A document that wants a daemon's socket wants the daemon. */
static void check_host_path(
        plr_check *check, const plr_step *step, const char *where, const char *path)
{
    size_t length = strlen(path);
    if (length > 5 && strcmp(path + length - 5, ".sock") == 0 && access(path, F_OK) < 0 &&
            errno == ENOENT)
        plr_check_error(check, step, "no-daemon", where,
                "there is no socket %s: step \"%s\" wants a daemon, and this backend has none",
                path, step->metadata.name);
}

static void check_volumes(plr_check *check, const plr_step *step)
{
    static const char *const kernels[] = { "/proc", "/sys", NULL };
    const plr_document *document = check->document;
    char where[64];
    plr_check_mounts(check, step, kernels);
    for (size_t i = 0; i < step->n_volumes; i++) {
        const char *path = step->volumes[i].path;
        const plr_volume *volume = &document->volumes[step->volumes[i].volume];
        snprintf(where, sizeof(where), "/volumes/%zu/path", i);
        if (strcmp(path, "/dev") == 0)
            plr_check_error(check, step, "bad-mount", where, "nothing can be mounted at %s", path);
        if (volume->host != NULL)
            check_host_path(check, step, where, volume->host->path);
    }
    for (size_t i = 0; i < step->n_devices; i++) {
        const plr_volume_host *host = document->volumes[step->devices[i].volume].host;
        snprintf(where, sizeof(where), "/devices/%zu/name", i);
        if (host == NULL)
            plr_check_error(check, step, "bad-device", where,
                    "volume \"%s\" is no path of the host", step->devices[i].name);
        else if (access(host->path, F_OK) < 0)
            plr_check_error(check, step, "bad-device", where,
                    "there is no device %s on this machine", host->path);
    }
}

/* What only a daemon's networks can do. */
static void check_network(plr_check *check, const plr_step *step)
{
    const plr_docker_options *docker = &step->docker;
    char where[64];
    if (is_set(docker->network) && strcmp(docker->network, "host") != 0 &&
            strcmp(docker->network, "none") != 0)
        plr_check_error(check, step, "docker-only", "/docker/network",
                "the network \"%s\" is Docker's own: here there are host and none",
                docker->network);
    for (size_t i = 0; i < docker->n_networks; i++) {
        snprintf(where, sizeof(where), "/docker/networks/%zu", i);
        plr_check_error(check, step, "docker-only", where,
                "step \"%s\" joins the network \"%s\", and only Docker has networks by name",
                step->metadata.name, docker->networks[i]);
    }
    for (size_t i = 0; i < docker->n_extra_hosts; i++) {
        const char *colon = strchr(docker->extra_hosts[i], ':');
        snprintf(where, sizeof(where), "/docker/extra_hosts/%zu", i);
        if (colon == NULL || colon[1] == '\0' || strcmp(colon + 1, "host-gateway") == 0)
            plr_check_error(check, step, "extra-host", where,
                    "\"%s\" is not a name and an address (NAME:IP)", docker->extra_hosts[i]);
    }
    for (size_t i = 0; i < docker->n_ports; i++) {
        snprintf(where, sizeof(where), "/docker/ports/%zu/protocol", i);
        if (docker->ports[i].protocol != NULL && strcmp(docker->ports[i].protocol, "sctp") == 0)
            plr_check_error(
                    check, step, "port-protocol", where, "sctp ports cannot be published here");
    }
}

/* In `shared` all ports of steps are of one namespace. */
static void check_listener(checker *c, size_t task, size_t at)
{
    const plr_document *document = c->found.document;
    const plr_step *step = document->tasks[task];
    const plr_port *port = &step->docker.ports[at];
    char where[64];
    snprintf(where, sizeof(where), "/docker/ports/%zu/port", at);
    for (size_t t = 0; t < task; t++) {
        const plr_step *other = document->tasks[t];
        for (size_t k = 0; k < other->docker.n_ports; k++)
            if (step->detach && other->detach && other->docker.ports[k].port == port->port &&
                    strcmp(other->docker.ports[k].protocol, port->protocol) == 0)
                plr_check_error(&c->found, step, "port-clash", where,
                        "\"%s\" and \"%s\" both serve port %lld of the shared network of the run "
                        "(--network isolated gives each an address)",
                        other->metadata.name, step->metadata.name, (long long)port->port);
    }
}

static void check_platform(plr_check *check)
{
    plr_platform here = plr_platform_or_here(NULL);
    plr_platform wanted = plr_platform_or_here(&check->document->platform);
    if (plr_platform_fit(&wanted, &here) == 0)
        plr_check_error(check, NULL, "platform", "",
                "the document is for %s/%s; this machine is %s/%s", wanted.os, wanted.arch, here.os,
                here.arch);
}

static long read_setting(const char *path, long otherwise)
{
    char text[32];
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return otherwise;
    text[n] = '\0';
    return strtol(text, NULL, 10);
}

/* What a kernel says in files; what it says no to without a word is told when the room is made. */
static void check_user_namespaces(plr_check *check)
{
    static const struct {
        const char *path;
        long forbids;
        const char *helps;
    } settings[] = {
        { "/proc/sys/user/max_user_namespaces", 0, "sysctl user.max_user_namespaces=15000" },
        { "/proc/sys/kernel/unprivileged_userns_clone", 0,
                "sysctl kernel.unprivileged_userns_clone=1" },
        { "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1,
                "an AppArmor profile for plr-sandbox, or sysctl "
                "kernel.apparmor_restrict_unprivileged_userns=0" },
    };
    for (size_t i = 0; geteuid() != 0 && i < sizeof(settings) / sizeof(settings[0]); i++)
        if (read_setting(settings[i].path, -1) == settings[i].forbids)
            plr_check_error(check, NULL, "user-namespaces", "",
                    "this machine does not let ordinary users make user namespaces: %s is %ld. "
                    "What "
                    "helps: %s; or run as root, or on Docker (--backend docker)",
                    settings[i].path, settings[i].forbids, settings[i].helps);
}

void plr_local_check(plr_local *local, const plr_run_view *view, plr_op *op)
{
    const plr_document *document = view->document;
    static const char *const reserved[] = { "/dev", "/proc", "/sys", NULL };
    checker c = {
        .found = { .host = local->host, .op = op, .document = document },
        .local = local,
        .network = view->network != PLR_NETWORK_AUTO ? view->network
                                                     : local->host->network_auto(document, true),
    };
    uint32_t address;
    check_platform(&c.found);
    check_user_namespaces(&c.found);
    for (size_t i = 0; i < document->n_tasks; i++) {
        const plr_step *step = document->tasks[i];
        check_image(&c, step);
        plr_check_files(&c.found, step, reserved);
        check_modes(&c.found, step);
        check_volumes(&c.found, step);
        check_network(&c.found, step);
        plr_check_host_ports(&c.found, i);
        for (size_t k = 0; k < step->docker.n_ports && c.network == PLR_NETWORK_SHARED; k++)
            check_listener(&c, i, k);
    }
    if (c.network == PLR_NETWORK_ISOLATED && document->n_tasks > 0 &&
            !plr_local_address(0, document->n_tasks - 1, &address))
        plr_check_error(&c.found, NULL, "too-many-steps", "",
                "the network of a run has no address for each of %zu steps", document->n_tasks);
    local->host->op_complete(op, NULL);
}
