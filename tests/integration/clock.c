/* SPDX-License-Identifier: MIT */
/* Preloaded: the wall clock is wrong by as many seconds as the text of the file $CLOCK_FILE says,
 * whenever it is asked. The monotonic clock is right, as it is where somebody sets the time. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long shift(void)
{
    char text[32] = "";
    const char *path = getenv("CLOCK_FILE");
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    return size > 0 ? atol(text) : 0;
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int r = real(id, now);
    if (r == 0 && id == CLOCK_REALTIME)
        now->tv_sec += shift();
    return r;
}
