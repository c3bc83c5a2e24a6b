/* SPDX-License-Identifier: MIT */
/* What the engine's own files add to <pipeline/error.h>. */
#ifndef PLR_BASE_ERROR_H
#define PLR_BASE_ERROR_H

#include <stdarg.h>

#include <pipeline/error.h>

int plr_error_set_v(plr_error *err, int code, const char *format, va_list arguments)
        PLR_PRINTF(3, 0);

/* Sets PLR_ERR_NOMEM and returns it. */
int plr_error_nomem(plr_error *err);

#endif
