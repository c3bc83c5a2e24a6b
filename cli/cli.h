/* SPDX-License-Identifier: MIT */
/* What the commands share: the table that lists them, exit codes, and how they speak of errors.
 * The CLI stands on the public headers alone, like any other host of the library. */
#ifndef PLR_CLI_CLI_H
#define PLR_CLI_CLI_H

#include <stdlib.h>

#include <pipeline/pipeline.h>

#include "cli/options.h"

/* 0, 1, 130 and 143 come from the engine with a run's result. */
typedef enum plr_cli_exit {
    PLR_EXIT_OK = 0,
    PLR_EXIT_FAILED = 1,
    PLR_EXIT_USAGE = 2,          /* wrong usage, an invalid document, something refused */
    PLR_EXIT_INFRASTRUCTURE = 3, /* not the pipeline's fault */
} plr_cli_exit;

typedef struct plr_cli_command {
    const char *name;
    const char *usage;   /* what follows the name: "[options] FILE" */
    const char *summary; /* one line, a sentence without a full stop */
    const char *details; /* more for --help, ends with a newline; or NULL */
    const char *example; /* lines, each indented by two, ends with a newline */
    const plr_cli_option *options;
    const size_t *n_options;
    bool backend; /* takes the options that backends publish, too */
    int (*run)(const struct plr_cli_command *self, int argc, char **argv);
} plr_cli_command;

extern const plr_cli_command plr_command_run, plr_command_validate, plr_command_graph,
        plr_command_schema, plr_command_ps, plr_command_stop, plr_command_sweep,
        plr_command_version, plr_command_completion, plr_command_image;

/* What all commands that backends publish have in common (backend_command.c). */
extern const plr_cli_command plr_command_of_backend;

/* All commands in the order of the help, ended by NULL. */
extern const plr_cli_command *const plr_cli_commands[];

/* Reads a command's arguments into `into` (see options.h), and `least` to `most` operands. Returns
 * PLR_CLI_GO_ON; or, after --help or a mistake that it has told, the exit code. */
#define PLR_CLI_GO_ON (-1)
int plr_cli_parse(const plr_cli_command *command, int argc, char **argv, void *into,
        plr_cli_list *operands, plr_cli_pairs *backend_options, size_t least, size_t most);

void plr_cli_help(const plr_cli_command *command, const plr_cli_option *options, size_t n);

/* Writes text to stdout. Returns `code`, or PLR_EXIT_INFRASTRUCTURE if it could not be written. */
int plr_cli_print(const char *text, int code);

/* "pipeline-runtime: ..." on stderr. */
void plr_cli_complain(const char *format, ...) PLR_PRINTF(1, 2);

/* Tells an error of the library and gives the exit code that it means. */
int plr_cli_fail(const plr_error *err);

static inline void cleanup_free_(void *pointer)
{
    free(*(void **)pointer);
}

#define _cleanup_(function) __attribute__((cleanup(function)))
#define _cleanup_free_ _cleanup_(cleanup_free_)

#endif
