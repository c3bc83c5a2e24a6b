/* SPDX-License-Identifier: MIT */
/* A run as hosts see it: started, cancelled, waited for, freed. What happens in between is led by
 * phases.c. */
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/engine.h"
#include "engine/queue.h"
#include "engine/run.h"

void plr_run_kick(plr_run *run)
{
    plr_loop_defer(run->engine->loop, &run->work);
}

bool plr_run_is_over(const plr_run *run)
{
    return run->phase == PLR_PHASE_ENDED;
}

void plr_run_break(plr_run *run, const plr_error *err)
{
    if (plr_run_is_over(run))
        return;
    plr_run_note_failure(run, err);
    plr_result_note_break(run);
    plr_run_cancel(run, PLR_CANCEL_NOW, run->cause != 0 ? run->cause : PLR_CAUSE_TERMINATED);
}

void plr_run_cancel(plr_run *run, plr_cancel_mode mode, plr_cause cause)
{
    if (plr_run_is_over(run) || mode <= run->cancel_wanted)
        return;
    run->cancel_wanted = mode;
    if (run->cause == 0)
        run->cause = cause;
    plr_run_kick(run);
}

static void on_pipeline_timeout(plr_timer *timer, void *userdata)
{
    (void)timer;
    plr_run *run = userdata;
    if (run->cancel_wanted != 0)
        return;
    run->timed_out = true;
    plr_run_cancel(run, PLR_CANCEL_GRACEFUL, PLR_CAUSE_TERMINATED);
}

static int begin_timeout(plr_run *run, plr_error *err)
{
    if (run->view.timeout_ns == 0)
        return 0;
    int r = plr_timer_new(run->engine->loop, &run->timeout_timer, on_pipeline_timeout, run, err);
    if (r == 0)
        plr_timer_set(run->timeout_timer, run->started_at + (uint64_t)run->view.timeout_ns);
    return r;
}

static void count_kinds(plr_run *run)
{
    for (size_t i = 0; i < run->document->n_tasks; i++) {
        run->n_services += run->document->tasks[i]->kind == PLR_STEP_SERVICE;
        run->n_steps += run->document->tasks[i]->kind == PLR_STEP_STEP;
    }
}

static void begin(plr_work *work, void *userdata)
{
    plr_run *run = userdata;
    work->run = plr_run_go_on;
    run->phase = PLR_PHASE_OPENING;
    plr_emit_run_started(run);
    if (run->short_secret != NULL)
        plr_emit_text(run, NULL, PLR_EVENT_WARNING,
                "a secret of less than 3 bytes is not masked: the output would be unreadable");
    if (run->backend->state == PLR_BACKEND_OPEN)
        plr_run_opened(run, NULL);
    else if (run->backend->state == PLR_BACKEND_FAILED)
        plr_run_opened(run, &run->backend->failure);
    plr_run_kick(run);
}

static void free_run(plr_run *run)
{
    if (run == NULL)
        return;
    for (size_t i = 0; run->nodes != NULL && i < run->document->n_tasks; i++)
        plr_attempt_clear(&run->nodes[i]);
    plr_queue_clear(run);
    plr_loop_cancel_work(run->engine->loop, &run->work);
    plr_timer_free(run->timeout_timer);
    plr_timer_free(run->cleanup_timer);
    plr_timer_free(run->sink_timer);
    plr_mask_unref(run->mask);
    plr_arena_clear(&run->arena);
    plr_spec_unref(run->spec);
    free(run->nodes);
    plr_buf_clear(&run->plan);
    free(run);
}

PLR_DEFINE_CLEANUP(plr_run, free_run)

int plr_run_start(plr_run **ret_run, plr_backend *backend, plr_spec *spec,
        const plr_run_options *options, plr_event_fn *on_event, void *userdata, plr_error *err)
{
    _cleanup_(cleanup_free_run) plr_run *run = calloc(1, sizeof *run);
    if (run == NULL)
        return plr_error_nomem(err);
    run->engine = backend->engine;
    run->backend = backend;
    run->spec = plr_spec_ref(spec);
    run->document = plr_spec_document(spec);
    run->on_event = on_event;
    run->userdata = userdata;
    run->work = (plr_work){ .run = begin, .userdata = run };
    run->result.task = PLR_NONE;
    run->started_at = plr_loop_now(run->engine->loop);
    plr_arena_init(&run->arena);
    run->nodes = calloc(run->document->n_tasks, sizeof *run->nodes);
    if (run->nodes == NULL)
        return plr_error_nomem(err);
    count_kinds(run);
    int r = plr_run_copy_options(run, options, err);
    if (r == 0)
        r = plr_run_make_views(run, err);
    if (r == 0)
        r = plr_policy_check(run, err);
    if (r == 0)
        r = plr_schedule_init(run, err);
    if (r == 0)
        r = plr_queue_init(run, err);
    if (r == 0)
        r = begin_timeout(run, err);
    if (r < 0)
        return r;
    backend->n_runs++;
    run->next = run->engine->runs;
    run->engine->runs = run;
    plr_run_kick(run);
    *ret_run = steal(run);
    return 0;
}

int plr_run_wait(plr_run *run, plr_result *ret_result, plr_error *err)
{
    if (plr_loop_is_dispatching(run->engine->loop))
        return plr_error_set(err, PLR_ERR_STATE, "a run was waited for inside a callback");
    while (!plr_run_is_over(run) || !plr_emit_is_empty(run)) {
        int r = plr_engine_dispatch(run->engine, -1, err);
        if (r < 0)
            return r;
    }
    *ret_result = run->result;
    return 0;
}

static void leave_engine(plr_run *run)
{
    for (plr_run **link = &run->engine->runs; *link != NULL; link = &(*link)->next)
        if (*link == run) {
            *link = run->next;
            break;
        }
    if (!plr_run_is_over(run)) {
        if (run->set_up || run->op.active) /* a check may be under way */
            run->backend->module->forget(run->backend->self, &run->view);
        plr_op_forget(&run->op);
        run->backend->n_runs--;
    }
    free_run(run);
}

static void on_free(plr_work *work, void *userdata)
{
    (void)work;
    leave_engine(userdata);
}

void plr_run_free(plr_run *run)
{
    if (run == NULL)
        return;
    run->freed = true;
    if (!plr_loop_is_dispatching(run->engine->loop)) {
        leave_engine(run);
        return;
    }
    run->free_work = (plr_work){ .run = on_free, .userdata = run };
    plr_loop_defer(run->engine->loop, &run->free_work);
}

/* Nobody may have read it yet; without memory for its masked form nobody will. */
static void mask_plan(plr_run *run)
{
    plr_buf masked = { 0 };
    if (run->plan.data == NULL)
        return;
    plr_mask_text(run->mask, run->plan.data, &masked, NULL);
    plr_buf_clear(&run->plan);
    run->plan = masked;
}

int plr_run_mask_add(plr_run *run, const void *secret, size_t size, plr_error *err)
{
    bool too_short = false;
    int r = plr_mask_add(run->mask, secret, size, &too_short, err);
    if (r < 0 || size == 0 || too_short)
        return r;
    run->has_secrets = true;
    plr_output_secret_added(run);
    plr_emit_mask_result(run);
    mask_plan(run);
    plr_run_kick(run);
    return 0;
}

const char *plr_run_id(const plr_run *run)
{
    return run->view.id;
}

const char *plr_run_plan(const plr_run *run)
{
    return run->plan.data;
}
