/* SPDX-License-Identifier: MIT */
/* SIGINT, SIGTERM, SIGHUP and SIGWINCH as bytes in a pipe that the loop polls.
 * Not a signalfd: that needs blocked signals, which the helpers we start would inherit. */
#ifndef PLR_CLI_SIGNALS_H
#define PLR_CLI_SIGNALS_H

#include <pipeline/error.h>

/* Installs the handlers. `*ret_fd` is readable when a signal came; it lives as long as the process.
 * SIGPIPE only interrupts: writes report EPIPE instead. */
int plr_signals_catch(int *ret_fd, plr_error *err);

/* The next signal that came, or 0. */
int plr_signals_next(int fd);

/* SIGINT and SIGTERM end the process again. */
void plr_signals_default(void);

#endif
