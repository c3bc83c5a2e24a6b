/* SPDX-License-Identifier: MIT */
/* Parts of the local backend that ask nobody: addresses and names, and how an end is read. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "backends/local/end.h"
#include "backends/local/names.h"
#include "tests/unit/harness.h"

static const char header[] = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\n";

/* A default route says nothing; one that reaches into a range takes it, and one below it too. */
static void test_a_range_that_no_route_reaches(void)
{
    char routes[400];
    uint32_t free_one = plr_local_subnet_choose(header);
    CU_ASSERT_EQUAL(free_one, 0x0ad50000);
    snprintf(routes, sizeof(routes), "%seth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\n",
            header);
    CU_ASSERT_EQUAL(plr_local_subnet_choose(routes), free_one);
    snprintf(routes, sizeof(routes), "%seth0\t0000D50A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\n",
            header);
    CU_ASSERT_NOT_EQUAL(plr_local_subnet_choose(routes), free_one);
    snprintf(routes, sizeof(routes),
            "%seth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\n"
            "eth0\t0000D50A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\n",
            header);
    CU_ASSERT_EQUAL(plr_local_subnet_choose(routes), 0x0a750000);
    /* 10.0.0.0/8 leaves 172.29. */
    snprintf(routes, sizeof(routes), "%seth0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\n",
            header);
    CU_ASSERT_EQUAL(plr_local_subnet_choose(routes), 0xac1d0000);
    /* 10.213.7.0/24 is inside. */
    snprintf(routes, sizeof(routes), "%seth0\t0007D50A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\n",
            header);
    CU_ASSERT_NOT_EQUAL(plr_local_subnet_choose(routes), free_one);
}

static void test_addresses(void)
{
    uint32_t address;
    char text[PLR_LOCAL_ADDRESS_SIZE];
    CU_ASSERT_TRUE(plr_local_address(0x0ad50000, 0, &address));
    plr_local_address_text(address, true, text);
    CU_ASSERT_STRING_EQUAL(text, "10.213.1.1/16");
    CU_ASSERT_TRUE(plr_local_address(0x0ad50000, 65277, &address));
    plr_local_address_text(address, false, text);
    CU_ASSERT_STRING_EQUAL(text, "10.213.255.254");
    CU_ASSERT_FALSE(plr_local_address(0x0ad50000, 65278, &address));
}

static plr_end decide(plr_local_evidence *evidence)
{
    char message[600];
    plr_end end;
    plr_local_end_decide(evidence, &end, message, sizeof(message));
    return end;
}

/* The record tells a signal from an exit code that looks like one. */
static void test_signals_and_codes(void)
{
    plr_local_evidence evidence = { .has_end = true, .end.status = 137 << 8, .has_record = true };
    evidence.record.status = 137 << 8;
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_EXIT);
    evidence.record.status = SIGKILL;
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_SIGNAL);
    CU_ASSERT_EQUAL(decide(&evidence).exit_code, 137);
    /* Without a record the signal that was sent explains it. */
    evidence = (plr_local_evidence){ .has_end = true, .end.status = 143 << 8 };
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_EXIT);
    evidence.stopped = SIGTERM;
    CU_ASSERT_EQUAL(decide(&evidence).signal, SIGTERM);
    /* plr-init itself was killed after it had said 0. */
    evidence = (plr_local_evidence){ .has_end = true, .end.status = SIGKILL, .has_record = true };
    CU_ASSERT_EQUAL(decide(&evidence).signal, SIGKILL);
}

/* Only a kill is one for memory: a step may survive the loss of a child. */
static void test_out_of_memory(void)
{
    plr_local_evidence evidence = { .has_end = true, .end = { .status = 137 << 8, .oom = 1 } };
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_OOM);
    evidence.stopped = SIGKILL;
    CU_ASSERT_NOT_EQUAL(decide(&evidence).reason, PLR_REASON_OOM);
    CU_ASSERT_TRUE(decide(&evidence).oom);
    evidence = (plr_local_evidence){ .has_end = true, .end = { .status = 3 << 8, .oom = 1 } };
    CU_ASSERT_EQUAL(decide(&evidence).reason, PLR_REASON_EXIT);
    CU_ASSERT_TRUE(decide(&evidence).oom);
}

static const plr_test tests[] = {
    { "the range of a bridge is one that no route reaches into",
            test_a_range_that_no_route_reaches },
    { "a step's address follows from its place, as long as there are some", test_addresses },
    { "a record tells a signal from an exit code that looks like one", test_signals_and_codes },
    { "only a kill is one for memory", test_out_of_memory },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("local_pure", tests);
}
