/* SPDX-License-Identifier: MIT */
/*
 * Loads the filter that filter_make.c has made while the project was built.
 */
#include "backends/local/sandbox/filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backends/local/sandbox/room.h"
#include "engine/base/error.h"

static struct sock_filter program[] = {
#include "backends/local/sandbox/filter_program.h"
};

int plr_filter_load(plr_error *err)
{
    const struct sock_fprog filter = { sizeof program / sizeof *program, program };
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0)
        return 0;
    if (errno == ENOSYS || errno == EINVAL)
        return plr_error_set(err, PLR_ERR_UNSUPPORTED,
                "this kernel cannot filter system calls (CONFIG_SECCOMP_FILTER)");
    return plr_fault(err, "cannot filter system calls");
}
