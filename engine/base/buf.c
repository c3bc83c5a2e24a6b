/* SPDX-License-Identifier: MIT */
/* A growing buffer of bytes; see buf.h for how failures are remembered. */
#include "engine/base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/error.h"

#define SMALLEST 64u

void plr_buf_init(plr_buf *buf)
{
    *buf = (plr_buf){ 0 };
}

void plr_buf_clear(plr_buf *buf)
{
    free(buf->data);
    plr_buf_init(buf);
}

void plr_buf_truncate(plr_buf *buf, size_t size)
{
    buf->size = size;
    buf->failed = false;
    if (buf->data != NULL)
        buf->data[size] = '\0';
}

void plr_buf_reset(plr_buf *buf)
{
    plr_buf_truncate(buf, 0);
}

static bool grow(plr_buf *buf, size_t more)
{
    if (more >= SIZE_MAX / 2 - buf->size)
        return false;
    size_t wanted = buf->size + more + 1;
    if (wanted <= buf->capacity)
        return true;
    size_t capacity = buf->capacity < SMALLEST ? SMALLEST : buf->capacity;
    while (capacity < wanted)
        capacity *= 2;
    char *data = realloc(buf->data, capacity);
    if (data == NULL)
        return false;
    buf->data = data;
    buf->data[buf->size] = '\0';
    buf->capacity = capacity;
    return true;
}

int plr_buf_reserve(plr_buf *buf, size_t more, plr_error *err)
{
    return grow(buf, more) ? 0 : plr_error_nomem(err);
}

int plr_buf_append(plr_buf *buf, const void *data, size_t size, plr_error *err)
{
    int r = plr_buf_reserve(buf, size, err);
    if (r < 0)
        return r;
    if (size > 0)
        memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    buf->data[buf->size] = '\0';
    return 0;
}

void plr_buf_put(plr_buf *buf, const void *data, size_t size)
{
    if (plr_buf_append(buf, data, size, NULL) < 0)
        buf->failed = true;
}

void plr_buf_puts(plr_buf *buf, const char *text)
{
    plr_buf_put(buf, text, strlen(text));
}

void plr_buf_putc(plr_buf *buf, char c)
{
    plr_buf_put(buf, &c, 1);
}

void plr_buf_vprintf(plr_buf *buf, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0 || !grow(buf, (size_t)length)) {
        buf->failed = true;
        return;
    }
    vsnprintf(buf->data + buf->size, (size_t)length + 1, format, arguments);
    buf->size += (size_t)length;
}

void plr_buf_printf(plr_buf *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    plr_buf_vprintf(buf, format, arguments);
    va_end(arguments);
}

void plr_buf_consume(plr_buf *buf, size_t size)
{
    if (size == 0)
        return;
    memmove(buf->data, buf->data + size, buf->size - size + 1);
    buf->size -= size;
}

int plr_buf_check(const plr_buf *buf, plr_error *err)
{
    return buf->failed ? plr_error_nomem(err) : 0;
}

int plr_buf_steal(plr_buf *buf, char **ret_text, plr_error *err)
{
    int r = plr_buf_check(buf, err);
    if (r < 0)
        return r;
    r = plr_buf_reserve(buf, 0, err);
    if (r < 0)
        return r;
    buf->data[buf->size] = '\0';
    *ret_text = steal(buf->data);
    plr_buf_init(buf);
    return 0;
}
