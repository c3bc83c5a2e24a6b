/* SPDX-License-Identifier: MIT */
/* The graph command: the plan of a document, for people or for tools that draw. */
#include <stddef.h>

#include "cli/cli.h"
#include "cli/input.h"

typedef struct arguments {
    int format;
} arguments;

/* In the order of plr_graph_format. */
static const char *const formats[] = { "text", "dot", "mermaid", "json", NULL };

static const plr_cli_option table[] = {
    PLR_CLI_ROW(WORD, arguments, format, 'f', "format", "FORMAT", "text, dot, mermaid or json",
            .words = formats),
    PLR_CLI_HELP_ROW,
};
static const size_t table_size = sizeof table / sizeof *table;

static int graph(const arguments *given, const char *path)
{
    plr_spec *spec = NULL;
    char *text = NULL;
    plr_error err = { 0 };
    plr_spec_options options = { .size = sizeof options, .secrets_from_host = true };
    int code = plr_input_spec(path, &options, &spec, NULL);
    if (code != 0)
        return code;
    code = plr_spec_graph(spec, (plr_graph_format)given->format, &text, &err) < 0
                   ? plr_cli_fail(&err)
                   : plr_cli_print(text, PLR_EXIT_OK);
    free(text);
    plr_spec_unref(spec);
    return code;
}

static int graph_command(const plr_cli_command *self, int argc, char **argv)
{
    arguments given = { 0 };
    plr_cli_list paths = { 0 };
    int code = plr_cli_parse(self, argc, argv, &given, &paths, NULL, 1, 1);
    if (code == PLR_CLI_GO_ON)
        code = graph(&given, paths.items[0]);
    plr_cli_list_clear(&paths);
    return code;
}

const plr_cli_command plr_command_graph = {
    .name = "graph",
    .usage = "[options] FILE",
    .summary = "print the plan of a document",
    .example = "  pipeline-runtime graph --format dot pipeline.json | dot -Tsvg > plan.svg\n",
    .options = table,
    .n_options = &table_size,
    .run = graph_command,
};
