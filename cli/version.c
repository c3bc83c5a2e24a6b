/* SPDX-License-Identifier: MIT */
/* The version command: the library's version, and which backends are installed. */
#include "cli/backend.h"
#include "cli/cli.h"
#include "cli/text.h"

static const plr_cli_option table[] = { PLR_CLI_HELP_ROW };
static const size_t table_size = sizeof table / sizeof *table;

static int version_command(const plr_cli_command *self, int argc, char **argv)
{
    plr_cli_list operands = { 0 };
    plr_backend_list backends = { 0 };
    plr_error err = { 0 };
    int code = plr_cli_parse(self, argc, argv, NULL, &operands, NULL, 0, 0);
    if (code == PLR_CLI_GO_ON && plr_backend_list_read(&backends, &err) < 0)
        code = plr_cli_fail(&err);
    if (code == PLR_CLI_GO_ON) {
        plr_text text = { 0 };
        plr_text_printf(&text, "pipeline-runtime %s\nbackends:", plr_version());
        for (size_t i = 0; i < backends.n; i++)
            plr_text_printf(&text, " %s", backends.items[i].name);
        plr_text_puts(&text, backends.n > 0 ? "\n" : " none\n");
        code = text.failed ? PLR_EXIT_INFRASTRUCTURE : plr_cli_print(text.data, PLR_EXIT_OK);
        plr_text_clear(&text);
    }
    plr_backend_list_clear(&backends);
    plr_cli_list_clear(&operands);
    return code;
}

const plr_cli_command plr_command_version = {
    .name = "version",
    .usage = "",
    .summary = "print the version and the backends that are installed",
    .example = "  pipeline-runtime version\n",
    .options = table,
    .n_options = &table_size,
    .run = version_command,
};
