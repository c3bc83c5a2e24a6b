/* SPDX-License-Identifier: MIT */
/* What would be created, as YAML: the very objects, but for what is secret in them. */
#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/check.h"
#include "backends/kubernetes/layout.h"
#include "backends/kubernetes/secret.h"
#include "backends/kubernetes/service.h"
#include "backends/kubernetes/yaml.h"
#include "engine/base/error.h"
#include "net/jsonc.h"

/* In place of a Secret's data its keys, with a text that the API takes for that kind of Secret.
 * NULL has none. */
static bool hide(json_object *secret)
{
    json_object *data = plr_jsonc_get(secret, "data", json_type_object);
    json_object *shown = json_object_new_object();
    bool good = shown != NULL;
    if (data == NULL) {
        json_object_put(shown);
        return true;
    }
    json_object_object_foreach(data, key, value)
    {
        (void)value;
        good = good &&
               plr_jsonc_add(shown, key,
                       plr_jsonc_string(strcmp(key, ".dockerconfigjson") == 0 ? "{\"auths\":{}}"
                                                                              : "<hidden>"));
    }
    json_object_object_del(secret, "data");
    return plr_jsonc_add(secret, "stringData", shown) && good;
}

/* plr-init is no secret, and one that is in the namespace already cannot be changed. Its bytes are
 * what people read last. */
static int put_objects(plr_buf *out, const plr_run_view *run, plr_task *const *tasks,
        size_t n_tasks, const plr_kube_place *place, bool init_too, plr_error *err)
{
    _cleanup_kube_objects_ plr_kube_objects objects = { 0 };
    _cleanup_json_ json_object *init = NULL;
    int r = plr_kube_objects_new(&objects, run, tasks, n_tasks, place, err);
    if (r == 0 && init_too)
        r = plr_kube_init_secret(&init, plr_kube_architecture(run, place), place, true, err);
    if (r < 0)
        return r;
    if (!hide(objects.run_secret) || !hide(objects.pull_secret))
        return plr_error_nomem(err);
    json_object *const all[] = { objects.run_secret, objects.pull_secret, objects.pod, init };
    for (size_t i = 0; objects.claims != NULL && i < json_object_array_length(objects.claims); i++)
        plr_yaml_put(out, json_object_array_get_idx(objects.claims, i));
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i] != NULL)
            plr_yaml_put(out, all[i]);
    return 0;
}

int plr_kube_plan_text(char **ret_text, const plr_run_view *run, plr_task *const *tasks,
        size_t n_tasks, const plr_kube_place *asked, plr_error *err)
{
    _cleanup_buf_ plr_buf out = { 0 };
    const char *why;
    plr_kube_place place = *asked;
    place.layout = plr_kube_layout_of(run, place.settings, &why);
    if (place.layout != PLR_KUBE_LAYOUT_POD_PER_STEP) {
        int r = put_objects(&out, run, tasks, n_tasks, &place, true, err);
        return r < 0 ? r : plr_buf_steal(&out, ret_text, err);
    }
    if (plr_kube_has_service(run, &place)) {
        _cleanup_json_ json_object *service = plr_kube_service(run, &place);
        if (service == NULL)
            return plr_error_nomem(err);
        plr_yaml_put(&out, service);
    }
    for (size_t i = 0; i < n_tasks; i++) {
        place.only = tasks[i];
        place.with_claims = i == 0;
        int r = put_objects(&out, run, &tasks[i], 1, &place, i + 1 == n_tasks, err);
        if (r < 0)
            return r;
    }
    return plr_buf_steal(&out, ret_text, err);
}
