/* SPDX-License-Identifier: MIT */
/* Which backend a command uses and why, and what the installed ones publish: a file <name>.options
 * beside each module, a line for each option: name, TAB, argument, TAB, help; and for each command
 * of its own the same with "command " before the name. */
#include "cli/backend.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/input.h"

#define SUFFIX ".options"
#define COMMAND "command "
#define MODULE ".so"

/* drone-runtime's, known even where no Kubernetes backend is installed to publish them. */
static const plr_cli_option kubernetes_options[] = {
    { .name = "kube-config", .argument = "FILE", .help = "kubeconfig of the cluster" },
    { .name = "kube-url", .argument = "URL", .help = "address of the cluster" },
    { .name = "kube-node", .argument = "NAME", .help = "run on this node only" },
    { .name = "kube-debug", .help = "print the objects that would be created, as YAML" },
};
#define N_KUBERNETES (sizeof kubernetes_options / sizeof *kubernetes_options)

static int add_command(plr_backend_entry *entry, const char *name, const char *arguments,
        const char *help, plr_error *err)
{
    plr_cli_command *commands =
            realloc(entry->commands, (entry->n_commands + 1) * sizeof *commands);
    if (commands == NULL)
        return plr_cli_no_memory(err);
    entry->commands = commands;
    entry->commands[entry->n_commands] = plr_command_of_backend;
    entry->commands[entry->n_commands].name = name;
    entry->commands[entry->n_commands].usage = arguments;
    entry->commands[entry->n_commands++].summary = help;
    return 0;
}

static int add_option(plr_backend_entry *entry, const char *name, const char *argument,
        const char *help, plr_error *err)
{
    plr_cli_option *options = realloc(entry->options, (entry->n_options + 1) * sizeof *options);
    if (options == NULL)
        return plr_cli_no_memory(err);
    entry->options = options;
    entry->options[entry->n_options++] = (plr_cli_option){
        .name = name,
        .one_dash = true,
        .kind = PLR_CLI_BACKEND,
        .argument = *argument != '\0' ? argument : NULL,
        .help = help,
    };
    return 0;
}

/* Cuts `text` into options and commands; it holds their strings from now on. */
static int parse_lines(plr_backend_entry *entry, plr_error *err)
{
    char *rest = entry->text, *line;
    while ((line = strsep(&rest, "\n")) != NULL) {
        char *name = strsep(&line, "\t"), *argument = strsep(&line, "\t"), *help = line;
        if (argument == NULL || help == NULL || *name == '\0')
            continue;
        size_t prefix = strlen(COMMAND);
        int r = strncmp(name, COMMAND, prefix) == 0
                        ? add_command(entry, name + prefix, argument, help, err)
                        : add_option(entry, name, argument, help, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_entry(
        plr_backend_list *list, const char *folder, const char *file, size_t length, plr_error *err)
{
    char path[4096];
    size_t size;
    plr_backend_entry *items = realloc(list->items, (list->n + 1) * sizeof *items);
    if (items == NULL)
        return plr_cli_no_memory(err);
    list->items = items;
    plr_backend_entry *entry = &list->items[list->n];
    *entry = (plr_backend_entry){ .name = strndup(file, length) };
    if (entry->name == NULL)
        return plr_cli_no_memory(err);
    list->n++;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    int r = plr_input_read(path, &entry->text, &size, err);
    return r < 0 ? r : parse_lines(entry, err);
}

static int read_folder(plr_backend_list *list, const char *folder, plr_error *err)
{
    DIR *dir = opendir(folder);
    struct dirent *item;
    int r = 0;
    if (dir == NULL)
        return 0; /* nothing is installed there */
    while (r == 0 && (item = readdir(dir)) != NULL) {
        size_t length = strlen(item->d_name);
        if (length <= strlen(SUFFIX) || strcmp(item->d_name + length - strlen(SUFFIX), SUFFIX) != 0)
            continue;
        length -= strlen(SUFFIX);
        char name[256] = "";
        memcpy(name, item->d_name, length);
        if (plr_backend_list_find(list, name) == NULL)
            r = read_entry(list, folder, item->d_name, length, err);
    }
    closedir(dir);
    return r;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const plr_backend_entry *)a)->name, ((const plr_backend_entry *)b)->name);
}

int plr_backend_list_read(plr_backend_list *list, plr_error *err)
{
    const char *path = getenv("PLR_BACKEND_PATH");
    _cleanup_free_ char *folders = strdup(path != NULL && *path != '\0' ? path : PLR_PKGLIBDIR);
    if (folders == NULL)
        return plr_cli_no_memory(err);
    char *rest = folders, *folder;
    int r = 0;
    while (r == 0 && (folder = strsep(&rest, ":")) != NULL)
        if (*folder != '\0')
            r = read_folder(list, folder, err);
    if (list->n > 0)
        qsort(list->items, list->n, sizeof *list->items, by_name);
    return r;
}

static bool is_set(const char *text)
{
    return text != NULL && *text != '\0';
}

static bool is_there(const char *folder, const char *file)
{
    char path[4096];
    return is_set(folder) &&
           (size_t)snprintf(path, sizeof path, "%s/%s", folder, file) < sizeof path &&
           access(path, F_OK) == 0;
}

/* The value of --plugin, before the options are known: "--plugin X", "--plugin=X", or one dash. */
static const char *plugin_of(int argc, char **argv)
{
    const char *name = "plugin";
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *word = argv[i] + (argv[i][0] == '-') + (strncmp(argv[i], "--", 2) == 0);
        if (word == argv[i] || strncmp(word, name, strlen(name)) != 0)
            continue;
        word += strlen(name);
        if (*word == '=')
            return word + 1;
        if (*word == '\0' && i + 1 < argc)
            return argv[i + 1];
    }
    return NULL;
}

int plr_backend_list_read_plugin(plr_backend_list *list, int argc, char **argv, plr_error *err)
{
    const char *plugin = plugin_of(argc, argv);
    const char *slash = plugin != NULL ? strrchr(plugin, '/') : NULL;
    const char *file = slash != NULL ? slash + 1 : plugin;
    size_t length = file != NULL ? strlen(file) : 0, suffix = strlen(MODULE);
    if (length <= suffix || strcmp(file + length - suffix, MODULE) != 0)
        return 0;
    _cleanup_free_ char *folder =
            slash != NULL ? strndup(plugin, (size_t)(slash - plugin) + 1) : strdup("./");
    _cleanup_free_ char *options = NULL;
    if (folder == NULL || asprintf(&options, "%.*s" SUFFIX, (int)(length - suffix), file) < 0)
        return plr_cli_no_memory(err);
    return is_there(folder, options) ? read_entry(list, folder, options, length - suffix, err) : 0;
}

void plr_backend_list_clear(plr_backend_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->items[i].name);
        free(list->items[i].options);
        free(list->items[i].commands);
        free(list->items[i].text);
    }
    free(list->items);
    *list = (plr_backend_list){ 0 };
}

const plr_backend_entry *plr_backend_list_find(const plr_backend_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return &list->items[i];
    return NULL;
}

const plr_cli_command *plr_backend_list_command(const plr_backend_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        for (size_t k = 0; k < list->items[i].n_commands; k++)
            if (strcmp(list->items[i].commands[k].name, name) == 0)
                return &list->items[i].commands[k];
    return NULL;
}

static bool has(const plr_cli_option *options, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(options[i].name, name) == 0)
            return true;
    return false;
}

int plr_backend_merge(const plr_backend_list *list, const plr_cli_option *options, size_t n,
        plr_cli_option **ret_options, size_t *ret_n, plr_error *err)
{
    size_t most = n + N_KUBERNETES, count = n;
    for (size_t i = 0; i < list->n; i++)
        most += list->items[i].n_options;
    plr_cli_option *all = calloc(most, sizeof *all);
    if (all == NULL)
        return plr_cli_no_memory(err);
    memcpy(all, options, n * sizeof *all);
    for (size_t i = 0; i < list->n; i++)
        for (size_t j = 0; j < list->items[i].n_options; j++)
            if (!has(all, count, list->items[i].options[j].name))
                all[count++] = list->items[i].options[j];
    for (size_t i = 0; i < N_KUBERNETES; i++)
        if (!has(all, count, kubernetes_options[i].name)) {
            all[count] = kubernetes_options[i];
            all[count].one_dash = true;
            all[count++].kind = PLR_CLI_BACKEND;
        }
    *ret_options = all;
    *ret_n = count;
    return 0;
}

static bool publishes(const plr_backend_list *list, const char *backend, const char *option)
{
    const plr_backend_entry *entry = plr_backend_list_find(list, backend);
    return entry != NULL && has(entry->options, entry->n_options, option);
}

/* Whether an option is given that is this backend's and not the other's. */
static bool is_asked_for(const plr_backend_list *list, const plr_cli_pairs *options,
        const char *backend, const char *other)
{
    for (size_t i = 0; i < options->n; i++)
        if (publishes(list, backend, options->items[i].name) &&
                !publishes(list, other, options->items[i].name))
            return true;
    return false;
}

/* By a flag of drone-runtime's, or by one that no other backend has. */
static bool asks_for_kubernetes(const plr_backend_list *list, const plr_cli_pairs *options)
{
    for (size_t i = 0; i < options->n; i++) {
        const char *name = options->items[i].name;
        if (has(kubernetes_options, N_KUBERNETES, name) ||
                (publishes(list, "kubernetes", name) && !publishes(list, "docker", name) &&
                        !publishes(list, "local", name)))
            return true;
    }
    return false;
}

bool plr_backend_only_shows(const plr_cli_pairs *options)
{
    for (size_t i = 0; i < options->n; i++)
        if (strcmp(options->items[i].name, "kube-debug") == 0)
            return true;
    return false;
}

/* Whether somebody has said where Docker is: then another backend would not be what they meant. */
static const char *docker_is_asked_for(const plr_backend_list *list, const plr_cli_pairs *options)
{
    if (is_asked_for(list, options, "docker", "local"))
        return "its options are given";
    if (is_set(getenv("DOCKER_HOST")))
        return "DOCKER_HOST is set";
    return is_set(getenv("DOCKER_CONTEXT")) ? "DOCKER_CONTEXT is set" : NULL;
}

/* Where there is neither a socket nor a configuration that could name one, no module has to be
 * loaded (and HTTP with it) to say that no Docker Engine answers. */
static bool docker_may_be_there(void)
{
    char folder[4096];
    const char *home = getenv("HOME"), *runtime = getenv("XDG_RUNTIME_DIR");
    snprintf(folder, sizeof folder, "%s/.docker", is_set(home) ? home : "");
    return access("/var/run/docker.sock", F_OK) == 0 ||
           access("/run/podman/podman.sock", F_OK) == 0 || is_there(runtime, "docker.sock") ||
           is_there(runtime, "podman/podman.sock") || is_there(folder, "contexts") ||
           is_there(getenv("DOCKER_CONFIG"), "contexts");
}

/* Some libcurls bring GnuTLS along, for a protocol that nobody speaks here. It would make itself
 * ready as it is loaded, and cost more memory than the engine. Children may need it: they must not
 * inherit the wish. */
#define NO_GNUTLS "GNUTLS_NO_IMPLICIT_INIT"

static int open_it(plr_engine *engine, const char *name, const plr_cli_pairs *options,
        plr_backend **ret_backend, plr_error *err)
{
    bool ours = getenv(NO_GNUTLS) == NULL && setenv(NO_GNUTLS, "1", 0) == 0;
    int r = plr_backend_open(ret_backend, engine, name, options->items, options->n, err);
    if (ours)
        unsetenv(NO_GNUTLS);
    return r < 0 ? r : plr_backend_wait(*ret_backend, err);
}

/* As --backend says; where there is none of that name, with those that there are. */
static int open_named(plr_engine *engine, const char *name, const plr_cli_pairs *options,
        plr_backend **ret_backend, plr_error *err)
{
    plr_backend_list list = { 0 };
    plr_text names = { 0 };
    plr_error reason = { 0 };
    int r = open_it(engine, name, options, ret_backend, &reason);
    if (r == PLR_ERR_NOTFOUND && plr_backend_list_read(&list, NULL) == 0 &&
            plr_backend_list_find(&list, name) == NULL)
        for (size_t i = 0; i < list.n; i++)
            plr_text_printf(&names, "%s%s", i == 0 ? "; there are " : ", ", list.items[i].name);
    if (r < 0)
        plr_error_set(
                err, reason.code, "%s%s", reason.message, names.data != NULL ? names.data : "");
    plr_text_clear(&names);
    plr_backend_list_clear(&list);
    return r;
}

/* Chosen because nothing else is there: then an image that is not to be had is no reason to fail,
 * unless somebody has said what a step's root is to be. */
static int open_local(
        plr_engine *engine, const plr_cli_pairs *options, plr_backend **ret_backend, plr_error *err)
{
    plr_cli_pairs all = { 0 };
    bool rootfs = false;
    int r = 0;
    for (size_t i = 0; r == 0 && i < options->n; i++) {
        rootfs |= strcmp(options->items[i].name, "rootfs") == 0;
        r = plr_cli_pairs_add(&all, options->items[i].name, options->items[i].value, err);
    }
    if (r == 0 && !rootfs)
        r = plr_cli_pairs_add(&all, "rootfs", "auto", err);
    if (r == 0)
        r = open_it(engine, "local", &all, ret_backend, err);
    plr_cli_pairs_clear(&all);
    return r;
}

/* Docker if it answers, else local. */
static int choose_itself(plr_engine *engine, const plr_backend_list *list,
        const plr_cli_pairs *options, plr_backend **ret_backend, plr_text *why, plr_error *err)
{
    const char *asked = docker_is_asked_for(list, options);
    bool local = plr_backend_list_find(list, "local") != NULL;
    plr_error reason = { 0 };
    if (asked == NULL && is_asked_for(list, options, "local", "docker")) {
        plr_text_puts(why, "its options are given");
        return open_local(engine, options, ret_backend, err);
    }
    int r = PLR_ERR_NOTFOUND;
    if (asked != NULL || !local || docker_may_be_there())
        r = open_it(engine, "docker", options, ret_backend, &reason);
    else
        plr_error_set(&reason, PLR_ERR_NOTFOUND, "there is no socket of one");
    if (r == 0 || asked != NULL || r == PLR_ERR_USAGE || r == PLR_ERR_NOMEM) {
        plr_text_puts(why, asked != NULL ? asked : "a Docker Engine answers");
        return r == 0 ? 0 : plr_error_set(err, reason.code, "%s", reason.message);
    }
    if (!local)
        return plr_error_set(err, PLR_ERR_INFRASTRUCTURE,
                "no Docker Engine answers (%.600s), and no backend is installed that works without "
                "one. Start Docker, or say where it is with DOCKER_HOST or --docker-host",
                reason.message);
    plr_text_printf(why, "no Docker Engine answers (%s)", reason.message);
    return open_local(engine, options, ret_backend, err);
}

int plr_backend_choose(plr_engine *engine, const plr_backend_choice *choice,
        const plr_cli_pairs *options, plr_backend **ret_backend, plr_text *why, plr_error *err)
{
    char *plugin = NULL;
    if (choice->plugin != NULL) {
        /* A name without a slash would be looked for where backends are installed. */
        if (strchr(choice->plugin, '/') == NULL && asprintf(&plugin, "./%s", choice->plugin) < 0)
            return plr_cli_no_memory(err);
        plr_text_puts(why, "it is the module of --plugin");
        int r = open_it(
                engine, plugin != NULL ? plugin : choice->plugin, options, ret_backend, err);
        free(plugin);
        return r;
    }
    if (choice->name != NULL) {
        plr_text_puts(why, "--backend says so");
        return open_named(engine, choice->name, options, ret_backend, err);
    }
    plr_backend_list list = { 0 };
    int r = plr_backend_list_read(&list, err);
    if (r == 0 && asks_for_kubernetes(&list, options)) {
        plr_text_puts(why, "its options are given");
        r = open_it(engine, "kubernetes", options, ret_backend, err);
    } else if (r == 0) {
        r = choose_itself(engine, &list, options, ret_backend, why, err);
    }
    plr_backend_list_clear(&list);
    return r;
}
