/* SPDX-License-Identifier: MIT */
/* The Service of a run, and where DNS has the names below it. */
#include "backends/kubernetes/service.h"

#include "engine/base/buf.h"
#include "net/jsonc.h"

static bool is_named(const plr_step *step)
{
    return plr_kube_is_dns_label(step->metadata.name);
}

bool plr_kube_has_service(const plr_run_view *run, const plr_kube_place *place)
{
    const plr_document *document = run->document;
    bool together = !document->serial, named = false;
    for (size_t i = 0; i < document->n_tasks; i++) {
        together |= document->tasks[i]->detach;
        named |= is_named(document->tasks[i]);
    }
    return place->layout == PLR_KUBE_LAYOUT_POD_PER_STEP &&
           place->settings->cluster_domain != NULL && document->n_tasks > 1 && together && named;
}

bool plr_kube_add_lives(json_object *metadata, bool lives)
{
    json_object *labels = plr_jsonc_get(metadata, "labels", json_type_object);
    if (labels == NULL) {
        labels = json_object_new_object();
        if (!plr_jsonc_add(metadata, "labels", labels))
            return false;
    }
    return plr_jsonc_add(labels, PLR_KUBE_LABEL_LIVES, plr_jsonc_string(lives ? "true" : "false"));
}

json_object *plr_kube_service(const plr_run_view *run, const plr_kube_place *place)
{
    char name[PLR_KUBE_NAME_SIZE];
    plr_kube_pod_name(name, run->id, NULL);
    /* Who is not ready yet is found, too: whether to wait for that is the engine's to decide. */
    return plr_jsonc_object("apiVersion", plr_jsonc_string("v1"), "kind",
            plr_jsonc_string("Service"), "metadata",
            plr_kube_metadata(run, name, place->namespace_name, place->now_s), "spec",
            plr_jsonc_object("clusterIP", plr_jsonc_string("None"), "publishNotReadyAddresses",
                    json_object_new_boolean(true), "selector",
                    plr_jsonc_object(PLR_KUBE_LABEL_RUN, plr_jsonc_string(run->id),
                            PLR_KUBE_LABEL_LIVES, plr_jsonc_string("true"), NULL),
                    NULL),
            NULL);
}

const char *plr_kube_hostname(const plr_run_view *run, const plr_kube_place *place)
{
    return place->only != NULL && is_named(place->only->step) && plr_kube_has_service(run, place)
                   ? place->only->step->metadata.name
                   : NULL;
}

json_object *plr_kube_search_domain(const plr_run_view *run, const plr_kube_place *place)
{
    _cleanup_buf_ plr_buf text = { 0 };
    char name[PLR_KUBE_NAME_SIZE];
    plr_kube_pod_name(name, run->id, NULL);
    plr_buf_printf(
            &text, "%s.%s.svc.%s", name, place->namespace_name, place->settings->cluster_domain);
    return text.failed ? NULL : plr_jsonc_string(text.data);
}
