/* SPDX-License-Identifier: MIT */
/* Files that are to belong to a user other than root: what a Secret mounts is root's and stays so,
 * so before the steps begin plr-init copies them into memory, as that user. */
#include <stdio.h>

#include "backends/kubernetes/pod_parts.h"
#include "net/jsonc.h"

#define FROM PLR_KUBE_FOLDER "/from"
#define TO PLR_KUBE_FOLDER "/to"

bool plr_kube_owns_files(const plr_step *step)
{
    int64_t user, group;
    return plr_kube_user_read(step->docker.user, &user, &group) && user > 0 && step->n_files > 0;
}

/* Whether the files of both are copied by one container. */
static bool same_owner(const plr_step *a, const plr_step *b)
{
    int64_t users[2], groups[2];
    plr_kube_user_read(a->docker.user, &users[0], &groups[0]);
    plr_kube_user_read(b->docker.user, &users[1], &groups[1]);
    return users[0] == users[1] && groups[0] == groups[1];
}

static bool add_files(json_object *args, json_object *mounts, const plr_task *task)
{
    char volume[PLR_KUBE_NAME_SIZE], from[64], to[64], text[96];
    const plr_step *step = task->step;
    snprintf(from, sizeof(from), FROM "/%zu", task->index);
    snprintf(to, sizeof(to), TO "/%zu", task->index);
    plr_kube_step_volume(volume, PLR_KUBE_SOURCE, task->index);
    bool good = plr_kube_append_mount(mounts, volume, from, NULL, true);
    plr_kube_step_volume(volume, PLR_KUBE_FILES, task->index);
    good = plr_kube_append_mount(mounts, volume, to, NULL, false) && good;
    for (size_t i = 0; i < step->n_files && good; i++) {
        snprintf(text, sizeof(text), "%s/%zu", from, i);
        good = plr_jsonc_append(args, plr_jsonc_string(text));
        snprintf(text, sizeof(text), "%s/%zu", to, i);
        good = plr_jsonc_append(args, plr_jsonc_string(text)) && good;
        snprintf(text, sizeof(text), "%llu", (unsigned long long)step->files[i].mode);
        good = plr_jsonc_append(args, plr_jsonc_string(text)) && good;
    }
    return good;
}

/* For this task, and for all behind it whose user is the same. */
static json_object *make_copier(const plr_kube_pod_maker *maker, size_t first)
{
    static const char *const command[] = { PLR_KUBE_INIT, "--copy", "--" };
    char name[PLR_KUBE_NAME_SIZE];
    const plr_step *step = maker->tasks[first]->step;
    plr_kube_step_volume(name, PLR_KUBE_FILES, first);
    _cleanup_json_ json_object *container = plr_jsonc_object("name", plr_jsonc_string(name),
            "image", plr_jsonc_string(maker->place->settings->pause_image), "imagePullPolicy",
            plr_jsonc_string("IfNotPresent"), "command", plr_jsonc_strings(command, 3), NULL);
    json_object *args = json_object_new_array(), *mounts = json_object_new_array();
    bool good = plr_jsonc_add(container, "args", args);
    good = plr_jsonc_add(container, "volumeMounts", mounts) && good;
    good = good &&
           plr_kube_append_mount(mounts, PLR_KUBE_VOLUME_INIT, PLR_KUBE_FOLDER "/bin", NULL, true);
    for (size_t i = first; i < maker->document->n_tasks && good; i++)
        if (maker->tasks[i] != NULL && plr_kube_owns_files(maker->tasks[i]->step) &&
                same_owner(maker->tasks[i]->step, step))
            good = add_files(args, mounts, maker->tasks[i]);
    good = good && plr_kube_add_user(container, maker, step, false);
    return good ? steal(container) : NULL;
}

bool plr_kube_add_copiers(json_object *spec, const plr_kube_pod_maker *maker)
{
    json_object *containers = json_object_new_array();
    bool good = containers != NULL;
    for (size_t i = 0; i < maker->document->n_tasks && good; i++) {
        bool done = maker->tasks[i] == NULL || !plr_kube_owns_files(maker->tasks[i]->step);
        for (size_t k = 0; k < i && !done; k++)
            done = maker->tasks[k] != NULL && plr_kube_owns_files(maker->tasks[k]->step) &&
                   same_owner(maker->tasks[i]->step, maker->tasks[k]->step);
        good = done || plr_jsonc_append(containers, make_copier(maker, i));
    }
    return plr_kube_add_filled(spec, "initContainers", containers) && good;
}
