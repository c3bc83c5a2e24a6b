/* SPDX-License-Identifier: MIT */
/* How a step's end is read: what plr-sandbox saw of plr-init and of the cgroup is the truth, the
 * init's record tells a signal from an exit code that looks like one. */
#include "backends/local/end.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static void take_status(plr_end *end, int status)
{
    if (WIFSIGNALED(status)) {
        end->reason = PLR_REASON_SIGNAL;
        end->signal = WTERMSIG(status);
        end->exit_code = 128 + end->signal;
    } else {
        end->reason = PLR_REASON_EXIT;
        end->exit_code = WEXITSTATUS(status);
    }
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The cgroup knows more than wait(2), which knows more than nothing. */
static void take_usage(plr_end *end, const plr_local_evidence *evidence)
{
    const plr_init_exit *record = &evidence->record;
    const plr_sandbox_end *truth = &evidence->end;
    end->usage = (plr_usage){
        .cpu_user_us = larger(truth->user_us, record->user_us),
        .cpu_system_us = larger(truth->system_us, record->system_us),
        .memory_peak = truth->memory_peak > 0 ? truth->memory_peak : record->maxrss_kib * 1024,
        .read_bytes = larger(truth->read_bytes, record->blocks_in * 512),
        .written_bytes = larger(truth->written_bytes, record->blocks_out * 512),
    };
}

void plr_local_end_early(const plr_local_evidence *evidence, plr_end *ret_end)
{
    *ret_end = (plr_end){ .size = sizeof(*ret_end), .exit_code = -1 };
    take_status(ret_end, (int)evidence->record.status);
    take_usage(ret_end, evidence);
}

/* A failed exec, in the words that Docker has for it. */
static void say_failure(const plr_local_evidence *evidence, char *message, size_t size)
{
    int error = (int)evidence->failure.error;
    const char *command = evidence->command == NULL ? "" : evidence->command;
    if (evidence->failure.stage == PLR_INIT_STAGE_FORK)
        snprintf(message, size, "cannot fork: %s", strerror(error));
    else if (evidence->failure.stage == PLR_INIT_STAGE_GO)
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

void plr_local_end_decide(
        const plr_local_evidence *evidence, plr_end *ret_end, char *message, size_t size)
{
    int status = (int)evidence->end.status;
    message[0] = '\0';
    *ret_end = (plr_end){
        .size = sizeof(*ret_end),
        .exit_code = -1,
        .oom = evidence->end.oom != 0,
    };
    /* plr-init ends as its command did; its record says more, unless it was cut short itself. */
    bool cut = WIFSIGNALED(status);
    take_status(ret_end, evidence->has_record && !cut ? (int)evidence->record.status : status);
    if (ret_end->reason == PLR_REASON_EXIT && !evidence->has_record && evidence->stopped != 0 &&
            ret_end->exit_code == 128 + evidence->stopped) {
        ret_end->reason = PLR_REASON_SIGNAL;
        ret_end->signal = evidence->stopped;
    }
    take_usage(ret_end, evidence);
    if (evidence->has_failure) {
        say_failure(evidence, message, size);
    } else if (ret_end->oom && ret_end->exit_code == 128 + SIGKILL &&
               evidence->stopped != SIGKILL) {
        ret_end->reason = PLR_REASON_OOM;
        ret_end->signal = SIGKILL;
        snprintf(message, size, "killed by the kernel: the memory limit was reached");
    }
    ret_end->message = message[0] == '\0' ? NULL : message;
}
