/* SPDX-License-Identifier: MIT */
/* The library's one error object: sets code and message, and keeps the first failure.
 * Nothing here allocates, so running out of memory can be told like anything else. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <pipeline/error.h>

#include "engine/base/error.h"
#include "engine/base/text.h"

const char *plr_error_name(int code)
{
    switch (code) {
    case PLR_OK:
        return "ok";
#define X(name, value, text)                                                                       \
    case value:                                                                                    \
        return #name;
        PLR_ERROR_CODES(X)
#undef X
    default:
        return "unknown";
    }
}

int plr_error_set_v(plr_error *err, int code, const char *format, va_list arguments)
{
    if (err == NULL || err->code != PLR_OK)
        return code;
    err->code = code;
    int length = vsnprintf(err->message, sizeof err->message, format, arguments);
    if (length >= (int)sizeof err->message)
        err->message[plr_utf8_cut(err->message, sizeof err->message - 1)] = '\0';
    /* One line, whatever a file or a peer had in the text that is quoted. */
    for (char *c = err->message; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    return code;
}

int plr_error_set(plr_error *err, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    plr_error_set_v(err, code, format, arguments);
    va_end(arguments);
    return code;
}

int plr_error_nomem(plr_error *err)
{
    return plr_error_set(err, PLR_ERR_NOMEM, "out of memory");
}
