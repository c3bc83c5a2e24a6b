/* SPDX-License-Identifier: MIT */
/* The Kubernetes backend's client as a test plays it: no server, virtual time; what is asked is
 * looked at, and answered, line by line. */
#ifndef PLR_TESTS_UNIT_KUBE_SCRIPT_H
#define PLR_TESTS_UNIT_KUBE_SCRIPT_H

#include "backends/kubernetes/client.h"

typedef struct kube_script {
    plr_loop *loop;
    plr_kube_client *client;
    plr_watch *still; /* of a descriptor that is never ready: time jumps to one timer at once */
    int ends[2];
} kube_script;

void script_open(kube_script *script);
void script_close(kube_script *script);

/* Lets time pass until something is asked. True if the one open call is of this path (compared up
 * to its end, or to a final '*'). */
bool script_asks(kube_script *script, const char *path);
/* Lets time pass for so many seconds, or until something is asked. */
void script_wait(kube_script *script, unsigned seconds);
/* To the next timer. */
void script_step(kube_script *script);
bool script_is_quiet(const kube_script *script); /* no call is open */
bool script_is_paused(const kube_script *script);
const char *script_path(const kube_script *script); /* of the open call */

/* Of the open call. `error` 0: a status of 2xx; `reply` may be NULL. */
void script_send(kube_script *script, const char *text);
void script_send_bytes(kube_script *script, const void *data, size_t size);
void script_end(kube_script *script, int error, const char *reply);

unsigned script_n_calls(const kube_script *script); /* since the open */

#endif
