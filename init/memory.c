/* SPDX-License-Identifier: MIT */
/*
 * What compilers call on their own. A file for itself, so that the rest can be tested in a program
 * that has a libc.
 */
#include "init/text.h"

/* The empty asm keeps the compiler from making these loops calls of the functions they stand in. */
void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    char *target = to;
    const char *source = from;
    for (size_t i = 0; i < size; i++) {
        __asm__ volatile("");
        target[i] = source[i];
    }
    return to;
}

void *memset(void *to, int byte, size_t size)
{
    char *target = to;
    for (size_t i = 0; i < size; i++) {
        __asm__ volatile("");
        target[i] = (char)byte;
    }
    return to;
}
