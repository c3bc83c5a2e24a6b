/* SPDX-License-Identifier: MIT */
/* The pod of a run, put together from its parts, and all objects of a run in a row. */
#include "backends/kubernetes/pod.h"

#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/layout.h"
#include "backends/kubernetes/pod_parts.h"
#include "backends/kubernetes/secret.h"
#include "backends/kubernetes/service.h"
#include "backends/kubernetes/template.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "init/plan.h"
#include "net/jsonc.h"
#include "net/platform.h"

#define SECOND INT64_C(1000000000)

/* As long as plr-init waits by itself while containers are still made. */
#define PULL_LEASE_S 900

static void maker_clear(plr_kube_pod_maker *maker)
{
    free(maker->tasks);
    free(maker->order);
    free(maker->requests);
    json_object_put(maker->hosts);
}

const char *plr_kube_architecture(const plr_run_view *run, const plr_kube_place *place)
{
    static const char *const known[] = { "amd64", "arm64" };
    json_object *selector =
            plr_jsonc_at(place->pod_template, json_type_object, "spec", "nodeSelector", NULL);
    const char *wanted = run->document->platform.arch;
    if (wanted == NULL || wanted[0] == '\0')
        wanted = plr_jsonc_text(selector, "kubernetes.io/arch");
    if (wanted[0] == '\0')
        wanted = plr_platform_or_here(NULL).arch;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(known[i], wanted) == 0)
            return known[i];
    return NULL;
}

static bool is_restricted(const plr_task *task)
{
    const plr_docker_options *docker = &task->step->docker;
    int64_t user, group;
    bool good = plr_kube_user_read(docker->user, &user, &group) && user > 0 &&
                !docker->privileged && task->step->n_devices == 0;
    for (size_t i = 0; i < task->n_volumes; i++)
        good &= task->volumes[i].temp != NULL;
    for (size_t i = 0; i < docker->n_ports; i++)
        good &= docker->ports[i].host <= 0;
    return good;
}

/* Where an image is patched in at its turn, the kubelet is busy pulling it then, and brings no word
 * meanwhile. */
static void count_containers(plr_kube_pod_maker *maker)
{
    maker->lease_s = plr_kube_lease_s(maker->run);
    if (maker->place->only != NULL) {
        maker->n_containers = 1;
        return;
    }
    for (size_t i = 0; i < maker->document->n_tasks; i++) {
        unsigned n = maker->tasks[i] == NULL ? 0 : plr_kube_attempts(maker->document->tasks[i]);
        maker->n_containers += n;
        for (unsigned attempt = 1; attempt <= n; attempt++)
            if (plr_kube_image_comes_later(
                        plr_kube_hold_of(maker->run, maker->place, i, attempt)) &&
                    maker->lease_s < PULL_LEASE_S)
                maker->lease_s = PULL_LEASE_S;
    }
}

static int maker_init(
        plr_kube_pod_maker *maker, plr_task *const *tasks, size_t n_tasks, plr_error *err)
{
    size_t n = maker->document->n_tasks;
    _cleanup_free_ bool *present = calloc(n + 1, sizeof(*present));
    maker->tasks = calloc(n + 1, sizeof(*maker->tasks));
    if (present == NULL || maker->tasks == NULL || !plr_kube_hosts_init(maker))
        return plr_error_nomem(err);
    maker->restricted = maker->run->network != PLR_NETWORK_HOST;
    for (size_t i = 0; i < n_tasks; i++) {
        const plr_task *task = tasks[i];
        maker->tasks[task->index] = task;
        present[task->index] = true;
        maker->restricted &= is_restricted(task);
        for (size_t k = 0; k < task->n_volumes; k++)
            if (task->volumes[k].volume == PLR_NONE)
                return plr_error_set(err, PLR_ERR_CONFIGURATION,
                        "the folder %s of this machine cannot be the workspace of a pod: fetch "
                        "what the steps need in a step, into a volume",
                        task->volumes[k].host_path);
    }
    count_containers(maker);
    int r = plr_kube_order(&maker->order, maker->document, err);
    return r < 0 ? r
                 : plr_kube_requests(&maker->requests, maker->document, maker->order, present, err);
}

static const plr_rule_kind kinds[] = {
    [PLR_STEP_SERVICE] = PLR_RULE_SERVICE,
    [PLR_STEP_STEP] = PLR_RULE_STEP,
    [PLR_STEP_HOOK_SUCCESS] = PLR_RULE_HOOK,
    [PLR_STEP_HOOK_FAILURE] = PLR_RULE_HOOK,
    [PLR_STEP_HOOK_ALWAYS] = PLR_RULE_HOOK,
};

static const plr_rule_policy policies[] = {
    [PLR_RUN_ON_SUCCESS] = PLR_RULE_ON_SUCCESS,
    [PLR_RUN_ON_FAILURE] = PLR_RULE_ON_FAILURE,
    [PLR_RUN_ALWAYS] = PLR_RULE_ALWAYS,
    [PLR_RUN_NEVER] = PLR_RULE_NEVER,
};

/* What each plr-init knows of all steps. */
static int make_plan(char **ret_text, const plr_kube_pod_maker *maker, plr_error *err)
{
    size_t n = maker->document->n_tasks;
    _cleanup_free_ plr_rule_step *rules = calloc(n + 1, sizeof(*rules));
    _cleanup_free_ plr_init_plan_step *steps = calloc(n + 1, sizeof(*steps));
    if (rules == NULL || steps == NULL)
        return plr_error_nomem(err);
    for (size_t i = 0; i < n; i++) {
        const plr_step *step = maker->document->tasks[i];
        rules[i] = (plr_rule_step){
            .kind = kinds[step->kind],
            .policy = policies[step->run_policy],
            .detach = step->detach,
            .ignore_err = step->ignore_err,
            .above = step->dependencies,
            .n_above = step->n_dependencies,
        };
        steps[i] = (plr_init_plan_step){
            .attempts = plr_kube_attempts(step),
            .ready = step->ready != NULL,
            .absent = maker->tasks[i] == NULL,
            .host = !maker->run->self_release,
        };
    }
    plr_init_plan plan = {
        .graph = { .steps = rules, .n = n, .serial = maker->document->serial },
        .steps = steps,
    };
    size_t size = plr_init_plan_write(&plan, NULL, 0);
    if (size > PLR_INIT_PLAN_MAX)
        return plr_error_set(
                err, PLR_ERR_CONFIGURATION, "%zu steps are more than one pod can be told of", n);
    _cleanup_free_ char *text = calloc(size + 1, 1);
    if (text == NULL)
        return plr_error_nomem(err);
    plr_init_plan_write(&plan, text, size);
    *ret_text = steal(text);
    return 0;
}

/* Nothing but the host decides about the only one. */
static int make_plan_of_one(char **ret_text, const plr_task *task, plr_error *err)
{
    char text[128];
    plr_rule_step rule = {
        .kind = PLR_RULE_STEP, .policy = PLR_RULE_ALWAYS, .detach = task->step->detach
    };
    plr_init_plan_step step = { .attempts = plr_kube_attempts(task->step), .host = true };
    plr_init_plan plan = { .graph = { .steps = &rule, .n = 1 }, .steps = &step };
    text[plr_init_plan_write(&plan, text, sizeof(text) - 1)] = '\0';
    return plr_text_copy(ret_text, text, err);
}

static int add_notes(json_object *metadata, const plr_kube_pod_maker *maker, plr_error *err)
{
    json_object *notes = plr_jsonc_get(metadata, "annotations", json_type_object);
    _cleanup_json_ json_object *names = json_object_new_object();
    _cleanup_free_ char *plan = NULL;
    const plr_kube_place *place = maker->place;
    int r = place->only == NULL ? make_plan(&plan, maker, err)
                                : make_plan_of_one(&plan, place->only, err);
    if (r < 0)
        return r;
    bool good = names != NULL;
    for (size_t i = 0; i < maker->document->n_tasks && good; i++) {
        char name[PLR_KUBE_NAME_SIZE];
        plr_kube_container_name(name, i, 1);
        good = maker->tasks[i] == NULL ||
               plr_jsonc_add(
                       names, name, plr_jsonc_string(maker->document->tasks[i]->metadata.name));
    }
    const char *text = json_object_to_json_string_ext(
            names, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    good = good && text != NULL &&
           plr_jsonc_add(notes, PLR_KUBE_NOTE_PLAN, plr_jsonc_string(plan)) &&
           plr_jsonc_add(notes, PLR_KUBE_NOTE_WORDS,
                   plr_jsonc_string(place->words == NULL ? "" : place->words)) &&
           plr_jsonc_add(notes, PLR_KUBE_NOTE_STEPS, plr_jsonc_string(text)) &&
           plr_kube_add_hosts_note(notes, maker);
    return good ? 0 : plr_error_nomem(err);
}

static bool add_node(json_object *spec, const plr_kube_pod_maker *maker)
{
    const char *node = maker->place->settings->node;
    json_object *selector = plr_jsonc_object("kubernetes.io/os", plr_jsonc_string("linux"),
            "kubernetes.io/arch", plr_jsonc_string(maker->architecture), NULL);
    bool good = node == NULL ||
                plr_jsonc_add(selector, "kubernetes.io/hostname", plr_jsonc_string(node));
    return plr_jsonc_add(spec, "nodeSelector", selector) && good;
}

static json_object *required(json_object *what)
{
    return plr_jsonc_object("requiredDuringSchedulingIgnoredDuringExecution", what, NULL);
}

/* All pods of the run on the node of the first; of two that come at once the second goes where the
 * first is. */
static bool add_affinity(json_object *spec, const plr_kube_pod_maker *maker)
{
    const plr_kube_place *place = maker->place;
    json_object *terms;
    if (place->only == NULL || !plr_kube_needs_one_node(maker->document))
        return true;
    if (place->node != NULL)
        terms = plr_jsonc_object("nodeAffinity",
                required(plr_jsonc_object("nodeSelectorTerms",
                        plr_jsonc_list(plr_jsonc_object("matchFields",
                                plr_jsonc_list(plr_jsonc_object("key",
                                        plr_jsonc_string("metadata.name"), "operator",
                                        plr_jsonc_string("In"), "values",
                                        plr_jsonc_list(plr_jsonc_string(place->node)), NULL)),
                                NULL)),
                        NULL)),
                NULL);
    else
        terms = plr_jsonc_object("podAffinity",
                required(plr_jsonc_list(plr_jsonc_object("topologyKey",
                        plr_jsonc_string("kubernetes.io/hostname"), "labelSelector",
                        plr_jsonc_object("matchLabels",
                                plr_jsonc_object(
                                        PLR_KUBE_LABEL_RUN, plr_jsonc_string(maker->run->id), NULL),
                                NULL),
                        NULL))),
                NULL);
    return plr_jsonc_add(spec, "affinity", terms);
}

static bool add_identity(json_object *spec, const plr_kube_pod_maker *maker)
{
    const char *account = maker->place->settings->service_account;
    return plr_jsonc_add(spec, "automountServiceAccountToken",
                   json_object_new_boolean(account != NULL)) &&
           (account == NULL ||
                   plr_jsonc_add(spec, "serviceAccountName", plr_jsonc_string(account)));
}

/* A claim's folder is root's, where one of the node's memory or disk is everybody's. One group for
 * all pods of the run, lest it be given away again and again. 0: none is needed. */
static int64_t group_of_claims(const plr_kube_pod_maker *maker)
{
    int64_t user = 0, group;
    if (maker->place->only == NULL || !plr_kube_has_claims(maker->document, maker->place))
        return 0;
    for (size_t i = 0; i < maker->document->n_tasks && user <= 0; i++)
        if (!plr_kube_user_read(maker->document->tasks[i]->docker.user, &user, &group))
            user = 0;
    return user > 0 ? user : 0;
}

static bool add_security(json_object *spec, const plr_kube_pod_maker *maker)
{
    json_object *security = json_object_new_object();
    bool good =
            !maker->restricted ||
            (plr_jsonc_add(security, "runAsNonRoot", json_object_new_boolean(true)) &&
                    plr_jsonc_add(security, "seccompProfile",
                            plr_jsonc_object("type", plr_jsonc_string("RuntimeDefault"), NULL)));
    int64_t group = group_of_claims(maker);
    if (group > 0)
        good = plr_jsonc_add(security, "fsGroup", json_object_new_int64(group)) && good;
    return plr_kube_add_filled(spec, "securityContext", security) && good;
}

static int add_containers(json_object *spec, const plr_kube_pod_maker *maker, plr_error *err)
{
    json_object *containers = json_object_new_array();
    if (!plr_jsonc_add(spec, "containers", containers))
        return plr_error_nomem(err);
    for (size_t i = 0; i < maker->document->n_tasks; i++) {
        const plr_task *task = maker->tasks[maker->order[i]];
        bool only = maker->place->only != NULL;
        unsigned attempts = task == NULL ? 0 : only ? task->attempt : plr_kube_attempts(task->step);
        for (unsigned attempt = only ? attempts : 1; task != NULL && attempt <= attempts;
                attempt++) {
            json_object *container = NULL;
            int r = plr_kube_container(&container, maker, task, attempt, err);
            if (r < 0)
                return r;
            if (!plr_jsonc_append(containers, container))
                return plr_error_nomem(err);
        }
    }
    return 0;
}

static int make_spec(json_object **ret_spec, const plr_kube_pod_maker *maker,
        const char *init_secret, bool pull_secret, plr_error *err)
{
    char pull[PLR_KUBE_NAME_SIZE];
    int64_t limit_s = plr_kube_limit_s(maker->run);
    int64_t grace_s = (maker->run->grace_ns + SECOND - 1) / SECOND;
    _cleanup_json_ json_object *spec = plr_jsonc_object("restartPolicy", plr_jsonc_string("Never"),
            "enableServiceLinks", json_object_new_boolean(false), "activeDeadlineSeconds",
            json_object_new_int64(limit_s < INT32_MAX ? limit_s : INT32_MAX),
            "terminationGracePeriodSeconds", json_object_new_int64(grace_s > 0 ? grace_s : 1),
            NULL);
    plr_kube_pull_name(pull, maker->run->id, maker->place->only);
    if (spec == NULL || !add_node(spec, maker) || !add_affinity(spec, maker) ||
            !add_identity(spec, maker) || !add_security(spec, maker) ||
            !plr_kube_add_network(spec, maker) ||
            (pull_secret && !plr_jsonc_add(spec, "imagePullSecrets",
                                    plr_jsonc_list(plr_jsonc_object(
                                            "name", plr_jsonc_string(pull), NULL)))) ||
            !plr_jsonc_add(spec, "volumes", plr_kube_volumes(maker, init_secret)) ||
            !plr_kube_add_copiers(spec, maker))
        return plr_error_nomem(err);
    int r = add_containers(spec, maker, err);
    if (r == 0)
        *ret_spec = steal(spec);
    return r;
}

static int make_pod(json_object **ret_pod, const plr_kube_pod_maker *maker, const char *init_secret,
        bool pull_secret, plr_error *err)
{
    char name[PLR_KUBE_NAME_SIZE];
    plr_kube_pod_name(name, maker->run->id, maker->place->only);
    _cleanup_json_ json_object *metadata =
            plr_kube_metadata(maker->run, name, maker->place->namespace_name, maker->place->now_s);
    json_object *spec = NULL;
    if (metadata == NULL ||
            (plr_kube_has_service(maker->run, maker->place) && !plr_kube_add_lives(metadata, true)))
        return plr_error_nomem(err);
    int r = add_notes(metadata, maker, err);
    if (r == 0)
        r = make_spec(&spec, maker, init_secret, pull_secret, err);
    if (r < 0)
        return r;
    _cleanup_json_ json_object *pod = plr_jsonc_object("apiVersion", plr_jsonc_string("v1"), "kind",
            plr_jsonc_string("Pod"), "metadata", steal(metadata), "spec", spec, NULL);
    if (pod == NULL)
        return plr_error_nomem(err);
    if (maker->place->pod_template != NULL)
        r = plr_kube_template_apply(pod, maker->place->pod_template, maker->document, err);
    size_t size = 0;
    if (r == 0 && json_object_to_json_string_length(pod,
                          JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size) == NULL)
        return plr_error_nomem(err);
    size += maker->n_containers * PLR_KUBE_STATUS_SIZE;
    if (r == 0 && size > PLR_KUBE_POD_MAX)
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "the pod of this run is %zu bytes, with what its node writes of it; Kubernetes "
                "keeps %zu at most in an object",
                size, PLR_KUBE_POD_MAX);
    if (r == 0)
        *ret_pod = steal(pod);
    return r;
}

int plr_kube_objects_new(plr_kube_objects *ret_objects, const plr_run_view *run,
        plr_task *const *tasks, size_t n_tasks, const plr_kube_place *place, plr_error *err)
{
    char init_secret[PLR_KUBE_NAME_SIZE];
    _cleanup_kube_objects_ plr_kube_objects objects = { 0 };
    _cleanup_(maker_clear) plr_kube_pod_maker maker = {
        .run = run,
        .document = run->document,
        .place = place,
        .architecture = plr_kube_architecture(run, place),
    };
    int r = maker_init(&maker, tasks, n_tasks, err);
    if (r == 0)
        r = plr_kube_init_name(init_secret, maker.architecture, err);
    if (r == 0)
        r = plr_kube_run_secret(&objects.run_secret, run, tasks, n_tasks, place, err);
    if (r == 0)
        r = plr_kube_pull_secret(&objects.pull_secret, run, place, err);
    if (r == 0)
        r = make_pod(&objects.pod, &maker, init_secret, objects.pull_secret != NULL, err);
    if (r == 0 && place->with_claims && (objects.claims = plr_kube_claims(run, place)) == NULL)
        r = plr_error_nomem(err);
    if (r == 0) {
        *ret_objects = objects;
        objects = (plr_kube_objects){ 0 };
    }
    return r;
}

void plr_kube_objects_clear(plr_kube_objects *objects)
{
    json_object_put(objects->run_secret);
    json_object_put(objects->pull_secret);
    json_object_put(objects->claims);
    json_object_put(objects->pod);
    *objects = (plr_kube_objects){ 0 };
}
