/* SPDX-License-Identifier: MIT */
/* What the commands share: parsing with help, and how errors are told. */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/backend.h"
#include "cli/text.h"

#define HELP_COLUMN 31
#define HELP_WIDTH (80 - HELP_COLUMN)

void plr_cli_complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("pipeline-runtime: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

int plr_cli_fail(const plr_error *err)
{
    plr_cli_complain("%s", err->message);
    switch (err->code) {
    case PLR_ERR_USAGE:
    case PLR_ERR_DOCUMENT:
    case PLR_ERR_REFUSED:
    case PLR_ERR_CONFIGURATION:
    case PLR_ERR_NOTFOUND:
    case PLR_ERR_UNSUPPORTED:
        return PLR_EXIT_USAGE;
    case PLR_ERR_IMAGE:
        return PLR_EXIT_FAILED;
    default:
        return PLR_EXIT_INFRASTRUCTURE;
    }
}

int plr_cli_print(const char *text, int code)
{
    if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
        return code;
    plr_cli_complain("cannot write to stdout: %s", strerror(errno));
    return PLR_EXIT_INFRASTRUCTURE;
}

/* How much of a help text stands on one line: as many words as fit, or a word that does not. */
static size_t line_length(const char *help)
{
    size_t length = strcspn(help, "\n");
    if (length <= HELP_WIDTH)
        return length;
    const char *blank = memrchr(help, ' ', HELP_WIDTH + 1);
    return blank != NULL ? (size_t)(blank - help) : strcspn(help, " \n");
}

static void put_option(plr_text *text, const plr_cli_option *option)
{
    char left[64], letter[8] = "    ";
    if (option->letter != 0)
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    snprintf(left, sizeof left, "  %s--%s%s%s", letter, option->name,
            option->argument != NULL ? " " : "", option->argument != NULL ? option->argument : "");
    bool beside = strlen(left) < HELP_COLUMN;
    plr_text_printf(text, "%-*s%s", HELP_COLUMN - 1, left, beside ? " " : "\n");
    for (const char *at = option->help; *at != '\0'; beside = false) {
        size_t length = line_length(at);
        plr_text_printf(text, "%*s%.*s\n", beside ? 0 : HELP_COLUMN, "", (int)length, at);
        at += length + (at[length] != '\0');
    }
}

static void put_options(
        plr_text *text, const char *title, const plr_cli_option *options, size_t n, bool backends)
{
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        if ((options[i].kind == PLR_CLI_BACKEND) != backends)
            continue;
        plr_text_puts(text, any ? "" : title);
        any = true;
        put_option(text, &options[i]);
    }
}

void plr_cli_help(const plr_cli_command *command, const plr_cli_option *options, size_t n)
{
    plr_text text = { 0 };
    plr_text_printf(&text, "Usage: pipeline-runtime %s %s\n\n%c%s.\n", command->name,
            command->usage, command->summary[0] - 'a' + 'A', command->summary + 1);
    if (command->details != NULL)
        plr_text_printf(&text, "%s", command->details);
    if (command->example != NULL)
        plr_text_printf(&text, "\nExample:\n%s", command->example);
    put_options(&text, "\nOptions:\n", options, n, false);
    put_options(&text, "\nOptions of backends:\n", options, n, true);
    if (!text.failed)
        plr_cli_print(text.data, 0);
    plr_text_clear(&text);
}

static int check_operands(
        const plr_cli_command *command, const plr_cli_list *operands, size_t least, size_t most)
{
    if (operands->n >= least && operands->n <= most)
        return PLR_CLI_GO_ON;
    if (operands->n < least)
        plr_cli_complain("%s needs more: pipeline-runtime %s %s", command->name, command->name,
                command->usage);
    else
        plr_cli_complain("\"%s\" is one too many: pipeline-runtime %s %s", operands->items[most],
                command->name, command->usage);
    return PLR_EXIT_USAGE;
}

int plr_cli_parse(const plr_cli_command *command, int argc, char **argv, void *into,
        plr_cli_list *operands, plr_cli_pairs *backend_options, size_t least, size_t most)
{
    plr_backend_list backends = { 0 };
    plr_cli_option *all = NULL;
    const plr_cli_option *options = command->options;
    size_t n = *command->n_options;
    plr_error err = { 0 };
    int code, r = 0;
    if (command->backend) {
        r = plr_backend_list_read(&backends, &err);
        if (r == 0)
            r = plr_backend_list_read_plugin(&backends, argc, argv, &err);
        if (r == 0)
            r = plr_backend_merge(&backends, command->options, n, &all, &n, &err);
        options = all;
    }
    if (r == 0)
        r = plr_cli_options_parse(options, n, argc, argv, into, operands, backend_options, &err);
    if (r > 0) {
        plr_cli_help(command, options, n);
        code = PLR_EXIT_OK;
    } else if (r < 0) {
        code = plr_cli_fail(&err);
        if (code == PLR_EXIT_USAGE)
            plr_cli_complain("pipeline-runtime %s --help lists the options", command->name);
    } else {
        code = check_operands(command, operands, least, most);
    }
    free(all);
    plr_backend_list_clear(&backends);
    return code;
}
