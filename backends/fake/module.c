/* SPDX-License-Identifier: MIT */
/* The fake backend's entry point, its options, and the operations on whole runs. */
#include <stdlib.h>
#include <string.h>

#include "backends/fake/fake.h"
#include "engine/base/cleanup.h"
#include "engine/base/error.h"

#define OPTIONS(X)                                                                                 \
    X("fake-seed", "N", "seed of the random delays", .type = PLR_SETTING_INTEGER,                  \
            .offset = offsetof(fake_settings, seed), .most = INT64_MAX / 2)                        \
    X("fake-jitter", "DURATION", "add up to this to each delay", .type = PLR_SETTING_DURATION,     \
            .offset = offsetof(fake_settings, jitter_ns))                                          \
    X("fake-release", "WORD-DELAY", "let tasks release each other; words to them take up to this", \
            .type = PLR_SETTING_DURATION, .offset = offsetof(fake_settings, word_ns))

enum { N_OPTIONS = 0 OPTIONS(PLR_SETTING_COUNT) };
static const plr_option_info infos[N_OPTIONS] = { OPTIONS(PLR_SETTING_INFO) };
static const plr_setting rows[N_OPTIONS] = { OPTIONS(PLR_SETTING_ROW) };
static const plr_setting_table table = { "fake", infos, rows, N_OPTIONS };

static int create(void **ret_self, const plr_host *host, plr_loop *loop, const plr_option *options,
        size_t n_options, plr_error *err)
{
    _cleanup_free_ fake *self = calloc(1, sizeof *self);
    if (self == NULL)
        return plr_error_nomem(err);
    self->host = host;
    self->loop = loop;
    self->settings.word_ns = -1;
    int r = plr_settings_read(&table, &self->settings, options, n_options, err);
    if (r < 0)
        return r;
    self->random = (uint64_t)self->settings.seed * 2 + 1; /* never 0 */
    *ret_self = steal(self);
    return 0;
}

static void destroy(void *self)
{
    fake_drop(self, NULL);
    fake_answers_drop(self, NULL);
    free(self);
}

static void succeed(void *self, plr_op *op)
{
    const fake *own = self;
    own->host->op_complete(op, NULL);
}

static void check(void *self, const plr_run_view *run, plr_op *op)
{
    fake_answer_as_told(self, run, op, "FAKE_CHECK");
}

static void plan(
        void *self, const plr_run_view *run, plr_task *const *tasks, size_t n_tasks, plr_op *op)
{
    (void)run;
    const fake *own = self;
    for (size_t i = 0; i < n_tasks; i++) {
        const char *name = tasks[i]->step->metadata.name;
        own->host->op_text(op, name, strlen(name));
        own->host->op_text(op, "\n", 1);
    }
    succeed(self, op);
}

static void setup(void *self, plr_run_view *run, plr_task *const *tasks, size_t n_tasks, plr_op *op)
{
    fake *own = self;
    plr_error err = { 0 };
    run->prepares_all &= own->settings.word_ns >= 0;
    run->self_release &= own->settings.word_ns >= 0;
    int r = run->self_release ? fake_room_new(own, run, &err) : 0;
    for (size_t i = 0; i < n_tasks && run->prepares_all && r == 0; i++)
        r = fake_take(own, tasks[i], &err);
    if (r < 0) {
        own->host->op_complete(op, &err);
        return;
    }
    int64_t ns = fake_answer_as_told(self, run, op, "FAKE_SETUP");
    if (run->self_release && ns >= 0)
        fake_room_begin(run->data, ns);
}

static void teardown(void *self, const char *run_id, plr_run_view *run, plr_op *op)
{
    (void)run_id;
    if (run == NULL) {
        succeed(self, op);
        return;
    }
    fake_drop(self, run);
    fake_answer_as_told(self, run, op, "FAKE_TEARDOWN");
}

static void forget(void *self, plr_run_view *run)
{
    fake_drop(self, run);
    fake_answers_drop(self, run);
}

/* Told on, for tests, if the host's environment has FAKE_WIND_DOWN. */
static void wind_down(void *self, plr_run_view *run)
{
    const fake *own = self;
    for (size_t i = 0; i < run->n_host_environment; i++)
        if (strcmp(run->host_environment[i].name, "FAKE_WIND_DOWN") == 0)
            own->host->run_notice(run, "winding down");
}

static void sweep(void *self, const plr_sweep_options *options, plr_op *op)
{
    (void)options;
    succeed(self, op);
}

static void command(
        void *self, const char *name, const char *const *arguments, size_t n, plr_op *op)
{
    const fake *own = self;
    plr_error err = { 0 };
    (void)name; /* there is one */
    if (n > 0)
        plr_error_set(&err, PLR_ERR_USAGE, "\"%s\" is one too many", arguments[0]);
    for (size_t i = 0; i < FAKE_N_WORDS && n == 0; i++) {
        own->host->op_text(op, fake_script_words[i], strlen(fake_script_words[i]));
        own->host->op_text(op, "\n", 1);
    }
    own->host->op_complete(op, &err);
}

static const plr_command_info commands_info[] = {
    { "fake-words", NULL, "list the words of a fake step's script" },
};

PLR_BACKEND_ENTRY(fake)
{
    static const plr_backend_module module = {
        .size = sizeof module,
        .version = PLR_BACKEND_VERSION,
        .name = "fake",
        .description = "plays scripts instead of running anything, for tests",
        .capabilities =
                PLR_CAPABILITY_HOLDS | PLR_CAPABILITY_SELF_RELEASE | PLR_CAPABILITY_PREPARES_ALL,
        .options = infos,
        .n_options = N_OPTIONS,
        .commands = commands_info,
        .n_commands = sizeof commands_info / sizeof *commands_info,
        .create = create,
        .destroy = destroy,
        .open = succeed,
        .close = succeed,
        .check = check,
        .plan = plan,
        .setup = setup,
        .prepare = fake_prepare,
        .start = fake_start,
        .stop = fake_stop,
        .probe = fake_probe,
        .flow = fake_flow,
        .discard = fake_discard,
        .tell = fake_tell,
        .teardown = teardown,
        .forget = forget,
        .wind_down = wind_down,
        .sweep = sweep,
        .command = command,
    };
    return &module;
}
