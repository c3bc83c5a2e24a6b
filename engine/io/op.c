/* SPDX-License-Identifier: MIT */
/* One asynchronous operation; its completion is remembered and told from the loop. */
#include "engine/io/op.h"

#include <stdio.h>
#include <string.h>

static void tell(plr_work *work, void *userdata)
{
    (void)work;
    plr_op *op = userdata;
    plr_error err = { .code = op->code };
    snprintf(err.message, sizeof err.message, "%s",
            op->message != NULL ? op->message : "out of memory");
    plr_op_forget(op);
    op->on_done(op, err.code != PLR_OK ? &err : NULL, op->userdata);
}

void plr_op_begin(plr_op *op, plr_loop *loop, plr_op_done_fn *on_done, void *userdata)
{
    if (op->active)
        __builtin_trap(); /* a bug of the engine's: the first one would never be told */
    *op = (plr_op){
        .work = { .run = tell, .userdata = op },
        .loop = loop,
        .on_done = on_done,
        .userdata = userdata,
        .sinks = op->sinks,
        .active = true,
    };
}

void plr_op_cancel(plr_op *op)
{
    if (!op->active || op->completed || op->cancelled)
        return;
    op->cancelled = true;
    if (op->on_cancel != NULL)
        op->on_cancel(op, op->cancel_userdata);
}

void plr_op_forget(plr_op *op)
{
    if (!op->active)
        return;
    op->active = false;
    plr_loop_cancel_work(op->loop, &op->work);
    free(steal(op->message));
}

void plr_op_complete(plr_op *op, const plr_error *err)
{
    if (!op->active || op->completed)
        return; /* a module's second completion must not hurt the host */
    op->completed = true;
    if (err != NULL && err->code != PLR_OK) {
        op->code = err->code;
        op->message = strdup(err->message);
    }
    plr_loop_defer(op->loop, &op->work);
}

void plr_op_on_cancel(plr_op *op, plr_op_cancel_fn *on_cancel, void *userdata)
{
    op->on_cancel = on_cancel;
    op->cancel_userdata = userdata;
    if (op->cancelled && on_cancel != NULL && op->active && !op->completed)
        on_cancel(op, userdata); /* the request came before the backend could hear it */
}

void plr_op_diagnostic(plr_op *op, const plr_diagnostic *diagnostic)
{
    if (op->active && op->sinks != NULL && op->sinks->on_diagnostic != NULL)
        op->sinks->on_diagnostic(diagnostic, op->userdata);
}

void plr_op_text(plr_op *op, const char *text, size_t size)
{
    if (op->active && op->sinks != NULL && op->sinks->on_text != NULL)
        op->sinks->on_text(text, size, op->userdata);
}

void plr_op_swept(plr_op *op, const plr_swept *swept)
{
    if (op->active && op->sinks != NULL && op->sinks->on_swept != NULL)
        op->sinks->on_swept(swept, op->userdata);
}
