/* SPDX-License-Identifier: MIT */
/* Runs a command that a backend publishes: opens the backend, hands the operands over, and prints
 * what it says. What the command is, the backend alone knows. */
#include <string.h>

#include "cli/backend.h"
#include "cli/cli.h"
#include "cli/text.h"

static const plr_cli_option table[] = { PLR_CLI_HELP_ROW };
static const size_t table_size = sizeof table / sizeof *table;

static void take_text(const char *text, size_t size, void *userdata)
{
    plr_text_put(userdata, text, size);
}

static const char *backend_of(const plr_backend_list *backends, const char *command)
{
    for (size_t i = 0; i < backends->n; i++)
        for (size_t k = 0; k < backends->items[i].n_commands; k++)
            if (strcmp(backends->items[i].commands[k].name, command) == 0)
                return backends->items[i].name;
    return "";
}

static int run_on(const char *name, const char *command, const plr_cli_pairs *options,
        const plr_cli_list *operands)
{
    plr_engine *engine = NULL;
    plr_backend *backend = NULL;
    plr_text out = { 0 };
    plr_error err = { 0 };
    int r = plr_engine_new(&engine, NULL, &err);
    if (r == 0)
        r = plr_backend_open(&backend, engine, name, options->items, options->n, &err);
    if (r == 0)
        r = plr_backend_command(
                backend, command, operands->items, operands->n, take_text, &out, &err);
    if (r == 0 && out.failed)
        r = plr_cli_no_memory(&err);
    int code = out.size > 0 && !out.failed ? plr_cli_print(out.data, PLR_EXIT_OK) : PLR_EXIT_OK;
    if (r < 0)
        code = plr_cli_fail(&err);
    plr_text_clear(&out);
    plr_engine_free(engine);
    return code;
}

static int run_command(const plr_cli_command *self, int argc, char **argv)
{
    plr_backend_list backends = { 0 };
    plr_cli_pairs options = { 0 };
    plr_cli_list operands = { 0 };
    plr_error err = { 0 };
    int code = plr_cli_parse(self, argc, argv, NULL, &operands, &options, 0, (size_t)-1);
    if (code == PLR_CLI_GO_ON)
        code = plr_backend_list_read(&backends, &err) < 0
                       ? plr_cli_fail(&err)
                       : run_on(backend_of(&backends, self->name), self->name, &options, &operands);
    plr_backend_list_clear(&backends);
    plr_cli_pairs_clear(&options);
    plr_cli_list_clear(&operands);
    return code;
}

const plr_cli_command plr_command_of_backend = {
    .options = table,
    .n_options = &table_size,
    .backend = true,
    .run = run_command,
};
