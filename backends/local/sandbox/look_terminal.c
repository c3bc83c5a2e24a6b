/* SPDX-License-Identifier: MIT */
/* The terminal of a look: one of its own, between the user's and what runs in the step's root, so
 * that a shell there has job control. What a step left could type into the user's terminal if it
 * had that one, and so it gets the other end of this. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "backends/local/sandbox/room.h"
#include "engine/base/cleanup.h"

int plr_terminal_open(plr_terminal *ret_terminal, plr_error *err)
{
    plr_terminal terminal = { .ours = -1, .theirs = -1 };
    *ret_terminal = terminal;
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &terminal.before) < 0)
        return 0;
    terminal.ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal.ours < 0 || grantpt(terminal.ours) < 0 || unlockpt(terminal.ours) < 0)
        return plr_fault(err, "cannot make a terminal");
    terminal.theirs = ioctl(terminal.ours, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal.theirs < 0)
        return plr_fault(err, "cannot make a terminal");
    tcsetattr(terminal.theirs, TCSANOW, &terminal.before);
    *ret_terminal = terminal;
    return 0;
}

int plr_terminal_become(const plr_terminal *terminal, plr_error *err)
{
    if (terminal->theirs < 0)
        return 0;
    if (ioctl(terminal->theirs, TIOCSCTTY, 0) < 0)
        return plr_fault(err, "cannot take a terminal");
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (isatty(fd) && dup2(terminal->theirs, fd) < 0)
            return plr_fault(err, "cannot take a terminal");
    return 0;
}

static void set_size(const plr_terminal *terminal)
{
    struct winsize size;
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
        ioctl(terminal->ours, TIOCSWINSZ, &size);
}

/* What is there now; false: no more will come. */
static bool pass_on(int from, int to)
{
    char data[4096];
    ssize_t n = read(from, data, sizeof data);
    for (ssize_t at = 0, wrote; n > 0 && at < n; at += wrote)
        if ((wrote = write(to, data + at, (size_t)(n - at))) < 0)
            return false;
    return n > 0 || (n < 0 && errno == EINTR);
}

/* Until nobody has the other end any more, or we are to end: the signal is there again then, for
 * when the user's terminal is as it was. */
static void serve(const plr_terminal *terminal, int signals)
{
    struct pollfd fds[] = { { terminal->ours, POLLIN, 0 }, { STDIN_FILENO, POLLIN, 0 },
        { signals, POLLIN, 0 } };
    struct signalfd_siginfo info;
    for (;;) {
        if (poll(fds, 3, -1) < 0)
            continue;
        if (fds[2].revents && read(signals, &info, sizeof info) > 0) {
            if (info.ssi_signo != SIGWINCH) {
                kill(getpid(), (int)info.ssi_signo);
                return;
            }
            set_size(terminal);
        }
        if (fds[0].revents && !pass_on(terminal->ours, STDOUT_FILENO))
            return;
        if (fds[1].revents && !pass_on(STDIN_FILENO, terminal->ours))
            fds[1].fd = -1;
    }
}

void plr_terminal_serve(plr_terminal *terminal)
{
    if (terminal->ours < 0)
        return;
    struct termios raw = terminal->before;
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, SIGWINCH);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGHUP);
    _cleanup_close_ int signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    cleanup_close(&terminal->theirs);
    terminal->theirs = -1;
    cfmakeraw(&raw);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    set_size(terminal);
    serve(terminal, signals);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->before);
}
