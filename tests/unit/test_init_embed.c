/* SPDX-License-Identifier: MIT */
/* The programs that are put into containers are in the library: whole, small, and for the machine
 * that their name says. What they do is tried in tests/init. */
#include "tests/unit/harness.h"

#include "init/embed.h"

#include <elf.h>
#include <string.h>

/* Where files are not shared it is copied into each step; on Kubernetes it lives in a Secret. */
#define SIZE_LIMIT (26 * 1024)

static void check_program(const unsigned char *bytes, size_t size, Elf64_Half machine)
{
    Elf64_Ehdr header;
    CU_ASSERT_TRUE(size > sizeof header && size < SIZE_LIMIT);
    if (size <= sizeof header)
        return;
    memcpy(&header, bytes, sizeof header);
    CU_ASSERT_EQUAL(memcmp(header.e_ident, ELFMAG, SELFMAG), 0);
    CU_ASSERT_EQUAL(header.e_machine, machine);
    CU_ASSERT_EQUAL(header.e_type, ET_EXEC);

    /* The section headers end the file. */
    CU_ASSERT_EQUAL(header.e_shoff + (size_t)header.e_shnum * header.e_shentsize, size);

    for (size_t i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        memcpy(&segment, bytes + header.e_phoff + i * sizeof segment, sizeof segment);
        CU_ASSERT_NOT_EQUAL(segment.p_type, PT_INTERP);
        CU_ASSERT_NOT_EQUAL(segment.p_type, PT_DYNAMIC);
        CU_ASSERT_TRUE(!(segment.p_flags & PF_W) || !(segment.p_flags & PF_X));
    }
}

static void amd64(void)
{
    check_program(plr_init_amd64, plr_init_amd64_size, EM_X86_64);
}

static void arm64(void)
{
    check_program(plr_init_arm64, plr_init_arm64_size, EM_AARCH64);
}

static const plr_test tests[] = {
    { "amd64: a small static program", amd64 },
    { "arm64: a small static program", arm64 },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("init embed", tests);
}
