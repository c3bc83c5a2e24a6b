/* SPDX-License-Identifier: MIT */
/* What a run leaves on stderr in every mode: its steps, how long each took, what failed and why.
 * A step's last lines are shown only where it failed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/view/terminal.h"
#include "cli/view/view.h"
#include "cli/view/words.h"

#define WIDEST_NAME 32u

static const struct {
    const char *word;
    bool good, bad;
} marks[] = {
    [PLR_MARK_PASSED] = { "passed", true, false },
    [PLR_MARK_FAILED] = { "failed", false, true },
    [PLR_MARK_IGNORED] = { "ignored", false, false },
    [PLR_MARK_SKIPPED] = { "skipped", false, false },
    [PLR_MARK_STOPPED] = { "stopped", false, false },
    [PLR_MARK_RETRIED] = { "failed", false, true },
};

/* Nothing more is to be told than that it passed, was stopped or cancelled. */
static bool said_by_mark(const plr_end *end)
{
    switch (end->reason) {
    case PLR_REASON_EXIT:
        return end->exit_code == 0 && !end->oom;
    case PLR_REASON_STOPPED:
        return true;
    case PLR_REASON_CANCELLED:
        return end->message == NULL;
    default:
        return false;
    }
}

static void put_step(
        const plr_model *model, const plr_style *style, const plr_model_step *step, plr_text *out)
{
    int widest = (int)(model->widest < WIDEST_NAME ? model->widest : WIDEST_NAME);
    char time[32] = "";
    if (step->state != PLR_STATE_ENDED) {
        plr_text_printf(out, "  %s%-9s%s %s\n", style->dim, "unknown", style->reset, step->name);
        return;
    }
    plr_mark mark = plr_words_mark(&step->end);
    bool cancelled = step->end.reason == PLR_REASON_CANCELLED;
    const char *colour = marks[mark].good  ? style->green
                         : marks[mark].bad ? style->red
                                           : style->dim;
    if (step->began_ns != 0)
        plr_cli_duration_text(plr_model_time(step, model->now_ns), time, sizeof time);
    plr_text_printf(out, "  %s%-9s%s %-*s %7s", colour, cancelled ? "cancelled" : marks[mark].word,
            style->reset, widest, step->name != NULL ? step->name : "", time);
    if (step->attempt > 1)
        plr_text_printf(out, "  attempt %u", step->attempt);
    if (!said_by_mark(&step->end)) {
        plr_text_puts(out, "  ");
        plr_words_why(&step->end, out);
    }
    while (out->size > 0 && !out->failed && out->data[out->size - 1] == ' ')
        out->size--;
    plr_text_puts(out, "\n");
}

static void put_tail(const plr_style *style, const plr_model_step *step, plr_text *out)
{
    size_t size = 0;
    const char *lines = plr_model_last_lines(step, &size);
    if (lines == NULL)
        return;
    plr_text_printf(out, "\n%s%s%s: its last lines were\n", style->bold, step->name, style->reset);
    for (const char *at = lines; at < lines + size;) {
        size_t left = (size_t)(lines + size - at);
        const char *newline = memchr(at, '\n', left);
        size_t length = newline != NULL ? (size_t)(newline - at) : left;
        plr_text_puts(out, "    ");
        plr_terminal_line(out, at, length, SIZE_MAX, style->colours);
        plr_text_puts(out, "\n");
        at += length + (newline != NULL);
    }
}

static void put_end(const plr_model *model, const plr_style *style, plr_text *out)
{
    const plr_result *result = &model->result;
    bool passed = result->outcome == PLR_OUTCOME_PASSED;
    char time[32];
    plr_cli_duration_text(result->duration_ns, time, sizeof time);
    plr_text_printf(out, "\n%s%s%s%s after %s", style->bold, passed ? style->green : style->red,
            result->outcome == PLR_OUTCOME_INFRASTRUCTURE ? "infrastructure failed"
            : result->outcome == PLR_OUTCOME_TIMEOUT      ? "timed out"
                                                          : plr_outcome_name(result->outcome),
            style->reset, time);
    plr_text_printf(out, ": %zu passed, %zu failed, %zu skipped", result->n_passed,
            result->n_failed, result->n_skipped);
    if (model->run != NULL)
        plr_text_printf(out, " %s(run %s)%s", style->dim, model->run, style->reset);
    plr_text_puts(out, "\n");
    if (result->message[0] == '\0' ||
            strcmp(result->message, plr_outcome_name(result->outcome)) == 0)
        return;
    plr_terminal_message(out, result->message);
    plr_text_puts(out, "\n");
}

static bool was_left_out(const plr_model_step *step)
{
    return step->state == PLR_STATE_ENDED && step->end.reason == PLR_REASON_SKIPPED &&
           step->end.skip == PLR_SKIP_NOT_SELECTED;
}

/* Whoever selected a step knows the others: they are counted. */
static void put_left_out(const plr_model *model, const plr_style *style, plr_text *out)
{
    size_t n = 0;
    for (size_t i = 0; i < model->n_steps; i++)
        n += was_left_out(&model->steps[i]);
    if (n > 0)
        plr_text_printf(out, "  %s%-9s%s %zu step%s not selected\n", style->dim, "skipped",
                style->reset, n, n == 1 ? "" : "s");
}

void plr_view_summary(const plr_model *model, const plr_style *style, plr_text *out)
{
    if (model->n_steps > 0)
        plr_text_puts(out, "\n");
    for (size_t i = 0; i < model->n_steps; i++)
        if (!was_left_out(&model->steps[i]))
            put_step(model, style, &model->steps[i], out);
    put_left_out(model, style, out);
    for (size_t i = 0; i < model->n_steps; i++)
        if (model->steps[i].state == PLR_STATE_ENDED &&
                plr_words_mark(&model->steps[i].end) == PLR_MARK_FAILED &&
                model->steps[i].end.reason != PLR_REASON_CANCELLED)
            put_tail(style, &model->steps[i], out);
    if (model->ended)
        put_end(model, style, out);
}
