/* SPDX-License-Identifier: MIT */
/* Cleanup attributes: a local frees itself at the end of its scope unless it was stolen.
 * Every constructor fills a local with one of these and publishes it last. */
#ifndef PLR_BASE_CLEANUP_H
#define PLR_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

/* Takes the value out of a pointer and leaves NULL behind. */
#define steal(pointer)                                                                             \
    __extension__({                                                                                \
        __auto_type steal_from_ = &(pointer);                                                      \
        __auto_type stolen_ = *steal_from_;                                                        \
        *steal_from_ = NULL;                                                                       \
        stolen_;                                                                                   \
    })

/* The same for a descriptor: leaves -1. */
static inline int steal_fd(int *fd)
{
    int stolen = *fd;
    *fd = -1;
    return stolen;
}

static inline void cleanup_free(void *pointer)
{
    free(*(void **)pointer);
}

static inline void cleanup_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_close_ _cleanup_(cleanup_close)

/* A cleanup function for a type whose free takes the pointer itself and accepts NULL. */
#define PLR_DEFINE_CLEANUP(type, function)                                                         \
    static inline void cleanup_##function(type **pointer)                                          \
    {                                                                                              \
        function(*pointer);                                                                        \
    }

#endif
