/* SPDX-License-Identifier: MIT */
/* Which layout a run has: see layout.h. */
#include "backends/kubernetes/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/kubernetes/pod_parts.h"
#include "net/jsonc.h"

/* Of a claim whose volume has no size_limit. */
#define CLAIM_SIZE "1Gi"

/* JSON of a container without texts of the document, of an entry in its environment without the two
 * texts, of something that it names, and of a step that it waits for. */
#define CONTAINER_SIZE 1100
#define MEMBERS_SIZE 24
#define REFERENCE_SIZE 160
#define DEPENDENCY_SIZE 6

/* The n-th port that a step is known to listen on; 0: no more. */
static int64_t own_port(const plr_step *step, size_t n, const char **ret_where)
{
    const plr_docker_options *docker = &step->docker;
    *ret_where = "/docker/ports";
    if (n < docker->n_ports)
        return strcmp(docker->ports[n].protocol, "tcp") == 0 ? docker->ports[n].port : -1;
    *ret_where = "/ready";
    if (step->ready == NULL || n > docker->n_ports + 1)
        return 0;
    if (n == docker->n_ports)
        return step->ready->tcp > 0 ? step->ready->tcp : -1;
    const char *http = step->ready->http;
    return http == NULL ? -1 : strtoll(http + (http[0] == ':'), NULL, 10);
}

static bool listens(const plr_step *step, int64_t port)
{
    const char *where;
    int64_t other;
    for (size_t i = 0; (other = own_port(step, i, &where)) != 0; i++)
        if (other == port)
            return true;
    return false;
}

int64_t plr_kube_shared_port(const plr_step *step, const plr_step *other, const char **ret_where)
{
    int64_t port;
    if (!step->detach || !other->detach)
        return 0;
    for (size_t i = 0; (port = own_port(step, i, ret_where)) != 0; i++)
        if (port > 0 && listens(other, port))
            return port;
    return 0;
}

static bool ports_clash(const plr_document *document)
{
    const char *where;
    for (size_t i = 0; i < document->n_tasks; i++)
        for (size_t k = 0; k < i; k++)
            if (plr_kube_shared_port(document->tasks[i], document->tasks[k], &where) > 0)
                return true;
    return false;
}

static size_t count_containers(const plr_document *document)
{
    size_t n = 0;
    for (size_t i = 0; i < document->n_tasks; i++)
        n += plr_kube_attempts(document->tasks[i]);
    return n;
}

/* No less than a string takes as JSON in a container. */
static size_t text_size(const char *text)
{
    size_t n = 4; /* quotes, and what stands between strings */
    for (; text != NULL && *text != '\0'; text++)
        n += (unsigned char)*text < ' ' ? 6 : *text == '"' || *text == '\\' || *text == '$' ? 2 : 1;
    return n;
}

static size_t texts_size(const char *const *texts, size_t n_texts)
{
    size_t n = 0;
    for (size_t i = 0; i < n_texts; i++)
        n += text_size(texts[i]);
    return n;
}

static size_t environment_size(const plr_pair *pairs, size_t n_pairs)
{
    size_t n = 0;
    for (size_t i = 0; i < n_pairs; i++)
        n += MEMBERS_SIZE + text_size(pairs[i].name) + text_size(pairs[i].value);
    return n;
}

/* No less than a container of the step takes in the pod's JSON, and its step in the plan. */
static size_t container_size(const plr_run_view *run, const plr_step *step)
{
    size_t n = CONTAINER_SIZE + PLR_KUBE_STATUS_SIZE;
    n += text_size(step->metadata.name) + text_size(step->docker.image);
    n += text_size(step->working_dir) + step->n_dependencies * DEPENDENCY_SIZE;
    n += texts_size(step->docker.command, step->docker.n_command);
    n += texts_size(step->docker.args, step->docker.n_args);
    n += texts_size(step->kubernetes.command, step->kubernetes.n_command);
    n += texts_size(step->kubernetes.args, step->kubernetes.n_args);
    n += environment_size(step->environment, step->n_environment);
    n += environment_size(run->host_environment, run->n_host_environment);
    for (size_t i = 0; i < step->n_secrets; i++)
        n += REFERENCE_SIZE + text_size(step->secrets[i].env);
    for (size_t i = 0; i < step->n_volumes; i++)
        n += REFERENCE_SIZE + text_size(step->volumes[i].path);
    for (size_t i = 0; i < step->n_files; i++)
        n += 2 * REFERENCE_SIZE + text_size(step->files[i].path);
    return n;
}

static size_t pod_size(const plr_run_view *run)
{
    size_t n = 0;
    for (size_t i = 0; i < run->document->n_tasks; i++) {
        const plr_step *step = run->document->tasks[i];
        n += plr_kube_attempts(step) * container_size(run, step);
    }
    return n;
}

static const char *why_not_one(const plr_run_view *run)
{
    if (run->network == PLR_NETWORK_ISOLATED)
        return "the run's network is isolated";
    if (ports_clash(run->document))
        return "two services have the same port";
    if (count_containers(run->document) > PLR_KUBE_CONTAINERS_MAX)
        return "its attempts are more containers than a pod can have";
    if (pod_size(run) > PLR_KUBE_POD_MAX)
        return "its steps are more text than a pod can hold";
    return NULL;
}

plr_kube_layout plr_kube_layout_of(
        const plr_run_view *run, const plr_kube_settings *settings, const char **ret_why)
{
    *ret_why = why_not_one(run);
    if (settings->layout != PLR_KUBE_LAYOUT_AUTO)
        return settings->layout;
    return *ret_why == NULL ? PLR_KUBE_LAYOUT_ONE_POD : PLR_KUBE_LAYOUT_POD_PER_STEP;
}

size_t plr_kube_volume_pods(const plr_document *document, size_t volume)
{
    size_t n = 0;
    for (size_t i = 0; i < document->n_tasks; i++) {
        const plr_step *step = document->tasks[i];
        for (size_t k = 0; k < step->n_volumes; k++)
            if (step->volumes[k].volume == volume) {
                n += plr_kube_attempts(step);
                break;
            }
    }
    return n;
}

/* The template calls it as the document does. */
static bool is_in_template(const plr_kube_place *place, const char *name)
{
    json_object *list = plr_jsonc_at(place->pod_template, json_type_array, "spec", "volumes", NULL);
    for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++)
        if (strcmp(plr_jsonc_text(json_object_array_get_idx(list, i), "name"), name) == 0)
            return true;
    return false;
}

bool plr_kube_is_claimed(const plr_document *document, const plr_kube_place *place, size_t volume)
{
    const plr_volume *v = &document->volumes[volume];
    return v->temp != NULL && plr_kube_volume_pods(document, volume) > 1 &&
           !is_in_template(place, v->metadata.name);
}

bool plr_kube_has_claims(const plr_document *document, const plr_kube_place *place)
{
    for (size_t i = 0; i < document->n_volumes; i++)
        if (plr_kube_is_claimed(document, place, i))
            return true;
    return false;
}

bool plr_kube_needs_one_node(const plr_document *document)
{
    for (size_t i = 0; i < document->n_volumes; i++)
        if (plr_kube_volume_pods(document, i) > 1)
            return true;
    return false;
}

void plr_kube_claim_name(char ret_name[PLR_KUBE_NAME_SIZE], const char *run_id, size_t volume)
{
    snprintf(ret_name, PLR_KUBE_NAME_SIZE, "plr-%s-v%zu", run_id, volume);
}

static json_object *make_claim(const plr_run_view *run, const plr_kube_place *place, size_t volume)
{
    char name[PLR_KUBE_NAME_SIZE], size[32] = CLAIM_SIZE;
    const plr_volume_temp *temp = run->document->volumes[volume].temp;
    const char *class_name = place->settings->storage_class;
    if (temp->size_limit > 0)
        snprintf(size, sizeof(size), "%lld", (long long)temp->size_limit);
    plr_kube_claim_name(name, run->id, volume);
    json_object *spec = plr_jsonc_object("accessModes",
            plr_jsonc_list(plr_jsonc_string("ReadWriteOnce")), "resources",
            plr_jsonc_object(
                    "requests", plr_jsonc_object("storage", plr_jsonc_string(size), NULL), NULL),
            NULL);
    bool good = class_name == NULL ||
                plr_jsonc_add(spec, "storageClassName", plr_jsonc_string(class_name));
    json_object *claim = plr_jsonc_object("apiVersion", plr_jsonc_string("v1"), "kind",
            plr_jsonc_string("PersistentVolumeClaim"), "metadata",
            plr_kube_metadata(run, name, place->namespace_name, place->now_s), "spec", spec, NULL);
    if (good)
        return claim;
    json_object_put(claim);
    return NULL;
}

json_object *plr_kube_claims(const plr_run_view *run, const plr_kube_place *place)
{
    _cleanup_json_ json_object *claims = json_object_new_array();
    bool good = claims != NULL;
    for (size_t i = 0; i < run->document->n_volumes && good; i++)
        good = !plr_kube_is_claimed(run->document, place, i) ||
               plr_jsonc_append(claims, make_claim(run, place, i));
    return good ? steal(claims) : NULL;
}
