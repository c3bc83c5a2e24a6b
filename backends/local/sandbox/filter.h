/* SPDX-License-Identifier: MIT */
/*
 * The filter of system calls: the default profile of container engines.
 */
#ifndef PLR_SANDBOX_FILTER_H
#define PLR_SANDBOX_FILTER_H

#include <pipeline/error.h>

/* For this process and all that it becomes and starts; needs no_new_privs. Where the kernel has no
 * filters, PLR_ERR_UNSUPPORTED. */
int plr_filter_load(plr_error *err);

#endif
