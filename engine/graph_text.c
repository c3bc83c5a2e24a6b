/* SPDX-License-Identifier: MIT */
/* The plan as text: a line for each task, under the phase it belongs to. */
#include <inttypes.h>

#include "engine/base/text.h"
#include "engine/graph.h"
#include "engine/spec.h"

static void put_shown(plr_buf *out, const char *text)
{
    for (; *text != '\0'; text++)
        plr_buf_putc(out, (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

static void put_separator(plr_buf *out, bool *any)
{
    if (*any)
        plr_buf_puts(out, "; ");
    *any = true;
}

static void put_duration(plr_buf *out, int64_t ns)
{
    char text[40];
    plr_duration_format(ns, text, sizeof text);
    plr_buf_puts(out, text);
}

static void put_ready(plr_buf *out, const plr_ready *ready)
{
    const char *before = "ready when ";
    if (ready->tcp != 0) {
        plr_buf_printf(out, "%stcp %" PRId64 " answers", before, ready->tcp);
        before = " and ";
    }
    if (ready->http != NULL) {
        plr_buf_printf(out, "%shttp %s answers", before, ready->http);
        before = " and ";
    }
    if (ready->n_exec > 0) {
        plr_buf_puts(out, before);
        put_shown(out, ready->exec[0]);
        plr_buf_puts(out, " succeeds");
        before = " and ";
    }
    if (ready->log != NULL) {
        plr_buf_printf(out, "%sits log has \"", before);
        put_shown(out, ready->log);
        plr_buf_putc(out, '"');
    }
}

static void put_conditions(plr_buf *out, const plr_plan *p, const plr_step *step)
{
    bool any = false;
    for (size_t i = 0; i < step->n_dependencies; i++) {
        if (i == 0)
            put_separator(out, &any);
        plr_buf_printf(out, "%s%s", i == 0 ? "after " : ", ",
                p->document->tasks[step->dependencies[i]]->metadata.name);
    }
    if (step->run_policy != PLR_RUN_ON_SUCCESS) {
        put_separator(out, &any);
        plr_buf_puts(out, plr_run_policies[step->run_policy].word);
    }
    if (step->kind >= PLR_STEP_HOOK_SUCCESS) {
        put_separator(out, &any);
        plr_buf_puts(out, step->kind == PLR_STEP_HOOK_SUCCESS   ? "on success"
                          : step->kind == PLR_STEP_HOOK_FAILURE ? "on failure"
                                                                : "always");
    }
    if (step->detach && step->kind == PLR_STEP_STEP) {
        put_separator(out, &any);
        plr_buf_puts(out, "detached");
    }
    if (step->ready != NULL) {
        put_separator(out, &any);
        put_ready(out, step->ready);
    }
    if (step->ignore_err) {
        put_separator(out, &any);
        plr_buf_puts(out, "failure ignored");
    }
    if (step->retry.attempts > 1) {
        put_separator(out, &any);
        plr_buf_printf(out, "up to %" PRId64 " attempts", step->retry.attempts);
    }
    if (step->timeout_ns > 0) {
        put_separator(out, &any);
        plr_buf_puts(out, "at most ");
        put_duration(out, step->timeout_ns);
    }
}

/* How many columns a text takes, near enough: one for each character. */
static int width(const char *text)
{
    int n = 0;
    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void put_padded(plr_buf *out, const char *text, int to)
{
    put_shown(out, text);
    plr_buf_printf(out, "%*s", to > width(text) ? to - width(text) : 0, "");
}

static void trim(plr_buf *out)
{
    while (out->size > 0 && out->data[out->size - 1] == ' ')
        out->data[--out->size] = '\0';
}

void plr_plan_text(const plr_plan *p, plr_buf *out)
{
    static const char *const headings[PLR_PHASES] = {
        "services, all ready before the first step",
        "steps",
        "end phase, after all other steps",
        "hooks, one after another when all else has ended",
    };
    const plr_document *document = p->document;
    int names = 0, images = 0;
    for (size_t i = 0; i < document->n_tasks; i++) {
        const plr_step *step = document->tasks[i];
        int name = width(step->metadata.name);
        int image = step->docker.image != NULL ? width(step->docker.image) : 0;
        names = name > names && name <= 30 ? name : names;
        images = image > images && image <= 30 ? image : images;
    }
    if (document->metadata.name != NULL)
        plr_buf_printf(out, "%s\n", document->metadata.name);
    plr_buf_puts(out, document->serial ? "serial: each step waits for the one before it"
                                       : "graph: steps of one number can run at once");
    if (document->timeout_ns > 0) {
        plr_buf_puts(out, "; at most ");
        put_duration(out, document->timeout_ns);
    }
    plr_buf_putc(out, '\n');
    for (size_t i = 0; i < document->n_tasks; i++) {
        const plr_place *at = &p->sorted[i];
        const plr_step *step = document->tasks[at->task];
        if (plr_plan_begins(p, i))
            plr_buf_printf(out, "\n%s\n", headings[at->phase]);
        if (at->phase == PLR_PHASE_SERVICES)
            plr_buf_puts(out, "      ");
        else
            plr_buf_printf(out, "%4zu  ", at->stage);
        put_padded(out, step->metadata.name, names + 2);
        put_padded(out, step->docker.image != NULL ? step->docker.image : "", images + 2);
        put_conditions(out, p, step);
        trim(out);
        plr_buf_putc(out, '\n');
    }
}
