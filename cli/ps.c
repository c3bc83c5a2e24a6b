/* SPDX-License-Identifier: MIT */
/* The ps command: this user's runs on this machine. */
#include <stdio.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/registry.h"
#include "cli/text.h"
#include "cli/view/terminal.h"

static const plr_cli_option table[] = { PLR_CLI_HELP_ROW };
static const size_t table_size = sizeof table / sizeof *table;

static void put_run(plr_text *text, const plr_registered *run)
{
    char age[32];
    int64_t seconds = (int64_t)time(NULL) - run->began;
    plr_cli_duration_text((uint64_t)(seconds > 0 ? seconds : 0) * 1000000000u, age, sizeof age);
    plr_text_printf(text, "%-20s %8d %10s  %-10s ", run->id, (int)run->pid, age, run->backend);
    plr_terminal_message(text, run->document);
    plr_text_puts(text, "\n");
}

static int ps_command(const plr_cli_command *self, int argc, char **argv)
{
    plr_cli_list operands = { 0 };
    plr_registry registry = { 0 };
    plr_error err = { 0 };
    int code = plr_cli_parse(self, argc, argv, NULL, &operands, NULL, 0, 0);
    if (code == PLR_CLI_GO_ON && plr_registry_read(&registry, &err) < 0)
        code = plr_cli_fail(&err);
    if (code == PLR_CLI_GO_ON) {
        plr_text text = { 0 };
        plr_text_printf(&text, "%-20s %8s %10s  %-10s %s\n", "RUN", "PID", "RUNS FOR", "BACKEND",
                "DOCUMENT");
        for (size_t i = 0; i < registry.n; i++)
            put_run(&text, &registry.items[i]);
        code = text.failed ? PLR_EXIT_INFRASTRUCTURE : plr_cli_print(text.data, PLR_EXIT_OK);
        plr_text_clear(&text);
    }
    plr_registry_clear(&registry);
    plr_cli_list_clear(&operands);
    return code;
}

const plr_cli_command plr_command_ps = {
    .name = "ps",
    .usage = "",
    .summary = "list your runs on this machine",
    .example = "  pipeline-runtime ps\n",
    .options = table,
    .n_options = &table_size,
    .run = ps_command,
};
