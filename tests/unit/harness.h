/* SPDX-License-Identifier: MIT */
/*
 * The main of a unit test: a table of functions that CUnit runs as one suite.
 *
 *     static const plr_test tests[] = {
 *         {"an empty buffer has no bytes", empty_buffer},
 *         {NULL, NULL},
 *     };
 *
 *     int main(void)
 *     {
 *         return plr_test_main("buf", tests);
 *     }
 */
#ifndef PLR_TESTS_UNIT_HARNESS_H
#define PLR_TESTS_UNIT_HARNESS_H

#include <CUnit/CUnit.h>

typedef struct plr_test {
    const char *name; /* what holds, as a sentence */
    void (*run)(void);
} plr_test;

/*
 * Runs the tests up to the entry without a name and prints CUnit's summary. Returns main's exit
 * code: 0 if every assertion held, 1 otherwise, or if there was none.
 */
int plr_test_main(const char *suite, const plr_test *tests);

/* How many random cases to try: `n`, or a few of them under valgrind, which is some fifty times
 * slower. */
unsigned plr_test_cases(unsigned n);

/* Below `n`; the same sequence on every machine. */
unsigned plr_test_random(unsigned n);

#endif
