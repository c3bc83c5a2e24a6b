/* SPDX-License-Identifier: MIT */
/* The table of commands, and which one is meant: `pipeline-runtime FILE` is `run FILE`, and options
 * may stand before the command's name. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cli/backend.h"
#include "cli/cli.h"
#include "cli/text.h"

const plr_cli_command *const plr_cli_commands[] = {
    &plr_command_run,
    &plr_command_validate,
    &plr_command_graph,
    &plr_command_schema,
    &plr_command_ps,
    &plr_command_stop,
    &plr_command_sweep,
    &plr_command_image,
    &plr_command_version,
    &plr_command_completion,
    NULL,
};

static int overview(const plr_backend_list *backends)
{
    const char *title = "\nCommands of backends:\n";
    plr_text text = { 0 };
    plr_text_puts(&text, "Runs JSON pipeline documents on containers.\n\n"
                         "Usage: pipeline-runtime [COMMAND] [options] [FILE]\n\n"
                         "  pipeline-runtime pipeline.json\n\n"
                         "Commands:\n");
    for (size_t i = 0; plr_cli_commands[i] != NULL; i++)
        plr_text_printf(
                &text, "  %-11s %s\n", plr_cli_commands[i]->name, plr_cli_commands[i]->summary);
    for (size_t i = 0; i < backends->n; i++)
        for (size_t k = 0; k < backends->items[i].n_commands; k++) {
            const plr_cli_command *command = &backends->items[i].commands[k];
            plr_text_printf(&text, "%s  %-11s %s\n", title, command->name, command->summary);
            title = "";
        }
    plr_text_puts(&text, "\nWithout a command, FILE is run. Each command has --help.\n");
    int code = text.failed ? PLR_EXIT_INFRASTRUCTURE : plr_cli_print(text.data, PLR_EXIT_OK);
    plr_text_clear(&text);
    return code;
}

static const plr_cli_command *find_command(const plr_backend_list *backends, const char *name)
{
    for (size_t i = 0; plr_cli_commands[i] != NULL; i++)
        if (strcmp(plr_cli_commands[i]->name, name) == 0)
            return plr_cli_commands[i];
    return plr_backend_list_command(backends, name);
}

/* The command's place in argv, or argc if its name is left out. Options in front of it may be
 * anybody's, so all are looked at to know which of them take a value. */
static int command_at(const plr_backend_list *backends, int argc, char **argv)
{
    plr_cli_option *all = NULL;
    size_t n_all = 0;
    plr_error err = { 0 };
    int at = argc;
    if (plr_backend_merge(backends, plr_command_run.options, *plr_command_run.n_options, &all,
                &n_all, &err) == 0)
        at = 1 + plr_cli_first_operand(all, n_all, argc - 1, argv + 1);
    free(all);
    return at;
}

/* The command whose name is most like this word, or NULL. */
static const char *find_near(const plr_backend_list *backends, const char *word)
{
    for (size_t i = 0; plr_cli_commands[i] != NULL; i++)
        if (plr_cli_near(word, plr_cli_commands[i]->name))
            return plr_cli_commands[i]->name;
    for (size_t i = 0; i < backends->n; i++)
        for (size_t k = 0; k < backends->items[i].n_commands; k++)
            if (plr_cli_near(word, backends->items[i].commands[k].name))
                return backends->items[i].commands[k].name;
    return NULL;
}

static int help_on(const plr_backend_list *backends, const char *name)
{
    const plr_cli_command *command = find_command(backends, name);
    const char *meant = command == NULL ? find_near(backends, name) : NULL;
    char *help[] = { "--help" };
    if (command != NULL)
        return command->run(command, 1, help);
    if (meant != NULL)
        plr_cli_complain("there is no command \"%s\"; did you mean %s?", name, meant);
    else
        plr_cli_complain("there is no command \"%s\"", name);
    return PLR_EXIT_USAGE;
}

/* A word that is neither a command nor a file was probably meant to be a command. */
static int no_such_file(const plr_backend_list *backends, const char *word)
{
    FILE *file = strcmp(word, "-") == 0 ? stdin : fopen(word, "re");
    if (file != NULL) {
        if (file != stdin)
            fclose(file);
        return 0;
    }
    const char *meant = find_near(backends, word);
    if (meant != NULL && strpbrk(word, "./") == NULL) {
        plr_cli_complain("there is no command and no file \"%s\"; did you mean %s?", word, meant);
        return PLR_EXIT_USAGE;
    }
    return 0;
}

/* Where stdin, stdout or stderr is closed, the next file that is opened would take its place. What
 * stands there instead fails like a closed one. */
static void fill_standard_places(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
            return;
}

static int dispatch(const plr_backend_list *backends, int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "help") == 0)
        return help_on(backends, argv[2]);
    if (argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
            strcmp(argv[1], "-h") == 0)
        return overview(backends);
    if (strcmp(argv[1], "--version") == 0)
        return plr_command_version.run(&plr_command_version, 0, argv + argc);

    int at = command_at(backends, argc, argv);
    const plr_cli_command *command = at < argc ? find_command(backends, argv[at]) : NULL;
    if (command == NULL) {
        int code = at < argc ? no_such_file(backends, argv[at]) : 0;
        return code != 0 ? code : plr_command_run.run(&plr_command_run, argc - 1, argv + 1);
    }
    /* What stood before the name stands behind it now. */
    memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof *argv);
    return command->run(command, argc - 2, argv + 2);
}

int main(int argc, char **argv)
{
    plr_backend_list backends = { 0 };
    plr_error err = { 0 };
    fill_standard_places();
    int r = plr_backend_list_read(&backends, &err);
    if (r == 0)
        r = plr_backend_list_read_plugin(&backends, argc, argv, &err);
    int code = r < 0 ? plr_cli_fail(&err) : dispatch(&backends, argc, argv);
    plr_backend_list_clear(&backends);
    return code;
}
