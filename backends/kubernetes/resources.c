/* SPDX-License-Identifier: MIT */
/* Order of containers, and requests by chains: no two of a chain run together, so the greatest of
 * each chain, added up, is enough for every moment of the run. */
#include "backends/kubernetes/resources.h"

#include <string.h>

#include "engine/base/cleanup.h"
#include "engine/base/error.h"

static bool all_placed(const plr_step *step, const bool *placed)
{
    for (size_t i = 0; i < step->n_dependencies; i++)
        if (!placed[step->dependencies[i]])
            return false;
    return true;
}

int plr_kube_order(size_t **ret_order, const plr_document *document, plr_error *err)
{
    size_t n = document->n_tasks;
    _cleanup_free_ size_t *order = calloc(n + 1, sizeof(*order));
    _cleanup_free_ bool *placed = calloc(n + 1, sizeof(*placed));
    if (order == NULL || placed == NULL)
        return plr_error_nomem(err);
    /* Services have no dependencies and come first in the tasks, hooks none and last. */
    for (size_t count = 0, before = n + 1; count < n && before != count;) {
        before = count;
        for (size_t i = 0; i < n; i++) {
            bool late = document->tasks[i]->kind > PLR_STEP_STEP && count < i;
            if (placed[i] || late || !all_placed(document->tasks[i], placed))
                continue;
            placed[i] = true;
            order[count++] = i;
        }
    }
    *ret_order = steal(order);
    return 0;
}

/* What comes before what: a row of bits for each task. */
typedef struct past {
    const plr_document *document;
    size_t width; /* bytes of a row */
    unsigned char *rows;
    bool *end_phase;
} past;

static bool has_bit(const past *p, size_t task, size_t earlier)
{
    return (p->rows[task * p->width + earlier / 8] >> (earlier % 8) & 1) != 0;
}

/* In the order of the tasks, so that those above have their rows already. */
static void fill_row(past *p, size_t task)
{
    const plr_step *step = p->document->tasks[task];
    unsigned char *row = p->rows + task * p->width;
    p->end_phase[task] = !p->document->serial && step->kind == PLR_STEP_STEP &&
                         step->run_policy == PLR_RUN_ON_FAILURE && step->n_dependencies == 0;
    for (size_t i = 0; i < step->n_dependencies; i++) {
        size_t above = step->dependencies[i];
        for (size_t k = 0; k < p->width; k++)
            row[k] |= p->rows[above * p->width + k];
        row[above / 8] = (unsigned char)(row[above / 8] | 1u << (above % 8));
        p->end_phase[task] |= p->end_phase[above];
    }
}

/* Whether `earlier` has ended for sure when `task` begins; `earlier` stands before it in the order,
 * and neither is detached. */
static bool comes_after(const past *p, size_t task, size_t earlier)
{
    return p->document->tasks[task]->kind > PLR_STEP_STEP ||
           (p->end_phase[task] && !p->end_phase[earlier]) || has_bit(p, task, earlier);
}

static int64_t wish(int64_t request, int64_t limit)
{
    return request > 0 ? request : limit > 0 ? limit : PLR_KUBE_NO_REQUEST;
}

/* A chain as it grows: its last task, and who carries the greatest of each kind. */
typedef struct chain {
    size_t last, cpu, memory;
} chain;

static void join(chain *c, size_t task, plr_kube_request *requests)
{
    c->last = task;
    if (requests[task].cpu > requests[c->cpu].cpu) {
        requests[c->cpu].cpu = 0;
        c->cpu = task;
    } else {
        requests[task].cpu = 0;
    }
    if (requests[task].memory > requests[c->memory].memory) {
        requests[c->memory].memory = 0;
        c->memory = task;
    } else {
        requests[task].memory = 0;
    }
}

int plr_kube_requests(plr_kube_request **ret_requests, const plr_document *document,
        const size_t *order, const bool *present, plr_error *err)
{
    size_t n = document->n_tasks, n_chains = 0;
    past p = { .document = document, .width = n / 8 + 1 };
    _cleanup_free_ unsigned char *rows = calloc(n + 1, p.width);
    _cleanup_free_ bool *end_phase = calloc(n + 1, sizeof(*end_phase));
    _cleanup_free_ chain *chains = calloc(n + 1, sizeof(*chains));
    _cleanup_free_ plr_kube_request *requests = calloc(n + 1, sizeof(*requests));
    if (rows == NULL || end_phase == NULL || chains == NULL || requests == NULL)
        return plr_error_nomem(err);
    p.rows = rows;
    p.end_phase = end_phase;
    for (size_t i = 0; i < n; i++) {
        size_t task = order[i], c = 0;
        const plr_resources *resources = &document->tasks[task]->resources;
        fill_row(&p, task);
        requests[task].cpu = wish(resources->requests.cpu, resources->limits.cpu);
        requests[task].memory = wish(resources->requests.memory, resources->limits.memory);
        if (!present[task] || document->tasks[task]->detach)
            continue;
        while (c < n_chains && !comes_after(&p, task, chains[c].last))
            c++;
        if (c < n_chains)
            join(&chains[c], task, requests);
        else
            chains[n_chains++] = (chain){ task, task, task };
    }
    *ret_requests = steal(requests);
    return 0;
}
