/* SPDX-License-Identifier: MIT */
/* A shared object that is no backend. */
#include <pipeline/error.h>

PLR_PUBLIC int plr_not_an_entry(void);

int plr_not_an_entry(void)
{
    return 0;
}
