/* SPDX-License-Identifier: MIT */
/* A backend module of a version of the interface that there is not yet. */
#include <pipeline/backend.h>

PLR_PUBLIC const plr_backend_module *plr_backend_entry(void);

const plr_backend_module *plr_backend_entry(void)
{
    static const plr_backend_module module = {
        .size = sizeof module, .version = PLR_BACKEND_VERSION + 1, .name = "wrong_version"
    };
    return &module;
}
