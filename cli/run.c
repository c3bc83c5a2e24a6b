/* SPDX-License-Identifier: MIT */
/* The run command: reads, chooses a backend, starts the run, and is the loop between the engine,
 * signals and what is shown. */
#include "cli/run.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/input.h"
#include "cli/logdir.h"
#include "cli/registry.h"
#include "cli/signals.h"
#include "cli/view/terminal.h"
#include "cli/view/view.h"

#define WAITING_LIMIT ((size_t)64 * 1024)
#define FRAME_MS 100
#define PATIENCE_MS (5 * 60 * 1000) /* with a reader who takes nothing, when all else is done */

typedef struct session {
    plr_engine *engine;
    plr_backend *backend;
    plr_run *run;
    plr_sink out, err;
    plr_view view;
    plr_logdir logs;
    const char *path;
    plr_text document; /* its text, to show places in it */
    int signals_fd;
    unsigned n_interrupts;
    bool later;  /* the engine waits for plr_run_continue */
    bool broken; /* stdout or the logs cannot be written any more */
    plr_error log_error;
} session;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static size_t waiting(const session *s)
{
    return plr_sink_waiting(&s->out) + plr_sink_waiting(&s->err);
}

static plr_answer on_event(const plr_event *event, void *userdata)
{
    session *s = userdata;
    plr_model_take(&s->view.model, event);
    s->view.kind->event(&s->view, event);
    plr_logdir_take(&s->logs, event, &s->log_error);
    if (waiting(s) < WAITING_LIMIT)
        return PLR_ANSWER_GO_ON;
    plr_sink_flush(&s->out);
    plr_sink_flush(&s->err);
    s->later = waiting(s) >= WAITING_LIMIT;
    return s->later ? PLR_ANSWER_LATER : PLR_ANSWER_GO_ON;
}

static void say(session *s, const char *format, ...) PLR_PRINTF(2, 3);
static void say(session *s, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    s->view.kind->say(&s->view, text);
}

/* The first asks, the second insists, the third leaves. */
static void interrupt(session *s, int number)
{
    plr_cause cause = number == SIGINT ? PLR_CAUSE_USER : PLR_CAUSE_TERMINATED;
    const char *what = number == SIGINT ? "interrupted" : "told to end";
    switch (++s->n_interrupts) {
    case 1:
        say(s, "%s: the steps are being stopped; once more kills them", what);
        plr_run_cancel(s->run, PLR_CANCEL_GRACEFUL, cause);
        break;
    case 2:
        say(s, "%s again: everything is killed and removed; once more leaves it behind", what);
        plr_run_cancel(s->run, PLR_CANCEL_NOW, cause);
        break;
    case 3:
        say(s, "given up: what is left goes with pipeline-runtime sweep --run %s",
                plr_run_id(s->run));
        plr_run_cancel(s->run, PLR_CANCEL_ABANDON, cause);
        break;
    default:
        break;
    }
}

static void take_signals(session *s)
{
    int number;
    while ((number = plr_signals_next(s->signals_fd)) != 0) {
        if (number == SIGWINCH || number == SIGCONT) {
            if (s->view.kind->resized != NULL)
                s->view.kind->resized(&s->view);
        } else {
            interrupt(s, number);
        }
    }
}

/* A run whose output nobody can read is not worth going on, and must not look like a success. */
static void look_for_breakage(session *s)
{
    if (s->broken || (s->out.error == 0 && s->log_error.code == 0))
        return;
    s->broken = true;
    if (s->out.error != 0)
        say(s, "cannot write to stdout: %s; the run is cancelled", strerror(s->out.error));
    else
        say(s, "%s; the run is cancelled", s->log_error.message);
    plr_run_cancel(s->run, PLR_CANCEL_GRACEFUL, PLR_CAUSE_TERMINATED);
}

static void write_out(session *s)
{
    plr_sink_flush(&s->out);
    look_for_breakage(s);
    plr_sink_flush(&s->err);
    if (s->later && waiting(s) == 0) {
        s->later = false;
        plr_run_continue(s->run);
    }
}

static void wait_for_something(const session *s)
{
    struct pollfd fds[] = {
        { .fd = plr_engine_fd(s->engine), .events = POLLIN },
        { .fd = s->signals_fd, .events = POLLIN },
        { .fd = plr_sink_waiting(&s->out) > 0 ? s->out.fd : -1, .events = POLLOUT },
        { .fd = plr_sink_waiting(&s->err) > 0 ? s->err.fd : -1, .events = POLLOUT },
    };
    poll(fds, sizeof fds / sizeof *fds, s->view.kind->draw != NULL ? FRAME_MS : -1);
}

static int loop(session *s, plr_error *err)
{
    while (!s->view.model.ended) {
        int r = plr_engine_dispatch(s->engine, 0, err);
        if (r < 0)
            return r;
        if (s->view.kind->draw != NULL && !s->view.model.ended)
            s->view.kind->draw(&s->view, now_ns());
        write_out(s);
        if (r == 0 && !s->view.model.ended)
            wait_for_something(s);
        take_signals(s);
    }
    return 0;
}

static bool screen_wanted(const session *s)
{
    const char *term = getenv("TERM");
    return s->out.terminal && s->err.terminal && term != NULL && *term != '\0' &&
           strcmp(term, "dumb") != 0;
}

static int make_view(session *s, const plr_run_arguments *arguments, plr_error *err)
{
    plr_view *view = &s->view;
    plr_sink_init(&s->out, STDOUT_FILENO);
    plr_sink_init(&s->err, STDERR_FILENO);
    *view = (plr_view){
        .kind = &plr_view_plain,
        .out = &s->out,
        .err = plr_sink_same(&s->out, &s->err) ? &s->out : &s->err,
        .out_style = plr_style_new(plr_style_wanted(STDOUT_FILENO)),
        .err_style = plr_style_new(plr_style_wanted(STDERR_FILENO)),
        .quiet = arguments->quiet,
        .verbose = arguments->verbose,
        .timestamps = arguments->timestamps,
    };
    if (arguments->output == PLR_OUTPUT_JSON) {
        view->kind = &plr_view_json;
    } else if (arguments->output != PLR_OUTPUT_PLAIN && screen_wanted(s)) {
        view->kind = &plr_view_pretty;
        if (!plr_view_pretty_init(view))
            return plr_cli_no_memory(err);
    } else if (arguments->output == PLR_OUTPUT_PRETTY) {
        say(s, "--output pretty needs a terminal: output is plain");
    }
    return 0;
}

static void clear_session(session *s)
{
    plr_run_free(s->run);
    plr_engine_free(s->engine); /* with its backends */
    plr_view_pretty_clear(&s->view);
    plr_model_clear(&s->view.model);
    plr_logdir_close(&s->logs);
    plr_sink_clear(&s->out);
    plr_sink_clear(&s->err);
    plr_text_clear(&s->document);
}

static void show_findings(session *s)
{
    plr_input_findings(s->path, &s->document, s->run, &s->view.err->waiting);
}

static void put_kept(const plr_swept *kept, void *userdata)
{
    plr_text_printf(userdata, "kept: %s ", kept->kind);
    plr_terminal_message(userdata, kept->name);
    plr_text_puts(userdata, "\n");
    for (const char *line = kept->look; line != NULL && *line != '\0';) {
        size_t length = strcspn(line, "\n");
        plr_text_printf(userdata, "    %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

/* What --keep-on-failure has left, by a sweep that removes nothing. */
static void show_kept(session *s)
{
    plr_text *err = &s->view.err->waiting;
    plr_sweep_options options = {
        .size = sizeof options,
        .dry_run = true,
        .run = plr_run_id(s->run),
    };
    plr_backend_sweep(s->backend, &options, put_kept, err, NULL);
    plr_text_printf(err, "it goes with: pipeline-runtime sweep --backend %s --run %s\n",
            plr_backend_name(s->backend), options.run);
}

/* The last words, and all that still waits. Signals have their own meaning again: there is nothing
 * left to clean up, and a reader may take for ever. */
static int finish(session *s, const plr_run_arguments *arguments)
{
    plr_text *err = &s->view.err->waiting;
    const plr_result *result = &s->view.model.result;
    s->view.kind->leave(&s->view);
    if (result->outcome == PLR_OUTCOME_REFUSED)
        show_findings(s);
    plr_view_summary(&s->view.model, &s->view.err_style, err);
    if (arguments->keep_on_failure && result->outcome != PLR_OUTCOME_PASSED &&
            result->outcome != PLR_OUTCOME_REFUSED)
        show_kept(s);
    plr_signals_default();
    plr_sink_drain(&s->out, PATIENCE_MS);
    if (s->out.error != 0 && !s->broken)
        plr_text_printf(&s->err.waiting, "cannot write to stdout: %s\n", strerror(s->out.error));
    plr_sink_drain(&s->err, PATIENCE_MS);
    return s->out.error != 0 || s->broken ? PLR_EXIT_INFRASTRUCTURE : result->exit_code;
}

static int run_it(session *s, plr_spec *spec, const plr_run_options *options,
        const plr_run_arguments *arguments, const char *path)
{
    plr_error err = { 0 }, registry_error = { 0 };
    char *registered = NULL;
    int r = make_view(s, arguments, &err);
    if (r == 0 && arguments->log_dir != NULL)
        r = plr_logdir_open(&s->logs, arguments->log_dir, &err);
    if (r == 0)
        r = plr_signals_catch(&s->signals_fd, &err);
    if (r == 0)
        r = plr_run_start(&s->run, s->backend, spec, options, on_event, s, &err);
    if (r < 0)
        return plr_cli_fail(&err);
    if (plr_registry_add(plr_run_id(s->run), plr_backend_name(s->backend), path, &registered,
                &registry_error) < 0 &&
            arguments->verbose)
        say(s, "ps will not list this run: %s", registry_error.message);
    r = loop(s, &err);
    int code = r == 0 ? finish(s, arguments) : plr_cli_fail(&err);
    plr_registry_remove(registered);
    return code;
}

static plr_answer ignore_event(const plr_event *event, void *userdata)
{
    (void)event;
    (void)userdata;
    return PLR_ANSWER_GO_ON;
}

static int show_plan(session *s, plr_spec *spec, const plr_run_options *options)
{
    plr_error err = { 0 };
    plr_result result = { .size = sizeof result };
    int r = plr_run_start(&s->run, s->backend, spec, options, ignore_event, NULL, &err);
    if (r == 0)
        r = plr_run_wait(s->run, &result, &err);
    if (r < 0)
        return plr_cli_fail(&err);
    s->view.err_style = plr_style_new(plr_style_wanted(STDERR_FILENO));
    plr_sink_init(&s->err, STDERR_FILENO);
    s->view.err = &s->err;
    show_findings(s);
    plr_sink_drain(&s->err, PATIENCE_MS);
    if (result.exit_code != 0 && result.message[0] != '\0')
        plr_cli_complain("%s", result.message);
    const char *plan = plr_run_plan(s->run);
    return plan != NULL ? plr_cli_print(plan, result.exit_code) : result.exit_code;
}

static int open_backend(session *s, const plr_run_arguments *arguments)
{
    plr_error err = { 0 };
    plr_text why = { 0 };
    int r = plr_engine_new(&s->engine, NULL, &err);
    if (r == 0)
        r = plr_backend_choose(s->engine, &arguments->backend, &arguments->backend_options,
                &s->backend, &why, &err);
    if (r == 0 && !arguments->quiet)
        fprintf(stderr, "%s backend: %s\n", plr_backend_name(s->backend), why.data);
    plr_text_clear(&why);
    return r < 0 ? plr_cli_fail(&err) : 0;
}

static int run_document(
        const plr_run_arguments *arguments, const plr_run_inputs *inputs, const char *path)
{
    plr_spec *spec = NULL;
    session s = { .path = path, .logs.fd = -1, .out.fd = -1, .err.fd = -1, .signals_fd = -1 };
    plr_spec_options spec_options = {
        .size = sizeof spec_options,
        .lenient = arguments->lenient,
        .secrets = inputs->secret_names,
        .n_secrets = inputs->n_secrets,
    };
    int code = plr_input_spec(path, &spec_options, &spec, &s.document);
    if (code != 0)
        return code;
    plr_run_options options;
    plr_run_options_fill(&options, arguments, inputs, plr_spec_document(spec));
    code = open_backend(&s, arguments);
    if (code == 0)
        code = arguments->dry_run ? show_plan(&s, spec, &options)
                                  : run_it(&s, spec, &options, arguments, path);
    clear_session(&s);
    plr_spec_unref(spec);
    return code;
}

static void clear_arguments(plr_run_arguments *arguments)
{
    plr_cli_list *lists[] = { &arguments->environment, &arguments->secrets, &arguments->volumes,
        &arguments->only, &arguments->forbid, &arguments->host_paths, &arguments->images };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        plr_cli_list_clear(lists[i]);
    plr_cli_pairs_clear(&arguments->backend_options);
}

static int run_command(const plr_cli_command *self, int argc, char **argv)
{
    plr_run_arguments arguments = { .grace_ns = PLR_NOT_GIVEN, .timeout_ns = PLR_NOT_GIVEN };
    plr_run_inputs inputs = { 0 };
    plr_cli_list operands = { 0 };
    plr_error err = { 0 };
    int code = plr_cli_parse(
            self, argc, argv, &arguments, &operands, &arguments.backend_options, 1, 1);
    arguments.dry_run |= plr_backend_only_shows(&arguments.backend_options);
    if (code == PLR_CLI_GO_ON)
        code = plr_run_inputs_read(&inputs, &arguments, &err) < 0
                       ? plr_cli_fail(&err)
                       : run_document(&arguments, &inputs, operands.items[0]);
    plr_run_inputs_clear(&inputs);
    plr_cli_list_clear(&operands);
    clear_arguments(&arguments);
    return code;
}

const plr_cli_command plr_command_run = {
    .name = "run",
    .usage = "[options] FILE",
    .summary = "run a pipeline document",
    .details = "FILE is a document, or - for standard input. The steps' output goes to stdout,\n"
               "everything else to stderr.\n",
    .example = "  pipeline-runtime run --secret token=env:TOKEN pipeline.json\n",
    .options = plr_run_table,
    .n_options = &plr_run_table_size,
    .backend = true,
    .run = run_command,
};
