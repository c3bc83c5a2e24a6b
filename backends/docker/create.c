/* SPDX-License-Identifier: MIT */
/* A task as the body of POST /containers/create: what the document says, field by field, and
 * plr-init around the command. */
#include "backends/docker/create.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backends/docker/docker.h"
#include "engine/base/error.h"

/* How long past a run's own limit its leftovers are spared, and the limit of runs without one. */
#define DEADLINE_MARGIN_S 900
#define DEADLINE_DEFAULT_S (24 * 3600)

/* How long a step outlives its engine before it is told to end. */
static long long lease_s(const plr_run_view *run)
{
    return run->on_loss == PLR_ON_LOSS_KEEP ? run->keep_ns / (int64_t)PLR_SECOND : 2;
}

char *plr_docker_name(const char *run_id, const char *format, ...)
{
    _cleanup_buf_ plr_buf name = { 0 };
    char part[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(part, sizeof(part), format, arguments);
    va_end(arguments);
    plr_buf_printf(&name, "plr-%s-%s", run_id, part);
    return name.failed ? NULL : steal(name.data);
}

static bool add_number_label(json_object *labels, const char *key, int64_t value)
{
    char text[32];
    snprintf(text, sizeof(text), "%lld", (long long)value);
    return plr_jsonc_add(labels, key, plr_jsonc_string(text));
}

json_object *plr_docker_labels(const plr_run_view *run, const plr_task *task, int64_t now_s)
{
    int64_t limit_s = DEADLINE_DEFAULT_S;
    if (run->timeout_ns > 0)
        limit_s = run->timeout_ns / (int64_t)PLR_SECOND + DEADLINE_MARGIN_S;
    if (run->on_loss == PLR_ON_LOSS_KEEP && run->keep_ns / (int64_t)PLR_SECOND > limit_s)
        limit_s = run->keep_ns / (int64_t)PLR_SECOND;

    _cleanup_json_ json_object *labels = json_object_new_object();
    bool good = labels != NULL;
    for (size_t i = 0; task != NULL && i < task->step->metadata.n_labels && good; i++)
        good = plr_jsonc_add(labels, task->step->metadata.labels[i].name,
                plr_jsonc_string(task->step->metadata.labels[i].value));
    good = good && plr_jsonc_add(labels, PLR_DOCKER_LABEL "run", plr_jsonc_string(run->id)) &&
           plr_jsonc_add(labels, PLR_DOCKER_LABEL "version", plr_jsonc_string(PACKAGE_VERSION)) &&
           plr_jsonc_add(labels, PLR_DOCKER_LABEL "owner",
                   plr_jsonc_string(run->owner == NULL ? "" : run->owner)) &&
           (run->on_loss != PLR_ON_LOSS_KEEP ||
                   plr_jsonc_add(labels, PLR_DOCKER_LABEL "on-loss", plr_jsonc_string("keep"))) &&
           add_number_label(labels, PLR_DOCKER_LABEL "deadline", now_s + limit_s);
    if (task != NULL)
        good = good &&
               plr_jsonc_add(labels, PLR_DOCKER_LABEL "step",
                       plr_jsonc_string(task->step->metadata.name)) &&
               add_number_label(labels, PLR_DOCKER_LABEL "attempt", task->attempt);
    return good ? steal(labels) : NULL;
}

bool plr_docker_is_device(const char *path)
{
    static const char *const folders[] = { "/dev/shm", "/dev/mqueue", "/dev/hugepages",
        "/dev/pts" };
    if (strncmp(path, "/dev/", 5) != 0)
        return false;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        size_t length = strlen(folders[i]);
        if (strncmp(path, folders[i], length) == 0 && (path[length] == '\0' || path[length] == '/'))
            return false;
    }
    return true;
}

/* Later ones replace earlier ones. */
static bool put_variable(json_object *env, const char *name, const char *value)
{
    _cleanup_free_ char *text = NULL;
    if (asprintf(&text, "%s=%s", name, value) < 0) {
        text = NULL;
        return false;
    }
    return plr_jsonc_add(env, name, plr_jsonc_string(text));
}

static bool put_pairs(json_object *env, const plr_pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!put_variable(env, pairs[i].name, pairs[i].value))
            return false;
    return true;
}

/* NAME=value, each with a NUL behind it. */
static bool put_late(json_object *env, const plr_buf *late)
{
    for (size_t at = 0; late != NULL && at < late->size; at += strlen(late->data + at) + 1) {
        const char *equals = strchr(late->data + at, '=');
        _cleanup_free_ char *name =
                equals == NULL ? NULL
                               : strndup(late->data + at, (size_t)(equals - late->data) - at);
        if (name == NULL || !put_variable(env, name, equals + 1))
            return false;
    }
    return true;
}

/* In the order of document.md, "What a step sees"; what is late comes last. */
static json_object *make_environment(const plr_docker_create *create)
{
    const plr_task *task = create->task;
    char network[128] = "";
    _cleanup_json_ json_object *env = json_object_new_object();
    bool good = put_pairs(env, task->run->host_environment, task->run->n_host_environment);
    if (create->network == PLR_NETWORK_ISOLATED && create->network_id != NULL)
        snprintf(network, sizeof(network), "%s", create->network_id);
    else if (create->network == PLR_NETWORK_SHARED && create->pause_id != NULL)
        snprintf(network, sizeof(network), "container:%s", create->pause_id);
    if (network[0] != '\0')
        good = good && put_variable(env, "DOCKER_NETWORK_ID", network) &&
               put_variable(env, "DRONE_DOCKER_NETWORK_ID", network);
    good = good && put_pairs(env, task->environment, task->n_environment) &&
           put_late(env, create->late);
    return good ? plr_jsonc_values(steal(env)) : NULL;
}

static bool append_all(json_object *array, json_object *from)
{
    size_t n = from == NULL ? 0 : json_object_array_length(from);
    for (size_t i = 0; i < n; i++)
        if (!plr_jsonc_append(array, json_object_get(json_object_array_get_idx(from, i))))
            return false;
    return true;
}

static bool append_texts(json_object *array, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!plr_jsonc_append(array, plr_jsonc_string(texts[i])))
            return false;
    return true;
}

/* Entrypoint and arguments by Docker's rule: an entrypoint of the step's own drops the image's
 * arguments. */
static bool append_command(json_object *array, const plr_task *task, json_object *config)
{
    const plr_docker_options *docker = &task->step->docker;
    json_object *entrypoint = plr_jsonc_get(config, "Entrypoint", json_type_array);
    json_object *arguments = plr_jsonc_get(config, "Cmd", json_type_array);
    if (docker->n_command > 0 || docker->n_args > 0)
        arguments = NULL;
    return (docker->n_command > 0 ? append_texts(array, docker->command, docker->n_command)
                                  : append_all(array, entrypoint)) &&
           append_texts(array, docker->args, docker->n_args) && append_all(array, arguments);
}

const char *plr_docker_create_command(const plr_task *task, json_object *config)
{
    const plr_docker_options *docker = &task->step->docker;
    json_object *entrypoint = plr_jsonc_get(config, "Entrypoint", json_type_array);
    json_object *arguments = plr_jsonc_get(config, "Cmd", json_type_array);
    if (docker->n_command > 0)
        return docker->command[0];
    if (entrypoint != NULL && json_object_array_length(entrypoint) > 0)
        return json_object_get_string(json_object_array_get_idx(entrypoint, 0));
    if (docker->n_args > 0)
        return docker->args[0];
    if (arguments != NULL && json_object_array_length(arguments) > 0)
        return json_object_get_string(json_object_array_get_idx(arguments, 0));
    return NULL;
}

/* plr-init as the entrypoint, the user's command as its arguments. */
static bool add_init(json_object *body, const plr_docker_create *create)
{
    const plr_run_view *run = create->task->run;
    char grace[32], lease[32];
    snprintf(grace, sizeof(grace), "%lld",
            (long long)(run->grace_ns > 0 ? run->grace_ns / 1000000 : 0));
    snprintf(lease, sizeof(lease), "%lld", lease_s(run));
    const char *words[12];
    size_t n = 0;
    words[n++] = PLR_DOCKER_INIT;
    if (create->nonce != NULL) {
        words[n++] = "--signal-word";
        words[n++] = create->nonce;
        words[n++] = "--late";
        words[n++] = PLR_DOCKER_LATE;
    } else {
        words[n++] = "--socket";
        words[n++] = PLR_DOCKER_SHARE "/socket";
    }
    if (create->task->step->detach) {
        words[n++] = "--detach";
    } else if (create->nonce == NULL) { /* without a socket it cannot tell its engine's end */
        words[n++] = "--lease";
        words[n++] = lease;
        words[n++] = "--grace-ms";
        words[n++] = grace;
    }
    words[n++] = "--";
    json_object *command = json_object_new_array();
    if (!append_command(command, create->task, create->config)) {
        json_object_put(command);
        return false;
    }
    /* An image's own stop signal may be one that the init takes for a word. */
    return plr_jsonc_add(body, "Entrypoint", plr_jsonc_strings(words, n)) &&
           plr_jsonc_add(body, "Cmd", command) &&
           (create->nonce == NULL ||
                   plr_jsonc_add(body, "StopSignal", plr_jsonc_string("SIGTERM")));
}

static bool add_plain_command(json_object *body, const plr_docker_options *docker)
{
    return (docker->n_command == 0 ||
                   plr_jsonc_add(body, "Entrypoint",
                           plr_jsonc_strings(docker->command, docker->n_command))) &&
           (docker->n_args == 0 ||
                   plr_jsonc_add(body, "Cmd", plr_jsonc_strings(docker->args, docker->n_args)));
}

static json_object *make_mount(const char *type, const char *source, const char *target)
{
    json_object *mount = json_object_new_object();
    if (plr_jsonc_add(mount, "Type", plr_jsonc_string(type)) &&
            plr_jsonc_add(mount, "Source", plr_jsonc_string(source)) &&
            plr_jsonc_add(mount, "Target", plr_jsonc_string(target)))
        return mount;
    json_object_put(mount);
    return NULL;
}

static json_object *make_device(const char *host, const char *path)
{
    json_object *device = json_object_new_object();
    if (plr_jsonc_add(device, "PathOnHost", plr_jsonc_string(host)) &&
            plr_jsonc_add(device, "PathInContainer", plr_jsonc_string(path)) &&
            plr_jsonc_add(device, "CgroupPermissions", plr_jsonc_string("rwm")))
        return device;
    json_object_put(device);
    return NULL;
}

static bool add_volume(json_object *mounts, json_object *binds, json_object *devices,
        const plr_docker_create *create, const plr_task_volume *volume)
{
    if (volume->temp != NULL) {
        _cleanup_free_ char *name = plr_docker_name(create->task->run->id, "v%zu", volume->volume);
        return name != NULL && plr_jsonc_append(mounts, make_mount("volume", name, volume->path));
    }
    if (plr_docker_is_device(volume->host_path))
        return plr_jsonc_append(devices, make_device(volume->host_path, volume->path));
    if (!create->bind_missing)
        return plr_jsonc_append(mounts, make_mount("bind", volume->host_path, volume->path));
    _cleanup_buf_ plr_buf bind = { 0 };
    plr_buf_printf(&bind, "%s:%s", volume->host_path, volume->path);
    return !bind.failed && plr_jsonc_append(binds, plr_jsonc_string(bind.data));
}

static bool add_storage(json_object *host_config, const plr_docker_create *create)
{
    const plr_task *task = create->task;
    const plr_document *document = task->run->document;
    _cleanup_json_ json_object *mounts = json_object_new_array();
    _cleanup_json_ json_object *binds = json_object_new_array();
    _cleanup_json_ json_object *devices = json_object_new_array();
    bool good = true;
    for (size_t i = 0; i < task->n_volumes && good; i++)
        good = add_volume(mounts, binds, devices, create, &task->volumes[i]);
    for (size_t i = 0; i < task->step->n_devices && good; i++) {
        const plr_device_mount *device = &task->step->devices[i];
        good = plr_jsonc_append(
                devices, make_device(document->volumes[device->volume].host->path, device->path));
    }
    if (create->share != NULL && good) {
        json_object *mount = make_mount("bind", create->share, PLR_DOCKER_SHARE);
        good = plr_jsonc_append(mounts, mount) &&
               plr_jsonc_add(mount, "ReadOnly", json_object_new_boolean(true));
    }
    return good && plr_jsonc_add(host_config, "Mounts", steal(mounts)) &&
           plr_jsonc_add(host_config, "Binds", steal(binds)) &&
           plr_jsonc_add(host_config, "Devices", steal(devices));
}

static bool add_number(json_object *object, const char *key, int64_t value)
{
    return value <= 0 || plr_jsonc_add(object, key, json_object_new_int64(value));
}

static bool add_resources(json_object *host_config, const plr_step *step)
{
    const plr_resource_list *limits = &step->resources.limits;
    const plr_resource_list *requests = &step->resources.requests;
    /* A share of 1024 is a core's; the kernel knows none below 2. */
    int64_t shares = requests->cpu * 1024 / 1000;
    if (requests->cpu > 0 && shares < 2)
        shares = 2;
    /* Without a limit of its own, as much swap again would be allowed. */
    return add_number(host_config, "Memory", limits->memory) &&
           add_number(host_config, "MemorySwap", limits->memory) &&
           add_number(host_config, "NanoCpus", limits->cpu * 1000000) &&
           add_number(host_config, "PidsLimit", limits->pids) &&
           add_number(host_config, "MemoryReservation", requests->memory) &&
           add_number(host_config, "CpuShares", shares) &&
           add_number(host_config, "ShmSize", step->docker.shm_size);
}

/* Byte-exact and bounded, so that output can go on where a lost connection left it; see resume.h
 * for the bound. */
static bool add_log(json_object *host_config)
{
    json_object *config = json_object_new_object();
    json_object *log = json_object_new_object();
    bool good = plr_jsonc_add(config, "max-size", plr_jsonc_string("96m")) &&
                plr_jsonc_add(config, "max-file", plr_jsonc_string("2")) &&
                plr_jsonc_add(config, "compress", plr_jsonc_string("false"));
    good = plr_jsonc_add(log, "Config", config) && good &&
           plr_jsonc_add(log, "Type", plr_jsonc_string("local"));
    return plr_jsonc_add(host_config, "LogConfig", log) && good;
}

/* A check of the image's would run while the step is held; nobody reads its result. */
static bool add_no_healthcheck(json_object *body)
{
    static const char *const none[] = { "NONE" };
    json_object *check = json_object_new_object();
    bool good = plr_jsonc_add(check, "Test", plr_jsonc_strings(none, 1));
    return plr_jsonc_add(body, "Healthcheck", check) && good;
}

static bool has_init(const plr_docker_create *create)
{
    return create->share != NULL || create->nonce != NULL;
}

static bool fill(json_object *body, json_object *host_config, const plr_docker_create *create)
{
    const plr_task *task = create->task;
    const plr_docker_options *docker = &task->step->docker;
    return plr_jsonc_add(body, "Image", plr_jsonc_string(create->image)) &&
           (has_init(create) ? add_init(body, create) : add_plain_command(body, docker)) &&
           plr_jsonc_add(body, "Env", make_environment(create)) &&
           plr_jsonc_add(body, "Labels", plr_docker_labels(task->run, task, create->now_s)) &&
           (task->working_dir == NULL ||
                   plr_jsonc_add(body, "WorkingDir", plr_jsonc_string(task->working_dir))) &&
           (docker->user == NULL || docker->user[0] == '\0' ||
                   plr_jsonc_add(body, "User", plr_jsonc_string(docker->user))) &&
           add_no_healthcheck(body) && add_storage(host_config, create) &&
           add_resources(host_config, task->step) && (create->podman || add_log(host_config)) &&
           (!docker->privileged ||
                   plr_jsonc_add(host_config, "Privileged", json_object_new_boolean(true))) &&
           plr_docker_create_network(body, host_config, create);
}

int plr_docker_create_body(json_object **ret_body, const plr_docker_create *create, plr_error *err)
{
    if (plr_docker_create_command(create->task, create->config) == NULL)
        return plr_error_set(err, PLR_ERR_CONFIGURATION,
                "no command: neither the step nor the image %s names one", create->image);
    _cleanup_json_ json_object *body = json_object_new_object();
    json_object *host_config = json_object_new_object();
    bool good = plr_jsonc_add(body, "HostConfig", host_config) && fill(body, host_config, create);
    if (!good)
        return plr_error_nomem(err);
    *ret_body = steal(body);
    return 0;
}

int plr_docker_create_pause(json_object **ret_body, const plr_run_view *run,
        plr_network_mode network, const char *image, const char *share, int64_t now_s,
        plr_error *err)
{
    const plr_document *document = run->document;
    /* It has to outlive the steps whose namespace it holds. */
    char lease[32];
    snprintf(lease, sizeof(lease), "%lld",
            lease_s(run) + (run->grace_ns > 0 ? run->grace_ns / (int64_t)PLR_SECOND : 0) + 15);
    const char *words[] = { PLR_DOCKER_INIT, "--socket", PLR_DOCKER_SHARE "/socket", "--lease",
        lease };
    size_t n_words = share == NULL ? 1 : 5;
    _cleanup_json_ json_object *body = json_object_new_object();
    json_object *host_config = json_object_new_object();
    json_object *mounts = json_object_new_array();
    bool good = plr_jsonc_add(body, "HostConfig", host_config);
    good = plr_jsonc_add(host_config, "Mounts", mounts) && good &&
           plr_jsonc_add(body, "Image", plr_jsonc_string(image)) &&
           plr_jsonc_add(body, "Entrypoint", plr_jsonc_strings(words, n_words)) &&
           plr_jsonc_add(body, "Cmd", json_object_new_array()) &&
           plr_jsonc_add(body, "User", plr_jsonc_string("0:0")) &&
           plr_jsonc_add(body, "WorkingDir", plr_jsonc_string("/")) &&
           plr_jsonc_add(body, "Labels", plr_docker_labels(run, NULL, now_s)) &&
           add_no_healthcheck(body);
    if (share != NULL && good) {
        json_object *mount = make_mount("bind", share, PLR_DOCKER_SHARE);
        good = plr_jsonc_append(mounts, mount) &&
               plr_jsonc_add(mount, "ReadOnly", json_object_new_boolean(true));
    }
    /* It holds the memory volumes: they live as long as a container that runs has them. */
    for (size_t i = 0; i < document->n_volumes && good; i++) {
        const plr_volume *volume = &document->volumes[i];
        if (volume->temp == NULL || strcmp(volume->temp->medium, "memory") != 0)
            continue;
        char target[64];
        snprintf(target, sizeof(target), PLR_DOCKER_SHARE "-volumes/%zu", i);
        _cleanup_free_ char *name = plr_docker_name(run->id, "v%zu", i);
        good = name != NULL && plr_jsonc_append(mounts, make_mount("volume", name, target));
    }
    if (network == PLR_NETWORK_SHARED) {
        good = good &&
               plr_jsonc_add(host_config, "ExtraHosts", plr_docker_loopback_hosts(document));
        for (size_t i = 0; i < document->n_tasks && good; i++)
            good = plr_docker_create_ports(body, host_config, document->tasks[i]->docker.ports,
                    document->tasks[i]->docker.n_ports);
    } else {
        good = good && plr_jsonc_add(host_config, "NetworkMode", plr_jsonc_string("none"));
    }
    if (!good)
        return plr_error_nomem(err);
    *ret_body = steal(body);
    return 0;
}
