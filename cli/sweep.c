/* SPDX-License-Identifier: MIT */
/* The sweep command: removes what runs left behind whose engine was killed. */
#include <stdio.h>
#include <time.h>

#include "cli/backend.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "cli/view/terminal.h"

typedef struct arguments {
    plr_backend_choice backend;
    plr_cli_pairs backend_options;
    int64_t older_than_ns;
    const char *run;
    bool dry_run;
} arguments;

#define ROW(kind, field, ...) PLR_CLI_ROW(kind, arguments, field, __VA_ARGS__)
static const plr_cli_option table[] = {
    PLR_BACKEND_ROWS(arguments, backend),
    ROW(DURATION, older_than_ns, 0, "older-than", "DURATION", "spare what is younger"),
    ROW(TEXT, run, 0, "run", "RUN", "only this run, even if it lives"),
    ROW(SWITCH, dry_run, 'n', "dry-run", NULL, "print what would be removed"),
    PLR_CLI_HELP_ROW,
};
static const size_t table_size = sizeof table / sizeof *table;

typedef struct swept {
    plr_text text;
    size_t n, n_failed;
    bool dry_run;
} swept;

static void on_swept(const plr_swept *one, void *userdata)
{
    swept *all = userdata;
    char age[32] = "";
    int64_t ns = (int64_t)time(NULL) * 1000000000 - one->created_ns;
    if (one->created_ns > 0 && ns > 0)
        plr_cli_duration_text((uint64_t)ns, age, sizeof age);
    all->n++;
    plr_text_printf(&all->text, "%s %-9s ",
            one->error != NULL ? "failed "
            : all->dry_run     ? "would remove"
                               : "removed",
            one->kind);
    plr_terminal_message(&all->text, one->name);
    if (one->run != NULL)
        plr_text_printf(&all->text, "  run %s", one->run);
    if (*age != '\0')
        plr_text_printf(&all->text, "  made %s ago", age);
    if (one->error != NULL) {
        all->n_failed++;
        plr_text_puts(&all->text, ": ");
        plr_terminal_message(&all->text, one->error);
    }
    plr_text_puts(&all->text, "\n");
}

static int sweep(const arguments *given, plr_error *err)
{
    plr_engine *engine = NULL;
    plr_backend *backend = NULL;
    plr_text why = { 0 };
    swept all = { .dry_run = given->dry_run };
    plr_sweep_options options = {
        .size = sizeof options,
        .older_than_ns = given->older_than_ns,
        .dry_run = given->dry_run,
        .run = given->run,
    };
    int code = PLR_EXIT_OK;
    int r = plr_engine_new(&engine, NULL, err);
    if (r == 0)
        r = plr_backend_choose(
                engine, &given->backend, &given->backend_options, &backend, &why, err);
    if (r == 0)
        r = plr_backend_sweep(backend, &options, on_swept, &all, err);
    if (all.text.size > 0)
        code = plr_cli_print(all.text.data, code);
    if (r == 0 && all.n == 0)
        code = plr_cli_print("nothing to remove\n", code);
    if (r < 0)
        code = plr_cli_fail(err);
    else if (all.n_failed > 0)
        code = PLR_EXIT_INFRASTRUCTURE;
    plr_text_clear(&all.text);
    plr_text_clear(&why);
    plr_engine_free(engine);
    return code;
}

static int sweep_command(const plr_cli_command *self, int argc, char **argv)
{
    arguments given = { 0 };
    plr_cli_list operands = { 0 };
    plr_error err = { 0 };
    int code = plr_cli_parse(self, argc, argv, &given, &operands, &given.backend_options, 0, 0);
    if (code == PLR_CLI_GO_ON)
        code = sweep(&given, &err);
    plr_cli_pairs_clear(&given.backend_options);
    plr_cli_list_clear(&operands);
    return code;
}

const plr_cli_command plr_command_sweep = {
    .name = "sweep",
    .usage = "[options]",
    .summary = "remove what killed runs left behind",
    .details = "What belongs to a run that still goes on is spared, unless --run names it.\n",
    .example = "  pipeline-runtime sweep --older-than 1h --dry-run\n",
    .options = table,
    .n_options = &table_size,
    .backend = true,
    .run = sweep_command,
};
