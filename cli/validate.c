/* SPDX-License-Identifier: MIT */
/* The validate command: everything that is wrong with documents, and nothing is started. */
#include "cli/cli.h"
#include "cli/input.h"
#include "cli/text.h"

typedef struct arguments {
    plr_cli_list secrets;
    bool lenient, any_secret, quiet;
} arguments;

#define ROW(kind, field, ...) PLR_CLI_ROW(kind, arguments, field, __VA_ARGS__)
static const plr_cli_option table[] = {
    ROW(LIST, secrets, 0, "secret", "NAME", "a secret that will be given to the run"),
    ROW(SWITCH, any_secret, 0, "any-secret", NULL, "do not look at names of secrets"),
    ROW(SWITCH, lenient, 0, "lenient", NULL, "unknown keys are warnings"),
    ROW(SWITCH, quiet, 'q', "quiet", NULL, "say nothing of valid documents"),
    PLR_CLI_HELP_ROW,
};
static const size_t table_size = sizeof table / sizeof *table;

/* ", 2 hooks"; the first of them without the comma. */
static void put_count(plr_text *text, const char **separator, size_t n, const char *what)
{
    if (n == 0)
        return;
    plr_text_printf(text, "%s%zu %s%s", *separator, n, what, n > 1 ? "s" : "");
    *separator = ", ";
}

static int tell_valid(const char *path, const plr_document *document)
{
    size_t counts[3] = { 0 };
    const char *separator = "";
    plr_text text = { 0 };
    for (size_t i = 0; i < document->n_tasks; i++) {
        plr_step_kind kind = document->tasks[i]->kind;
        counts[kind == PLR_STEP_SERVICE ? 1 : kind == PLR_STEP_STEP ? 0 : 2]++;
    }
    plr_text_printf(&text, "%s: valid (", path);
    put_count(&text, &separator, counts[0], "step");
    put_count(&text, &separator, counts[1], "service");
    put_count(&text, &separator, counts[2], "hook");
    plr_text_puts(&text, ")\n");
    int code = text.failed ? PLR_EXIT_INFRASTRUCTURE : plr_cli_print(text.data, PLR_EXIT_OK);
    plr_text_clear(&text);
    return code;
}

static int validate(const arguments *given, const char *path)
{
    plr_spec *spec = NULL;
    plr_spec_options options = {
        .size = sizeof options,
        .lenient = given->lenient,
        .secrets = given->secrets.items,
        .n_secrets = given->secrets.n,
        .secrets_from_host = given->any_secret,
    };
    int code = plr_input_spec(path, &options, &spec, NULL);
    if (code == 0 && !given->quiet)
        code = tell_valid(path, plr_spec_document(spec));
    plr_spec_unref(spec);
    return code;
}

static int validate_command(const plr_cli_command *self, int argc, char **argv)
{
    arguments given = { 0 };
    plr_cli_list paths = { 0 };
    int code = plr_cli_parse(self, argc, argv, &given, &paths, NULL, 1, (size_t)-1);
    if (code == PLR_CLI_GO_ON) {
        code = PLR_EXIT_OK;
        for (size_t i = 0; i < paths.n; i++) {
            int one = validate(&given, paths.items[i]);
            code = one > code ? one : code;
        }
    }
    plr_cli_list_clear(&given.secrets);
    plr_cli_list_clear(&paths);
    return code;
}

const plr_cli_command plr_command_validate = {
    .name = "validate",
    .usage = "[options] FILE...",
    .summary = "say what is wrong with documents",
    .details = "Starts nothing. Exit code 2 if there is an error in one of them.\n",
    .example = "  pipeline-runtime validate --secret token pipeline.json\n",
    .options = table,
    .n_options = &table_size,
    .run = validate_command,
};
