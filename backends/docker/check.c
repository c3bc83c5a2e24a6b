/* SPDX-License-Identifier: MIT */
/* All that Docker cannot do in a document, found before anything is created. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backends/docker/create.h"
#include "backends/docker/docker.h"
#include "net/image_name.h"

/* Docker's own lower limit. */
#define MEMORY_MIN (INT64_C(6) << 20)

typedef struct checker {
    const plr_docker *docker;
    const plr_run_view *view;
    plr_network_mode network;
    plr_op *op;
} checker;

static void complain(const checker *c, const plr_step *step, const char *code, const char *where,
        const char *format, ...) PLR_PRINTF(5, 6);

static void complain(const checker *c, const plr_step *step, const char *code, const char *where,
        const char *format, ...)
{
    char text[700], pointer[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    snprintf(pointer, sizeof(pointer), "%s%s", step->pointer == NULL ? "" : step->pointer, where);
    plr_diagnostic diagnostic = {
        .size = sizeof(diagnostic),
        .severity = PLR_SEVERITY_ERROR,
        .code = code,
        .pointer = pointer,
        .line = step->line,
        .column = step->column,
        .text = text,
    };
    c->docker->host->op_diagnostic(c->op, &diagnostic);
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

static void check_image(const checker *c, const plr_step *step)
{
    plr_error err = { 0 };
    _cleanup_image_name_ plr_image_name name = { 0 };
    const char *image = step->docker.image;
    if (image == NULL || image[0] == '\0')
        complain(c, step, "no-image", "/docker", "step \"%s\" names no image; Docker needs one",
                step->metadata.name);
    else if (plr_image_name_parse(&name, image, &err) < 0)
        complain(c, step, "bad-image", "/docker/image", "%s", err.message);
}

/* What is mounted over a file hides it; the kernel's own folders hold no files of ours. */
static void check_files(const checker *c, const plr_step *step)
{
    static const char *const reserved[] = { "/dev", "/proc", "/sys", PLR_DOCKER_SHARE };
    const plr_document *document = c->view->document;
    char where[64];
    for (size_t i = 0; i < step->n_files; i++) {
        const char *path = step->files[i].path;
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

static void check_volumes(const checker *c, const plr_step *step)
{
    char where[64];
    for (size_t i = 0; i < step->n_volumes; i++) {
        const char *path = step->volumes[i].path;
        const plr_volume *volume = &c->view->document->volumes[step->volumes[i].volume];
        snprintf(where, sizeof(where), "/volumes/%zu/path", i);
        if (is_below(path, PLR_DOCKER_SHARE) || strcmp(path, "/") == 0)
            complain(c, step, "bad-mount", where, "nothing can be mounted at %s", path);
        for (size_t k = 0; k < i; k++)
            if (strcmp(step->volumes[k].path, path) == 0)
                complain(c, step, "duplicate-mount", where, "two volumes are mounted at %s", path);
        if (volume->host != NULL && strchr(volume->host->path, ':') != NULL)
            complain(c, step, "bad-mount", where,
                    "Docker cannot mount the host path %s: there is a colon in it",
                    volume->host->path);
    }
    for (size_t i = 0; i < step->n_devices; i++) {
        snprintf(where, sizeof(where), "/devices/%zu/name", i);
        if (c->view->document->volumes[step->devices[i].volume].host == NULL)
            complain(c, step, "bad-device", where, "volume \"%s\" is no path of the host",
                    step->devices[i].name);
    }
}

static void check_resources(const checker *c, const plr_step *step)
{
    int64_t memory = step->resources.limits.memory;
    if (memory > 0 && memory < MEMORY_MIN)
        complain(c, step, "memory-limit", "/resources/limits/memory",
                "a limit of %lld bytes of memory is below Docker's least, 6 MiB",
                (long long)memory);
}

/* Who shares another's network has its name service and its ports, too. */
static void check_shared(const checker *c, const plr_step *step)
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
            complain(c, step, "shared-network", fields[i].where,
                    "step \"%s\" cannot have %s in the shared network of the run "
                    "(--network isolated can)",
                    step->metadata.name, fields[i].what);
}

/* All ports are published at the pause container at once: one port of the host, one of the steps'.
 */
static void check_shared_ports(const checker *c, size_t task)
{
    const plr_document *document = c->view->document;
    const plr_docker_options *mine = &document->tasks[task]->docker;
    char where[64];
    for (size_t i = 0; i < mine->n_ports; i++) {
        for (size_t t = 0; t <= task && mine->ports[i].host > 0; t++) {
            const plr_docker_options *other = &document->tasks[t]->docker;
            for (size_t k = 0; k < (t == task ? i : other->n_ports); k++) {
                if (other->ports[k].host != mine->ports[i].host)
                    continue;
                snprintf(where, sizeof(where), "/docker/ports/%zu/host", i);
                complain(c, document->tasks[task], "port-clash", where,
                        "port %lld of the host is published twice in the shared network of the run",
                        (long long)mine->ports[i].host);
            }
        }
    }
}

static bool has_own_network(const plr_step *step)
{
    return (step->network != NULL && step->network[0] != '\0') ||
           (step->docker.network != NULL && step->docker.network[0] != '\0');
}

void plr_docker_check(plr_docker *docker, const plr_run_view *view, plr_op *op)
{
    const plr_document *document = view->document;
    checker c = {
        .docker = docker,
        .view = view,
        .network = plr_docker_network_mode(docker, view),
        .op = op,
    };
    for (size_t i = 0; i < document->n_tasks; i++) {
        const plr_step *step = document->tasks[i];
        check_image(&c, step);
        check_files(&c, step);
        check_volumes(&c, step);
        check_resources(&c, step);
        if (c.network == PLR_NETWORK_SHARED && document->n_tasks > 1 && !has_own_network(step)) {
            check_shared(&c, step);
            check_shared_ports(&c, i);
        }
    }
    if (document->platform.os != NULL && document->platform.os[0] != '\0' &&
            strcmp(document->platform.os, "linux") != 0 && document->n_tasks > 0)
        complain(&c, document->tasks[0], "platform", "",
                "the document is for %s; the Docker backend runs Linux containers",
                document->platform.os);
    docker->host->op_complete(op, NULL);
}
