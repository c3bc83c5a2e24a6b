/* SPDX-License-Identifier: MIT */
/*
 * Registers a table of tests with CUnit and runs it. It fails a program that asserts nothing: such
 * a program would pass for ever.
 */
#include "tests/unit/harness.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

static int run(const char *suite_name, const plr_test *tests)
{
    CU_pSuite suite = CU_add_suite(suite_name, NULL, NULL);
    if (!suite)
        return -1;
    for (const plr_test *test = tests; test->name; test++) {
        if (!CU_add_test(suite, test->name, test->run))
            return -1;
    }
    CU_basic_set_mode(CU_BRM_VERBOSE);
    return CU_basic_run_tests() == CUE_SUCCESS ? 0 : -1;
}

unsigned plr_test_cases(unsigned n)
{
    return getenv("PLR_TEST_FEWER") != NULL ? n / 30 : n;
}

int plr_test_main(const char *suite, const plr_test *tests)
{
    int result = EXIT_FAILURE;

    /* A test that crashes or exits shall not take the lines before it along. */
    setvbuf(stdout, NULL, _IOLBF, 0);

    if (CU_initialize_registry() != CUE_SUCCESS) {
        fprintf(stderr, "%s: CUnit does not start\n", suite);
        return EXIT_FAILURE;
    }
    if (run(suite, tests) < 0)
        fprintf(stderr, "%s: %s\n", suite, CU_get_error_msg());
    else if (CU_get_number_of_asserts() == 0)
        fprintf(stderr, "%s: not one assertion was made\n", suite);
    else if (CU_get_number_of_failures() == 0)
        result = EXIT_SUCCESS;
    CU_cleanup_registry();
    return result;
}

unsigned plr_test_random(unsigned n)
{
    static unsigned long long state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 11) % n;
}
