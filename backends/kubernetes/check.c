/* SPDX-License-Identifier: MIT */
/* All that Kubernetes cannot do in a document, found before anything is created. */
#include "backends/kubernetes/check.h"

#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/check_parts.h"
#include "backends/kubernetes/layout.h"
#include "backends/kubernetes/pod_parts.h"
#include "engine/base/arena.h"
#include "engine/base/error.h"

static void check_user(plr_kube_checker *c, const plr_step *step)
{
    int64_t user, group;
    if (!plr_kube_user_read(step->docker.user, &user, &group))
        plr_check_error(&c->found, step, "user", "/docker/user",
                "Kubernetes takes users by number only: instead of \"%s\" write what \"id -u\" and "
                "\"id -g\" say in the image, like \"1000:1000\"",
                step->docker.user);
}

/* What every version takes; newer ones take more. */
static bool is_variable(const char *name)
{
    static const char letters[] =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.0123456789";
    return name[0] != '\0' && name[strspn(name, letters)] == '\0' &&
           (name[0] < '0' || name[0] > '9');
}

static void check_variable(
        plr_kube_checker *c, const plr_step *step, const char *name, const char *where)
{
    if (!is_variable(name))
        plr_check_error(&c->found, step, "bad-variable", where,
                "\"%s\" cannot be a variable: Kubernetes takes letters, digits, -, _ and ., no "
                "digit first",
                name);
}

static void check_environment(plr_kube_checker *c, const plr_step *step)
{
    for (size_t i = 0; i < step->n_environment; i++)
        check_variable(c, step, step->environment[i].name, "/environment");
    for (size_t i = 0; i < step->n_secrets; i++)
        check_variable(c, step, step->secrets[i].env, "/secrets");
}

static void check_resources(plr_kube_checker *c, const plr_step *step)
{
    const plr_resource_list *limits = &step->resources.limits;
    const plr_resource_list *requests = &step->resources.requests;
    if (limits->cpu > 0 && requests->cpu > limits->cpu)
        plr_check_error(&c->found, step, "resources", "/resources/requests/cpu",
                "step \"%s\" requests more cpu than its limit lets it use", step->metadata.name);
    if (limits->memory > 0 && requests->memory > limits->memory)
        plr_check_error(&c->found, step, "resources", "/resources/requests/memory",
                "step \"%s\" requests more memory than its limit lets it use", step->metadata.name);
    if (limits->pids > 0)
        plr_check_warning(&c->found, step, "pids-limit", "/resources/limits/pids",
                "Kubernetes limits processes for whole nodes only: step \"%s\" has no limit of "
                "%lld "
                "of its own",
                step->metadata.name, (long long)limits->pids);
}

static void check_run(plr_kube_checker *c)
{
    const plr_platform *platform = &c->document->platform;
    const char *id = c->run->id;
    size_t length = id == NULL ? 0 : strlen(id), n_containers = 0;
    if (platform->os != NULL && platform->os[0] != '\0' && strcmp(platform->os, "linux") != 0)
        plr_check_error(&c->found, NULL, "platform", "/platform/os",
                "the document is for %s; the Kubernetes backend runs Linux containers",
                platform->os);
    if (plr_kube_architecture(c->run, c->place) == NULL)
        plr_check_error(&c->found, NULL, "platform", "/platform/arch",
                "steps can run on amd64 and arm64 nodes, not on %s",
                platform->arch == NULL || platform->arch[0] == '\0' ? "this architecture"
                                                                    : platform->arch);
    bool apart = c->place->layout == PLR_KUBE_LAYOUT_POD_PER_STEP;
    if (c->run->network == PLR_NETWORK_NONE)
        plr_check_error(&c->found, NULL, "network", "",
                "--network none cannot be had: a pod has the network that the cluster gives it");
    if (c->run->network == (apart ? PLR_NETWORK_SHARED : PLR_NETWORK_ISOLATED))
        plr_check_error(&c->found, NULL, "network", "", "--network %s cannot be had: %s",
                apart ? "shared" : "isolated",
                apart ? "each step has a pod of its own" : "all steps share the network of a pod");
    if (length > 0 && id[length - 1] == '-')
        plr_check_error(&c->found, NULL, "run-id", "",
                "the id \"%s\" cannot be part of a pod's name: it ends with -", id);
    for (size_t i = 0; i < c->run->n_host_environment; i++)
        check_variable(c, NULL, c->run->host_environment[i].name, "");
    for (size_t i = 0; i < c->document->n_tasks; i++)
        n_containers += plr_kube_attempts(c->document->tasks[i]);
    if (!apart && n_containers > PLR_KUBE_CONTAINERS_MAX)
        plr_check_error(&c->found, NULL, "too-large", "",
                "the attempts of all steps are %zu containers, too many for one pod (--kube-layout "
                "pod-per-step gives each a pod)",
                n_containers);
}

/* A task as the engine will make it, but for what only the host knows. */
static bool make_task(plr_task *task, plr_arena *arena, const plr_run_view *run, size_t index)
{
    const plr_step *step = run->document->tasks[index];
    plr_pair *pairs = plr_arena_array(arena, step->n_environment + step->n_secrets, sizeof *pairs);
    plr_task_volume *volumes = plr_arena_array(arena, step->n_volumes, sizeof *volumes);
    if (pairs == NULL || volumes == NULL)
        return false;
    for (size_t i = 0; i < step->n_environment; i++)
        pairs[i] = step->environment[i];
    for (size_t i = 0; i < step->n_secrets; i++) {
        size_t at = step->secrets[i].secret;
        pairs[step->n_environment + i] = (plr_pair){ step->secrets[i].env,
            at == PLR_NONE ? "" : run->document->secrets[at].data };
    }
    for (size_t i = 0; i < step->n_volumes; i++) {
        const plr_volume *volume = &run->document->volumes[step->volumes[i].volume];
        volumes[i] = (plr_task_volume){
            .name = step->volumes[i].name,
            .path = step->volumes[i].path,
            .host_path = volume->host == NULL ? NULL : volume->host->path,
            .temp = volume->temp,
            .volume = step->volumes[i].volume,
        };
    }
    *task = (plr_task){
        .size = sizeof *task,
        .run = (plr_run_view *)run, /* nothing is written through it */
        .index = index,
        .attempt = 1,
        .step = step,
        .working_dir = step->working_dir,
        .environment = pairs,
        .n_environment = step->n_environment + step->n_secrets,
        .volumes = volumes,
        .n_volumes = step->n_volumes,
    };
    return true;
}

static int try_objects(const plr_kube_checker *c, plr_task *const *tasks, size_t n,
        const plr_task *only, plr_error *err)
{
    _cleanup_kube_objects_ plr_kube_objects objects = { 0 };
    plr_kube_place place = *c->place;
    place.only = only;
    return plr_kube_objects_new(&objects, c->run, tasks, n, &place, err);
}

/* What only the objects show: that they are too large, or that the template does not fit. */
static int check_objects(plr_kube_checker *c, plr_error *err)
{
    size_t n = c->document->n_tasks;
    plr_error found = { 0 };
    _cleanup_arena_ plr_arena arena;
    plr_arena_init(&arena);
    plr_task *tasks = plr_arena_array(&arena, n, sizeof *tasks);
    plr_task **list = plr_arena_array(&arena, n, sizeof *list);
    bool good = tasks != NULL && list != NULL;
    for (size_t i = 0; i < n && good; i++) {
        good = make_task(&tasks[i], &arena, c->run, i);
        list[i] = &tasks[i];
    }
    if (!good)
        return plr_error_nomem(err);
    bool apart = c->place->layout == PLR_KUBE_LAYOUT_POD_PER_STEP;
    int r = 0;
    for (size_t i = 0; i < (apart ? n : 1) && r == 0; i++)
        r = apart ? try_objects(c, &list[i], 1, list[i], &found)
                  : try_objects(c, list, n, NULL, &found);
    if (r == PLR_ERR_NOMEM)
        return plr_error_nomem(err);
    if (r < 0)
        plr_check_error(&c->found, NULL, "objects", "", "%s", found.message);
    return 0;
}

int plr_kube_check(const plr_host *host, const plr_run_view *run, const plr_kube_place *asked,
        plr_op *op, plr_error *err)
{
    const char *why;
    plr_kube_place place = *asked;
    place.layout = plr_kube_layout_of(run, place.settings, &why);
    plr_kube_checker c = {
        .found = { .host = host, .op = op, .document = run->document },
        .run = run,
        .document = run->document,
        .place = &place,
    };
    check_run(&c);
    for (size_t i = 0; i < c.document->n_tasks; i++) {
        const plr_step *step = c.document->tasks[i];
        plr_check_image(&c.found, step, "Kubernetes");
        check_user(&c, step);
        check_environment(&c, step);
        check_resources(&c, step);
        plr_kube_check_mounts(&c, step);
        plr_kube_check_network(&c, i);
    }
    return c.found.n_errors == 0 ? check_objects(&c, err) : 0;
}
