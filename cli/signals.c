/* SPDX-License-Identifier: MIT */
/* Signals as bytes in a pipe. The one global of the CLI, because a handler gets no argument. */
#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int write_end = -1;

static void tell(int number)
{
    int saved = errno;
    unsigned char byte = (unsigned char)number;
    /* A full pipe holds enough signals already. */
    if (write(write_end, &byte, 1) < 0)
        errno = saved;
    errno = saved;
}

/* Unlike SIG_IGN, an empty handler is not inherited by the programs that we start. */
static void nothing(int number)
{
    (void)number;
}

static int catch (int number, void (*handler)(int), plr_error *err)
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
    sigemptyset(&action.sa_mask);
    if (sigaction(number, &action, NULL) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "sigaction: %s", strerror(errno));
    return 0;
}

int plr_signals_catch(int *ret_fd, plr_error *err)
{
    int ends[2], r = 0;
    struct sigaction hangup;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return plr_error_set(err, PLR_ERR_SYSTEM, "pipe: %s", strerror(errno));
    write_end = ends[1];
    const int told[] = { SIGINT, SIGTERM, SIGWINCH, SIGCONT };
    for (size_t i = 0; i < sizeof told / sizeof *told && r == 0; i++)
        r = catch (told[i], tell, err);
    /* nohup ignored it for us. */
    if (r == 0 && sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        r = catch (SIGHUP, tell, err);
    if (r == 0)
        r = catch (SIGPIPE, nothing, err);
    if (r < 0)
        return r;
    *ret_fd = ends[0];
    return 0;
}

int plr_signals_next(int fd)
{
    unsigned char byte;
    return read(fd, &byte, 1) == 1 ? byte : 0;
}

void plr_signals_default(void)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}
