/* SPDX-License-Identifier: MIT */
/* The strategic merge of a template into a pod. Which lists are merged by which member is what the
 * API's own types say; all others are replaced as a whole. */
#include "backends/kubernetes/template.h"

#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/names.h"
#include "engine/base/error.h"
#include "net/jsonc.h"

/* How deep a template may nest is the reader's to limit. */

static const struct {
    const char *list, *key;
} merged_by[] = {
    { "containers", "name" },
    { "initContainers", "name" },
    { "volumes", "name" },
    { "imagePullSecrets", "name" },
    { "hostAliases", "ip" },
    { "env", "name" },
    { "volumeMounts", "mountPath" },
    { "volumeDevices", "devicePath" },
    { "ports", "containerPort" },
    { "topologySpreadConstraints", "topologyKey" },
    { "schedulingGates", "name" },
    { "resourceClaims", "name" },
};

static const char *merge_key(const char *list)
{
    for (size_t i = 0; i < sizeof(merged_by) / sizeof(merged_by[0]); i++)
        if (strcmp(merged_by[i].list, list) == 0)
            return merged_by[i].key;
    return NULL;
}

static bool has_patch(json_object *value, const char *what)
{
    return strcmp(plr_jsonc_text(value, "$patch"), what) == 0;
}

static json_object *copy_of(json_object *value)
{
    json_object *copy = NULL;
    return json_object_deep_copy(value, &copy, NULL) == 0 ? copy : NULL;
}

/* The item with the same key, as text: numbers of ports compare, too. */
static bool find_item(json_object *list, const char *key, json_object *item, size_t *ret_at)
{
    json_object *wanted = NULL, *found;
    if (!json_object_object_get_ex(item, key, &wanted))
        return false;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *other = json_object_array_get_idx(list, i);
        if (json_object_object_get_ex(other, key, &found) && json_object_equal(found, wanted)) {
            *ret_at = i;
            return true;
        }
    }
    return false;
}

static int merge_object(json_object *target, json_object *patch, plr_error *err);

/* Another source takes the place of the one that was there: a volume has one. */
static void drop_other_source(json_object *volume, json_object *patch)
{
    bool other = false;
    json_object_object_foreach(patch, key, value)
    {
        (void)value;
        other |= !json_object_object_get_ex(volume, key, NULL);
    }
    if (!other)
        return;
    static const char *const ours[] = { "emptyDir", "hostPath", "secret", "downwardAPI" };
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        json_object_object_del(volume, ours[i]);
}

static int merge_item(
        json_object *list, const char *name, const char *key, json_object *item, plr_error *err)
{
    size_t at;
    bool found = find_item(list, key, item, &at);
    if (has_patch(item, "delete")) {
        if (found)
            json_object_array_del_idx(list, at, 1);
        return 0;
    }
    if (!found)
        return plr_jsonc_append(list, copy_of(item)) ? 0 : plr_error_nomem(err);
    if (strcmp(name, "volumes") == 0)
        drop_other_source(json_object_array_get_idx(list, at), item);
    return merge_object(json_object_array_get_idx(list, at), item, err);
}

static int merge_list(json_object *list, const char *name, json_object *patch, plr_error *err)
{
    const char *key = merge_key(name);
    bool replace = key == NULL;
    for (size_t i = 0; i < json_object_array_length(patch); i++)
        replace |= has_patch(json_object_array_get_idx(patch, i), "replace");
    if (replace && json_object_array_length(list) > 0)
        json_object_array_del_idx(list, 0, json_object_array_length(list));
    int r = 0;
    for (size_t i = 0; i < json_object_array_length(patch) && r == 0; i++) {
        json_object *item = json_object_array_get_idx(patch, i);
        if (has_patch(item, "replace"))
            continue;
        if (!replace)
            r = merge_item(list, name, key, item, err);
        else if (!plr_jsonc_append(list, copy_of(item)))
            r = plr_error_nomem(err);
    }
    return r;
}

static int merge_member(json_object *target, const char *key, json_object *value, plr_error *err)
{
    json_object *there = NULL;
    json_object_object_get_ex(target, key, &there);
    if (value == NULL) {
        json_object_object_del(target, key);
        return 0;
    }
    bool nested = json_object_is_type(there, json_type_object) ||
                  json_object_is_type(there, json_type_array);
    if (nested && json_object_get_type(there) != json_object_get_type(value))
        return plr_error_set(err, PLR_ERR_CONFIGURATION, "the pod template's \"%s\" is to be %s",
                key, json_object_is_type(there, json_type_object) ? "a map" : "a list");
    if (nested && json_object_is_type(there, json_type_array))
        return merge_list(there, key, value, err);
    if (nested && !has_patch(value, "replace"))
        return merge_object(there, value, err);
    json_object *copy = copy_of(value);
    if (json_object_is_type(copy, json_type_object))
        json_object_object_del(copy, "$patch");
    return plr_jsonc_add(target, key, copy) ? 0 : plr_error_nomem(err);
}

static int merge_object(json_object *target, json_object *patch, plr_error *err)
{
    int r = 0;
    json_object_object_foreach(patch, key, value)
    {
        if (r == 0)
            r = merge_member(target, key, value, err);
    }
    return r;
}

/* Volumes are called in a template as in the document, and as ours in a pod. */
static bool rename_volumes(json_object *list, const plr_document *document)
{
    bool good = true;
    for (size_t i = 0; list != NULL && i < json_object_array_length(list) && good; i++) {
        json_object *item = json_object_array_get_idx(list, i);
        const char *name = plr_jsonc_text(item, "name");
        for (size_t v = 0; v < document->n_volumes; v++) {
            char own[PLR_KUBE_NAME_SIZE];
            if (strcmp(document->volumes[v].metadata.name, name) != 0)
                continue;
            plr_kube_volume_name(own, v);
            good = plr_jsonc_add(item, "name", plr_jsonc_string(own));
            break;
        }
    }
    return good;
}

/* A template's container laid over each attempt of a step of that name. */
static int apply_container(
        json_object *containers, json_object *patch, const plr_document *document, plr_error *err)
{
    _cleanup_free_ char *wanted = strdup(plr_jsonc_text(patch, "name"));
    bool all, known = false;
    if (wanted == NULL)
        return plr_error_nomem(err);
    all = strcmp(wanted, "*") == 0;
    for (size_t i = 0; i < document->n_tasks; i++)
        known |= strcmp(document->tasks[i]->metadata.name, wanted) == 0;
    if (!known && !all)
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "the pod template has a container \"%s\": there is no step of that name, and no "
                "other containers can be added (\"*\" means every step)",
                wanted);
    json_object_object_del(patch, "name");
    for (size_t i = 0; i < json_object_array_length(containers); i++) {
        json_object *container = json_object_array_get_idx(containers, i);
        size_t task;
        unsigned attempt;
        if (!plr_kube_container_parse(plr_jsonc_text(container, "name"), &task, &attempt) ||
                (!all && strcmp(document->tasks[task]->metadata.name, wanted) != 0))
            continue;
        int r = merge_object(container, patch, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int apply_containers(
        json_object *spec, json_object *list, const plr_document *document, plr_error *err)
{
    json_object *containers = plr_jsonc_get(spec, "containers", json_type_array);
    int r = 0;
    for (size_t i = 0; i < json_object_array_length(list) && r == 0; i++) {
        json_object *patch = json_object_array_get_idx(list, i);
        if (!rename_volumes(plr_jsonc_get(patch, "volumeMounts", json_type_array), document))
            return plr_error_nomem(err);
        r = apply_container(containers, patch, document, err);
    }
    return r;
}

int plr_kube_template_apply(
        json_object *pod, json_object *pod_template, const plr_document *document, plr_error *err)
{
    _cleanup_json_ json_object *patch = copy_of(pod_template);
    if (patch == NULL)
        return plr_error_nomem(err);
    json_object *spec = plr_jsonc_get(patch, "spec", json_type_object);
    json_object *containers = plr_jsonc_get(spec, "containers", json_type_array);
    json_object *init = plr_jsonc_get(spec, "initContainers", json_type_array);
    int r = 0;
    if (!rename_volumes(plr_jsonc_get(spec, "volumes", json_type_array), document))
        return plr_error_nomem(err);
    for (size_t i = 0; init != NULL && i < json_object_array_length(init); i++)
        if (!rename_volumes(plr_jsonc_get(json_object_array_get_idx(init, i), "volumeMounts",
                                    json_type_array),
                    document))
            return plr_error_nomem(err);
    if (containers != NULL) {
        r = apply_containers(
                plr_jsonc_get(pod, "spec", json_type_object), containers, document, err);
        json_object_object_del(spec, "containers");
    }
    return r < 0 ? r : merge_object(pod, patch, err);
}
