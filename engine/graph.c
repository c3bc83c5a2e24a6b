/* SPDX-License-Identifier: MIT */
/* The plan of a document, as people and tools want to see it: what runs in which stage, who waits
 * for whom, what comes at the end. From the document alone, nothing is run. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/graph.h"
#include "engine/spec.h"

const char *plr_phase_name(plr_phase phase)
{
    static const char *const names[PLR_PHASES] = { "services", "steps", "end", "hooks" };
    return names[phase];
}

bool plr_plan_begins(const plr_plan *plan, size_t at)
{
    return at == 0 || plan->sorted[at].phase != plan->sorted[at - 1].phase;
}

static void plan_clear(plr_plan *p)
{
    free(p->places);
    free(p->sorted);
}

static bool begins_end_phase(const plr_document *document, const plr_step *step)
{
    return !document->serial && step->kind == PLR_STEP_STEP &&
           step->run_policy == PLR_RUN_ON_FAILURE && step->n_dependencies == 0;
}

/* Edges turned round: who waits for a task. `first` has one more entry than there are tasks. */
typedef struct waiters {
    size_t *first, *tasks;
} waiters;

static int find_waiters(const plr_document *document, waiters *ret, plr_error *err)
{
    size_t n_edges = 0;
    for (size_t i = 0; i < document->n_tasks; i++)
        n_edges += document->tasks[i]->n_dependencies;
    _cleanup_free_ size_t *first = calloc(document->n_tasks + 2, sizeof *first);
    _cleanup_free_ size_t *tasks = calloc(n_edges + 1, sizeof *tasks);
    if (first == NULL || tasks == NULL)
        return plr_error_nomem(err);
    /* Counted two entries ahead, so that filling leaves each begin where it belongs. */
    for (size_t i = 0; i < document->n_tasks; i++)
        for (size_t j = 0; j < document->tasks[i]->n_dependencies; j++)
            first[document->tasks[i]->dependencies[j] + 2]++;
    for (size_t i = 2; i < document->n_tasks + 2; i++)
        first[i] += first[i - 1];
    for (size_t i = 0; i < document->n_tasks; i++)
        for (size_t j = 0; j < document->tasks[i]->n_dependencies; j++)
            tasks[first[document->tasks[i]->dependencies[j] + 1]++] = i;
    ret->first = steal(first);
    ret->tasks = steal(tasks);
    return 0;
}

/* Gives each task its stage and phase, in the order in which dependencies are done. */
static int find_stages(plr_plan *p, plr_error *err)
{
    const plr_document *document = p->document;
    waiters w = { 0 };
    int r = find_waiters(document, &w, err);
    if (r < 0)
        return r;
    _cleanup_free_ size_t *first = w.first, *waiting = w.tasks;
    _cleanup_free_ size_t *missing = calloc(document->n_tasks, sizeof *missing);
    _cleanup_free_ size_t *queue = calloc(document->n_tasks, sizeof *queue);
    if (missing == NULL || queue == NULL)
        return plr_error_nomem(err);
    size_t n = 0, hooks = 0;
    for (size_t i = 0; i < document->n_tasks; i++) {
        const plr_step *step = document->tasks[i];
        plr_place *at = &p->places[i];
        *at = (plr_place){ .task = i, .stage = 1, .phase = PLR_PHASE_STEPS };
        if (step->kind == PLR_STEP_SERVICE)
            at->phase = PLR_PHASE_SERVICES;
        else if (step->kind != PLR_STEP_STEP)
            *at = (plr_place){ .task = i, .stage = ++hooks, .phase = PLR_PHASE_HOOKS };
        else if (begins_end_phase(document, step))
            at->phase = PLR_PHASE_END;
        missing[i] = step->n_dependencies;
        if (missing[i] == 0)
            queue[n++] = i;
    }
    for (size_t i = 0; i < n; i++) {
        const plr_place *done = &p->places[queue[i]];
        for (size_t j = first[queue[i]]; j < first[queue[i] + 1]; j++) {
            plr_place *at = &p->places[waiting[j]];
            if (done->stage >= at->stage)
                at->stage = done->stage + 1;
            if (done->phase == PLR_PHASE_END)
                at->phase = PLR_PHASE_END;
            if (--missing[waiting[j]] == 0)
                queue[n++] = waiting[j];
        }
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    const plr_place *x = a, *y = b;
    if (x->phase != y->phase)
        return x->phase < y->phase ? -1 : 1;
    if (x->stage != y->stage)
        return x->stage < y->stage ? -1 : 1;
    return x->task < y->task ? -1 : 1;
}

static int plan_init(plr_plan *p, const plr_document *document, plr_error *err)
{
    size_t n = document->n_tasks;
    p->document = document;
    p->places = calloc(n, sizeof *p->places);
    p->sorted = calloc(n, sizeof *p->sorted);
    if (p->places == NULL || p->sorted == NULL)
        return plr_error_nomem(err);
    int r = find_stages(p, err);
    if (r < 0)
        return r;
    memcpy(p->sorted, p->places, n * sizeof *p->places);
    qsort(p->sorted, n, sizeof *p->sorted, compare);
    return 0;
}

static void put_json_task(plr_json *json, const plr_plan *p, const plr_place *at)
{
    const plr_step *step = p->document->tasks[at->task];
    plr_json_open(json, NULL, '{');
    plr_json_integer(json, "index", (int64_t)at->task);
    plr_json_string(json, "name", step->metadata.name);
    plr_json_string(json, "kind", plr_step_kind_name(step->kind));
    plr_json_string(json, "phase", plr_phase_name(at->phase));
    plr_json_integer(json, "stage", (int64_t)at->stage);
    if (step->docker.image != NULL)
        plr_json_string(json, "image", step->docker.image);
    plr_json_open(json, "after", '[');
    for (size_t i = 0; i < step->n_dependencies; i++)
        plr_json_string(json, NULL, p->document->tasks[step->dependencies[i]]->metadata.name);
    plr_json_close(json);
    if (step->kind == PLR_STEP_STEP)
        plr_json_string(json, "run_policy", plr_run_policies[step->run_policy].word);
    plr_json_bool(json, "detach", step->detach);
    plr_json_bool(json, "ready", step->ready != NULL);
    plr_json_bool(json, "ignore_err", step->ignore_err);
    plr_json_integer(json, "attempts", step->retry.attempts > 1 ? step->retry.attempts : 1);
    plr_json_integer(json, "timeout_ns", step->timeout_ns);
    plr_json_close(json);
}

void plr_plan_json(const plr_plan *p, plr_buf *out)
{
    const plr_document *document = p->document;
    plr_json json = { .out = out };
    plr_json_open(&json, NULL, '{');
    if (document->metadata.name != NULL)
        plr_json_string(&json, "name", document->metadata.name);
    plr_json_bool(&json, "serial", document->serial);
    plr_json_integer(&json, "timeout_ns", document->timeout_ns);
    plr_json_open(&json, "tasks", '[');
    for (size_t i = 0; i < document->n_tasks; i++)
        put_json_task(&json, p, &p->sorted[i]);
    plr_json_close(&json);
    plr_json_close(&json);
}

int plr_spec_graph(const plr_spec *spec, plr_graph_format format, char **ret_text, plr_error *err)
{
    static void (*const formats[])(const plr_plan *p, plr_buf *out) = {
        [PLR_GRAPH_TEXT] = plr_plan_text,
        [PLR_GRAPH_DOT] = plr_plan_dot,
        [PLR_GRAPH_MERMAID] = plr_plan_mermaid,
        [PLR_GRAPH_JSON] = plr_plan_json,
    };
    if ((size_t)format >= sizeof formats / sizeof *formats)
        return plr_error_set(err, PLR_ERR_USAGE, "there is no such format of graphs");
    _cleanup_(plan_clear) plr_plan p = { 0 };
    int r = plan_init(&p, &spec->raw.document, err);
    if (r < 0)
        return r;
    _cleanup_buf_ plr_buf out = { 0 };
    formats[format](&p, &out);
    return plr_buf_steal(&out, ret_text, err);
}
