/* SPDX-License-Identifier: MIT */
/* Programs that answer one question: well, badly, never, and too much. */
#include "net/helper.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "engine/base/buf.h"
#include "engine/host.h"
#include "engine/io/loop.h"
#include "tests/unit/harness.h"

typedef struct answer {
    int n_ends, status;
    plr_buf output;
    plr_error err;
} answer;

static void on_end(plr_helper *helper, int status, const char *output, size_t size,
        const plr_error *err, void *userdata)
{
    answer *to = userdata;
    to->n_ends++;
    to->status = status;
    plr_buf_put(&to->output, output, size);
    CU_ASSERT_EQUAL(output[size], '\0');
    if (err != NULL)
        to->err = *err;
    plr_helper_free(helper);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static plr_host host;

/* Runs a shell's script to its end. */
static int run(answer *to, const char *script, uint64_t timeout_ms)
{
    plr_loop *loop = NULL;
    plr_helper *helper = NULL;
    plr_error err = { 0 };
    *to = (answer){ 0 };
    plr_helper_options options = {
        .argv = (const char *const[]){ "sh", "-c", script, NULL },
        .input = "the question\n",
        .max_output = 100000,
        .timeout_ns = timeout_ms * 1000000,
    };
    CU_ASSERT_EQUAL(plr_loop_new(&loop, PLR_CLOCK_MONOTONIC, &err), 0);
    int r = plr_helper_new(&helper, &host, loop, &options, on_end, to, &err);
    CU_ASSERT_EQUAL(to->n_ends, 0);
    for (int64_t until = now_ms() + 90000; r == 0 && to->n_ends == 0 && now_ms() < until;)
        plr_loop_dispatch(loop, 1000, NULL);
    CU_ASSERT_EQUAL(to->n_ends, r == 0);
    plr_loop_free(loop);
    return r;
}

static void check(const char *script, int status, const char *output)
{
    answer to;
    CU_ASSERT_EQUAL(run(&to, script, 60000), 0);
    CU_ASSERT_EQUAL(to.err.code, 0);
    CU_ASSERT_EQUAL(to.status, status);
    CU_ASSERT_STRING_EQUAL(to.output.data != NULL ? to.output.data : "", output);
    plr_buf_clear(&to.output);
}

static void answers(void)
{
    check("cat", 0, "the question\n");
    check("read x; echo \"$x!\"; exec >&-; exit 3", 3 << 8, "the question!\n");
    check("echo s3cret >&2", 0, "");
    check("kill -9 $$", SIGKILL, "");
    check("exit 0", 0, ""); /* without reading its question */
}

/* Output that fills the pipe many times, all there when the end is told. */
static void large(void)
{
    answer to;
    CU_ASSERT_EQUAL(run(&to, "head -c 99999 /dev/zero | tr '\\0' x", 60000), 0);
    CU_ASSERT_EQUAL(to.err.code, 0);
    CU_ASSERT_EQUAL(to.output.size, 99999);
    plr_buf_clear(&to.output);
}

static void too_much(void)
{
    answer to;
    CU_ASSERT_EQUAL(run(&to, "exec yes", 60000), 0);
    CU_ASSERT_EQUAL(to.err.code, PLR_ERR_PROTOCOL);
    CU_ASSERT(to.output.size <= 100000);
    plr_buf_clear(&to.output);
}

static void never(void)
{
    answer to;
    int64_t start = now_ms();
    CU_ASSERT_EQUAL(run(&to, "exec sleep 100", 100), 0);
    CU_ASSERT_EQUAL(to.err.code, PLR_ERR_TIMEOUT);
    CU_ASSERT(now_ms() - start >= 100);
    plr_buf_clear(&to.output);
}

/* Its end is the answer's, whatever it left behind holding the pipe. */
static void left_behind(void)
{
    answer to;
    CU_ASSERT_EQUAL(run(&to, "sleep 1000 & echo $!; exit 0", 60000), 0);
    CU_ASSERT_EQUAL(to.err.code, 0);
    CU_ASSERT_PTR_NOT_NULL(to.output.data);
    pid_t left = to.output.data != NULL ? atoi(to.output.data) : 0;
    CU_ASSERT(left > 0 && kill(left, SIGKILL) == 0);
    plr_buf_clear(&to.output);
}

/* A watch that never tells anything. */
static int deaf_watch_new(plr_loop *loop, plr_watch **ret_watch, int fd, unsigned events,
        plr_watch_fn *on_event, void *userdata, plr_error *err)
{
    (void)events;
    return plr_host_table.watch_new(loop, ret_watch, fd, 0, on_event, userdata, err);
}

/* The end may be told before the output that came before it. */
static void end_first(void)
{
    host.watch_new = deaf_watch_new;
    check("echo late", 0, "late\n");
    host = plr_host_table;
}

static void refused(void)
{
    plr_loop *loop = NULL;
    plr_helper *helper = NULL;
    plr_error err = { 0 };
    char question[5000];
    memset(question, 'x', sizeof question);
    question[sizeof question - 1] = '\0';
    plr_helper_options options = {
        .argv = (const char *const[]){ "no-such-program-anywhere", NULL },
        .input = "",
        .timeout_ns = 1000000000,
    };
    CU_ASSERT_EQUAL(plr_loop_new(&loop, PLR_CLOCK_MONOTONIC, NULL), 0);
    CU_ASSERT_EQUAL(plr_helper_new(&helper, &plr_host_table, loop, &options, on_end, NULL, &err),
            PLR_ERR_SYSTEM);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "no-such-program-anywhere"));
    options.argv = (const char *const[]){ "cat", NULL };
    options.input = question;
    CU_ASSERT_EQUAL(plr_helper_new(&helper, &plr_host_table, loop, &options, on_end, NULL, NULL),
            PLR_ERR_USAGE);
    CU_ASSERT_PTR_NULL(helper);
    plr_loop_free(loop);
}

/* Freed while it runs: the program is killed and nothing is told. */
static void given_up(void)
{
    plr_loop *loop = NULL;
    plr_helper *helper = NULL;
    answer to = { 0 };
    int fds[2];
    char number[8], script[100];
    CU_ASSERT_EQUAL(pipe(fds), 0);
    snprintf(script, sizeof script, "echo x >&%d; exec sleep 100", fds[1]);
    plr_helper_options options = {
        .argv = (const char *const[]){ "sh", "-c", script, NULL },
        .input = "",
        .timeout_ns = 60000000000,
    };
    CU_ASSERT_EQUAL(plr_loop_new(&loop, PLR_CLOCK_MONOTONIC, NULL), 0);
    CU_ASSERT_EQUAL(plr_helper_new(&helper, &plr_host_table, loop, &options, on_end, &to, NULL), 0);
    close(fds[1]);
    CU_ASSERT_EQUAL(read(fds[0], number, 2), 2); /* it runs */
    plr_helper_free(helper);
    CU_ASSERT_EQUAL(read(fds[0], number, 1), 0); /* the last holder of the pipe is gone */
    plr_loop_dispatch(loop, 50, NULL);
    CU_ASSERT_EQUAL(to.n_ends, 0);
    close(fds[0]);
    plr_loop_free(loop);
}

static const plr_test tests[] = {
    { "question and answer, status and signal; stderr goes nowhere", answers },
    { "a large answer is whole", large },
    { "too much of an answer", too_much },
    { "a program that never answers is stopped", never },
    { "what a program leaves behind is not waited for", left_behind },
    { "output that is told after the end is not lost", end_first },
    { "no such program, too long a question", refused },
    { "a helper that is freed is killed", given_up },
    { NULL, NULL },
};

int main(void)
{
    host = plr_host_table;
    return plr_test_main("helper", tests);
}
