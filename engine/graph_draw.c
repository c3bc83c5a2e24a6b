/* SPDX-License-Identifier: MIT */
/* The plan as a drawing: boxes and arrows for Graphviz (DOT) and Mermaid. */
#include <string.h>

#include "engine/graph.h"
#include "engine/spec.h"

/* Edges of the drawing: dependencies, and the row of hooks. Dashed where it is enough that the
 * other has started. */
static void each_edge(const plr_plan *p, plr_buf *out,
        void (*put)(plr_buf *out, size_t from, size_t to, bool dashed))
{
    const plr_document *document = p->document;
    for (size_t i = 0; i < document->n_tasks; i++) {
        const plr_step *step = document->tasks[i];
        for (size_t j = 0; j < step->n_dependencies; j++)
            put(out, step->dependencies[j], i, document->tasks[step->dependencies[j]]->detach);
        if (i > 0 && step->kind >= PLR_STEP_HOOK_SUCCESS &&
                document->tasks[i - 1]->kind >= PLR_STEP_HOOK_SUCCESS)
            put(out, i - 1, i, false);
    }
}

/* What a box says below its name. */
static const char *note_of(const plr_step *step)
{
    if (step->kind != PLR_STEP_STEP)
        return plr_step_kind_name(step->kind);
    if (step->run_policy != PLR_RUN_ON_SUCCESS)
        return plr_run_policies[step->run_policy].word;
    return step->detach ? "detached" : NULL;
}

static void put_dot_text(plr_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            plr_buf_putc(out, '\\');
        plr_buf_putc(out, *text);
    }
}

static void put_dot_edge(plr_buf *out, size_t from, size_t to, bool dashed)
{
    plr_buf_printf(out, "    t%zu -> t%zu%s;\n", from, to, dashed ? " [style=dashed]" : "");
}

void plr_plan_dot(const plr_plan *p, plr_buf *out)
{
    const plr_document *document = p->document;
    plr_buf_puts(out, "digraph pipeline {\n    rankdir=LR;\n    node [shape=box];\n");
    for (size_t i = 0; i < document->n_tasks; i++) {
        const plr_place *at = &p->sorted[i];
        const plr_step *step = document->tasks[at->task];
        if (plr_plan_begins(p, i))
            plr_buf_printf(out, "%s    subgraph cluster_%s {\n        label=\"%s\";\n",
                    i == 0 ? "" : "    }\n", plr_phase_name(at->phase), plr_phase_name(at->phase));
        plr_buf_printf(out, "        t%zu [label=\"", at->task);
        put_dot_text(out, step->metadata.name);
        if (note_of(step) != NULL)
            plr_buf_printf(out, "\\n%s", note_of(step));
        plr_buf_puts(out, "\"];\n");
    }
    plr_buf_puts(out, "    }\n");
    each_edge(p, out, put_dot_edge);
    plr_buf_puts(out, "}\n");
}

/* Mermaid takes entities by number in quoted text: what could end it or mean something is one. */
static void put_mermaid_text(plr_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("\"#<>&`;\\[]{}()|", *text) != NULL)
            plr_buf_printf(out, "#%d;", *text);
        else
            plr_buf_putc(out, *text);
    }
}

static void put_mermaid_edge(plr_buf *out, size_t from, size_t to, bool dashed)
{
    plr_buf_printf(out, "    t%zu %s t%zu\n", from, dashed ? "-.->" : "-->", to);
}

void plr_plan_mermaid(const plr_plan *p, plr_buf *out)
{
    const plr_document *document = p->document;
    plr_buf_puts(out, "flowchart LR\n");
    for (size_t i = 0; i < document->n_tasks; i++) {
        const plr_place *at = &p->sorted[i];
        const plr_step *step = document->tasks[at->task];
        if (plr_plan_begins(p, i))
            plr_buf_printf(out, "%s    subgraph p%d [\"%s\"]\n", i == 0 ? "" : "    end\n",
                    at->phase, plr_phase_name(at->phase));
        plr_buf_printf(out, "        t%zu[\"", at->task);
        put_mermaid_text(out, step->metadata.name);
        if (note_of(step) != NULL)
            plr_buf_printf(out, "<br/>%s", note_of(step));
        plr_buf_puts(out, "\"]\n");
    }
    plr_buf_puts(out, "    end\n");
    each_edge(p, out, put_mermaid_edge);
}
