/* SPDX-License-Identifier: MIT */
/* All that this backend cannot do in a document, found before anything is created. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backends/local/local.h"
#include "backends/local/names.h"
#include "engine/base/error.h"
#include "net/image_name.h"
#include "net/platform.h"

typedef struct checker {
    const plr_local *local;
    const plr_run_view *view;
    plr_network_mode network;
    plr_op *op;
} checker;

static void say(const checker *c, const plr_diagnostic *found, const char *format,
        va_list arguments) PLR_PRINTF(3, 0);
static void complain(const checker *c, const plr_step *step, const char *code, const char *where,
        const char *format, ...) PLR_PRINTF(5, 6);
static void complain_of_machine(const checker *c, const char *code, const char *format, ...)
        PLR_PRINTF(3, 4);

static void say(
        const checker *c, const plr_diagnostic *found, const char *format, va_list arguments)
{
    char text[900];
    plr_diagnostic diagnostic = *found;
    vsnprintf(text, sizeof(text), format, arguments);
    diagnostic.size = sizeof(diagnostic);
    diagnostic.severity = PLR_SEVERITY_ERROR;
    diagnostic.text = text;
    c->local->host->op_diagnostic(c->op, &diagnostic);
}

static void complain(const checker *c, const plr_step *step, const char *code, const char *where,
        const char *format, ...)
{
    char pointer[300];
    va_list arguments;
    snprintf(pointer, sizeof(pointer), "%s%s", step->pointer == NULL ? "" : step->pointer, where);
    plr_diagnostic found = {
        .code = code, .pointer = pointer, .line = step->line, .column = step->column
    };
    va_start(arguments, format);
    say(c, &found, format, arguments);
    va_end(arguments);
}

static void complain_of_machine(const checker *c, const char *code, const char *format, ...)
{
    plr_diagnostic found = { .code = code, .pointer = "" };
    va_list arguments;
    va_start(arguments, format);
    say(c, &found, format, arguments);
    va_end(arguments);
}

/* Whether `path` is `folder` or below it. */
static bool is_below(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/')
        length--;
    return strncmp(path, folder, length) == 0 &&
           (path[length] == '\0' || path[length] == '/' || length == 1);
}

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static void check_image(const checker *c, const plr_step *step)
{
    plr_error err = { 0 };
    _cleanup_image_name_ plr_image_name name = { 0 };
    bool needed = c->local->settings.rootfs == PLR_LOCAL_ROOTFS_IMAGE;
    if (!is_set(step->docker.image)) {
        if (needed)
            complain(c, step, "no-image", "/docker",
                    "step \"%s\" names no image (--rootfs host runs it without one)",
                    step->metadata.name);
        else if (step->docker.n_command == 0 && step->docker.n_args == 0)
            complain(c, step, "no-command", "/docker",
                    "step \"%s\" names neither an image nor a command", step->metadata.name);
    } else if (plr_image_name_parse(&name, step->docker.image, &err) < 0) {
        complain(c, step, "bad-image", "/docker/image", "%s", err.message);
    }
}

/* What is mounted over a file hides it; the kernel's own folders hold no files of ours. */
static void check_files(const checker *c, const plr_step *step)
{
    static const char *const reserved[] = { "/dev", "/proc", "/sys" };
    const plr_document *document = c->view->document;
    char where[64];
    for (size_t i = 0; i < step->n_files; i++) {
        const char *path = step->files[i].path;
        snprintf(where, sizeof(where), "/files/%zu/mode", i);
        if ((step->files[i].mode & ~INT64_C(07777)) != 0)
            complain(c, step, "bad-mode", where,
                    "the file %s cannot have the mode %04llo: only permission bits are set", path,
                    (unsigned long long)step->files[i].mode);
        snprintf(where, sizeof(where), "/files/%zu/path", i);
        for (size_t k = 0; k < sizeof(reserved) / sizeof(reserved[0]); k++)
            if (is_below(path, reserved[k]))
                complain(c, step, "hidden-file", where,
                        "a file cannot be put at %s: %s is mounted over it when the step starts",
                        path, reserved[k]);
        for (size_t k = 0; k < step->n_volumes; k++) {
            const plr_volume *volume = &document->volumes[step->volumes[k].volume];
            if (volume->temp != NULL && strcmp(volume->temp->medium, "memory") == 0 &&
                    is_below(path, step->volumes[k].path))
                complain(c, step, "hidden-file", where,
                        "a file cannot be put at %s: the memory volume at %s hides it", path,
                        step->volumes[k].path);
        }
    }
}

/* A document that wants a daemon's socket wants the daemon. */
static void check_host_path(
        const checker *c, const plr_step *step, const char *where, const char *path)
{
    size_t length = strlen(path);
    if (length > 5 && strcmp(path + length - 5, ".sock") == 0 && access(path, F_OK) < 0 &&
            errno == ENOENT)
        complain(c, step, "no-daemon", where,
                "there is no socket %s: step \"%s\" wants a daemon, and this backend has none",
                path, step->metadata.name);
}

static void check_volumes(const checker *c, const plr_step *step)
{
    static const char *const reserved[] = { "/proc", "/sys" };
    const plr_document *document = c->view->document;
    char where[64];
    for (size_t i = 0; i < step->n_volumes; i++) {
        const char *path = step->volumes[i].path;
        const plr_volume *volume = &document->volumes[step->volumes[i].volume];
        snprintf(where, sizeof(where), "/volumes/%zu/path", i);
        if (path[strspn(path, "/")] == '\0' || strcmp(path, "/dev") == 0)
            complain(c, step, "bad-mount", where, "nothing can be mounted at %s", path);
        for (size_t k = 0; k < sizeof(reserved) / sizeof(reserved[0]); k++)
            if (is_below(path, reserved[k]))
                complain(c, step, "bad-mount", where, "nothing can be mounted at %s", path);
        for (size_t k = 0; k < i; k++)
            if (strcmp(step->volumes[k].path, path) == 0)
                complain(c, step, "duplicate-mount", where, "two volumes are mounted at %s", path);
        if (volume->host != NULL)
            check_host_path(c, step, where, volume->host->path);
    }
    for (size_t i = 0; i < step->n_devices; i++) {
        const plr_volume_host *host = document->volumes[step->devices[i].volume].host;
        snprintf(where, sizeof(where), "/devices/%zu/name", i);
        if (host == NULL)
            complain(c, step, "bad-device", where, "volume \"%s\" is no path of the host",
                    step->devices[i].name);
        else if (access(host->path, F_OK) < 0)
            complain(c, step, "bad-device", where, "there is no device %s on this machine",
                    host->path);
    }
}

/* What only a daemon's networks can do. */
static void check_network(const checker *c, const plr_step *step)
{
    const plr_docker_options *docker = &step->docker;
    char where[64];
    if (is_set(docker->network) && strcmp(docker->network, "host") != 0 &&
            strcmp(docker->network, "none") != 0)
        complain(c, step, "docker-only", "/docker/network",
                "the network \"%s\" is Docker's own: here there are host and none",
                docker->network);
    for (size_t i = 0; i < docker->n_networks; i++) {
        snprintf(where, sizeof(where), "/docker/networks/%zu", i);
        complain(c, step, "docker-only", where,
                "step \"%s\" joins the network \"%s\", and only Docker has networks by name",
                step->metadata.name, docker->networks[i]);
    }
    for (size_t i = 0; i < docker->n_extra_hosts; i++) {
        const char *colon = strchr(docker->extra_hosts[i], ':');
        snprintf(where, sizeof(where), "/docker/extra_hosts/%zu", i);
        if (colon == NULL || colon[1] == '\0' || strcmp(colon + 1, "host-gateway") == 0)
            complain(c, step, "extra-host", where, "\"%s\" is not a name and an address (NAME:IP)",
                    docker->extra_hosts[i]);
    }
    for (size_t i = 0; i < docker->n_ports; i++) {
        snprintf(where, sizeof(where), "/docker/ports/%zu/protocol", i);
        if (docker->ports[i].protocol != NULL && strcmp(docker->ports[i].protocol, "sctp") == 0)
            complain(c, step, "port-protocol", where, "sctp ports cannot be published here");
    }
}

/* All ports of a run are published at once, and in `shared` they are all of one namespace. */
static void check_port(const checker *c, size_t task, size_t at)
{
    const plr_document *document = c->view->document;
    const plr_step *step = document->tasks[task];
    const plr_port *port = &step->docker.ports[at];
    char where[64];
    for (size_t t = 0; t <= task; t++) {
        const plr_step *other = document->tasks[t];
        for (size_t k = 0; k < (t == task ? at : other->docker.n_ports); k++) {
            snprintf(where, sizeof(where), "/docker/ports/%zu/host", at);
            if (port->host > 0 && other->docker.ports[k].host == port->host)
                complain(c, step, "port-clash", where,
                        "port %lld of the machine is published twice in this run",
                        (long long)port->host);
            snprintf(where, sizeof(where), "/docker/ports/%zu/port", at);
            if (c->network == PLR_NETWORK_SHARED && t != task && step->detach && other->detach &&
                    other->docker.ports[k].port == port->port)
                complain(c, step, "port-clash", where,
                        "\"%s\" and \"%s\" both serve port %lld of the shared network of the run "
                        "(--network isolated gives each an address)",
                        other->metadata.name, step->metadata.name, (long long)port->port);
        }
    }
}

static void check_platform(const checker *c)
{
    plr_platform here = plr_platform_or_here(NULL);
    plr_platform wanted = plr_platform_or_here(&c->view->document->platform);
    if (plr_platform_fit(&wanted, &here) == 0)
        complain_of_machine(c, "platform", "the document is for %s/%s; this machine is %s/%s",
                wanted.os, wanted.arch, here.os, here.arch);
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
static void check_user_namespaces(const checker *c)
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
            complain_of_machine(c, "user-namespaces",
                    "this machine does not let ordinary users make user namespaces: %s is %ld. "
                    "What "
                    "helps: %s; or run as root, or on Docker (--backend docker)",
                    settings[i].path, settings[i].forbids, settings[i].helps);
}

void plr_local_check(plr_local *local, const plr_run_view *view, plr_op *op)
{
    const plr_document *document = view->document;
    checker c = {
        .local = local,
        .view = view,
        .network = view->network != PLR_NETWORK_AUTO ? view->network
                                                     : local->host->network_auto(document, true),
        .op = op,
    };
    uint32_t address;
    check_platform(&c);
    check_user_namespaces(&c);
    for (size_t i = 0; i < document->n_tasks; i++) {
        const plr_step *step = document->tasks[i];
        check_image(&c, step);
        check_files(&c, step);
        check_volumes(&c, step);
        check_network(&c, step);
        for (size_t k = 0; k < step->docker.n_ports; k++)
            check_port(&c, i, k);
    }
    if (c.network == PLR_NETWORK_ISOLATED && document->n_tasks > 0 &&
            !plr_local_address(0, document->n_tasks - 1, &address))
        complain_of_machine(&c, "too-many-steps",
                "the network of a run has no address for each of %zu steps", document->n_tasks);
    local->host->op_complete(op, NULL);
}
