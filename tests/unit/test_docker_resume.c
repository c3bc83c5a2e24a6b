/* SPDX-License-Identifier: MIT */
/* Output that goes on where it was cut: nothing is lost, nothing is repeated, and a log that is not
 * that of what was given out is found out. */
#include "backends/docker/resume.h"

#include <string.h>

#include "tests/unit/harness.h"

static const char text[] = "line 1\nline 2\nline 3\nline 4, which is long enough to fill the tail "
                           "and go past its end, twice: line 4, which is long enough\nline 5\n";
#define SIZE (sizeof(text) - 1)

/* Gives out `given` bytes live, then replays the log in pieces of `piece` bytes. What comes out is
 * put behind the live part. Returns its size. */
static size_t replay(plr_docker_resume *resume, const char *log, size_t log_size, size_t given,
        size_t piece, char *out)
{
    size_t n = given;
    memcpy(out, text, given);
    plr_docker_resume_give(resume, 1, text, given);
    plr_docker_resume_rewind(resume);
    for (size_t at = 0; at < log_size; at += piece) {
        size_t size = log_size - at < piece ? log_size - at : piece;
        size_t skip = plr_docker_resume_skip(resume, 1, log + at, size);
        memcpy(out + n, log + at + skip, size - skip);
        plr_docker_resume_give(resume, 1, log + at + skip, size - skip);
        n += size - skip;
    }
    return n;
}

static void every_cut_and_every_piece(void)
{
    for (size_t given = 0; given <= SIZE; given++) {
        for (size_t piece = 1; piece <= SIZE; piece++) {
            char out[2 * SIZE];
            plr_docker_resume resume = { 0 };
            size_t n = replay(&resume, text, SIZE, given, piece, out);
            CU_ASSERT_EQUAL(n, SIZE);
            CU_ASSERT_EQUAL(memcmp(out, text, SIZE), 0);
            CU_ASSERT_FALSE(plr_docker_resume_has_gap(&resume, 1));
        }
    }
}

static void cut_twice(void)
{
    char out[2 * SIZE];
    plr_docker_resume resume = { 0 };
    size_t n = replay(&resume, text, 20, 10, 3, out);
    CU_ASSERT_EQUAL(n, 20);
    plr_docker_resume_rewind(&resume);
    size_t skip = plr_docker_resume_skip(&resume, 1, text, SIZE);
    CU_ASSERT_EQUAL(skip, 20);
    CU_ASSERT_FALSE(plr_docker_resume_has_gap(&resume, 1));
}

static void a_log_that_lacks_what_was_given(void)
{
    char out[2 * SIZE];
    plr_docker_resume resume = { 0 };
    replay(&resume, text, 30, 40, 7, out);
    CU_ASSERT_TRUE(plr_docker_resume_has_gap(&resume, 1));
}

static void a_log_of_other_bytes(void)
{
    char out[2 * SIZE], log[SIZE];
    plr_docker_resume resume = { 0 };
    /* "line 3" was never written down. */
    memcpy(log, text, 14);
    memcpy(log + 14, text + 21, SIZE - 21);
    replay(&resume, log, SIZE - 7, 28, 5, out);
    CU_ASSERT_TRUE(plr_docker_resume_has_gap(&resume, 1));
}

static void streams_do_not_mix(void)
{
    plr_docker_resume resume = { 0 };
    plr_docker_resume_give(&resume, 1, "aaaa", 4);
    plr_docker_resume_give(&resume, 2, "bb", 2);
    plr_docker_resume_rewind(&resume);
    CU_ASSERT_EQUAL(plr_docker_resume_skip(&resume, 2, "bbbb", 4), 2);
    CU_ASSERT_EQUAL(plr_docker_resume_skip(&resume, 1, "aaaa", 4), 4);
    CU_ASSERT_FALSE(plr_docker_resume_has_gap(&resume, 1));
    CU_ASSERT_FALSE(plr_docker_resume_has_gap(&resume, 2));
}

static void a_log_that_may_have_rotated(void)
{
    static char block[1 << 20];
    plr_docker_resume resume = { 0 };
    for (size_t i = 0; i < (PLR_DOCKER_LOG_KEPT >> 20); i++)
        plr_docker_resume_give(&resume, 1 + i % 2, block, sizeof(block));
    CU_ASSERT_TRUE(plr_docker_resume_is_possible(&resume));
    plr_docker_resume_give(&resume, 1, block, 1);
    CU_ASSERT_FALSE(plr_docker_resume_is_possible(&resume));
}

static const plr_test tests[] = {
    { "every cut goes on, whatever the pieces", every_cut_and_every_piece },
    { "a second cut counts what the first one's log gave", cut_twice },
    { "a log that lacks what was given out is a gap", a_log_that_lacks_what_was_given },
    { "a log of other bytes is a gap", a_log_of_other_bytes },
    { "streams are counted apart", streams_do_not_mix },
    { "a log is not believed beyond what it keeps", a_log_that_may_have_rotated },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("docker_resume", tests);
}
