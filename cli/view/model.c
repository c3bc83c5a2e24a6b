/* SPDX-License-Identifier: MIT */
/* What is known of a run from its events so far. */
#include "cli/view/model.h"

#include <stdlib.h>
#include <string.h>

static void clear_step(plr_model_step *step)
{
    free(step->name);
    free(step->message);
    free(step->image);
    free(step->pull);
    plr_text_clear(&step->tail);
}

void plr_model_clear(plr_model *model)
{
    for (size_t i = 0; i < model->n_steps; i++)
        clear_step(&model->steps[i]);
    free(model->steps);
    free(model->run);
    free(model->backend);
    free(model->name);
    *model = (plr_model){ 0 };
}

static void replace(char **field, const char *text)
{
    if (*field != NULL && text != NULL && strcmp(*field, text) == 0)
        return;
    free(*field);
    *field = text != NULL ? strdup(text) : NULL;
}

static void take_start(plr_model *model, const plr_event *event)
{
    const plr_document *document = event->u.run_started.document;
    replace(&model->run, event->run);
    replace(&model->backend, event->u.run_started.backend);
    replace(&model->name, event->u.run_started.name);
    model->began_ns = event->monotonic_ns;
    if (document == NULL || model->steps != NULL)
        return;
    model->steps = calloc(document->n_tasks, sizeof *model->steps);
    if (model->steps == NULL)
        return;
    model->n_steps = document->n_tasks;
    for (size_t i = 0; i < model->n_steps; i++) {
        const plr_step *step = document->tasks[i];
        size_t length = strlen(step->metadata.name);
        model->steps[i].kind = step->kind;
        model->steps[i].detach = step->detach;
        replace(&model->steps[i].name, step->metadata.name);
        if (length > model->widest)
            model->widest = length;
    }
}

static void take_move(plr_model_step *step, const plr_event *event)
{
    const plr_end *end = event->u.moved.end;
    step->state = event->u.moved.to;
    step->attempt = event->attempt;
    if (event->u.moved.to == PLR_STATE_RUNNING)
        step->began_ns = event->monotonic_ns;
    if (event->u.moved.to >= PLR_STATE_PREPARED)
        replace(&step->pull, NULL);
    if (end == NULL) {
        step->ended_ns = 0;
        return;
    }
    step->ended_ns = event->monotonic_ns;
    step->end = *end;
    replace(&step->message, end->message);
    step->end.message = step->message;
    if (!end->failed && !end->ignored)
        plr_text_clear(&step->tail);
}

static void take_output(plr_model_step *step, const plr_event *event)
{
    plr_text *tail = &step->tail;
    size_t size = event->u.output.size, spare = size > PLR_TAIL_SIZE ? size - PLR_TAIL_SIZE : 0;
    plr_text_put(tail, event->u.output.data + spare, size - spare);
    /* Moved once for every so many bytes that come, not for each piece. */
    if (tail->size > 2 * PLR_TAIL_SIZE) {
        memmove(tail->data, tail->data + tail->size - PLR_TAIL_SIZE, PLR_TAIL_SIZE);
        tail->size = PLR_TAIL_SIZE;
    }
}

plr_model_step *plr_model_step_of(plr_model *model, const plr_event *event)
{
    return event->task < model->n_steps ? &model->steps[event->task] : NULL;
}

void plr_model_take(plr_model *model, const plr_event *event)
{
    plr_model_step *step = plr_model_step_of(model, event);
    model->now_ns = event->monotonic_ns;
    switch (event->type) {
    case PLR_EVENT_RUN_STARTED:
        take_start(model, event);
        break;
    case PLR_EVENT_STEP:
        if (step != NULL)
            take_move(step, event);
        break;
    case PLR_EVENT_PULL:
        if (step != NULL) {
            replace(&step->image, event->u.pull.image);
            replace(&step->pull, event->u.pull.status);
            step->current = event->u.pull.current;
            step->total = event->u.pull.total;
        }
        break;
    case PLR_EVENT_OUTPUT:
        if (step != NULL)
            take_output(step, event);
        break;
    case PLR_EVENT_RUN_ENDED:
        replace(&model->run, event->run);
        model->ended = true;
        model->result = *event->u.run_ended.result;
        break;
    case PLR_EVENT_WARNING:
    case PLR_EVENT_NOTICE:
        break;
    }
}

uint64_t plr_model_time(const plr_model_step *step, uint64_t now_ns)
{
    /* More exact than when its begin and its end were heard of. */
    if (step->ended_ns != 0 && step->end.usage.ran_us != 0)
        return step->end.usage.ran_us * 1000;
    uint64_t until = step->ended_ns != 0 ? step->ended_ns : now_ns;
    return step->began_ns != 0 && until > step->began_ns ? until - step->began_ns : 0;
}

const char *plr_model_last_lines(const plr_model_step *step, size_t *ret_size)
{
    size_t size = step->tail.size, at = size;
    const char *text = step->tail.data;
    if (size == 0)
        return NULL;
    for (size_t lines = 0; at > 0 && size - at < PLR_TAIL_SIZE; at--)
        if (text[at - 1] == '\n' && at != size && ++lines == PLR_TAIL_LINES)
            break;
    *ret_size = size - at;
    return text + at;
}
