/* SPDX-License-Identifier: MIT */
/* How a container's end is read: the daemon's exit code is the truth, the init's record explains
 * it, and what happened around it may say that it was nobody's fault in the step. */
#include "backends/docker/end.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "net/init_end.h"

void plr_docker_end_state(plr_docker_evidence *evidence, json_object *inspect)
{
    json_object *state = plr_jsonc_get(inspect, "State", json_type_object);
    const char *status = plr_jsonc_text(state, "Status");
    /* "created" with a start that was refused has an exit code and an error; "removing" and "dead"
     * are on their way out. */
    evidence->exited = state != NULL && !plr_jsonc_true(state, "Running") &&
                       !plr_jsonc_true(state, "Paused") && !plr_jsonc_true(state, "Restarting") &&
                       (strcmp(status, "exited") == 0 || strcmp(status, "dead") == 0 ||
                               strcmp(status, "removing") == 0 || strcmp(status, "stopped") == 0);
    evidence->exit_code = (int)plr_jsonc_number(state, "ExitCode");
    evidence->oom = plr_jsonc_true(state, "OOMKilled");
    snprintf(evidence->error, sizeof(evidence->error), "%s", plr_jsonc_text(state, "Error"));
}

void plr_docker_end_early(const plr_docker_evidence *evidence, plr_end *ret_end)
{
    *ret_end = (plr_end){ .size = sizeof(*ret_end), .reason = PLR_REASON_EXIT, .exit_code = -1 };
    plr_init_end_status(ret_end, (int)evidence->record.status);
    plr_init_end_usage(ret_end, &evidence->record);
}

static bool is_kill(int exit_code)
{
    return exit_code == 128 + SIGKILL || exit_code == 128 + SIGTERM;
}

/* Whether the record and the daemon tell of the same end. */
static bool agrees(const plr_docker_evidence *evidence)
{
    return evidence->has_record &&
           plr_init_end_code((int)evidence->record.status) == evidence->exit_code;
}

void plr_docker_end_decide(
        const plr_docker_evidence *evidence, plr_end *ret_end, char *message, size_t size)
{
    int code = evidence->exit_code;
    *ret_end = (plr_end){
        .size = sizeof(*ret_end),
        .reason = PLR_REASON_EXIT,
        .exit_code = code,
        .oom = evidence->oom,
    };
    message[0] = '\0';
    if (evidence->has_record)
        plr_init_end_usage(ret_end, &evidence->record);

    if (evidence->has_failure) {
        plr_init_end_failure(&evidence->failure, evidence->command, message, size);
    } else if (code == 128 + SIGKILL && evidence->oom) {
        ret_end->reason = PLR_REASON_OOM;
        ret_end->signal = SIGKILL;
        snprintf(message, size, "killed by the kernel: the memory limit was reached");
    } else if (is_kill(code) && evidence->dropped && evidence->stopped == 0) {
        ret_end->reason = PLR_REASON_INFRASTRUCTURE;
        snprintf(message, size,
                "the container was stopped (exit code %d) while the daemon went down", code);
    } else if (agrees(evidence)) {
        plr_init_end_status(ret_end, (int)evidence->record.status);
    } else if (is_kill(code) && evidence->stopped == code - 128) {
        ret_end->reason = PLR_REASON_SIGNAL;
        ret_end->signal = code - 128;
    } else if (code == 128 + SIGKILL && !evidence->plain) {
        /* Without a record, PID 1 itself was killed. */
        ret_end->reason = PLR_REASON_SIGNAL;
        ret_end->signal = SIGKILL;
    } else if (evidence->error[0] != '\0') {
        snprintf(message, size, "%s", evidence->error);
    }
    ret_end->message = message[0] == '\0' ? NULL : message;
}

bool plr_docker_end_is_odd(const plr_docker_evidence *evidence)
{
    bool own = agrees(evidence) && WIFEXITED((int)evidence->record.status);
    return is_kill(evidence->exit_code) && evidence->stopped == 0 && !evidence->oom &&
           !evidence->dropped && !evidence->has_failure && !own;
}
