/* SPDX-License-Identifier: MIT */
/*
 * The last moment of a container whose output goes through a runtime's pipes: what we have written
 * must have left them before PID 1 ends, for there are runtimes that then close their end.
 */
#ifndef PLR_INIT_DRAIN_H
#define PLR_INIT_DRAIN_H

#include <stdint.h>

/* A runtime that takes nothing for so long will take nothing any more. That of an overloaded node
 * was seen to be away for more than ten seconds. */
#define PLR_RUNTIME_PATIENCE_MS 30000

/* Waits until what was written to stdout, `written` bytes in all, has been taken by whoever keeps
 * the log, as far as can be known from here. Does not wait for a runtime that takes nothing. */
void plr_drain(uint64_t written);

#endif
