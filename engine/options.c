/* SPDX-License-Identifier: MIT */
/* Takes over what the caller wants of a run, and makes of it and the document what each task sees:
 * environment with secrets, volumes with the host's in their place, the workspace. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/engine.h"
#include "engine/run.h"

#define DEFAULT_GRACE_NS ((int64_t)10 * 1000000000)
#define DEFAULT_CLEANUP_NS ((int64_t)300 * 1000000000)
#define DEFAULT_KEEP_NS ((int64_t)3600 * 1000000000)
#define WORKSPACE_PATH "/workspace"
#define RUN_ID_LONGEST 40

static int copy_text(plr_run *run, const char **field, plr_error *err)
{
    if (*field == NULL)
        return 0;
    *field = plr_arena_copy(&run->arena, *field, strlen(*field));
    return *field != NULL ? 0 : plr_error_nomem(err);
}

static int copy_list(plr_run *run, const char *const **field, size_t n, plr_error *err)
{
    const char **copy = plr_arena_array(&run->arena, n, sizeof *copy);
    if (copy == NULL)
        return plr_error_nomem(err);
    for (size_t i = 0; i < n; i++) {
        copy[i] = (*field)[i];
        int r = copy_text(run, &copy[i], err);
        if (r < 0)
            return r;
    }
    *field = copy;
    return 0;
}

static int copy_pairs(plr_run *run, const plr_pair **field, size_t n, plr_error *err)
{
    plr_pair *copy = plr_arena_array(&run->arena, n, sizeof *copy);
    if (copy == NULL)
        return plr_error_nomem(err);
    for (size_t i = 0; i < n; i++) {
        copy[i] = (*field)[i];
        int r = copy_text(run, &copy[i].name, err);
        if (r == 0)
            r = copy_text(run, &copy[i].value, err);
        if (r < 0)
            return r;
    }
    *field = copy;
    return 0;
}

static int copy_policy(plr_run *run, plr_error *err)
{
    if (run->options.policy == NULL)
        return 0;
    plr_policy *policy = plr_arena_alloc(&run->arena, sizeof *policy);
    if (policy == NULL)
        return plr_error_nomem(err);
    *policy = (plr_policy){ 0 };
    int r = plr_struct_take(policy, sizeof *policy, run->options.policy, "plr_policy", err);
    run->options.policy = policy;
    if (r == 0)
        r = copy_list(run, &policy->host_paths, policy->n_host_paths, err);
    return r < 0 ? r : copy_list(run, &policy->images, policy->n_images, err);
}

static int copy_secrets(plr_run *run, plr_error *err)
{
    plr_host_secret *secrets =
            plr_arena_array(&run->arena, run->options.n_secrets, sizeof *secrets);
    if (secrets == NULL)
        return plr_error_nomem(err);
    for (size_t i = 0; i < run->options.n_secrets; i++) {
        secrets[i] = run->options.secrets[i];
        int r = copy_text(run, &secrets[i].name, err);
        if (r < 0)
            return r;
        if (secrets[i].size > 0 && memchr(secrets[i].data, '\0', secrets[i].size) != NULL)
            return plr_error_set(
                    err, PLR_ERR_USAGE, "the secret %s has a NUL byte in it", secrets[i].name);
        secrets[i].data = plr_arena_copy(&run->arena, secrets[i].data, secrets[i].size);
        if (secrets[i].data == NULL)
            return plr_error_nomem(err);
    }
    run->options.secrets = secrets;
    return 0;
}

static int make_id(plr_run *run, plr_error *err)
{
    const char *id = run->options.id;
    if (id == NULL) {
        unsigned char random[8];
        char text[2 * sizeof random + 1];
        if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
            return plr_error_set(err, PLR_ERR_SYSTEM, "the kernel gives no random numbers");
        for (size_t i = 0; i < sizeof random; i++)
            snprintf(text + 2 * i, 3, "%02x", random[i]);
        run->view.id = plr_arena_copy(&run->arena, text, sizeof text - 1);
        return run->view.id != NULL ? 0 : plr_error_nomem(err);
    }
    size_t length = strlen(id);
    if (length == 0 || length > RUN_ID_LONGEST || id[0] == '-' ||
            strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") != length)
        return plr_error_set(err, PLR_ERR_USAGE,
                "\"%s\" is not an id for a run: up to %d of a-z, 0-9 and -", id, RUN_ID_LONGEST);
    run->view.id = id;
    return 0;
}

static int64_t smaller_timeout(int64_t a, int64_t b)
{
    return a == 0 ? b : b == 0 || a < b ? a : b;
}

static void make_run_view(plr_run *run)
{
    const plr_run_options *options = &run->options;
    plr_run_view *view = &run->view;
    view->size = sizeof *view;
    view->document = run->document;
    view->host_environment = options->environment;
    view->n_host_environment = options->n_environment;
    view->network = options->network;
    view->grace_ns = options->grace_ns == 0 ? DEFAULT_GRACE_NS : options->grace_ns;
    view->on_loss = options->on_loss;
    view->keep_ns = options->keep_ns > 0 ? options->keep_ns : DEFAULT_KEEP_NS;
    view->timeout_ns = smaller_timeout(run->document->timeout_ns, options->timeout_ns);
    view->keep_on_failure = options->keep_on_failure;
    view->allow_host_network = options->policy == NULL || options->policy->allow_host_network;
    view->owner = run->engine->owner;
    unsigned capabilities = run->backend->module->capabilities;
    view->prepares_all = (capabilities & PLR_CAPABILITY_PREPARES_ALL) != 0;
    view->self_release =
            (capabilities & PLR_CAPABILITY_SELF_RELEASE) != 0 && options->max_parallel == 0;
    if (run->options.cleanup_ns <= 0)
        run->options.cleanup_ns = DEFAULT_CLEANUP_NS;
}

static int check_times(const plr_run_options *options, plr_error *err)
{
    if (options->timeout_ns < 0 || options->cleanup_ns < 0 || options->keep_ns < 0)
        return plr_error_set(err, PLR_ERR_USAGE, "a time limit of a run is negative");
    return 0;
}

static int check_environment(const plr_run_options *options, plr_error *err)
{
    for (size_t i = 0; i < options->n_environment; i++) {
        const char *name = options->environment[i].name;
        if (name[0] == '\0' || strchr(name, '=') != NULL)
            return plr_error_set(err, PLR_ERR_USAGE, "\"%s\" is not the name of a variable", name);
        if (strncmp(name, "PIPELINE_", strlen("PIPELINE_")) == 0)
            return plr_error_set(err, PLR_ERR_USAGE, "%s: PIPELINE_* is kept for the engine", name);
    }
    return 0;
}

int plr_run_copy_options(plr_run *run, const plr_run_options *options, plr_error *err)
{
    plr_run_options *own = &run->options;
    int r = options != NULL ? plr_struct_take(own, sizeof *own, options, "plr_run_options", err)
                            : 0;
    if (r == 0)
        r = check_times(own, err);
    if (r == 0)
        r = check_environment(own, err);
    if (r == 0)
        r = copy_text(run, &own->id, err);
    if (r == 0)
        r = copy_pairs(run, &own->environment, own->n_environment, err);
    if (r == 0)
        r = copy_secrets(run, err);
    if (r == 0)
        r = copy_pairs(run, &own->volumes, own->n_volumes, err);
    if (r == 0)
        r = copy_text(run, &own->workspace, err);
    if (r == 0)
        r = copy_policy(run, err);
    if (r == 0)
        r = copy_text(run, &own->from, err);
    if (r == 0)
        r = copy_list(run, &own->only, own->n_only, err);
    if (r == 0)
        r = make_id(run, err);
    if (r == 0)
        make_run_view(run);
    return r;
}

static const char *find_secret(const plr_run *run, const char *name, size_t in_document)
{
    for (size_t i = 0; i < run->options.n_secrets; i++)
        if (strcmp(run->options.secrets[i].name, name) == 0)
            return run->options.secrets[i].data;
    return in_document != PLR_NONE ? run->document->secrets[in_document].data : NULL;
}

/* The document's environment, with its secrets after it; of two with one name the later stays. */
static int make_environment(plr_run *run, plr_task *task, plr_error *err)
{
    const plr_step *step = task->step;
    plr_pair *pairs =
            plr_arena_array(&run->arena, step->n_environment + step->n_secrets, sizeof *pairs);
    if (pairs == NULL)
        return plr_error_nomem(err);
    size_t n = 0;
    for (size_t i = 0; i < step->n_environment; i++) {
        bool replaced = false;
        for (size_t s = 0; s < step->n_secrets && !replaced; s++)
            replaced = strcmp(step->environment[i].name, step->secrets[s].env) == 0;
        if (!replaced)
            pairs[n++] = step->environment[i];
    }
    for (size_t i = 0; i < step->n_secrets; i++) {
        const char *value = find_secret(run, step->secrets[i].name, step->secrets[i].secret);
        if (value == NULL)
            return plr_error_set(err, PLR_ERR_DOCUMENT,
                    "step %s: there is no secret \"%s\", neither in the document nor from the "
                    "caller",
                    step->metadata.name, step->secrets[i].name);
        pairs[n++] = (plr_pair){ step->secrets[i].env, value };
    }
    task->environment = pairs;
    task->n_environment = n;
    return 0;
}

const char *plr_options_host_path(const plr_run *run, const plr_volume *volume)
{
    for (size_t i = 0; i < run->options.n_volumes; i++)
        if (strcmp(run->options.volumes[i].name, volume->metadata.name) == 0)
            return run->options.volumes[i].value;
    return volume->host != NULL ? volume->host->path : NULL;
}

static int make_volumes(plr_run *run, plr_task *task, plr_error *err)
{
    const plr_step *step = task->step;
    const char *workspace = run->options.workspace;
    plr_task_volume *volumes = plr_arena_array(&run->arena, step->n_volumes + 1, sizeof *volumes);
    if (volumes == NULL)
        return plr_error_nomem(err);
    for (size_t i = 0; i < step->n_volumes; i++) {
        const plr_volume_mount *mount = &step->volumes[i];
        const plr_volume *volume = &run->document->volumes[mount->volume];
        const char *host_path = plr_options_host_path(run, volume);
        volumes[i] = (plr_task_volume){
            .name = mount->name,
            .path = mount->path,
            .host_path = host_path,
            .temp = host_path == NULL ? volume->temp : NULL,
            .volume = mount->volume,
        };
    }
    task->n_volumes = step->n_volumes;
    task->working_dir = step->working_dir;
    if (workspace != NULL) {
        if (task->working_dir == NULL)
            task->working_dir = WORKSPACE_PATH;
        volumes[task->n_volumes++] = (plr_task_volume){ .name = "workspace",
            .path = task->working_dir,
            .host_path = workspace,
            .volume = PLR_NONE };
    }
    task->volumes = volumes;
    return 0;
}

static int check_host_volumes(const plr_run *run, plr_error *err)
{
    for (size_t i = 0; i < run->options.n_volumes; i++) {
        const plr_pair *given = &run->options.volumes[i];
        bool found = false;
        for (size_t v = 0; v < run->document->n_volumes && !found; v++)
            found = strcmp(run->document->volumes[v].metadata.name, given->name) == 0;
        if (!found)
            return plr_error_set(
                    err, PLR_ERR_USAGE, "the document has no volume \"%s\"", given->name);
        if (given->value[0] != '/')
            return plr_error_set(err, PLR_ERR_USAGE, "volume %s: the path %s is not absolute",
                    given->name, given->value);
    }
    if (run->options.workspace != NULL && run->options.workspace[0] != '/')
        return plr_error_set(err, PLR_ERR_USAGE, "the workspace %s is not an absolute path",
                run->options.workspace);
    return 0;
}

static int mask_secret(
        plr_run *run, const char *name, const void *data, size_t size, plr_error *err)
{
    bool too_short = false;
    int r = plr_mask_add(run->mask, data, size, &too_short, err);
    if (r < 0)
        return r;
    run->has_secrets |= size > 0 && !too_short;
    if (too_short)
        run->short_secret = name;
    return 0;
}

static int fill_mask(plr_run *run, plr_error *err)
{
    int r = plr_mask_new(&run->mask, err);
    for (size_t i = 0; i < run->options.n_secrets && r == 0; i++)
        r = mask_secret(run, run->options.secrets[i].name, run->options.secrets[i].data,
                run->options.secrets[i].size, err);
    for (size_t i = 0; i < run->document->n_secrets && r == 0; i++) {
        const plr_secret *secret = &run->document->secrets[i];
        if (secret->data != NULL)
            r = mask_secret(run, secret->metadata.name, secret->data, strlen(secret->data), err);
    }
    for (size_t i = 0; i < run->document->n_auths && r == 0; i++)
        if (run->document->auths[i].password != NULL)
            r = mask_secret(run, run->document->auths[i].address, run->document->auths[i].password,
                    strlen(run->document->auths[i].password), err);
    return r;
}

int plr_run_make_views(plr_run *run, plr_error *err)
{
    int r = fill_mask(run, err);
    if (r == 0)
        r = check_host_volumes(run, err);
    for (size_t i = 0; i < run->document->n_tasks && r == 0; i++) {
        plr_run_node *node = &run->nodes[i];
        plr_task *task = &node->task;
        *task = (plr_task){ .size = sizeof *task,
            .run = &run->view,
            .index = i,
            .attempt = 1,
            .step = run->document->tasks[i] };
        node->run = run;
        node->clean = true;
        r = make_environment(run, task, err);
        if (r == 0)
            r = make_volumes(run, task, err);
    }
    return r;
}
