/* SPDX-License-Identifier: MIT */
/* Operations end exactly once, told from the loop, whatever a backend does. */
#include "engine/io/op.h"

#include "engine/base/error.h"
#include "tests/unit/harness.h"

typedef struct told {
    unsigned n;
    int code;
    plr_error err;
} told;

static void on_done(plr_op *op, const plr_error *err, void *userdata)
{
    told *t = userdata;
    CU_ASSERT_FALSE(op->active);
    t->n++;
    t->code = err != NULL ? err->code : 0;
    if (err != NULL)
        t->err = *err;
}

static void complete_cancelled(plr_op *op, void *userdata)
{
    (void)userdata;
    plr_error err = { 0 };
    plr_error_set(&err, PLR_ERR_CANCELLED, "as you wish");
    plr_op_complete(op, &err);
}

static void operations_are_told_once(void)
{
    plr_loop *loop;
    told t = { 0 };
    plr_op op = { 0 };
    plr_error err = { 0 };
    CU_ASSERT_EQUAL(plr_loop_new(&loop, PLR_CLOCK_MONOTONIC, NULL), 0);
    plr_op_begin(&op, loop, on_done, &t);
    plr_op_complete(&op, NULL);
    plr_error_set(&err, PLR_ERR_LOST, "too late");
    plr_op_complete(&op, &err); /* a module's second completion does no harm */
    plr_op_cancel(&op);
    CU_ASSERT_EQUAL(t.n, 0); /* never inside the call */
    CU_ASSERT_EQUAL(plr_loop_dispatch(loop, -1, NULL), 1);
    CU_ASSERT_TRUE(t.n == 1 && t.code == 0);
    plr_op_complete(&op, NULL);
    CU_ASSERT_EQUAL(plr_loop_dispatch(loop, 0, NULL), 0);
    CU_ASSERT_EQUAL(t.n, 1);

    plr_op_begin(&op, loop, on_done, &t);
    plr_op_cancel(&op); /* before the backend could hear it */
    plr_op_on_cancel(&op, complete_cancelled, NULL);
    plr_op_cancel(&op);
    CU_ASSERT_EQUAL(plr_loop_dispatch(loop, -1, NULL), 1);
    CU_ASSERT_TRUE(t.n == 2 && t.code == PLR_ERR_CANCELLED);
    CU_ASSERT_STRING_EQUAL(t.err.message, "as you wish");

    plr_op_begin(&op, loop, on_done, &t);
    plr_op_complete(&op, &err);
    plr_op_forget(&op);
    plr_loop_dispatch(loop, 0, NULL);
    CU_ASSERT_EQUAL(t.n, 2);
    plr_loop_free(loop);
}

static const plr_test tests[] = {
    { "operations are told once", operations_are_told_once },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("op", tests);
}
