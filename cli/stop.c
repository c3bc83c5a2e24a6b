/* SPDX-License-Identifier: MIT */
/* The stop command: ends a run from another terminal, and waits until it has ended. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/registry.h"

typedef struct arguments {
    int64_t timeout_ns;
} arguments;

static const plr_cli_option table[] = {
    PLR_CLI_ROW(
            DURATION, arguments, timeout_ns, 0, "timeout", "DURATION", "wait no longer than this"),
    PLR_CLI_HELP_ROW,
};
static const size_t table_size = sizeof table / sizeof *table;

/* The run with this id, or the only one whose id begins so. */
static const plr_registered *find(const plr_registry *registry, const char *id, bool *ret_many)
{
    const plr_registered *found = NULL;
    *ret_many = false;
    for (size_t i = 0; i < registry->n; i++) {
        const plr_registered *run = &registry->items[i];
        if (strcmp(run->id, id) == 0)
            return run;
        if (strncmp(run->id, id, strlen(id)) == 0) {
            *ret_many = found != NULL;
            found = run;
        }
    }
    return *ret_many ? NULL : found;
}

static int wait_for_end(int process, int64_t timeout_ns, const char *id)
{
    struct pollfd ended = { .fd = process, .events = POLLIN };
    int64_t ms = timeout_ns < 0 ? -1 : timeout_ns / 1000000;
    int n = poll(&ended, 1, ms > INT32_MAX ? INT32_MAX : (int)ms);
    if (n > 0) {
        printf("run %s has ended\n", id);
        return PLR_EXIT_OK;
    }
    plr_cli_complain("run %s has not ended yet; stop it again to kill its steps", id);
    return PLR_EXIT_INFRASTRUCTURE;
}

static int stop(const plr_registered *run, int64_t timeout_ns)
{
    int process = plr_registry_open(run);
    if (process < 0 && errno == ESRCH) {
        printf("run %s has ended already\n", run->id);
        return PLR_EXIT_OK;
    }
    if (process < 0 || syscall(SYS_pidfd_send_signal, process, SIGTERM, NULL, 0u) < 0) {
        plr_cli_complain("cannot stop run %s: %s", run->id, strerror(errno));
        if (process >= 0)
            close(process);
        return PLR_EXIT_INFRASTRUCTURE;
    }
    printf("run %s (process %d) is told to stop its steps\n", run->id, (int)run->pid);
    fflush(stdout);
    int code = wait_for_end(process, timeout_ns, run->id);
    close(process);
    return code;
}

static int stop_command(const plr_cli_command *self, int argc, char **argv)
{
    arguments given = { .timeout_ns = -1 };
    plr_cli_list operands = { 0 };
    plr_registry registry = { 0 };
    plr_error err = { 0 };
    bool many;
    int code = plr_cli_parse(self, argc, argv, &given, &operands, NULL, 1, 1);
    if (code == PLR_CLI_GO_ON && plr_registry_read(&registry, &err) < 0)
        code = plr_cli_fail(&err);
    if (code == PLR_CLI_GO_ON) {
        const plr_registered *run = find(&registry, operands.items[0], &many);
        code = PLR_EXIT_USAGE;
        if (run != NULL)
            code = stop(run, given.timeout_ns);
        else if (many)
            plr_cli_complain("more than one run begins with \"%s\"", operands.items[0]);
        else
            plr_cli_complain("no run \"%s\" is going on here; pipeline-runtime ps lists them",
                    operands.items[0]);
    }
    plr_registry_clear(&registry);
    plr_cli_list_clear(&operands);
    return code;
}

const plr_cli_command plr_command_stop = {
    .name = "stop",
    .usage = "[options] RUN",
    .summary = "end one of your runs on this machine",
    .details = "RUN is an id that ps lists, or the beginning of one. The run ends as if it had\n"
               "been sent a TERM: its steps are stopped, its hooks run, what it created is\n"
               "removed. Stopped once more, it kills its steps.\n",
    .example = "  pipeline-runtime stop --timeout 1m 4f9c2a\n",
    .options = table,
    .n_options = &table_size,
    .run = stop_command,
};
