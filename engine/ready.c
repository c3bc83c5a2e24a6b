/* SPDX-License-Identifier: MIT */
/* Readiness of a service: asks its probes in turn until each has answered, or its time is over.
 * A literal in the output is looked for in what the step wrote, before the mask. */
#include <string.h>

#include "engine/base/error.h"
#include "engine/engine.h"
#include "engine/run.h"

#define DEFAULT_TIMEOUT_NS ((uint64_t)60 * 1000000000)
#define FIRST_INTERVAL_NS ((uint64_t)20 * 1000000)
#define LONGEST_INTERVAL_NS ((uint64_t)1000 * 1000000)

#define KINDS (PLR_PROBE_EXEC + 1)

static void ask(plr_run_node *node);

static bool is_wanted(const plr_ready *ready, plr_probe_kind kind)
{
    switch (kind) {
    case PLR_PROBE_TCP:
        return ready->tcp != 0;
    case PLR_PROBE_HTTP:
        return ready->http != NULL;
    case PLR_PROBE_EXEC:
        return ready->n_exec > 0;
    }
    return false;
}

static bool is_probing(const plr_run_node *node)
{
    return node->probing != NULL && node->state == PLR_STATE_RUNNING;
}

/* The next probe that has not answered, or KINDS. */
static unsigned next_unmet(const plr_run_node *node)
{
    unsigned kind = 0;
    while (kind < KINDS && (!is_wanted(node->task.step->ready, (plr_probe_kind)kind) ||
                                   (node->probing->met & 1u << kind) != 0))
        kind++;
    return kind;
}

static void check_all(plr_run_node *node)
{
    if (next_unmet(node) < KINDS ||
            (node->task.step->ready->log != NULL && !node->probing->log_seen))
        return;
    plr_ready_end(node);
    node->timeout_left = 0;
    plr_timer_set(node->clock, 0); /* its timeout counted until here (rule 5) */
    node->met = true;
    plr_attempt_move(node, PLR_STATE_READY, NULL);
    plr_schedule_decided(node, PLR_RULE_PASSED);
}

static void wait_and_ask(plr_run_node *node)
{
    plr_probing *probing = node->probing;
    uint64_t at = plr_loop_now(node->run->engine->loop) + probing->interval;
    plr_timer_set(probing->timer, at < probing->deadline ? at : probing->deadline);
    if (probing->interval < LONGEST_INTERVAL_NS)
        probing->interval += probing->interval / 2;
}

static void on_answer(plr_op *op, const plr_error *err, void *userdata)
{
    plr_run_node *node = userdata;
    if (!is_probing(node)) {
        plr_run_kick(node->run);
        return;
    }
    if (op->cancelled) { /* asked of an attempt before this one */
        ask(node);
        return;
    }
    if (err == NULL)
        node->probing->met |= 1u << node->probing->asked;
    else if (err->code != PLR_ERR_NOTFOUND && !node->probing->warned) {
        node->probing->warned = true; /* it is asked again all the same, until its time is over */
        plr_emit_text(node->run, node, PLR_EVENT_WARNING, err->message);
    }
    if (err != NULL)
        wait_and_ask(node);
    else if (next_unmet(node) < KINDS)
        ask(node);
    else
        check_all(node);
}

static void ask(plr_run_node *node)
{
    unsigned kind = next_unmet(node);
    if (node->probe_op.active)
        return;
    if (kind == KINDS) { /* it waits for its log only */
        plr_timer_set(node->probing->timer, node->probing->deadline);
        return;
    }
    plr_probe probe = {
        .size = sizeof probe, .kind = (plr_probe_kind)kind, .ready = node->task.step->ready
    };
    node->probing->asked = probe.kind;
    /* The answer sets the timer anew; if none comes, its time is over all the same. */
    plr_timer_set(node->probing->timer, node->probing->deadline);
    plr_op_begin(&node->probe_op, node->run->engine->loop, on_answer, node);
    node->run->backend->module->probe(
            node->run->backend->self, &node->task, &probe, &node->probe_op);
}

static void on_timer(plr_timer *timer, void *userdata)
{
    (void)timer;
    plr_run_node *node = userdata;
    if (!is_probing(node))
        return;
    if (plr_loop_now(node->run->engine->loop) >= node->probing->deadline) {
        plr_attempt_stop(node, PLR_REASON_NOT_READY, false);
        return;
    }
    ask(node);
}

int plr_ready_begin(plr_run_node *node, plr_error *err)
{
    plr_loop *loop = node->run->engine->loop;
    const plr_ready *ready = node->task.step->ready;
    _cleanup_free_ plr_probing *probing = calloc(1, sizeof *probing);
    if (probing == NULL)
        return plr_error_nomem(err);
    int r = plr_timer_new(loop, &probing->timer, on_timer, node, err);
    if (r < 0)
        return r;
    probing->interval = FIRST_INTERVAL_NS;
    probing->deadline = plr_loop_now(loop) +
                        (ready->timeout_ns > 0 ? (uint64_t)ready->timeout_ns : DEFAULT_TIMEOUT_NS);
    node->probing = steal(probing);
    ask(node);
    return 0;
}

void plr_ready_hold(plr_run_node *node, bool held)
{
    plr_probing *probing = node->probing;
    if (probing == NULL || held == (probing->left > 0))
        return;
    uint64_t now = plr_loop_now(node->run->engine->loop);
    if (held) {
        probing->left = probing->deadline > now ? probing->deadline - now : 1;
        probing->deadline = UINT64_MAX;
    } else {
        probing->deadline = now + probing->left;
        probing->left = 0;
    }
    /* Otherwise the timer is at the next question. */
    if (node->probe_op.active || next_unmet(node) == KINDS)
        plr_timer_set(probing->timer, probing->deadline);
}

/* Looks for the literal across the borders of pieces: how much of it the output so far ends with.
 * The literal is short and the search stops at its first occurrence, so the plain way is enough. */
static bool find_literal(size_t *matched, const char *literal, const char *data, size_t size)
{
    size_t length = strlen(literal);
    for (size_t i = 0; i < size; i++) {
        while (*matched > 0 && literal[*matched] != data[i]) {
            size_t shorter = *matched - 1;
            while (shorter > 0 && memcmp(literal, literal + *matched - shorter, shorter) != 0)
                shorter--;
            *matched = shorter;
        }
        if (literal[*matched] == data[i])
            ++*matched;
        if (*matched == length)
            return true;
    }
    return false;
}

void plr_ready_output(plr_run_node *node, plr_stream stream, const char *data, size_t size)
{
    if (!is_probing(node) || node->task.step->ready->log == NULL || node->probing->log_seen)
        return;
    node->probing->log_seen = find_literal(&node->probing->log_matched[stream == PLR_STREAM_STDERR],
            node->task.step->ready->log, data, size);
    if (node->probing->log_seen)
        check_all(node);
}

void plr_ready_end(plr_run_node *node)
{
    if (node->probing == NULL)
        return;
    plr_op_cancel(&node->probe_op);
    plr_timer_free(node->probing->timer);
    free(steal(node->probing));
}
