/* SPDX-License-Identifier: MIT */
/* Which backend a command uses and why, and what options the installed ones publish.
 * The CLI knows no option of any backend: it reads <name>.options beside each module. */
#ifndef PLR_CLI_BACKEND_H
#define PLR_CLI_BACKEND_H

#include <pipeline/engine.h>

#include "cli/cli.h"
#include "cli/options.h"
#include "cli/text.h"

/* Options that commands with a backend share. */
typedef struct plr_backend_choice {
    const char *name;   /* --backend */
    const char *plugin; /* --plugin */
} plr_backend_choice;

#define PLR_BACKEND_ROWS(type, field)                                                              \
    PLR_CLI_ROW(TEXT, type, field.name, 'b', "backend", "NAME", "run on this backend"),            \
            PLR_CLI_ROW(TEXT, type, field.plugin, 0, "plugin", "FILE",                             \
                    "run on the backend in this module", .one_dash = true)

/* One backend that is installed, and what its data file says. */
typedef struct plr_backend_entry {
    char *name;
    plr_cli_option *options;
    size_t n_options;
    plr_cli_command *commands;
    size_t n_commands;
    char *text; /* holds the strings of both */
} plr_backend_entry;

typedef struct plr_backend_list {
    plr_backend_entry *items;
    size_t n;
} plr_backend_list;

/* What can be found in PLR_BACKEND_PATH, or where it is installed. */
int plr_backend_list_read(plr_backend_list *list, plr_error *err);

/* What lies beside the module that a command line names with --plugin: of x/y.so the options in
 * x/y.options, if there are any. Its commands are not looked at. */
int plr_backend_list_read_plugin(plr_backend_list *list, int argc, char **argv, plr_error *err);
void plr_backend_list_clear(plr_backend_list *list);
const plr_backend_entry *plr_backend_list_find(const plr_backend_list *list, const char *name);

/* The command that some backend publishes under this name, or NULL. */
const plr_cli_command *plr_backend_list_command(const plr_backend_list *list, const char *name);

/* All options that backends publish, and drone-runtime's flags for Kubernetes, without repeats,
 * after `options`; for the parser. `*ret_options` is for free(). */
int plr_backend_merge(const plr_backend_list *list, const plr_cli_option *options, size_t n,
        plr_cli_option **ret_options, size_t *ret_n, plr_error *err);

/* Whether drone-runtime's --kube-debug is among them: then nothing is run, as by --dry-run. */
bool plr_backend_only_shows(const plr_cli_pairs *options);

/* Opens a backend in the engine. Without a choice: Kubernetes if one of its options is given, else
 * Docker if it answers, else local. `*why` gets a line for people. Returns 0 or an error. */
int plr_backend_choose(plr_engine *engine, const plr_backend_choice *choice,
        const plr_cli_pairs *options, plr_backend **ret_backend, plr_text *why, plr_error *err);

#endif
