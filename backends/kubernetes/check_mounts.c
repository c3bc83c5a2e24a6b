/* SPDX-License-Identifier: MIT */
/* What cannot be mounted in a container of a pod. */
#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/check_parts.h"
#include "backends/kubernetes/layout.h"
#include "engine/base/path.h"

static void check_path(
        plr_kube_checker *c, const plr_step *step, const char *path, const char *where)
{
    static const char *const reserved[] = { PLR_KUBE_FOLDER, "/proc", "/sys" };
    bool bad = false;
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        bad |= plr_path_is_within(path, reserved[i]);
    if (bad)
        plr_check_error(&c->found, step, "bad-mount", where, "nothing can be mounted at %s", path);
    else if (strchr(path, ':') != NULL)
        plr_check_error(&c->found, step, "bad-mount", where,
                "Kubernetes mounts nothing at %s: there is a colon in it", path);
}

/* Two things at one path are no document; shared memory is a thing, too, here. */
static void check_shm(
        plr_kube_checker *c, const plr_step *step, const char *path, const char *where)
{
    if (step->docker.shm_size > 0 && strcmp(path, "/dev/shm") == 0)
        plr_check_error(&c->found, step, "duplicate-mount", where,
                "step \"%s\" has something at /dev/shm, and shared memory of a size of its own",
                step->metadata.name);
}

static void check_host_path(
        plr_kube_checker *c, const plr_step *step, const char *path, const char *where)
{
    bool device = strncmp(path, "/dev/", 5) == 0 && !plr_path_is_within(path, "/dev/shm");
    if (device && !step->docker.privileged)
        plr_check_error(&c->found, step, "device", where,
                "step \"%s\" cannot use the device %s: Kubernetes gives devices to privileged "
                "steps "
                "only (or by a device plugin, whose resource a --kube-pod-template can ask for)",
                step->metadata.name, path);
}

/* Memory is of one pod. */
static void check_shared_memory(
        plr_kube_checker *c, const plr_step *step, const plr_volume *volume, const char *where)
{
    size_t index = (size_t)(volume - c->document->volumes);
    if (c->place->layout == PLR_KUBE_LAYOUT_POD_PER_STEP && volume->temp != NULL &&
            strcmp(volume->temp->medium, "memory") == 0 &&
            plr_kube_is_claimed(c->document, c->place, index))
        plr_check_error(&c->found, step, "shared-memory", where,
                "the volume \"%s\" is in memory and used by several steps, and each has a pod of "
                "its own: pods cannot share memory. Give it another medium, or name a claim for it "
                "in a --kube-pod-template",
                volume->metadata.name);
}

void plr_kube_check_mounts(plr_kube_checker *c, const plr_step *step)
{
    const plr_volume *volumes = c->document->volumes;
    char where[64];
    for (size_t i = 0; i < step->n_volumes; i++) {
        const plr_volume *volume = &volumes[step->volumes[i].volume];
        snprintf(where, sizeof(where), "/volumes/%zu/path", i);
        check_path(c, step, step->volumes[i].path, where);
        check_shm(c, step, step->volumes[i].path, where);
        check_shared_memory(c, step, volume, where);
        if (volume->host != NULL)
            check_host_path(c, step, volume->host->path, where);
    }
    for (size_t i = 0; i < step->n_devices; i++) {
        snprintf(where, sizeof(where), "/devices/%zu/path", i);
        check_path(c, step, step->devices[i].path, where);
        check_host_path(c, step, volumes[step->devices[i].volume].host->path, where);
    }
    for (size_t i = 0; i < step->n_files; i++) {
        snprintf(where, sizeof(where), "/files/%zu/path", i);
        check_path(c, step, step->files[i].path, where);
        snprintf(where, sizeof(where), "/files/%zu/mode", i);
        if (step->files[i].mode > 0777)
            plr_check_error(&c->found, step, "bad-mode", where,
                    "the file %s cannot have mode %04llo: Kubernetes sets 0777 at most",
                    step->files[i].path, (unsigned long long)step->files[i].mode);
    }
}
