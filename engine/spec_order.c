/* SPDX-License-Identifier: MIT */
/* The order of steps: depends_on as indices, and cycles named step by step. All loops, no
 * recursion: ten thousand steps in a row are a common document. */
#include <string.h>

#include "engine/base/buf.h"
#include "engine/spec.h"

/* A cycle of more steps is shortened in the middle. */
#define LONGEST_CYCLE 20

typedef struct order {
    plr_step *const *tasks;
    size_t n;
    const plr_map *names;
    const plr_node *const *nodes;
    const char **all; /* the names of steps, for suggestions */
    plr_findings *findings;
    plr_arena *arena;
} order;

static const plr_node *edge_node(const order *o, size_t task, size_t edge)
{
    return plr_node_at(plr_node_get(o->nodes[task], "depends_on"), edge);
}

/* The task that a name in depends_on means; PLR_NONE if it means none: that is told. */
static size_t resolve(const order *o, size_t task, size_t edge)
{
    const char *name = o->tasks[task]->depends_on[edge];
    size_t found;
    if (name[0] == '\0' && edge_node(o, task, edge)->type != PLR_NODE_STRING)
        return PLR_NONE; /* told by the decoder */
    if (!plr_map_find(o->names, name, &found)) {
        plr_findings_add(o->findings,
                &(plr_finding){ .code = "unknown-dependency",
                        .node = edge_node(o, task, edge),
                        .suggestion = plr_spec_meant(o->findings, name, o->all, o->n) },
                "there is no step \"%.100s\"", name);
        return PLR_NONE;
    }
    plr_step_kind kind = o->tasks[found]->kind;
    if (kind == PLR_STEP_STEP)
        return found;
    plr_findings_add(o->findings,
            &(plr_finding){ .code = "bad-dependency", .node = edge_node(o, task, edge) },
            kind == PLR_STEP_SERVICE
                    ? "\"%.100s\" is a service: all are ready before the first step"
                    : "\"%.100s\" is a hook: hooks come after all steps",
            name);
    return PLR_NONE;
}

static void resolve_graph(order *o)
{
    size_t *seen = plr_arena_array(&o->findings->arena, o->n, sizeof *seen);
    if (seen == NULL) {
        o->findings->failed = true;
        return;
    }
    for (size_t i = 0; i < o->n; i++) {
        plr_step *step = o->tasks[i];
        size_t *indices = plr_arena_array(o->arena, step->n_depends_on, sizeof *indices), n = 0;
        if (indices == NULL) {
            o->findings->failed = true;
            return;
        }
        for (size_t edge = 0; edge < step->n_depends_on; edge++) {
            size_t found = resolve(o, i, edge);
            if (found == PLR_NONE || seen[found] == i + 1)
                continue;
            seen[found] = i + 1;
            indices[n++] = found;
        }
        step->dependencies = indices;
        step->n_dependencies = n;
    }
}

static void chain(order *o)
{
    size_t before = PLR_NONE;
    for (size_t i = 0; i < o->n; i++) {
        if (o->tasks[i]->kind != PLR_STEP_STEP)
            continue;
        if (before != PLR_NONE) {
            size_t *index = plr_arena_alloc(o->arena, sizeof *index);
            if (index == NULL) {
                o->findings->failed = true;
                return;
            }
            *index = before;
            o->tasks[i]->dependencies = index;
            o->tasks[i]->n_dependencies = 1;
        }
        before = i;
    }
}

/* The way that a search went: each task waits for the next one. */
typedef struct way {
    size_t *tasks, *edges; /* `edges`: the dependency of it that is looked at */
    size_t n;
} way;

/* Tells the cycle that the last task of the way closes by waiting for `first`. */
static void tell_cycle(const order *o, const way *w, size_t first)
{
    if (plr_findings_full(o->findings)) {
        o->findings->n_errors++;
        o->findings->n_dropped++;
        return;
    }
    _cleanup_buf_ plr_buf buf = { 0 };
    size_t begin = w->n - 1;
    while (w->tasks[begin] != first)
        begin--;
    size_t length = w->n - begin;
    for (size_t i = 0; i < length; i++) {
        if (length > LONGEST_CYCLE && i == LONGEST_CYCLE / 2) {
            plr_buf_printf(&buf, "(%zu more) -> ", length - LONGEST_CYCLE);
            i += length - LONGEST_CYCLE;
        }
        plr_buf_printf(&buf, "%.100s -> ", o->tasks[w->tasks[begin + i]]->metadata.name);
    }
    plr_buf_printf(&buf, "%.100s", o->tasks[first]->metadata.name);
    if (buf.failed) {
        o->findings->failed = true;
        return;
    }
    size_t last = w->tasks[w->n - 1];
    const plr_step *step = o->tasks[last];
    size_t edge = 0;
    while (edge + 1 < step->n_depends_on &&
            strcmp(step->depends_on[edge], o->tasks[first]->metadata.name) != 0)
        edge++;
    plr_findings_add(o->findings,
            &(plr_finding){ .code = "cycle", .node = edge_node(o, last, edge) },
            "these steps wait for each other: %s", buf.data);
}

/* Depth first from each step; a dependency that is on the way already closes a cycle. */
static void find_cycles(order *o)
{
    enum { NEW, ON_THE_WAY, DONE };
    unsigned char *marks = plr_arena_array(&o->findings->arena, o->n, 1);
    way w = { .tasks = plr_arena_array(&o->findings->arena, o->n, sizeof *w.tasks),
        .edges = plr_arena_array(&o->findings->arena, o->n, sizeof *w.edges) };
    if (marks == NULL || w.tasks == NULL || w.edges == NULL) {
        o->findings->failed = true;
        return;
    }
    for (size_t start = 0; start < o->n; start++) {
        if (marks[start] != NEW)
            continue;
        marks[start] = ON_THE_WAY;
        w.tasks[0] = start;
        w.edges[0] = 0;
        w.n = 1;
        while (w.n > 0) {
            size_t task = w.tasks[w.n - 1];
            const plr_step *step = o->tasks[task];
            if (w.edges[w.n - 1] == step->n_dependencies) {
                marks[task] = DONE;
                w.n--;
                continue;
            }
            size_t next = step->dependencies[w.edges[w.n - 1]++];
            if (marks[next] == ON_THE_WAY) {
                tell_cycle(o, &w, next);
            } else if (marks[next] == NEW) {
                marks[next] = ON_THE_WAY;
                w.tasks[w.n] = next;
                w.edges[w.n++] = 0;
            }
        }
    }
}

void plr_spec_order(plr_spec *spec, plr_step *const *tasks, const plr_map *names,
        const plr_node *const *nodes, plr_findings *findings)
{
    plr_document *document = &spec->raw.document;
    order o = { .tasks = tasks,
        .n = document->n_tasks,
        .names = names,
        .nodes = nodes,
        .findings = findings,
        .arena = &spec->arena };
    document->serial = true;
    for (size_t i = 0; i < o.n; i++)
        if (tasks[i]->n_depends_on > 0)
            document->serial = false;
    if (document->serial) {
        chain(&o);
        return;
    }
    o.all = plr_arena_array(&findings->arena, o.n, sizeof *o.all);
    if (o.all == NULL) {
        findings->failed = true;
        return;
    }
    for (size_t i = 0; i < o.n; i++)
        o.all[i] = tasks[i]->kind == PLR_STEP_STEP ? tasks[i]->metadata.name : NULL;
    resolve_graph(&o);
    if (!findings->failed)
        find_cycles(&o);
}
