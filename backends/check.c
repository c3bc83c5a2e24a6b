/* SPDX-License-Identifier: MIT */
#include "backends/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/path.h"
#include "net/image_name.h"

static void find(plr_check *check, const plr_step *step, plr_severity severity, const char *code,
        const char *where, const char *format, va_list arguments) PLR_PRINTF(6, 0);

static void find(plr_check *check, const plr_step *step, plr_severity severity, const char *code,
        const char *where, const char *format, va_list arguments)
{
    char text[900], pointer[300];
    vsnprintf(text, sizeof(text), format, arguments);
    snprintf(pointer, sizeof(pointer), "%s%s",
            step == NULL || step->pointer == NULL ? "" : step->pointer, where);
    plr_diagnostic diagnostic = {
        .size = sizeof(diagnostic),
        .severity = severity,
        .code = code,
        .pointer = pointer,
        .line = step == NULL ? 0 : step->line,
        .column = step == NULL ? 0 : step->column,
        .text = text,
    };
    check->n_errors += severity == PLR_SEVERITY_ERROR;
    check->host->op_diagnostic(check->op, &diagnostic);
}

void plr_check_error(plr_check *check, const plr_step *step, const char *code, const char *where,
        const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    find(check, step, PLR_SEVERITY_ERROR, code, where, format, arguments);
    va_end(arguments);
}

void plr_check_warning(plr_check *check, const plr_step *step, const char *code, const char *where,
        const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    find(check, step, PLR_SEVERITY_WARNING, code, where, format, arguments);
    va_end(arguments);
}

void plr_check_image(plr_check *check, const plr_step *step, const char *backend)
{
    plr_error err = { 0 };
    _cleanup_image_name_ plr_image_name name = { 0 };
    const char *image = step->docker.image;
    if (image == NULL || image[0] == '\0')
        plr_check_error(check, step, "no-image", "/docker",
                "step \"%s\" names no image; %s needs one", step->metadata.name, backend);
    else if (plr_image_name_parse(&name, image, &err) < 0)
        plr_check_error(check, step, "bad-image", "/docker/image", "%s", err.message);
}

static bool is_memory(const plr_volume *volume)
{
    return volume->temp != NULL && strcmp(volume->temp->medium, "memory") == 0;
}

void plr_check_files(plr_check *check, const plr_step *step, const char *const *reserved)
{
    char where[64];
    for (size_t i = 0; i < step->n_files; i++) {
        const char *path = step->files[i].path;
        snprintf(where, sizeof(where), "/files/%zu/path", i);
        for (size_t k = 0; reserved[k] != NULL; k++)
            if (plr_path_is_within(path, reserved[k]))
                plr_check_error(check, step, "hidden-file", where,
                        "a file cannot be put at %s: %s is mounted over it when the step starts",
                        path, reserved[k]);
        for (size_t k = 0; k < step->n_volumes; k++)
            if (is_memory(&check->document->volumes[step->volumes[k].volume]) &&
                    plr_path_is_within(path, step->volumes[k].path))
                plr_check_error(check, step, "hidden-file", where,
                        "a file cannot be put at %s: the memory volume at %s hides it", path,
                        step->volumes[k].path);
    }
}

void plr_check_mounts(plr_check *check, const plr_step *step, const char *const *reserved)
{
    char where[64];
    for (size_t i = 0; i < step->n_volumes; i++) {
        const char *path = step->volumes[i].path;
        snprintf(where, sizeof(where), "/volumes/%zu/path", i);
        for (size_t k = 0; reserved[k] != NULL; k++)
            if (plr_path_is_within(path, reserved[k]))
                plr_check_error(
                        check, step, "bad-mount", where, "nothing can be mounted at %s", path);
    }
}

static bool clash(const plr_port *a, const plr_port *b)
{
    return a->host > 0 && a->host == b->host && strcmp(a->protocol, b->protocol) == 0;
}

void plr_check_host_ports(plr_check *check, size_t task)
{
    const plr_step *step = check->document->tasks[task];
    const plr_docker_options *mine = &step->docker;
    char where[64];
    for (size_t i = 0; i < mine->n_ports; i++) {
        snprintf(where, sizeof(where), "/docker/ports/%zu/host", i);
        for (size_t t = 0; t <= task && mine->ports[i].host > 0; t++) {
            const plr_docker_options *other = &check->document->tasks[t]->docker;
            for (size_t k = 0; k < (t == task ? i : other->n_ports); k++)
                if (clash(&mine->ports[i], &other->ports[k]))
                    plr_check_error(check, step, "port-clash", where,
                            "port %lld of the host is published twice in this run",
                            (long long)mine->ports[i].host);
        }
    }
}
