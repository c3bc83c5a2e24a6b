/* SPDX-License-Identifier: MIT */
/* A backend module that says its version and has nothing else. */
#include <pipeline/backend.h>

PLR_PUBLIC const plr_backend_module *plr_backend_entry(void);

const plr_backend_module *plr_backend_entry(void)
{
    static const plr_backend_module module = {
        .size = sizeof module, .version = PLR_BACKEND_VERSION, .name = "not_whole"
    };
    return &module;
}
