/* SPDX-License-Identifier: MIT */
/* The options of the run command, and how they become those of the library.
 * Secrets never come from the command line itself, where every process of the machine reads them.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/input.h"
#include "cli/run.h"

#define HOUR ((int64_t)3600 * 1000000000)

static const char *const outputs[] = { "auto", "plain", "pretty", "json", NULL };
/* In the order of plr_on_loss. */
static const char *const losses[] = { "teardown", "keep", NULL };
/* In the order of plr_network_mode. */
static const char *const networks[] = { "auto", "shared", "isolated", "host", "none", NULL };

/* clang-format off: one row is one option */
#define ROW(kind, field, ...) PLR_CLI_ROW(kind, plr_run_arguments, field, __VA_ARGS__)
const plr_cli_option plr_run_table[] = {
    PLR_BACKEND_ROWS(plr_run_arguments, backend),
    ROW(LIST, environment, 'e', "env", "NAME=VALUE", "into every step; NAME alone: from here"),
    ROW(LIST, secrets, 0, "secret", "NAME=SOURCE", "SOURCE is env:VARIABLE or file:PATH"),
    ROW(LIST, volumes, 0, "volume", "NAME=PATH", "this folder for a volume of the document"),
    ROW(TEXT, workspace, 'w', "workspace", "DIR", "this folder into every step's working dir"),
    ROW(TEXT, from, 0, "from", "STEP", "only this step and all that follow it"),
    ROW(LIST, only, 0, "only", "STEP", "only this step; may be repeated"),
    ROW(SWITCH, keep_on_failure, 0, "keep-on-failure", NULL, "leave what failed for a look"),
    ROW(SWITCH, dry_run, 'n', "dry-run", NULL, "print what would be created"),
    ROW(SWITCH, lenient, 0, "lenient", NULL, "unknown keys are warnings"),
    ROW(DURATION, timeout_ns, 0, "timeout", "DURATION", "of the pipeline (1h if it has none)",
            .one_dash = true),
    ROW(DURATION, grace_ns, 0, "grace", "DURATION", "between TERM and KILL (10s)"),
    ROW(NUMBER, max_parallel, 0, "max-parallel", "N", "steps that run at once"),
    ROW(WORD, network, 0, "network", "MODE", "auto, shared, isolated, host or none",
            .words = networks),
    ROW(LIST, forbid, 0, "forbid", "WHAT",
            "privileged, host-network, devices, "
            "daemon-sockets, host-paths or images"),
    ROW(SWITCH, allow_privileged, 0, "allow-privileged", NULL,
            "also where the backend does not by itself"),
    ROW(LIST, host_paths, 0, "allow-host-path", "PATTERN", "forbid all other host paths"),
    ROW(LIST, images, 0, "allow-image", "PATTERN", "forbid all other images"),
    ROW(WORD, on_loss, 0, "on-loss", "MODE", "teardown, or keep: if this process is killed",
            .words = losses),
    ROW(DURATION, keep_ns, 0, "keep", "DURATION", "how long --on-loss keep keeps (1h)"),
    ROW(WORD, output, 'o', "output", "MODE", "plain, pretty, json, or auto", .words = outputs),
    ROW(TEXT, log_dir, 0, "log-dir", "DIR", "each step's output into a file here"),
    ROW(SIZE, log_head, 0, "log-head", "SIZE", "of each stream show this much of its begin"),
    ROW(SIZE, log_tail, 0, "log-tail", "SIZE", "and this much of its end; all, if neither is"),
    ROW(SWITCH, timestamps, 0, "timestamps", NULL, "plain output with times"),
    ROW(SWITCH, verbose, 'v', "verbose", NULL, "tell every state, pull and note"),
    ROW(SWITCH, quiet, 'q', "quiet", NULL, "only output, warnings and the summary"),
    PLR_CLI_HELP_ROW,
};
/* clang-format on */
const size_t plr_run_table_size = sizeof plr_run_table / sizeof *plr_run_table;

/* NAME=REST; `*ret_rest` is NULL if there is no '='. */
static int split(const char *option, const char *item, char **ret_name, const char **ret_rest,
        plr_error *err)
{
    size_t length = strcspn(item, "=");
    if (length == 0)
        return plr_error_set(err, PLR_ERR_USAGE, "--%s needs a name", option);
    *ret_name = strndup(item, length);
    *ret_rest = item[length] == '=' ? item + length + 1 : NULL;
    return *ret_name != NULL ? 0 : plr_cli_no_memory(err);
}

static int read_environment(plr_run_inputs *inputs, const plr_cli_list *list, plr_error *err)
{
    inputs->environment = calloc(list->n + 1, sizeof *inputs->environment);
    if (inputs->environment == NULL)
        return plr_cli_no_memory(err);
    for (size_t i = 0; i < list->n; i++) {
        char *name;
        const char *value;
        int r = split("env", list->items[i], &name, &value, err);
        if (r < 0)
            return r;
        inputs->environment[i].name = name;
        inputs->n_environment++;
        if (value == NULL && (value = getenv(name)) == NULL)
            return plr_error_set(
                    err, PLR_ERR_USAGE, "--env %s: there is no such variable here", name);
        inputs->environment[i].value = value;
    }
    return 0;
}

static int full_path(const char *option, const char *path, char **ret_path, plr_error *err)
{
    *ret_path = realpath(path, NULL);
    if (*ret_path == NULL)
        return plr_error_set(err, PLR_ERR_USAGE, "--%s: %s: %s", option, path, strerror(errno));
    return 0;
}

static int read_volumes(plr_run_inputs *inputs, const plr_cli_list *list, plr_error *err)
{
    inputs->volumes = calloc(list->n + 1, sizeof *inputs->volumes);
    if (inputs->volumes == NULL)
        return plr_cli_no_memory(err);
    for (size_t i = 0; i < list->n; i++) {
        char *name, *full;
        const char *path;
        int r = split("volume", list->items[i], &name, &path, err);
        if (r < 0)
            return r;
        inputs->volumes[i].name = name;
        inputs->n_volumes++;
        if (path == NULL)
            return plr_error_set(err, PLR_ERR_USAGE, "--volume %s needs a path: NAME=PATH", name);
        r = full_path("volume", path, &full, err);
        if (r < 0)
            return r;
        inputs->volumes[i].value = full;
    }
    return 0;
}

static int read_secret(plr_host_secret *secret, const char *source, plr_error *err)
{
    char *data = NULL;
    if (strncmp(source, "env:", 4) == 0) {
        const char *value = getenv(source + 4);
        if (value == NULL)
            return plr_error_set(err, PLR_ERR_USAGE, "--secret %s: there is no variable %s here",
                    secret->name, source + 4);
        data = strdup(value);
        secret->size = strlen(value);
    } else if (strncmp(source, "file:", 5) == 0) {
        int r = plr_input_read(source + 5, &data, &secret->size, err);
        if (r < 0)
            return r;
        if (secret->size > 0 && data[secret->size - 1] == '\n')
            secret->size--; /* the editor's, not the secret's */
        if (memchr(data, '\0', secret->size) != NULL) {
            free(data);
            return plr_error_set(
                    err, PLR_ERR_USAGE, "--secret %s: a NUL byte in its file", secret->name);
        }
    } else {
        /* What was given may be the secret itself: not repeated. */
        return plr_error_set(err, PLR_ERR_USAGE,
                "--secret %s: say where it is, %s=env:VARIABLE or %s=file:PATH. A secret on the "
                "command line could be read by every process of this machine",
                secret->name, secret->name, secret->name);
    }
    secret->data = data;
    return data != NULL ? 0 : plr_cli_no_memory(err);
}

static int read_secrets(plr_run_inputs *inputs, const plr_cli_list *list, plr_error *err)
{
    inputs->secrets = calloc(list->n + 1, sizeof *inputs->secrets);
    inputs->secret_names = calloc(list->n + 1, sizeof *inputs->secret_names);
    if (inputs->secrets == NULL || inputs->secret_names == NULL)
        return plr_cli_no_memory(err);
    for (size_t i = 0; i < list->n; i++) {
        char *name;
        const char *source;
        int r = split("secret", list->items[i], &name, &source, err);
        if (r < 0)
            return r;
        inputs->secrets[i].name = inputs->secret_names[i] = name;
        inputs->n_secrets++;
        r = read_secret(&inputs->secrets[i], source != NULL ? source : "", err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int forbid(plr_policy *policy, const char *what, plr_error *err)
{
    if (strcmp(what, "privileged") == 0)
        policy->privileged = PLR_PRIVILEGED_FORBIDDEN;
    else if (strcmp(what, "host-network") == 0)
        policy->allow_host_network = false;
    else if (strcmp(what, "devices") == 0)
        policy->allow_devices = false;
    else if (strcmp(what, "daemon-sockets") == 0)
        policy->allow_daemon_sockets = false;
    else if (strcmp(what, "host-paths") == 0)
        policy->limit_host_paths = true;
    else if (strcmp(what, "images") == 0)
        policy->limit_images = true;
    else
        return plr_error_set(err, PLR_ERR_USAGE,
                "--forbid is one of privileged, host-network, devices, daemon-sockets, host-paths, "
                "images, not \"%s\"",
                what);
    return 0;
}

static int read_policy(plr_run_inputs *inputs, const plr_run_arguments *arguments, plr_error *err)
{
    plr_policy *policy = &inputs->policy;
    *policy = (plr_policy){
        .size = sizeof *policy,
        .privileged =
                arguments->allow_privileged ? PLR_PRIVILEGED_ALLOWED : PLR_PRIVILEGED_BY_BACKEND,
        .allow_host_network = true,
        .allow_devices = true,
        .allow_daemon_sockets = true,
        .limit_host_paths = arguments->host_paths.n > 0,
        .host_paths = arguments->host_paths.items,
        .n_host_paths = arguments->host_paths.n,
        .limit_images = arguments->images.n > 0,
        .images = arguments->images.items,
        .n_images = arguments->images.n,
    };
    for (size_t i = 0; i < arguments->forbid.n; i++) {
        int r = forbid(policy, arguments->forbid.items[i], err);
        if (r < 0)
            return r;
    }
    if (arguments->allow_privileged && policy->privileged == PLR_PRIVILEGED_FORBIDDEN)
        return plr_error_set(
                err, PLR_ERR_USAGE, "privileged steps are allowed and forbidden at once");
    return 0;
}

int plr_run_inputs_read(plr_run_inputs *inputs, const plr_run_arguments *arguments, plr_error *err)
{
    int r = read_environment(inputs, &arguments->environment, err);
    if (r == 0)
        r = read_secrets(inputs, &arguments->secrets, err);
    if (r == 0)
        r = read_volumes(inputs, &arguments->volumes, err);
    if (r == 0 && arguments->workspace != NULL)
        r = full_path("workspace", arguments->workspace, &inputs->workspace, err);
    if (r == 0)
        r = read_policy(inputs, arguments, err);
    return r;
}

void plr_run_inputs_clear(plr_run_inputs *inputs)
{
    for (size_t i = 0; i < inputs->n_environment; i++)
        free((char *)inputs->environment[i].name);
    for (size_t i = 0; i < inputs->n_volumes; i++) {
        free((char *)inputs->volumes[i].name);
        free((char *)inputs->volumes[i].value);
    }
    for (size_t i = 0; i < inputs->n_secrets; i++) {
        free((char *)inputs->secrets[i].name);
        if (inputs->secrets[i].data != NULL)
            explicit_bzero((void *)inputs->secrets[i].data, inputs->secrets[i].size);
        free((void *)inputs->secrets[i].data);
    }
    free(inputs->environment);
    free(inputs->volumes);
    free(inputs->secrets);
    free(inputs->secret_names);
    free(inputs->workspace);
    *inputs = (plr_run_inputs){ 0 };
}

void plr_run_options_fill(plr_run_options *options, const plr_run_arguments *arguments,
        const plr_run_inputs *inputs, const plr_document *document)
{
    *options = (plr_run_options){
        .size = sizeof *options,
        .environment = inputs->environment,
        .n_environment = inputs->n_environment,
        .secrets = inputs->secrets,
        .n_secrets = inputs->n_secrets,
        .volumes = inputs->volumes,
        .n_volumes = inputs->n_volumes,
        .workspace = inputs->workspace,
        .network = (plr_network_mode)arguments->network,
        .policy = &inputs->policy,
        .log_head = arguments->log_head,
        .log_tail = arguments->log_tail,
        .max_parallel = arguments->max_parallel,
        .on_loss = (plr_on_loss)arguments->on_loss,
        .keep_ns = arguments->keep_ns,
        .from = arguments->from,
        .only = arguments->only.items,
        .n_only = arguments->only.n,
        .keep_on_failure = arguments->keep_on_failure,
        .plan_only = arguments->dry_run,
    };
    if (arguments->grace_ns != PLR_NOT_GIVEN) /* the library's 0 means its default */
        options->grace_ns = arguments->grace_ns > 0 ? arguments->grace_ns : -1;
    if (arguments->timeout_ns != PLR_NOT_GIVEN)
        options->timeout_ns = arguments->timeout_ns;
    else if (document->timeout_ns == 0)
        options->timeout_ns = HOUR; /* drone-runtime's */
}
