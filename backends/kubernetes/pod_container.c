/* SPDX-License-Identifier: MIT */
/* One container of a pod: an attempt of a step. */
#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/pod_parts.h"
#include "backends/kubernetes/secret.h"
#include "engine/base/error.h"
#include "net/jsonc.h"

/* Numbers of users are signed 32 bits here. */
#define USER_MAX INT64_C(2147483647)

static bool read_id(const char *text, size_t size, int64_t *ret_id)
{
    int64_t id = 0;
    if (size == 4 && memcmp(text, "root", 4) == 0) {
        *ret_id = 0;
        return true;
    }
    for (size_t i = 0; i < size && id <= USER_MAX; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        id = id * 10 + (text[i] - '0');
    }
    if (size == 0 || id > USER_MAX)
        return false;
    *ret_id = id;
    return true;
}

bool plr_kube_user_read(const char *user, int64_t *ret_user, int64_t *ret_group)
{
    *ret_user = *ret_group = -1;
    if (user == NULL || user[0] == '\0')
        return true;
    size_t n = strcspn(user, ":");
    return read_id(user, n, ret_user) &&
           (user[n] == '\0' || read_id(user + n + 1, strlen(user + n + 1), ret_group));
}

bool plr_kube_add_filled(json_object *object, const char *key, json_object *value)
{
    bool empty = json_object_is_type(value, json_type_array)
                         ? json_object_array_length(value) == 0
                         : value != NULL && json_object_object_length(value) == 0;
    if (!empty)
        return plr_jsonc_add(object, key, value);
    json_object_put(value);
    return true;
}

/* Takes the value. `how` is "value" or "valueFrom". Later ones replace earlier ones. */
static bool put_variable(json_object *env, const char *name, const char *how, json_object *value)
{
    return plr_jsonc_add(
            env, name, plr_jsonc_object("name", plr_jsonc_string(name), how, value, NULL));
}

/* Of two secrets in one variable the later is seen. */
static bool find_secret(const plr_step *step, const char *variable, size_t *ret_i)
{
    for (size_t i = step->n_secrets; i-- > 0;) {
        if (strcmp(step->secrets[i].env, variable) == 0) {
            *ret_i = i;
            return true;
        }
    }
    return false;
}

static json_object *from_secret(const plr_kube_pod_maker *maker, const plr_task *task, size_t i)
{
    char name[PLR_KUBE_NAME_SIZE], key[PLR_KUBE_KEY_SIZE];
    plr_kube_pod_name(name, maker->run->id, maker->place->only);
    plr_kube_secret_key(key, maker->document, task->index, i);
    return plr_jsonc_object("secretKeyRef",
            plr_jsonc_object("name", plr_jsonc_string(name), "key", plr_jsonc_string(key), NULL),
            NULL);
}

/* In the order of document.md, "What a step sees". */
static json_object *make_environment(const plr_kube_pod_maker *maker, const plr_task *task)
{
    _cleanup_json_ json_object *env = json_object_new_object();
    bool good = env != NULL;
    for (size_t i = 0; i < maker->run->n_host_environment && good; i++) {
        const plr_pair *pair = &maker->run->host_environment[i];
        good = put_variable(env, pair->name, "value", plr_kube_literal(pair->value));
    }
    for (size_t i = 0; i < task->n_environment && good; i++) {
        const plr_pair *pair = &task->environment[i];
        size_t secret;
        good = find_secret(task->step, pair->name, &secret)
                       ? put_variable(
                                 env, pair->name, "valueFrom", from_secret(maker, task, secret))
                       : put_variable(env, pair->name, "value", plr_kube_literal(pair->value));
    }
    return good ? plr_jsonc_values(steal(env)) : NULL;
}

/* Always said, because what would be taken for granted is that of a pause image. */
static const char *pull_policy(const plr_docker_options *docker)
{
    if (docker->pull_policy == PLR_PULL_NEVER)
        return "Never";
    return plr_kube_pulls_always(docker) ? "Always" : "IfNotPresent";
}

static bool add_ports(json_object *container, const plr_docker_options *docker)
{
    json_object *ports = json_object_new_array();
    bool good = ports != NULL;
    for (size_t i = 0; i < docker->n_ports && good; i++) {
        const plr_port *port = &docker->ports[i];
        const char *protocol = strcmp(port->protocol, "udp") == 0    ? "UDP"
                               : strcmp(port->protocol, "sctp") == 0 ? "SCTP"
                                                                     : "TCP";
        json_object *item = plr_jsonc_object("containerPort", json_object_new_int64(port->port),
                "protocol", plr_jsonc_string(protocol), NULL);
        good = port->host <= 0 ||
               plr_jsonc_add(item, "hostPort", json_object_new_int64(port->host));
        good = plr_jsonc_append(ports, item) && good;
    }
    return plr_kube_add_filled(container, "ports", ports) && good;
}

/* "500m", "67108864". */
static bool add_quantity(json_object *list, const char *key, int64_t value, const char *unit)
{
    char text[32];
    snprintf(text, sizeof(text), "%lld%s", (long long)value, value == 0 ? "" : unit);
    return plr_jsonc_add(list, key, plr_jsonc_string(text));
}

static bool add_resources(json_object *container, const plr_kube_pod_maker *maker,
        const plr_task *task, unsigned attempt)
{
    const plr_resource_list *limits = &task->step->resources.limits;
    plr_kube_request request = maker->requests[task->index];
    json_object *resources = json_object_new_object();
    json_object *wanted = json_object_new_object();
    json_object *most = json_object_new_object();
    if (attempt > 1 && maker->place->only == NULL)
        request = (plr_kube_request){ 0, 0 };
    bool good = request.cpu == PLR_KUBE_NO_REQUEST || add_quantity(wanted, "cpu", request.cpu, "m");
    good = (request.memory == PLR_KUBE_NO_REQUEST ||
                   add_quantity(wanted, "memory", request.memory, "")) &&
           good;
    good = (limits->cpu <= 0 || add_quantity(most, "cpu", limits->cpu, "m")) && good;
    good = (limits->memory <= 0 || add_quantity(most, "memory", limits->memory, "")) && good;
    good = plr_kube_add_filled(resources, "requests", wanted) && good;
    good = plr_kube_add_filled(resources, "limits", most) && good;
    return plr_kube_add_filled(container, "resources", resources) && good;
}

bool plr_kube_add_user(json_object *container, const plr_kube_pod_maker *maker,
        const plr_step *step, bool privileged)
{
    int64_t user, group;
    json_object *security = json_object_new_object();
    plr_kube_user_read(step->docker.user, &user, &group);
    bool good = security != NULL;
    if (user >= 0)
        good = plr_jsonc_add(security, "runAsUser", json_object_new_int64(user)) && good;
    if (group >= 0)
        good = plr_jsonc_add(security, "runAsGroup", json_object_new_int64(group)) && good;
    if (privileged)
        good = plr_jsonc_add(security, "privileged", json_object_new_boolean(true)) && good;
    if (maker->restricted)
        good = plr_jsonc_add(
                       security, "allowPrivilegeEscalation", json_object_new_boolean(false)) &&
               plr_jsonc_add(security, "capabilities",
                       plr_jsonc_object("drop", plr_jsonc_list(plr_jsonc_string("ALL")), NULL)) &&
               good;
    return plr_kube_add_filled(container, "securityContext", security) && good;
}

int plr_kube_container(json_object **ret_container, const plr_kube_pod_maker *maker,
        const plr_task *task, unsigned attempt, plr_error *err)
{
    const plr_step *step = task->step;
    plr_kube_hold hold = plr_kube_hold_of(maker->run, maker->place, task->index, attempt);
    const char *image = plr_kube_image_comes_later(hold) ? maker->place->settings->pause_image
                                                         : step->docker.image;
    char name[PLR_KUBE_NAME_SIZE];
    plr_kube_container_name(name, task->index, attempt);
    _cleanup_json_ json_object *container =
            plr_jsonc_object("name", plr_jsonc_string(name), "image", plr_jsonc_string(image),
                    "imagePullPolicy", plr_jsonc_string(pull_policy(&step->docker)), NULL);
    if (container == NULL)
        return plr_error_nomem(err);
    int r = plr_kube_add_command(container, maker, task, attempt, err);
    if (r < 0)
        return r;
    if ((task->working_dir != NULL &&
                !plr_jsonc_add(container, "workingDir", plr_jsonc_string(task->working_dir))) ||
            !plr_kube_add_filled(container, "env", make_environment(maker, task)) ||
            !add_ports(container, &step->docker) ||
            !add_resources(container, maker, task, attempt) ||
            !plr_jsonc_add(container, "volumeMounts", plr_kube_mounts(maker, task, name, hold)) ||
            !plr_kube_add_probes(container, maker, step, hold) ||
            !plr_kube_add_user(container, maker, step, step->docker.privileged))
        return plr_error_nomem(err);
    *ret_container = steal(container);
    return 0;
}
