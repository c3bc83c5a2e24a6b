/* SPDX-License-Identifier: MIT */
/*
 * The allocator's functions as the linker's --wrap redirects them: they count, fail when their
 * turn has come and otherwise do what the real ones do.
 */
#include "tests/oom/failing_malloc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pipeline/error.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);
int __wrap_asprintf(char **ret_text, const char *format, ...) PLR_PRINTF(2, 3);

static struct {
    bool armed;
    plr_oom_mode mode;
    size_t nth;
    size_t asked;
} state;

static bool fails(void)
{
    if (!state.armed)
        return false;
    state.asked++;
    bool now = state.mode == PLR_OOM_ONCE ? state.asked == state.nth
                                          : state.nth > 0 && state.asked >= state.nth;
    if (now)
        errno = ENOMEM;
    return now;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size)
{
    return fails() ? NULL : __real_strndup(text, size);
}

/* What a failure leaves behind in `ret_text` is nothing to go on with. */
int __wrap_asprintf(char **ret_text, const char *format, ...)
{
    va_list arguments;
    if (fails()) {
        memset(ret_text, 0x5a, sizeof *ret_text);
        return -1;
    }
    va_start(arguments, format);
    int n = vasprintf(ret_text, format, arguments);
    va_end(arguments);
    return n;
}

void plr_oom_arm(size_t nth, plr_oom_mode mode)
{
    state.armed = true;
    state.mode = mode;
    state.nth = nth;
    state.asked = 0;
}

size_t plr_oom_disarm(void)
{
    state.armed = false;
    return state.asked;
}

size_t plr_oom_each(void (*try)(bool failing, void *userdata), void *userdata)
{
    size_t fewest = (size_t)-1;
    for (plr_oom_mode mode = PLR_OOM_ONCE; mode <= PLR_OOM_ONWARD; mode++) {
        size_t nth = 0;
        size_t asked;
        do {
            nth++;
            plr_oom_arm(nth, mode);
            try(true, userdata);
            asked = plr_oom_disarm();
        } while (asked >= nth);
        if (asked < fewest)
            fewest = asked;
    }
    /* The failures have left nothing behind that spoils the next run. */
    try(false, userdata);
    return fewest;
}
