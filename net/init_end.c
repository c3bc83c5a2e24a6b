/* SPDX-License-Identifier: MIT */
/* Wait statuses, resources and errnos of plr-init, as all its backends show them. */
#include "net/init_end.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

int plr_init_end_code(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

void plr_init_end_status(plr_end *end, int wait_status)
{
    end->reason = PLR_REASON_EXIT;
    if (WIFSIGNALED(wait_status)) {
        end->reason = PLR_REASON_SIGNAL;
        end->signal = WTERMSIG(wait_status);
    }
    end->exit_code = plr_init_end_code(wait_status);
}

void plr_init_end_usage(plr_end *end, const plr_init_exit *record)
{
    end->usage = (plr_usage){
        .cpu_user_us = record->user_us,
        .cpu_system_us = record->system_us,
        .memory_peak = record->maxrss_kib * 1024,
        .read_bytes = record->blocks_in * 512,
        .written_bytes = record->blocks_out * 512,
        .ran_us = record->ran_us,
    };
}

void plr_init_end_failure(
        const plr_init_failure *failure, const char *command, char *message, size_t size)
{
    int error = (int)failure->error;
    if (command == NULL)
        command = "";
    if (failure->stage == PLR_INIT_STAGE_FORK)
        snprintf(message, size, "cannot fork: %s", strerror(error));
    else if (failure->stage == PLR_INIT_STAGE_GO)
        snprintf(message, size, "late environment: %s", strerror(error));
    else if (error == ENOENT && strchr(command, '/') == NULL)
        snprintf(message, size, "exec: \"%s\": executable file not found in $PATH", command);
    else if (error == ENOENT)
        snprintf(message, size, "exec: \"%s\": no such file or directory", command);
    else if (error == EACCES)
        snprintf(message, size, "exec: \"%s\": permission denied", command);
    else
        snprintf(message, size, "exec: \"%s\": %s", command, strerror(error));
}
