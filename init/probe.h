/* SPDX-License-Identifier: MIT */
/*
 * One question to a port of this network namespace, for readiness: does somebody answer?
 */
#ifndef PLR_INIT_PROBE_H
#define PLR_INIT_PROBE_H

#include <stdbool.h>
#include <stdint.h>

/* On 127.0.0.1 or ::1. With a path, whether an HTTP request there is answered by 2xx or 3xx. */
bool plr_probe(int64_t port, const char *http_path);

#endif
