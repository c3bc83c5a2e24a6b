/* SPDX-License-Identifier: MIT */
/* How a step's end is read: what plr-sandbox saw of plr-init and of the cgroup is the truth, the
 * init's record tells a signal from an exit code that looks like one. */
#include "backends/local/end.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "net/init_end.h"

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
        .ran_us = record->ran_us,
    };
}

void plr_local_end_early(const plr_local_evidence *evidence, plr_end *ret_end)
{
    *ret_end = (plr_end){ .size = sizeof(*ret_end), .exit_code = -1 };
    plr_init_end_status(ret_end, (int)evidence->record.status);
    take_usage(ret_end, evidence);
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
    plr_init_end_status(
            ret_end, evidence->has_record && !cut ? (int)evidence->record.status : status);
    if (ret_end->reason == PLR_REASON_EXIT && !evidence->has_record && evidence->stopped != 0 &&
            ret_end->exit_code == 128 + evidence->stopped) {
        ret_end->reason = PLR_REASON_SIGNAL;
        ret_end->signal = evidence->stopped;
    }
    take_usage(ret_end, evidence);
    if (evidence->has_failure) {
        plr_init_end_failure(&evidence->failure, evidence->command, message, size);
    } else if (ret_end->oom && ret_end->exit_code == 128 + SIGKILL &&
               evidence->stopped != SIGKILL) {
        ret_end->reason = PLR_REASON_OOM;
        ret_end->signal = SIGKILL;
        snprintf(message, size, "killed by the kernel: the memory limit was reached");
    }
    ret_end->message = message[0] == '\0' ? NULL : message;
}
