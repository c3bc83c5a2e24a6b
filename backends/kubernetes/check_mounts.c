/* SPDX-License-Identifier: MIT */
/* What cannot be mounted in a container of a pod. */
#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/check_parts.h"

/* Whether `path` is `folder` or below it. */
static bool is_below(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static bool has_dots(const char *path)
{
    for (const char *at = path; (at = strstr(at, "..")) != NULL; at += 2)
        if ((at == path || at[-1] == '/') && (at[2] == '\0' || at[2] == '/'))
            return true;
    return false;
}

static void check_path(
        plr_kube_checker *c, const plr_step *step, const char *path, const char *where)
{
    static const char *const reserved[] = { PLR_KUBE_FOLDER, "/proc", "/sys" };
    bool bad = strcmp(path, "/") == 0;
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        bad |= is_below(path, reserved[i]);
    if (bad)
        plr_kube_complain(c, step, "bad-mount", where, "nothing can be mounted at %s", path);
    else if (strchr(path, ':') != NULL)
        plr_kube_complain(c, step, "bad-mount", where,
                "Kubernetes mounts nothing at %s: there is a colon in it", path);
}

/* The n-th of all that a step mounts: volumes, devices, files, shared memory. NULL: no more. */
static const char *mount_path(const plr_step *step, size_t n)
{
    if (n < step->n_volumes)
        return step->volumes[n].path;
    n -= step->n_volumes;
    if (n < step->n_devices)
        return step->devices[n].path;
    n -= step->n_devices;
    if (n < step->n_files)
        return step->files[n].path;
    return n == step->n_files && step->docker.shm_size > 0 ? "/dev/shm" : NULL;
}

static void check_duplicates(plr_kube_checker *c, const plr_step *step)
{
    const char *path;
    for (size_t i = 0; (path = mount_path(step, i)) != NULL; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(mount_path(step, k), path) == 0)
                plr_kube_complain(c, step, "duplicate-mount", "",
                        "step \"%s\" has two things at %s; Kubernetes mounts one at a path",
                        step->metadata.name, path);
}

static void check_host_path(
        plr_kube_checker *c, const plr_step *step, const char *path, const char *where)
{
    bool device = strncmp(path, "/dev/", 5) == 0 && !is_below(path, "/dev/shm");
    if (path[0] != '/' || has_dots(path))
        plr_kube_complain(c, step, "bad-mount", where,
                "Kubernetes cannot mount %s: a path of the node begins with / and has no \"..\"",
                path);
    if (device && !step->docker.privileged)
        plr_kube_complain(c, step, "device", where,
                "step \"%s\" cannot use the device %s: Kubernetes gives devices to privileged "
                "steps "
                "only (or by a device plugin, whose resource a --kube-pod-template can ask for)",
                step->metadata.name, path);
}

void plr_kube_check_mounts(plr_kube_checker *c, const plr_step *step)
{
    const plr_volume *volumes = c->document->volumes;
    char where[64];
    for (size_t i = 0; i < step->n_volumes; i++) {
        const plr_volume *volume = &volumes[step->volumes[i].volume];
        snprintf(where, sizeof(where), "/volumes/%zu/path", i);
        check_path(c, step, step->volumes[i].path, where);
        if (volume->host != NULL)
            check_host_path(c, step, volume->host->path, where);
    }
    for (size_t i = 0; i < step->n_devices; i++) {
        const plr_volume *volume = &volumes[step->devices[i].volume];
        snprintf(where, sizeof(where), "/devices/%zu/path", i);
        check_path(c, step, step->devices[i].path, where);
        snprintf(where, sizeof(where), "/devices/%zu/name", i);
        if (volume->host == NULL)
            plr_kube_complain(c, step, "bad-device", where, "volume \"%s\" is no path of the host",
                    step->devices[i].name);
        else
            check_host_path(c, step, volume->host->path, where);
    }
    for (size_t i = 0; i < step->n_files; i++) {
        snprintf(where, sizeof(where), "/files/%zu/path", i);
        check_path(c, step, step->files[i].path, where);
        snprintf(where, sizeof(where), "/files/%zu/mode", i);
        if (step->files[i].mode > 0777)
            plr_kube_complain(c, step, "bad-mode", where,
                    "the file %s cannot have mode %04llo: Kubernetes sets 0777 at most",
                    step->files[i].path, (unsigned long long)step->files[i].mode);
    }
    check_duplicates(c, step);
}
