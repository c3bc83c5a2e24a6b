/* SPDX-License-Identifier: MIT */
/* The completion command: scripts for bash, zsh and fish, made from the tables of commands and
 * options, those of the installed backends included. */
#include <stdio.h>
#include <string.h>

#include "cli/backend.h"
#include "cli/cli.h"
#include "cli/text.h"

static const plr_cli_option table[] = { PLR_CLI_HELP_ROW };
static const size_t table_size = sizeof table / sizeof *table;

/* All options of a command; `*ret_all` is for free(). */
static int options_of(const plr_cli_command *command, const plr_backend_list *backends,
        plr_cli_option **ret_all, size_t *ret_n, plr_error *err)
{
    static const plr_backend_list none;
    return plr_backend_merge(command->backend ? backends : &none, command->options,
            *command->n_options, ret_all, ret_n, err);
}

static bool shown(const plr_cli_command *command, const plr_cli_option *option)
{
    return command->backend || option->kind != PLR_CLI_BACKEND;
}

static void put_words(plr_text *text, const char *const *words)
{
    for (size_t i = 0; words[i] != NULL; i++)
        plr_text_printf(text, "%s%s", i > 0 ? " " : "", words[i]);
}

/* Help in single quotes, as all three shells read them. */
static void put_quoted(plr_text *text, const char *help)
{
    for (; *help != '\0'; help++)
        plr_text_puts(text, *help == '\'' ? "'\\''" : *help == '\n' ? " " : (char[]){ *help, 0 });
}

static void bash_command(
        plr_text *text, const plr_cli_command *command, const plr_cli_option *options, size_t n)
{
    plr_text_printf(text, "    %s)\n        case $previous in\n", command->name);
    for (size_t i = 0; i < n; i++)
        if (options[i].words != NULL) {
            plr_text_printf(text, "        --%s) words='", options[i].name);
            put_words(text, options[i].words);
            plr_text_puts(text, "' ;;\n");
        }
    plr_text_puts(text, "        *) words='");
    for (size_t i = 0; i < n; i++)
        if (shown(command, &options[i]))
            plr_text_printf(text, "--%s ", options[i].name);
    plr_text_puts(text, "' ;;\n        esac ;;\n");
}

static void bash_begin(plr_text *text, const plr_cli_command *const *commands)
{
    plr_text_puts(text, "_pipeline_runtime()\n{\n"
                        "    local current=${COMP_WORDS[COMP_CWORD]} command= words= word\n"
                        "    local previous=${COMP_WORDS[COMP_CWORD-1]} commands='");
    for (size_t i = 0; commands[i] != NULL; i++)
        plr_text_printf(text, "%s%s", i > 0 ? " " : "", commands[i]->name);
    plr_text_puts(text,
            "'\n"
            "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
            "        case \" $commands \" in *\" $word \"*) command=$word; break ;; esac\n"
            "    done\n"
            "    case ${command:-run} in\n");
}

static void bash_end(plr_text *text)
{
    plr_text_puts(text,
            "    esac\n"
            "    case $current in\n"
            "    -*) ;;\n"
            "    *) case $words in --*) words=; [ -n \"$command\" ] || words=$commands ;; esac ;;\n"
            "    esac\n"
            "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
            "    [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$current\"))\n"
            "}\n"
            "complete -o filenames -F _pipeline_runtime pipeline-runtime\n");
}

static void zsh_begin(plr_text *text, const plr_cli_command *const *commands)
{
    plr_text_puts(text, "#compdef pipeline-runtime\n_pipeline-runtime()\n{\n"
                        "    local -a commands\n    commands=(\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        plr_text_printf(text, "        '%s:", commands[i]->name);
        put_quoted(text, commands[i]->summary);
        plr_text_puts(text, "'\n");
    }
    plr_text_puts(text, "    )\n"
                        "    if (( CURRENT == 2 )) && [[ $PREFIX != -* ]]; then\n"
                        "        _describe command commands\n        _files\n        return\n"
                        "    fi\n"
                        "    local command=$words[2]\n"
                        "    (( ${commands[(I)$command:*]} )) && { shift words; (( CURRENT-- )) } "
                        "|| command=run\n"
                        "    case $command in\n");
}

static void zsh_command(
        plr_text *text, const plr_cli_command *command, const plr_cli_option *options, size_t n)
{
    plr_text_printf(text, "    %s)\n        _arguments \\\n", command->name);
    for (size_t i = 0; i < n; i++) {
        const plr_cli_option *option = &options[i];
        if (!shown(command, option))
            continue;
        plr_text_printf(text, "            '%s--%s%s[", option->kind == PLR_CLI_LIST ? "*" : "",
                option->name, option->argument != NULL ? "=" : "");
        put_quoted(text, option->help);
        plr_text_puts(text, "]");
        if (option->words != NULL) {
            plr_text_printf(text, ":%s:(", option->argument);
            put_words(text, option->words);
            plr_text_puts(text, ")");
        } else if (option->argument != NULL) {
            plr_text_printf(text, ":%s:_files", option->argument);
        }
        plr_text_puts(text, "' \\\n");
    }
    plr_text_puts(text, "            '*:file:_files' ;;\n");
}

static void zsh_end(plr_text *text)
{
    plr_text_puts(text, "    esac\n}\n"
                        "if [ \"$funcstack[1]\" = _pipeline-runtime ]; then\n"
                        "    _pipeline-runtime \"$@\"\nelse\n"
                        "    compdef _pipeline-runtime pipeline-runtime\nfi\n");
}

static void fish_begin(plr_text *text, const plr_cli_command *const *commands)
{
    plr_text_puts(text, "set -l commands");
    for (size_t i = 0; commands[i] != NULL; i++)
        plr_text_printf(text, " %s", commands[i]->name);
    plr_text_puts(text, "\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        plr_text_printf(text,
                "complete -c pipeline-runtime -n \"not __fish_seen_subcommand_from $commands\" "
                "-a %s -d '",
                commands[i]->name);
        put_quoted(text, commands[i]->summary);
        plr_text_puts(text, "'\n");
    }
}

static void fish_command(
        plr_text *text, const plr_cli_command *command, const plr_cli_option *options, size_t n)
{
    bool run = strcmp(command->name, "run") == 0;
    for (size_t i = 0; i < n; i++) {
        const plr_cli_option *option = &options[i];
        if (!shown(command, option))
            continue;
        plr_text_printf(text,
                "complete -c pipeline-runtime -n \"%s__fish_seen_subcommand_from %s%s\"",
                run ? "not __fish_seen_subcommand_from $commands; or " : "", command->name, "");
        plr_text_printf(text, " -l %s", option->name);
        if (option->letter != 0)
            plr_text_printf(text, " -s %c", option->letter);
        if (option->argument != NULL)
            plr_text_puts(text, option->words != NULL ? " -x" : " -r");
        if (option->words != NULL) {
            plr_text_puts(text, " -a '");
            put_words(text, option->words);
            plr_text_puts(text, "'");
        }
        plr_text_puts(text, " -d '");
        put_quoted(text, option->help);
        plr_text_puts(text, "'\n");
    }
}

static void fish_end(plr_text *text)
{
    (void)text;
}

static const struct {
    const char *name;
    void (*begin)(plr_text *text, const plr_cli_command *const *commands);
    void (*command)(plr_text *text, const plr_cli_command *command, const plr_cli_option *options,
            size_t n);
    void (*end)(plr_text *text);
} shells[] = {
    { "bash", bash_begin, bash_command, bash_end },
    { "zsh", zsh_begin, zsh_command, zsh_end },
    { "fish", fish_begin, fish_command, fish_end },
};

/* Ours and those of backends, ended by NULL; for free(). */
static const plr_cli_command **all_commands(const plr_backend_list *backends)
{
    size_t n = 0, most = 1;
    while (plr_cli_commands[most - 1] != NULL)
        most++;
    for (size_t i = 0; i < backends->n; i++)
        most += backends->items[i].n_commands;
    const plr_cli_command **commands = calloc(most, sizeof *commands);
    for (; commands != NULL && plr_cli_commands[n] != NULL; n++)
        commands[n] = plr_cli_commands[n];
    for (size_t i = 0; commands != NULL && i < backends->n; i++)
        for (size_t k = 0; k < backends->items[i].n_commands; k++)
            commands[n++] = &backends->items[i].commands[k];
    return commands;
}

static int write_script(size_t shell, plr_error *err)
{
    plr_backend_list backends = { 0 };
    plr_text text = { 0 };
    int r = plr_backend_list_read(&backends, err);
    const plr_cli_command **commands = all_commands(&backends);
    if (r == 0 && commands == NULL)
        r = plr_cli_no_memory(err);
    if (r == 0)
        shells[shell].begin(&text, commands);
    for (size_t i = 0; r == 0 && commands[i] != NULL; i++) {
        plr_cli_option *all = NULL;
        size_t n = 0;
        r = options_of(commands[i], &backends, &all, &n, err);
        if (r == 0)
            shells[shell].command(&text, commands[i], all, n);
        free(all);
    }
    shells[shell].end(&text);
    if (r == 0 && text.failed)
        r = plr_cli_no_memory(err);
    int code = r < 0 ? plr_cli_fail(err) : plr_cli_print(text.data, PLR_EXIT_OK);
    plr_text_clear(&text);
    free(commands);
    plr_backend_list_clear(&backends);
    return code;
}

static int completion_command(const plr_cli_command *self, int argc, char **argv)
{
    plr_cli_list operands = { 0 };
    plr_error err = { 0 };
    int code = plr_cli_parse(self, argc, argv, NULL, &operands, NULL, 1, 1);
    if (code == PLR_CLI_GO_ON) {
        size_t shell = 0, n = sizeof shells / sizeof *shells;
        while (shell < n && strcmp(shells[shell].name, operands.items[0]) != 0)
            shell++;
        if (shell < n) {
            code = write_script(shell, &err);
        } else {
            plr_cli_complain("completion is for bash, zsh and fish, not \"%s\"", operands.items[0]);
            code = PLR_EXIT_USAGE;
        }
    }
    plr_cli_list_clear(&operands);
    return code;
}

const plr_cli_command plr_command_completion = {
    .name = "completion",
    .usage = "SHELL",
    .summary = "print a completion script for bash, zsh or fish",
    .example = "  pipeline-runtime completion bash > \\\n"
               "      ~/.local/share/bash-completion/completions/pipeline-runtime\n",
    .options = table,
    .n_options = &table_size,
    .run = completion_command,
};
