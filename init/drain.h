/* SPDX-License-Identifier: MIT */
/*
 * The last moment of a container whose output goes through a runtime's pipes: what the command has
 * written must have left them before PID 1 ends, for there are runtimes that then close their end.
 */
#ifndef PLR_INIT_DRAIN_H
#define PLR_INIT_DRAIN_H

/* Waits until what was written to stdout and stderr has been taken by whoever keeps the log, as far
 * as can be known from here. Does not wait for a runtime that takes nothing. */
void plr_drain(void);

#endif
