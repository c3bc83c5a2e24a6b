/* SPDX-License-Identifier: MIT */
/* One asynchronous operation: started, perhaps asked to end early, and completed exactly once,
 * always from the loop and never inside the call that started it. */
#ifndef PLR_IO_OP_H
#define PLR_IO_OP_H

#include "engine/io/loop.h"

/* `err` is NULL on success. */
typedef void plr_op_done_fn(plr_op *op, const plr_error *err, void *userdata);

/* What some operations give out on their way. Each may be NULL. */
typedef struct plr_op_sinks {
    void (*on_diagnostic)(const plr_diagnostic *diagnostic, void *userdata);
    void (*on_text)(const char *text, size_t size, void *userdata);
    void (*on_swept)(const plr_swept *swept, void *userdata);
} plr_op_sinks;

/* Part of the struct that the operation is about. */
struct plr_op {
    plr_work work;
    plr_loop *loop;
    plr_op_done_fn *on_done;
    void *userdata;
    const plr_op_sinks *sinks;
    plr_op_cancel_fn *on_cancel;
    void *cancel_userdata;
    bool active;    /* begun, and not yet told as done */
    bool completed; /* by the backend; the telling is deferred */
    bool cancelled;
    int code;
    char *message; /* NULL with a code: there was no memory for it */
};

/* Begins an operation in `op`, which must not be active. */
void plr_op_begin(plr_op *op, plr_loop *loop, plr_op_done_fn *on_done, void *userdata);

/* A request; does nothing if the op is not active. */
void plr_op_cancel(plr_op *op);

/* Forgets an op whose backend does not know it any more. */
void plr_op_forget(plr_op *op);

void plr_op_complete(plr_op *op, const plr_error *err);
void plr_op_on_cancel(plr_op *op, plr_op_cancel_fn *on_cancel, void *userdata);
void plr_op_diagnostic(plr_op *op, const plr_diagnostic *diagnostic);
void plr_op_text(plr_op *op, const char *text, size_t size);
void plr_op_swept(plr_op *op, const plr_swept *swept);

#endif
