/* SPDX-License-Identifier: MIT */
/* The schema command: what a document may hold, for validators and editors or for people. */
#include <stdbool.h>
#include <stddef.h>

#include "cli/cli.h"

typedef struct arguments {
    bool markdown;
} arguments;

static const plr_cli_option table[] = {
    PLR_CLI_ROW(SWITCH, arguments, markdown, 0, "markdown", NULL,
            "the reference page instead of the schema"),
    PLR_CLI_HELP_ROW,
};
static const size_t table_size = sizeof table / sizeof *table;

static int schema_command(const plr_cli_command *self, int argc, char **argv)
{
    arguments given = { 0 };
    plr_cli_list operands = { 0 };
    plr_error err = { 0 };
    int code = plr_cli_parse(self, argc, argv, &given, &operands, NULL, 0, 0);
    if (code == PLR_CLI_GO_ON) {
        char *text = NULL;
        int r = given.markdown ? plr_spec_reference(&text, &err) : plr_spec_schema(&text, &err);
        code = r < 0 ? plr_cli_fail(&err) : plr_cli_print(text, PLR_EXIT_OK);
        free(text);
    }
    plr_cli_list_clear(&operands);
    return code;
}

const plr_cli_command plr_command_schema = {
    .name = "schema",
    .usage = "[options]",
    .summary = "print the JSON Schema of documents",
    .details = "JSON Schema 2020-12. Documents may write keys in any case, the schema has\n"
               "them in lower case only.\n",
    .example = "  pipeline-runtime schema > pipeline.schema.json\n",
    .options = table,
    .n_options = &table_size,
    .run = schema_command,
};
