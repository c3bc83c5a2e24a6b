/* SPDX-License-Identifier: MIT */
/* The image registry.k8s.io/pause, without a registry: what holds a pod's namespaces, and what
 * stands in for a step whose image is patched at its turn. It ends at once when it is asked to. */
#include <signal.h>
#include <unistd.h>

static void end(int signal)
{
    (void)signal;
    _exit(0);
}

int main(void)
{
    signal(SIGTERM, end);
    signal(SIGINT, end);
    for (;;)
        pause();
}
