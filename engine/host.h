/* SPDX-License-Identifier: MIT */
/* The table of functions that a backend's module may call. */
#ifndef PLR_HOST_H
#define PLR_HOST_H

#include <pipeline/backend.h>

extern const plr_host plr_host_table;

#endif
